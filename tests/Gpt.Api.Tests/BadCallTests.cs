using Xunit;

namespace Gpt.Api.Tests;

/// <summary>What a caller does wrong comes back as an ArgumentException, whose message names the argument.</summary>
public sealed class BadCallTests
{
    private static readonly GptModel model = Tiny.Model();
    private static readonly Tokenizer letters = Tiny.Tokenizer;
    private static readonly GenerationOptions plain = new();

    /// <summary>A call, the argument that it is about, and a word of the sentence.</summary>
    private static readonly (string Name, Action Call, string Argument, string Word)[] calls =
    [
        ("Load(null)", () => GptModel.Load(null!), "path", ""),
        ("Load of nothing", () => GptModel.Load(" "), "path", ""),
        ("Load on no device", () => Saved(path => GptModel.Load(path, "abacus")), "device", "abacus"),
        ("Load on null", () => Saved(path => GptModel.Load(path, null!)), "device", ""),
        ("Load on a device of another build", () => Saved(path => GptModel.Load(path, "cuda:99")), "device", "cuda:99"),
        ("LoadPretrainedAsync(null)", () => GptModel.LoadPretrainedAsync(null!), "nameOrFolder", ""),
        ("LoadPretrainedAsync of no name", () => GptModel.LoadPretrainedAsync("a/b/c"), "nameOrFolder", "no such folder"),
        ("LoadPretrainedAsync of no revision", () => GptModel.LoadPretrainedAsync("a/b", revision: ""), "revision", ""),
        ("LoadPretrainedAsync of a revision that is a way out", () => GptModel.LoadPretrainedAsync("a/b", revision: "../c"), "revision", "../c"),
        ("Create(null, …)", () => GptModel.Create(null!, letters), "config", ""),
        ("Create(…, null)", () => GptModel.Create(Tiny.Config, null!), "tokenizer", ""),
        ("Create with another vocabulary", () => GptModel.Create(Tiny.Config with { VocabSize = 3 }, letters), "config", "VocabSize is 3"),
        ("Create with no heads", () => GptModel.Create(Tiny.Config with { Heads = 0 }, letters), "config", "heads is 0"),
        ("Create with heads that do not divide", () => GptModel.Create(Tiny.Config with { Heads = 3 }, letters), "config", "heads is 3"),
        ("Create with too much dropout", () => GptModel.Create(Tiny.Config with { Dropout = 1 }, letters), "config", "dropout is 1"),
        ("Create with NaN", () => GptModel.Create(Tiny.Config with { NormEpsilon = double.NaN }, letters), "config", "epsilon is NaN"),
        ("Create with no activation", () => GptModel.Create(Tiny.Config with { Activation = (Activation)9 }, letters), "config", "activation is 9"),
        ("Preset(null)", () => GptConfig.Preset(null!), "name", ""),
        ("Preset of no name", () => GptConfig.Preset("gpt9"), "name", "gpt9"),
        ("Save(null)", () => model.Save(null!), "path", ""),
        ("Generate(null)", () => model.Generate(null!), "prompt", ""),
        ("Generate of nothing", () => model.Generate(""), "prompt", "empty"),
        ("Generate of unknown letters", () => model.Generate("TO BE"), "prompt", "T"),
        ("Generate beyond the context", () => model.Generate(Tiny.Verse), "prompt", "at most 16"),
        ("GenerateAsync(null)", () => model.GenerateAsync(null!), "prompt", ""),
        ("Stream(null)", () => model.Stream(null!), "prompt", ""),
        ("Stream of no text", () => model.Stream("to", plain with { Pattern = "" }), "options", "empty text"),
        ("Stream of what the letters cannot spell", () => model.Stream("to", plain with { Pattern = "(XYZ)?" }), "options", "empty text"),
        ("StreamAsync(null)", () => model.StreamAsync(null!), "prompt", ""),
        ("GenerateSamples of none", () => model.GenerateSamples("to", 0), "count", "0"),
        ("GenerateSamplesAsync of none", () => model.GenerateSamplesAsync("to", 0), "count", "0"),
        ("GenerateBatch(null)", () => model.GenerateBatch(null!), "prompts", ""),
        ("GenerateBatch of none", () => model.GenerateBatch([]), "prompts", "at least one"),
        ("GenerateBatch of null", () => model.GenerateBatch([null!]), "prompts", ""),
        ("GenerateBatchAsync(null)", () => model.GenerateBatchAsync(null!), "prompts", ""),
        ("BeamSearch(null)", () => model.BeamSearch(null!), "prompt", ""),
        ("BeamSearchAsync(null)", () => model.BeamSearchAsync(null!), "prompt", ""),
        ("BeamSearch beyond the context", () => model.BeamSearch(Tiny.Verse), "prompt", "at most 16"),
        ("BeamSearch without beams", () => model.BeamSearch("to", new() { Beams = 0 }), "options", "beams is 0"),
        ("BeamSearch with groups that do not divide", () => model.BeamSearch("to", new() { Groups = 2 }), "options", "groups is 2"),
        ("BeamSearch with a seed for nothing", () => model.BeamSearch("to", new() { Seed = 1 }), "options", "Sample"),
        ("BeamSearch that stops in no known way", () => model.BeamSearch("to", new() { EarlyStopping = (EarlyStopping)7 }), "options", "7"),
        ("NextTokens(null)", () => model.NextTokens(null!), "prompt", ""),
        ("NextTokens of none", () => model.NextTokens("to", 0), "count", "count is 0"),
        ("NextTokens of too many", () => model.NextTokens("to", 1000), "count", "count is 1000"),
        ("Score(null)", () => model.Score(null!), "text", ""),
        ("Score of too little", () => model.Score("t"), "text", "at least 2"),
        ("Score with too long a window", () => model.Score("to be", context: 17), "context", "17"),
        ("Score with too long a window and a stride", () => model.Score("to be", context: 17, stride: 4), "context", "17"),
        ("Score with too long a stride", () => model.Score("to be", stride: 17), "stride", "17"),
        ("new Trainer(null, …)", () => _ = new Trainer(null!, Tiny.Verse), "model", ""),
        ("new Trainer(…, null)", () => _ = new Trainer(model, null!), "text", ""),
        ("Trainer of nothing", () => _ = new Trainer(model, ""), "text", "empty"),
        ("Trainer of too little", () => _ = new Trainer(model, "to be"), "text", "too short"),
        ("Trainer of unknown letters", () => _ = new Trainer(model, Tiny.Verse.ToUpperInvariant()), "text", "T"),
        ("Trainer without steps", () => _ = new Trainer(model, Tiny.Verse, new() { Steps = 0 }), "options", "steps is 0"),
        ("Trainer beyond the context", () => _ = new Trainer(model, Tiny.Verse, new() { WindowLength = 17 }), "options", "17"),
        ("Trainer with a rate of NaN", () => _ = new Trainer(model, Tiny.Verse, new() { LearningRate = double.NaN }), "options", "NaN"),
        ("Trainer with nothing to judge by", () => _ = new Trainer(model, Tiny.Verse, new() { TrainingShare = 1 }), "options", "share is 1"),
        ("Trainer.Resume(null, …)", () => Trainer.Resume(null!, Tiny.Verse), "folder", ""),
        ("Trainer.Resume(…, null)", () => Saved(path => Trainer.Resume(path, null!)), "text", ""),
        ("Trainer.Resume on no device", () => Saved(path => Trainer.Resume(path, Tiny.Verse, 0.9, "abacus")), "device", "abacus"),
        ("Trainer.Save(null)", () => new Trainer(model, Tiny.Verse).Save(null!), "folder", ""),
        ("Tokenizer.Load(null)", () => Tokenizer.Load(null!), "folder", ""),
        ("Tokenizer.FromText(null)", () => Tokenizer.FromText(null!), "text", ""),
        ("Tokenizer.FromText of nothing", () => Tokenizer.FromText(""), "text", ""),
        ("Tokenizer.TrainBpe(null)", () => Tokenizer.TrainBpe(null!), "text", ""),
        ("Tokenizer.TrainBpe without room", () => Tokenizer.TrainBpe("to be", 3), "vocabSize", "3"),
        ("Encode(null)", () => letters.Encode(null!), "text", ""),
        ("Count(null)", () => letters.Count(null!), "text", ""),
        ("Decode(null)", () => letters.Decode(null!), "ids", ""),
        ("Decode of no token", () => letters.Decode([-1]), "ids", "-1"),
        ("new GptChatClient(null)", () => _ = new GptChatClient(null!), "model", ""),
        ("a client without generation", () => _ = new GptChatClient(model, new() { Generation = null! }), "options", "Generation is null"),
        ("a client without a prompt", () => _ = new GptChatClient(model, new() { Prompt = null! }), "options", "Prompt is null"),
        ("a chat of null", () => new GptChatClient(model).GetStreamingResponseAsync(null!), "messages", ""),
        ("a chat of null messages", () => new GptChatClient(model).GetStreamingResponseAsync([null!]), "messages", "null"),
        ("a chat of nothing", () => new GptChatClient(model).GetStreamingResponseAsync([]), "messages", "empty"),
        ("Continuation(null)", () => GptChatOptions.Continuation(null!), "messages", ""),
        ("Dialogue(null)", () => GptChatOptions.Dialogue(null!), "messages", ""),
        ("GetService(null)", () => new GptChatClient(model).GetService(null!), "serviceType", ""),
    ];

