using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Gpt.Benchmarks.Kernels;

/// <summary>How the kernels are measured: in this process, a few dozen runs of each, a table at the end.</summary>
internal static class Settings
{
    public static IConfig Create() =>
        ManualConfig.CreateEmpty()
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithIterationCount(9))
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddColumn(new RateColumn())
            .AddLogger(ConsoleLogger.Default)
            .AddExporter(MarkdownExporter.GitHub)
            .WithOptions(ConfigOptions.DisableOptimizationsValidator);
}
