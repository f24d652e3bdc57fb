using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;

namespace Gpt.Benchmarks.Kernels;

/// <summary>The work that one call of a benchmark does, for <see cref="RateColumn" />.</summary>
/// <param name="member">The property of the benchmark's class that counts it.</param>
/// <param name="unit">What a thousand million of it in a second is called.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class WorkAttribute(string member, string unit) : Attribute
{
    public string Member { get; } = member;

    public string Unit { get; } = unit;
}

/// <summary>The work in a second: GFLOP/s of a product, GB/s of what streams through memory.</summary>
internal sealed class RateColumn : IColumn
{
    public string Id => nameof(RateColumn);

    public string ColumnName => "Rate";

    public string Legend => "work in a second, from the mean time";

    public bool AlwaysShow => true;

    public ColumnCategory Category => ColumnCategory.Statistics;

    public int PriorityInCategory => 0;

    public bool IsNumeric => true;

    public UnitType UnitType => UnitType.Dimensionless;

    public string GetValue(Summary summary, BenchmarkCase benchmark)
    {
        var method = benchmark.Descriptor.WorkloadMethod;
        var statistics = summary[benchmark]?.ResultStatistics;
        if (Attribute.GetCustomAttribute(method, typeof(WorkAttribute)) is not WorkAttribute work || statistics is null)
            return "-";

        var subject = Activator.CreateInstance(benchmark.Descriptor.Type);
        foreach (var parameter in benchmark.Parameters.Items)
            benchmark.Descriptor.Type.GetProperty(parameter.Name)!.SetValue(subject, parameter.Value);
        var amount = Convert.ToDouble(
            benchmark.Descriptor.Type.GetProperty(work.Member)!.GetValue(subject), CultureInfo.InvariantCulture);
        // The mean is in nanoseconds.
        return string.Create(CultureInfo.InvariantCulture, $"{amount / statistics.Mean:0.0} {work.Unit}");
    }

    public string GetValue(Summary summary, BenchmarkCase benchmark, SummaryStyle style) => GetValue(summary, benchmark);

    public bool IsDefault(Summary summary, BenchmarkCase benchmark) => false;

    public bool IsAvailable(Summary summary) => true;
}