    /// <summary>Options that cannot be, and a word of the sentence.</summary>
    private static readonly (GenerationOptions Options, string Word)[] wrong =
    [
        (plain with { MaxNewTokens = 0 }, "max new tokens is 0"),
        (plain with { MinNewTokens = 129 }, "min new tokens is 129"),
        (plain with { EndTokens = [99] }, "end token 99"),
        (plain with { StopTexts = [""] }, "stop text is empty"),
        (plain with { StopTexts = [null!] }, "StopTexts"),
        (plain with { StopTexts = null! }, "StopTexts"),
        (plain with { LogProbabilities = -1 }, "log-probabilities is -1"),
        (plain with { Pattern = "(" }, "pattern"),
        (plain with { Pattern = "[0-9]+" }, "pattern"),
        (plain with { JsonSchema = "{" }, "JSON schema"),
        (plain with { Pattern = "a", JsonSchema = "{}" }, "both"),
        (plain with { Guidance = new() { NegativePrompt = "" } }, "NegativePrompt"),
        (plain with { Guidance = new() { NegativePrompt = null! } }, "NegativePrompt"),
        (plain with { Guidance = new() { NegativePrompt = "to", Scale = double.NaN } }, "scale is NaN"),
        (plain with { Order = (ProcessorOrder)5 }, "order is 5"),
        (plain with { Temperature = 0 }, "temperature"),
        (plain with { Temperature = double.NaN }, "temperature"),
        (plain with { Temperature = 1, DynamicTemperature = new() }, "both"),
        (plain with { DynamicTemperature = new() { Low = 2, High = 1 } }, "dynamic-temperature"),
        (plain with { TopK = 0 }, "top-k"),
        (plain with { TopP = 0 }, "top-p"),
        (plain with { TopP = 1.1 }, "top-p"),
        (plain with { MinP = -0.1 }, "min-p"),
        (plain with { TopA = 2 }, "top-a"),
        (plain with { TypicalP = 0 }, "typical-p"),
        (plain with { EpsilonCutoff = 1 }, "epsilon-cutoff"),
        (plain with { EtaCutoff = 1 }, "eta-cutoff"),
        (plain with { TopNSigma = 0 }, "top-n-sigma"),
        (plain with { Xtc = new() { Probability = 2 } }, "xtc"),
        (plain with { Mirostat = new() { Tau = -1 } }, "mirostat"),
        (plain with { RepetitionPenalty = 0 }, "repetition-penalty"),
        (plain with { PresencePenalty = double.PositiveInfinity }, "presence-penalty"),
        (plain with { FrequencyPenalty = double.NaN }, "frequency-penalty"),
        (plain with { PenaltyWindow = 5 }, "penalty window"),
        (plain with { PresencePenalty = 1, PenaltyWindow = 0 }, "penalty window is 0"),
        (plain with { NoRepeatNgram = 0 }, "no-repeat-ngram"),
        (plain with { Dry = new() { Base = 0 } }, "dry"),
        (plain with { Dry = new() { Breakers = null! } }, "Breakers"),
        (plain with { Dry = new() { Breakers = ["X"] } }, "Breakers"),
        (plain with { LogitBias = new Dictionary<int, double> { [99] = 1 } }, "logit-bias"),
        (plain with { LogitBias = null! }, "LogitBias"),
        (plain with { SequenceBias = new Dictionary<string, double> { [""] = 1 } }, "SequenceBias"),
        (plain with { BadWords = ["X"] }, "BadWords"),
        (plain with { BannedTokens = [-1] }, "suppress-tokens"),
        (plain with { BannedTokens = [.. Enumerable.Range(0, letters.VocabSize)] }, "rules out every token"),
        (plain with { AllowedTokens = [99] }, "allowed-tokens"),
        (plain with { ForcedTokens = [99] }, "forced-tokens"),
        (plain with { Greedy = true, TopK = 5 }, "greedy"),
    ];

    public static TheoryData<string> Calls => [.. calls.Select(call => call.Name)];

    public static TheoryData<int> Wrong => [.. Enumerable.Range(0, wrong.Length)];

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_bad_call_is_answered_with_the_name_of_the_argument(string name)
    {
        var (_, call, argument, word) = calls.Single(one => one.Name == name);

        var mistake = Assert.ThrowsAny<ArgumentException>(call);

        Assert.Equal(argument, mistake.ParamName);
        Assert.Contains(word, mistake.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Options_that_cannot_be_are_named_before_anything_is_generated(int number)
    {
        var (options, word) = wrong[number];

        var mistake = Assert.ThrowsAny<ArgumentException>(() => model.Generate("to be", options));

        Assert.Equal("options", mistake.ParamName);
        Assert.StartsWith("options: ", mistake.Message);
        Assert.Contains(word, mistake.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static void Saved(Action<string> use)
    {
        using var folder = new TempFolder();
        model.Save(folder.Path);
        use(folder.Path);
    }
}
