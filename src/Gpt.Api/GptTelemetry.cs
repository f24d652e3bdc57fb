using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Gpt.Api;

/// <summary>
/// What the facade tells of its work, by OpenTelemetry's names for generative AI: a span for each call that generates, named
/// <c>OPERATION MODEL</c>, and four histograms. Who listens to nobody's name pays nothing.
/// <code>
/// tracing.AddSource(GptTelemetry.Name);
/// metrics.AddMeter(GptTelemetry.Name);
/// </code>
/// </summary>
/// <remarks>
/// Attributes: <c>gen_ai.operation.name</c> (text_completion or chat), <c>gen_ai.provider.name</c> (gpt), <c>gen_ai.request.model</c>,
/// on spans also those of the request that were given, <c>gen_ai.usage.input_tokens</c>, <c>gen_ai.usage.output_tokens</c> and
/// <c>gen_ai.response.finish_reasons</c>; <c>error.type</c> when the call failed. No text is ever told.
/// </remarks>
public static class GptTelemetry
{
    /// <summary>The name of the activity source and of the meter.</summary>
    public const string Name = "Gpt";

    private static readonly double[] seconds = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
    private static readonly double[] fineSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10];
    private static readonly int[] counts = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];

    internal static ActivitySource Source { get; } = new(Name);

    internal static Meter Meter { get; } = new(Name);

    internal static Histogram<double> Duration { get; } = Seconds("gen_ai.client.operation.duration", "How long a call took.", seconds);

    internal static Histogram<double> FirstToken { get; } =
        Seconds("gen_ai.server.time_to_first_token", "How long the first token took.", fineSeconds);

    internal static Histogram<double> PerToken { get; } =
        Seconds("gen_ai.server.time_per_output_token", "How long each token after the first took, in the mean.", fineSeconds);

    internal static Histogram<int> Usage { get; } = Meter.CreateHistogram(
        "gen_ai.client.token.usage", "{token}", "How many tokens a call read and wrote.", null, new InstrumentAdvice<int> { HistogramBucketBoundaries = counts });

    private static Histogram<double> Seconds(string name, string description, double[] buckets) =>
        Meter.CreateHistogram(name, "s", description, null, new InstrumentAdvice<double> { HistogramBucketBoundaries = buckets });
}
