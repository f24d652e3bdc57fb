using System.Diagnostics;

namespace Gpt.Api;

/// <summary>One call, as traces and metrics see it: started, watched, and told when it is disposed.</summary>
internal sealed class Watch : IDisposable
{
    private readonly long start = Stopwatch.GetTimestamp();
    private readonly TagList tags;
    private readonly Activity? activity;
    private readonly int input;
    private readonly List<string> finishes = [];
    private int output;
    private int steps;
    private int row = int.MaxValue;
    private long? first;
    private TimeSpan working;
    private TimeSpan workingAtFirst;
    private TimeSpan workingAtLast;
    private string? error;

    private Watch(string operation, string model, int inputTokens, GenerationOptions? options, int choices)
    {
        input = inputTokens;
        tags = new TagList
        {
            { "gen_ai.operation.name", operation },
            { "gen_ai.provider.name", "gpt" },
            { "gen_ai.request.model", model },
        };
        // The span is ours alone: a caller who enumerates must not find it as the parent of what is done between two tokens.
        var outer = Activity.Current;
        activity = GptTelemetry.Source.StartActivity(ActivityKind.Internal, tags: tags, name: $"{operation} {model}");
        Activity.Current = outer;
        if (activity is not { IsAllDataRequested: true })
            return;
        if (choices != 1)
            activity.SetTag("gen_ai.request.choice.count", choices);
        if (options is not null)
            Describe(activity, options);
    }

    internal static Watch Start(string operation, string model, int inputTokens, GenerationOptions? options, int choices) =>
        new(operation, model, inputTokens, options, choices);

    /// <summary>Does a part of the work; what it throws is the call's error. What a reader does between two parts is none of it.</summary>
    internal T Observe<T>(Func<T> work)
    {
        var from = Stopwatch.GetTimestamp();
        try
        {
            return work();
        }
        catch (Exception e)
        {
            error = e.GetType().FullName;
            activity?.SetStatus(ActivityStatusCode.Error, e.Message);
            throw;
        }
        finally
        {
            working += Stopwatch.GetElapsedTime(from);
        }
    }

    internal void Produced(Core.GeneratedToken token)
    {
        if (first is null)
        {
            first = Stopwatch.GetTimestamp();
            workingAtFirst = working;
        }
        workingAtLast = working;
        output++;
        // The tokens of a step come in the order of the texts.
        if (token.Row <= row)
            steps++;
        row = token.Row;
        if (token.Finish is { } reason)
            finishes.Add(Name(Convert.Finish(reason.Value)));
    }

    internal void Produced(BeamResult text)
    {
        output += text.Tokens.Count;
        finishes.Add(Name(text.FinishReason));
    }

    public void Dispose()
    {
        var all = tags;
        if (error is not null)
            all.Add("error.type", error);
        GptTelemetry.Duration.Record(Stopwatch.GetElapsedTime(start).TotalSeconds, all);
        if (first is { } time)
            GptTelemetry.FirstToken.Record(Stopwatch.GetElapsedTime(start, time).TotalSeconds, tags);
        if (steps > 1)
            GptTelemetry.PerToken.Record((workingAtLast - workingAtFirst).TotalSeconds / (steps - 1), tags);
        RecordUsage("input", input);
        RecordUsage("output", output);
        if (activity is null)
            return;
        activity.SetTag("gen_ai.usage.input_tokens", input).SetTag("gen_ai.usage.output_tokens", output);
        if (finishes.Count > 0)
            activity.SetTag("gen_ai.response.finish_reasons", finishes.ToArray());
        if (error is not null)
            activity.SetTag("error.type", error);
        var outer = Activity.Current;
        activity.Dispose();
        Activity.Current = outer;
    }

    private void RecordUsage(string kind, int count)
    {
        var own = tags;
        own.Add("gen_ai.token.type", kind);
        GptTelemetry.Usage.Record(count, own);
    }

    private static string Name(FinishReason reason) => reason == FinishReason.Length ? "length" : "stop";

    private static void Describe(Activity activity, GenerationOptions options)
    {
        activity.SetTag("gen_ai.request.max_tokens", options.MaxNewTokens);
        Tell("gen_ai.request.temperature", options.Temperature);
        Tell("gen_ai.request.top_p", options.TopP);
        Tell("gen_ai.request.top_k", options.TopK);
        Tell("gen_ai.request.frequency_penalty", options.FrequencyPenalty);
        Tell("gen_ai.request.presence_penalty", options.PresencePenalty);
        // The attribute is an int, which has a sign.
        Tell("gen_ai.request.seed", options.Seed is { } seed ? unchecked((long)seed) : null);
        Tell("gen_ai.output.type", options.JsonSchema is null ? null : "json");
        if (options.StopTexts.Count > 0)
            activity.SetTag("gen_ai.request.stop_sequences", options.StopTexts.ToArray());

        void Tell(string name, object? value)
        {
            if (value is not null)
                activity.SetTag(name, value);
        }
    }
}
