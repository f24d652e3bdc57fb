namespace Gpt.Api;

/// <summary>Why a text ended.</summary>
public enum FinishReason
{
    /// <summary>It has as many new tokens as were asked for.</summary>
    Length,

    /// <summary>An end token came; it is the last token.</summary>
    EndToken,

    /// <summary>A stop text came.</summary>
    StopText,

    /// <summary>What the options ask for is complete: the pattern, or the JSON.</summary>
    Complete,
}

/// <summary>A token that may come next.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text alone; U+FFFD where it is part of a character.</param>
/// <param name="LogProbability">ln of the probability that the model itself gives it, before any option.</param>
public sealed record TokenProbability(int Id, string Text, double LogProbability)
{
    /// <summary>The probability, 0 to 1.</summary>
    public double Probability => Math.Exp(LogProbability);
}

/// <summary>One new token of a text that is being written.</summary>
/// <param name="Sample">The number of its text, from 0: which prompt, or which of several samples.</param>
/// <param name="Id">Its id.</param>
/// <param name="Text">
/// The text that may be shown from here on: whole characters, nothing of a stop text. Often the token's own text; empty while a
/// character or what may be a stop text is incomplete.
/// </param>
/// <param name="LogProbability">
/// ln of the probability that the model itself gave it, before any option; null unless
/// <see cref="GenerationOptions.LogProbabilities"/> asks for it.
/// </param>
/// <param name="Alternatives">The most likely tokens at its place, best first, as many as were asked for.</param>
/// <param name="FinishReason">For the last token of a text, why it is the last; else null.</param>
public sealed record GeneratedToken(
    int Sample, int Id, string Text, double? LogProbability, IReadOnlyList<TokenProbability> Alternatives, FinishReason? FinishReason);

/// <summary>What a prompt was continued with.</summary>
/// <param name="Text">The new text, without the prompt.</param>
/// <param name="Tokens">The ids of the new tokens, end token included.</param>
/// <param name="LogProbabilities">
/// ln of the probability that the model gave each of them; empty unless <see cref="GenerationOptions.LogProbabilities"/> asks for it.
/// </param>
/// <param name="FinishReason">Why it ended.</param>
/// <param name="PromptTokens">How many tokens the prompt has.</param>
public sealed record Completion(
    string Text, IReadOnlyList<int> Tokens, IReadOnlyList<double> LogProbabilities, FinishReason FinishReason, int PromptTokens)
{
    /// <summary>The text.</summary>
    public override string ToString() => Text;
}

/// <summary>One of the texts that a beam search found.</summary>
/// <param name="Text">The new text, without the prompt and without special tokens.</param>
/// <param name="Tokens">The ids of the new tokens, end token included.</param>
/// <param name="Score">The sum of their log-probabilities, divided by their number to the power of the length penalty.</param>
/// <param name="FinishReason">Why it ended.</param>
public sealed record BeamResult(string Text, IReadOnlyList<int> Tokens, double Score, FinishReason FinishReason);

/// <summary>A token of a scored text.</summary>
/// <param name="Position">Its place in the text, in tokens from 0.</param>
/// <param name="Id">Its id.</param>
/// <param name="Text">Its text alone.</param>
/// <param name="LogProbability">ln of the probability that the model gives it after what stands before.</param>
public sealed record ScoredToken(int Position, int Id, string Text, double LogProbability);

/// <summary>How well a model predicts a text.</summary>
/// <param name="Tokens">
/// Every token that was predicted, in order: all but the first of the text, or of each window where the stride is as long as the context.
/// </param>
/// <param name="MeanNegativeLogLikelihood">The mean of their -ln p, in nats a token.</param>
/// <param name="Perplexity">e to that: how many equally likely tokens the model hesitates between.</param>
public sealed record TextScore(IReadOnlyList<ScoredToken> Tokens, double MeanNegativeLogLikelihood, double Perplexity)
{
    /// <summary>ln of the probability of all predicted tokens together, each after what stands before it in its window.</summary>
    public double LogProbability => -MeanNegativeLogLikelihood * Tokens.Count;
}
