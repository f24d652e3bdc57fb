using Xunit;

namespace Gpt.Api.Tests;

public sealed class GeneratingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void A_prompt_is_continued()
    {
        using var model = Tiny.Model();

        var completion = model.Generate("to be", Tiny.Short);

        Assert.Equal(12, completion.Tokens.Count);
        Assert.Equal(model.Tokenizer.Decode(completion.Tokens), completion.Text);
        Assert.Equal(completion.Text, completion.ToString());
        Assert.Equal(FinishReason.Length, completion.FinishReason);
        Assert.Equal(5, completion.PromptTokens);
    }

    [Fact]
    public void One_seed_gives_one_text_and_no_seed_gives_many()
    {
        using var model = Tiny.Model();

        Assert.Equal(model.Generate("to be", Tiny.Short).Text, model.Generate("to be", Tiny.Short).Text);
        var free = Tiny.Short with { Seed = null };
        Assert.NotEqual(model.Generate("to be", free).Text, model.Generate("to be", free).Text);
    }

    [Fact]
    public async Task Awaiting_gives_the_same_text()
    {
        using var model = Tiny.Model();

        var awaited = await model.GenerateAsync("to be", Tiny.Short, Cancellation);

        Assert.Equal(model.Generate("to be", Tiny.Short).Tokens, awaited.Tokens);
    }

    [Fact]
    public async Task Several_samples_of_one_prompt_differ()
    {
        using var model = Tiny.Model();

        var samples = model.GenerateSamples("to be", 4, Tiny.Short, Cancellation);

        Assert.Equal(4, samples.Select(sample => sample.Text).Distinct().Count());
        Assert.Equal(samples[0].Text, model.GenerateSamples("to be", 1, Tiny.Short, Cancellation)[0].Text);
        var awaited = await model.GenerateSamplesAsync("to be", 4, Tiny.Short, Cancellation);
        Assert.Equal(samples.Select(sample => sample.Text), awaited.Select(sample => sample.Text));
    }

    [Fact]
    public async Task Prompts_side_by_side_do_not_disturb_each_other()
    {
        using var model = Tiny.Model();
        string[] prompts = ["to be", "not", "that is the"];
        var greedy = new GenerationOptions { MaxNewTokens = 12, Greedy = true };

        var batch = model.GenerateBatch(prompts, greedy, Cancellation);

        Assert.Equal(prompts.Select(prompt => model.Generate(prompt, greedy).Text), batch.Select(text => text.Text));
        Assert.Equal([5, 3, 11], batch.Select(text => text.PromptTokens));
        var awaited = await model.GenerateBatchAsync(prompts, greedy, Cancellation);
        Assert.Equal(batch.Select(text => text.Text), awaited.Select(text => text.Text));
        var drawn = model.GenerateBatch(prompts, Tiny.Short, Cancellation)[0].Text;
        Assert.Equal(drawn, model.GenerateBatch(["to be", "question"], Tiny.Short, Cancellation)[0].Text);
    }

    [Fact]
    public async Task A_beam_search_finds_the_most_likely_texts_best_first()
    {
        using var model = Tiny.Model();
        var options = new BeamSearchOptions { Beams = 4, Return = 4, MaxNewTokens = 6, LengthPenalty = 0 };

        var found = model.BeamSearch("to be", options, Cancellation);

        Assert.Equal(4, found.Count);
        Assert.Equal(found.OrderByDescending(text => text.Score), found);
        // With length penalty 0, the score is the text's log-probability.
        var scored = model.Score("to be" + found[0].Text, cancellationToken: Cancellation);
        Assert.Equal(scored.Tokens.Where(token => token.Position >= 5).Sum(token => token.LogProbability), found[0].Score, 4);
        var greedy = model.Generate("to be", new() { MaxNewTokens = 6, Greedy = true, LogProbabilities = 0 }, Cancellation);
        Assert.True(found[0].Score >= greedy.LogProbabilities.Sum() - 1e-4);
        Assert.Equal(found.Select(text => text.Text), (await model.BeamSearchAsync("to be", options, Cancellation)).Select(text => text.Text));
    }

    [Fact]
    public async Task Cancelling_ends_every_call()
    {
        using var model = Tiny.Model();
        using var source = new CancellationTokenSource();
        source.Cancel();
        var cancelled = source.Token;

        Assert.Throws<OperationCanceledException>(() => model.Generate("to be", Tiny.Short, cancelled));
        Assert.Throws<OperationCanceledException>(() => model.GenerateSamples("to be", 2, Tiny.Short, cancelled));
        Assert.Throws<OperationCanceledException>(() => model.GenerateBatch(["to be"], Tiny.Short, cancelled));
        Assert.Throws<OperationCanceledException>(() => model.BeamSearch("to be", cancellationToken: cancelled));
        Assert.Throws<OperationCanceledException>(() => model.Score("to be", cancellationToken: cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateAsync("to be", Tiny.Short, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateSamplesAsync("to be", 2, Tiny.Short, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.GenerateBatchAsync(["to be"], Tiny.Short, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.BeamSearchAsync("to be", null, cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => model.ScoreAsync("to be", cancellationToken: cancelled));
    }

    [Fact]
    public async Task A_long_text_is_cancelled_while_it_is_written()
    {
        using var model = Tiny.Model();
        using var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            model.GenerateAsync("to be", new() { MaxNewTokens = int.MaxValue }, source.Token));
    }
}
