using System.Globalization;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace Gpt.Api;

/// <summary>What a caller's options come to in the library: made and checked before any work.</summary>
internal sealed class Plan
{
    private const string Argument = "options";

    private static readonly Func<string, Exception> refuse = FSharp.Argument(Argument);

    private Plan(Core.GenerationOptions options, Core.Sampling sampling, Core.Rng rng) =>
        (Options, Sampling, Rng) = (options, sampling, rng);

    internal Core.GenerationOptions Options { get; }

    internal Core.Sampling Sampling { get; }

    internal Core.Rng Rng { get; }

    /// <summary>Raises ArgumentException that names <c>options</c> and the field that cannot be.</summary>
    internal static Plan Make(GenerationOptions options, Tokenizer tokenizer, ConstraintCache constraints)
    {
        var ends = EndTokens(options.EndTokens, tokenizer).ToList();
        var guidance = options.Guidance is { } asked
            ? FSharpOption<Core.Guidance>.Some(new(asked.Scale, Ids(tokenizer, asked.NegativePrompt, "Guidance.NegativePrompt")))
            : FSharpOption<Core.Guidance>.None;
        var stops = Given(options.StopTexts, nameof(options.StopTexts));
        if (stops.Contains(null))
            throw refuse("StopTexts holds null; a stop text has at least one character");
        var reader = FSharp.Naming(Argument, () => Core.TextStreamModule.start(tokenizer.Core, FSharp.List(stops)));
        var core = new Core.GenerationOptions(
            options.MaxNewTokens,
            options.MinNewTokens,
            FSharp.List(ends),
            FSharpOption<Core.TextStream>.Some(reader),
            FSharp.Option(options.LogProbabilities),
            guidance,
            FSharp.Option(options.Block));
        core = Core.GenerationOptionsModule.validate(tokenizer.VocabSize, core).OrThrow(refuse);

        var order = options.Order switch
        {
            ProcessorOrder.HuggingFace => Core.StrategyModule.huggingFaceOrder,
            ProcessorOrder.LlamaCpp => Core.StrategyModule.llamaCppOrder,
            _ => throw refuse($"order is {options.Order}; it must be HuggingFace or LlamaCpp"),
        };
        var processors = FSharp.List(Processors(options, tokenizer, ends, constraints));
        var strategy = new Core.Strategy(processors, FSharp.Option(options.PenaltyWindow), options.Greedy ? Core.Pick.Best : Core.Pick.Draw);
        strategy = Core.StrategyModule.inOrder(order, strategy).OrThrow(refuse);
        var sampling = Core.StrategyModule.sampling(tokenizer.VocabSize, strategy).OrThrow(refuse);
        return new(core, sampling, RngOf(options.Seed));
    }

    internal static Core.Rng RngOf(ulong? seed) => Core.RngModule.ofSeed(seed ?? unchecked((ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue)));

    internal static IEnumerable<int> EndTokens(IReadOnlyList<int>? asked, Tokenizer tokenizer) =>
        asked ?? (tokenizer.EndOfText is { } end ? [end] : []);

    private static IEnumerable<Core.Processor> Processors(
        GenerationOptions options, Tokenizer tokenizer, List<int> ends, ConstraintCache constraints)
    {
        if (Given(options.LogitBias, nameof(options.LogitBias)) is { Count: > 0 } bias)
            yield return Core.Processor.NewLogitBias(FSharp.List(bias.Select(pair => Tuple.Create(pair.Key, pair.Value))));
        if (Given(options.SequenceBias, nameof(options.SequenceBias)) is { Count: > 0 } sequences)
            yield return Core.Processor.NewSequenceBias(FSharp.List(sequences.Select(pair =>
                Tuple.Create(FSharp.List(Ids(tokenizer, pair.Key, nameof(options.SequenceBias))), pair.Value))));
        if (Given(options.BadWords, nameof(options.BadWords)) is { Count: > 0 } words)
            yield return Core.Processor.NewBadWords(Spelt(tokenizer, words, nameof(options.BadWords)));
        if (Given(options.BannedTokens, nameof(options.BannedTokens)) is { Count: > 0 } banned)
            yield return Core.Processor.NewBannedTokens(FSharp.List(banned));
        if (Given(options.AllowedTokens, nameof(options.AllowedTokens)) is { Count: > 0 } allowed)
            yield return Core.Processor.NewAllowedTokens(FSharp.List(allowed));
        if (Given(options.ForcedTokens, nameof(options.ForcedTokens)) is { Count: > 0 } forced)
            yield return Core.Processor.NewForcedTokens(FSharp.List(forced));
        foreach (var constraint in Constraints(options, ends, constraints))
            yield return Core.Processor.NewConstrained(constraint);
        if (options.RepetitionPenalty is { } repetition)
            yield return Core.Processor.NewRepetitionPenalty(repetition);
        if (options.PresencePenalty is { } presence)
            yield return Core.Processor.NewPresencePenalty(presence);
        if (options.FrequencyPenalty is { } frequency)
            yield return Core.Processor.NewFrequencyPenalty(frequency);
        if (options.NoRepeatNgram is { } ngram)
            yield return Core.Processor.NewNoRepeatNgram(ngram);
        if (options.Dry is { } dry)
            yield return Core.Processor.NewDry(new(
                dry.Multiplier, dry.Base, dry.AllowedLength, Spelt(tokenizer, Given(dry.Breakers, "Dry.Breakers"), "Dry.Breakers"), FSharp.Option(dry.LastN)));
        foreach (var cut in Cuts(options))
            yield return cut;
    }

