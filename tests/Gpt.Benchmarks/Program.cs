using BenchmarkDotNet.Running;
using Gpt.Benchmarks.Comparison;
using Gpt.Benchmarks.Kernels;

// The kernels by BenchmarkDotNet, in this process: the projects' own build settings are none of its generated project.
//   Gpt.Benchmarks kernels [--filter *Product*] [BenchmarkDotNet's other options]
// Whole programs beside their peers, as a table in Markdown:
//   Gpt.Benchmarks table [--peers FOLDER] [--turns N] [--only WORDS]
switch (args)
{
    case ["kernels", .. var options]:
        BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(options, Settings.Create());
        return 0;
    case ["table", .. var options]:
        return Table.Print(options);
    default:
        Console.Error.WriteLine("name what to measure: kernels or table");
        return 2;
}
