using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.AI;
using Xunit;

namespace Gpt.Api.Tests;

/// <summary>What a listener learns, by OpenTelemetry's names.</summary>
public sealed class TelemetryTests : IDisposable
{
    private readonly List<Activity> spans = [];
    private readonly List<(string Name, double Value, Dictionary<string, object?> Tags)> measured = [];
    private readonly ActivityListener tracing;
    private readonly MeterListener metering = new();

    public TelemetryTests()
    {
        tracing = new()
        {
            ShouldListenTo = source => source.Name == GptTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Add,
        };
        ActivitySource.AddActivityListener(tracing);
        metering.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == GptTelemetry.Name)
                listener.EnableMeasurementEvents(instrument);
        };
        metering.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Keep(instrument, value, tags));
        metering.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Keep(instrument, value, tags));
        metering.Start();
    }

    [Fact]
    public void A_call_is_a_span_with_what_was_asked_for_and_used()
    {
        using var model = Tiny.Model();

        model.Generate("to be", Tiny.Short with { Temperature = 0.8, TopK = 4, StopTexts = ["#"] });

        var span = Assert.Single(spans);
        Assert.Equal("text_completion gpt", span.DisplayName);
        Assert.Equal("text_completion", span.GetTagItem("gen_ai.operation.name"));
        Assert.Equal("gpt", span.GetTagItem("gen_ai.request.model"));
        Assert.Equal("gpt", span.GetTagItem("gen_ai.provider.name"));
        Assert.Equal(12, span.GetTagItem("gen_ai.request.max_tokens"));
        Assert.Equal(0.8, span.GetTagItem("gen_ai.request.temperature"));
        Assert.Equal(4, span.GetTagItem("gen_ai.request.top_k"));
        Assert.Equal(7L, span.GetTagItem("gen_ai.request.seed"));
        Assert.Equal(new[] { "#" }, span.GetTagItem("gen_ai.request.stop_sequences"));
        Assert.Equal(5, span.GetTagItem("gen_ai.usage.input_tokens"));
        Assert.Equal(12, span.GetTagItem("gen_ai.usage.output_tokens"));
        Assert.Equal(new[] { "length" }, span.GetTagItem("gen_ai.response.finish_reasons"));
        Assert.Null(span.GetTagItem("gen_ai.request.top_p"));
        Assert.Equal(ActivityStatusCode.Unset, span.Status);
    }

    [Fact]
    public void Times_and_tokens_are_measured()
    {
        using var model = Tiny.Model();

        model.Generate("to be", Tiny.Short);

        Assert.Equal(
            ["gen_ai.client.operation.duration", "gen_ai.client.token.usage", "gen_ai.client.token.usage",
                "gen_ai.server.time_per_output_token", "gen_ai.server.time_to_first_token"],
            measured.Select(one => one.Name).Order());
        Assert.All(measured, one => Assert.Equal("text_completion", one.Tags["gen_ai.operation.name"]));
        Assert.Equal(5, Of("gen_ai.client.token.usage", "input"));
        Assert.Equal(12, Of("gen_ai.client.token.usage", "output"));
        Assert.InRange(Of("gen_ai.server.time_to_first_token"), 0, Of("gen_ai.client.operation.duration"));
    }

    [Fact]
    public void What_a_reader_does_between_two_tokens_is_no_time_of_a_token()
    {
        using var model = Tiny.Model();
        const double pause = 0.03;

        foreach (var token in model.Stream("to be", Tiny.Short))
            Thread.Sleep(TimeSpan.FromSeconds(pause));

        var making = Of("gen_ai.server.time_per_output_token") * 11;
        Assert.InRange(making, 0, Of("gen_ai.client.operation.duration") - 11.5 * pause);
    }

    [Fact]
    public void The_number_of_texts_and_their_form_are_told()
    {
        using var model = Tiny.Model();

        model.GenerateSamples("to be", 3, Tiny.Short);
        using var trained = Trained.Model();
        trained.Generate("to be", Tiny.Short with { JsonSchema = """{"const": "to"}""" });

        Assert.Equal(3, spans[0].GetTagItem("gen_ai.request.choice.count"));
        Assert.Null(spans[0].GetTagItem("gen_ai.output.type"));
        Assert.Null(spans[1].GetTagItem("gen_ai.request.choice.count"));
        Assert.Equal("json", spans[1].GetTagItem("gen_ai.output.type"));
    }

    [Fact]
    public void Nothing_is_told_that_nobody_asked_for()
    {
        using var model = Tiny.Model();

        model.NextTokens("to be");

        Assert.DoesNotContain(Assert.Single(spans).TagObjects, tag => tag.Key is "gen_ai.request.seed" or "gen_ai.request.max_tokens");
    }

    [Fact]
    public void A_beam_search_tells_how_it_was_asked_and_how_it_ended()
    {
        using var model = Tiny.Model();

        model.BeamSearch("to be", new() { Beams = 3, Return = 2, MaxNewTokens = 4, Sample = true, Seed = ulong.MaxValue });

        var span = Assert.Single(spans);
        Assert.Equal(4, span.GetTagItem("gen_ai.request.max_tokens"));
        Assert.Equal(2, span.GetTagItem("gen_ai.request.choice.count"));
        Assert.Equal(-1L, span.GetTagItem("gen_ai.request.seed"));
        Assert.Equal(new[] { "length", "length" }, span.GetTagItem("gen_ai.response.finish_reasons"));
        Assert.Equal(8, span.GetTagItem("gen_ai.usage.output_tokens"));
    }

    [Fact]
    public async Task A_chat_is_called_so()
    {
        using var model = Tiny.Model();

        await new GptChatClient(model).GetResponseAsync("to be", new() { MaxOutputTokens = 3 });

        Assert.Equal("chat gpt", Assert.Single(spans).DisplayName);
    }

    [Fact]
    public void An_error_is_told()
    {
        using var model = Tiny.Model();
        using var source = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var token in model.Stream("to be", Tiny.Short, source.Token))
                source.Cancel();
        });

        Assert.Equal("System.OperationCanceledException", Assert.Single(spans).GetTagItem("error.type"));
        Assert.Equal("System.OperationCanceledException", measured.Single(one => one.Name.EndsWith("duration")).Tags["error.type"]);
    }

    [Fact]
    public void A_callers_own_spans_do_not_become_the_models_children()
    {
        using var model = Tiny.Model();
        using var outer = new Activity("outer").Start();

        foreach (var token in model.Stream("to be", Tiny.Short))
            Assert.Same(outer, Activity.Current);

        Assert.Same(outer, Activity.Current);
        Assert.Equal(outer.SpanId, Assert.Single(spans).ParentSpanId);
    }

    public void Dispose()
    {
        tracing.Dispose();
        metering.Dispose();
    }

    private void Keep(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        measured.Add((instrument.Name, value, tags.ToArray().ToDictionary()));

    private double Of(string name, string? kind = null) =>
        measured.Single(one => one.Name == name && (kind is null || (string?)one.Tags["gen_ai.token.type"] == kind)).Value;
}
