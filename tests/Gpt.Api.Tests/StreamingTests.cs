using Xunit;

namespace Gpt.Api.Tests;

public sealed class StreamingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_are_awaited_as_they_come()
    {
        using var model = Tiny.Model();
        var text = "";

        await foreach (var token in model.StreamAsync("to be", Tiny.Short, Cancellation))
            text += token.Text;

        Assert.Equal(model.Generate("to be", Tiny.Short).Text, text);
    }

    [Fact]
    public void A_stream_is_the_whole_text_in_pieces_and_gives_it_again()
    {
        using var model = Tiny.Model();

        var stream = model.Stream("to be", Tiny.Short);

        Assert.Equal(model.Generate("to be", Tiny.Short).Tokens, stream.Select(token => token.Id));
        Assert.Equal(stream, stream, Same);
        Assert.All(stream.SkipLast(1), token => Assert.Null(token.FinishReason));
        Assert.Equal(FinishReason.Length, stream.Last().FinishReason);
    }

    [Fact]
    public void Log_probabilities_and_alternatives_come_when_asked_for()
    {
        using var model = Tiny.Model();

        var silent = model.Stream("to be", Tiny.Short).First();
        Assert.Null(silent.LogProbability);
        Assert.Empty(silent.Alternatives);

        var told = model.Stream("to be", Tiny.Short with { LogProbabilities = 3 }).First();
        Assert.Equal(model.NextTokens("to be", 3), told.Alternatives);
        var all = model.NextTokens("to be", model.Config.VocabSize);
        Assert.Equal(all.Single(token => token.Id == told.Id).LogProbability, told.LogProbability!.Value, 5);
    }

    [Fact]
    public void Leaving_the_loop_stops_the_work()
    {
        using var model = Tiny.Model();

        var endless = model.Stream("to be", new() { MaxNewTokens = int.MaxValue });

        Assert.Equal(100, endless.Take(100).Count());
    }

    [Fact]
    public async Task Cancelling_ends_a_stream_between_two_tokens()
    {
        using var model = Tiny.Model();
        using var source = new CancellationTokenSource();
        var count = 0;

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var token in model.StreamAsync("to be", new() { MaxNewTokens = 1000 }).WithCancellation(source.Token))
            {
                if (++count == 3)
                    source.Cancel();
            }
        });

        Assert.Equal(3, count);
    }

    [Fact]
    public void A_model_disposed_while_a_text_is_written_lets_it_end()
    {
        var model = Tiny.Model();
        var whole = model.Generate("to be", Tiny.Short).Text;
        var text = "";

        foreach (var token in model.Stream("to be", Tiny.Short))
        {
            model.Dispose();
            text += token.Text;
        }

        Assert.Equal(whole, text);
        Assert.Throws<ObjectDisposedException>(() => model.Generate("to be"));
    }

    private static bool Same(GeneratedToken one, GeneratedToken other) => one.Id == other.Id && one.Text == other.Text;
}