    private static IEnumerable<Core.Processor> Cuts(GenerationOptions options)
    {
        if (options.Temperature is { } temperature)
            yield return Core.Processor.NewTemperature(temperature);
        if (options.DynamicTemperature is { } dynamic)
            yield return Core.Processor.NewDynamicTemperature(dynamic.Low, dynamic.High, dynamic.Exponent);
        if (options.TopNSigma is { } sigma)
            yield return Core.Processor.NewTopNSigma(sigma);
        if (options.TopK is { } k)
            yield return Core.Processor.NewTopK(k);
        if (options.TopP is { } p)
            yield return Core.Processor.NewTopP(p);
        if (options.MinP is { } min)
            yield return Core.Processor.NewMinP(min);
        if (options.TopA is { } a)
            yield return Core.Processor.NewTopA(a);
        if (options.TypicalP is { } typical)
            yield return Core.Processor.NewTypicalP(typical);
        if (options.EpsilonCutoff is { } epsilon)
            yield return Core.Processor.NewEpsilonCutoff(epsilon);
        if (options.EtaCutoff is { } eta)
            yield return Core.Processor.NewEtaCutoff(eta);
        if (options.Xtc is { } xtc)
            yield return Core.Processor.NewXtc(xtc.Probability, xtc.Threshold);
        if (options.Mirostat is { } mirostat)
            yield return Core.Processor.NewMirostat(new(mirostat.Tau, mirostat.Eta));
    }

    private static IEnumerable<Core.Constraint> Constraints(GenerationOptions options, List<int> ends, ConstraintCache constraints)
    {
        if (options is { Pattern: not null, JsonSchema: not null })
            throw refuse("a pattern and a JSON schema are both asked for; one of them is right");
        if (options.Pattern is { } pattern)
        {
            var constraint = constraints.Regex(pattern, ends).OrThrow(sentence => refuse($"pattern: {sentence}"));
            // A new text has a token at least, and an end token is one.
            if (ends.Count == 0 && Core.ConstraintModule.isFinished(constraint, Core.ConstraintModule.start(constraint)))
                throw refuse($"pattern: '{pattern}' allows the empty text alone, and no end token is there to end it with");
            yield return constraint;
        }
        if (options.JsonSchema is { } schema)
            yield return constraints.JsonSchema(schema, ends).OrThrow(sentence => refuse($"JSON schema: {sentence}"));
    }

    private static T Given<T>(T? value, string field) where T : class =>
        value ?? throw refuse(string.Create(CultureInfo.InvariantCulture, $"{field} is null; an empty one says none"));

    private static int[] Ids(Tokenizer tokenizer, string? text, string field)
    {
        if (string.IsNullOrEmpty(text))
            throw refuse($"{field} holds an empty text; it must have at least one character");
        return Core.TokenizerModule.encode(tokenizer.Core, text).OrThrow(sentence => refuse($"{field}: {sentence}"));
    }

    private static FSharpList<FSharpList<int>> Spelt(Tokenizer tokenizer, IReadOnlyList<string> texts, string field) =>
        FSharp.List(texts.Select(text => FSharp.List(Ids(tokenizer, text, field))));
}
