using BenchmarkDotNet.Running;
using Gpt.Benchmarks.Comparison;
using Gpt.Benchmarks.Kernels;

// Whole programs in turns with their peers, as a table in Markdown:
//   [--peers FOLDER] [--turns N] [--only WORDS]
// The kernels by BenchmarkDotNet, in this process, because its generated project would not know this one's build settings:
//   kernels [--filter *Products*] [BenchmarkDotNet's other options]
if (args is not ["kernels", .. var options])
    return Table.Print(args);
if (options.Length == 0)
    options = ["--filter", "*"];
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(options, Settings.Create());
return 0;
