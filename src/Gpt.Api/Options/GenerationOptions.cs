namespace Gpt.Api;

/// <summary>
/// How a text is continued. Nothing is done to the model's distribution unless it is asked for here, and what contradicts
/// itself or would have no effect is refused when generation begins, with an ArgumentException that names it.
/// <code>
/// new GenerationOptions { MaxNewTokens = 200, Temperature = 0.8, TopK = 40, Seed = 1, StopTexts = ["\n\n"] }
/// </code>
/// </summary>
public sealed partial record GenerationOptions
{
    /// <summary>The most new tokens a text gets, at least 1. Default 128.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>No end token comes before a text has so many new tokens; 0, the default, to <see cref="MaxNewTokens"/>.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>
    /// Ids of tokens that end a text. Null, the default, is the tokenizer's <see cref="Tokenizer.EndOfText"/>, if it has one; an
    /// empty list is none.
    /// </summary>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <summary>
    /// Texts that end a text, none empty; they are not part of it. They are looked for in the text, wherever tokens begin and
    /// end. Default none.
    /// </summary>
    public IReadOnlyList<string> StopTexts { get; init; } = [];

    /// <summary>
    /// One seed gives one text, on every machine. Null, the default, takes a new one each time.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>
    /// Always the most likely token, nothing drawn. Options that never change which token that is (<see cref="Temperature"/>,
    /// <see cref="TopK"/> …) contradict it. Default false.
    /// </summary>
    public bool Greedy { get; init; }

    /// <summary>
    /// How many of the most likely tokens are told with each token, and its log-probability with them: 0 to the vocabulary's size.
    /// Null, the default, tells none of it.
    /// </summary>
    public int? LogProbabilities { get; init; }

    /// <summary>
    /// A regular expression that the new text matches as a whole, in the regular part of ECMAScript's syntax; null, the default, is
    /// any text. With <see cref="MaxNewTokens"/> the text is steered to be complete by then.
    /// </summary>
    public string? Pattern { get; init; }

    /// <summary>
    /// A JSON schema, as JSON, that the new text fulfils; null, the default, is any text. Not together with <see cref="Pattern"/>.
    /// </summary>
    public string? JsonSchema { get; init; }

    /// <summary>Classifier-free guidance: a second prompt to lead away from. Null, the default, is none.</summary>
    public GuidanceOptions? Guidance { get; init; }

    /// <summary>In which order everything is done to the logits. Default <see cref="ProcessorOrder.HuggingFace"/>.</summary>
    public ProcessorOrder Order { get; init; } = ProcessorOrder.HuggingFace;

    /// <summary>
    /// How many tokens of a text are read from the device together, at most, at least 1: it goes on picking meanwhile, and the texts
    /// are the same. Null, the default, is 1 on the processor, which gains nothing by it, and 8 on a GPU, which would stand idle at
    /// every reading. Options that have to know every token (a pattern, a schema, Mirostat, DRY, rules about sequences) make it 1.
    /// </summary>
    public int? Block { get; init; }

    /// <summary>The options when none are given.</summary>
    internal static GenerationOptions Default { get; } = new();
}

/// <summary>In which order the options are applied; the text differs.</summary>
public enum ProcessorOrder
{
    /// <summary>Temperature before the cuts (top-k, top-p …), so that they see the distribution it makes.</summary>
    HuggingFace,

    /// <summary>Temperature after the cuts, so that they see the model's own distribution.</summary>
    LlamaCpp,
}
