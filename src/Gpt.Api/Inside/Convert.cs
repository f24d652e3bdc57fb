namespace Gpt.Api;

/// <summary>What the library gives, as the facade gives it.</summary>
internal static class Convert
{
    internal static FinishReason Finish(Core.FinishReason reason) =>
        reason.IsLength ? FinishReason.Length
        : reason.IsEndToken ? FinishReason.EndToken
        : reason.IsStopText ? FinishReason.StopText
        : FinishReason.Complete;

    internal static GeneratedToken Token(Tokenizer tokenizer, Core.GeneratedToken token) => new(
        token.Row,
        token.Id,
        token.Text,
        FSharp.Nullable(token.LogProbability),
        [.. token.Alternatives.Select(candidate => Candidate(tokenizer, candidate))],
        token.Finish is { } reason ? Finish(reason.Value) : null);

    internal static TokenProbability Candidate(Tokenizer tokenizer, Core.Candidate candidate) =>
        new(candidate.Id, tokenizer.TextOf(candidate.Id), candidate.LogProbability);

    internal static Completion Completion(int promptTokens, Core.Completion completion) => new(
        completion.Text, completion.Tokens, completion.LogProbabilities, Finish(completion.Finish), promptTokens);

    internal static BeamResult Beam(Tokenizer tokenizer, Core.Hypothesis hypothesis) => new(
        Core.TokenizerModule.decodePlain(tokenizer.Core, hypothesis.Tokens), hypothesis.Tokens, hypothesis.Score, Finish(hypothesis.Finish));
}
