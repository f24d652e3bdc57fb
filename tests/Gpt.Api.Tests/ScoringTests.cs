using Xunit;

namespace Gpt.Api.Tests;

public sealed class ScoringTests
{
    [Fact]
    public void The_likeliest_next_tokens_come_best_first()
    {
        using var model = Trained.Model();

        var next = model.NextTokens("to be or not t", 5);

        Assert.Equal(5, next.Count);
        Assert.Equal("o", next[0].Text);
        Assert.Equal(next.OrderByDescending(token => token.Probability), next);
        Assert.Equal(1, model.NextTokens("to be", model.Config.VocabSize).Sum(token => token.Probability), 4);
    }

    [Fact]
    public void A_text_is_scored_token_by_token()
    {
        using var model = Trained.Model();

        var score = model.Score("to be or not to be");

        Assert.Equal(Enumerable.Range(1, 17), score.Tokens.Select(token => token.Position));
        Assert.Equal("o be or not to be", string.Concat(score.Tokens.Select(token => token.Text)));
        Assert.Equal(score.LogProbability, score.Tokens.Sum(token => token.LogProbability), 6);
        Assert.Equal(Math.Exp(score.MeanNegativeLogLikelihood), score.Perplexity, 6);
        var first = model.NextTokens("t", model.Config.VocabSize).Single(token => token.Text == "o");
        Assert.Equal(first.LogProbability, score.Tokens[0].LogProbability, 4);
    }

    [Fact]
    public void A_text_that_was_learned_is_likelier_than_another()
    {
        using var model = Trained.Model();

        Assert.True(model.Score("to be or not to be").Perplexity < model.Score("eb ot ton ro eb ot").Perplexity);
    }

    [Fact]
    public void A_window_moves_over_a_text_that_is_longer_than_the_context()
    {
        using var model = Trained.Model();
        var text = Tiny.Verse[..100];

        Assert.Equal(99, model.Score(text).Tokens.Count);
        Assert.Equal(99, model.Score(text, context: 8, stride: 1).Tokens.Count);
        // Windows that do not overlap do not predict their first token.
        Assert.Equal(100 - 13, model.Score(text, context: 8, stride: 8).Tokens.Count);
    }

    [Fact]
    public async Task A_score_can_be_awaited()
    {
        using var model = Trained.Model();

        Assert.Equal(model.Score(Tiny.Verse).Perplexity, (await model.ScoreAsync(Tiny.Verse)).Perplexity);
    }
}
