namespace Gpt.Api;

// What makes particular tokens likelier or less so. Null or empty is off, everywhere.
public sealed partial record GenerationOptions
{
    /// <summary>Divides the positive logits of tokens that stand in the text or prompt, multiplies the negative ones; above 0, 1 changes nothing. Default off.</summary>
    public double? RepetitionPenalty { get; init; }

    /// <summary>Taken off the logit of each token that stands in the text or prompt; finite. Default off.</summary>
    public double? PresencePenalty { get; init; }

    /// <summary>Taken off as often as the token stands there; finite. Default off.</summary>
    public double? FrequencyPenalty { get; init; }

    /// <summary>How many of the last tokens these three penalties look at, at least 1. Default all.</summary>
    public int? PenaltyWindow { get; init; }

    /// <summary>No run of so many tokens comes twice; at least 1. Default off.</summary>
    public int? NoRepeatNgram { get; init; }

    /// <summary>DRY, "don't repeat yourself": the longer a repetition, the less likely it goes on. Default off.</summary>
    public DryOptions? Dry { get; init; }

    /// <summary>Numbers added to the logits of tokens, by id; finite. Default none.</summary>
    public IReadOnlyDictionary<int, double> LogitBias { get; init; } = new Dictionary<int, double>();

    /// <summary>Numbers added to the logit of the last token of a text where the rest of it stands before; by text. Default none.</summary>
    public IReadOnlyDictionary<string, double> SequenceBias { get; init; } = new Dictionary<string, double>();

    /// <summary>Texts, as the tokenizer spells them, that never come. Default none.</summary>
    public IReadOnlyList<string> BadWords { get; init; } = [];

    /// <summary>Ids that never come. Default none.</summary>
    public IReadOnlyList<int> BannedTokens { get; init; } = [];

    /// <summary>The only ids that may come. Empty, the default, is all.</summary>
    public IReadOnlyList<int> AllowedTokens { get; init; } = [];

    /// <summary>Ids that a text begins with, in this order. Default none.</summary>
    public IReadOnlyList<int> ForcedTokens { get; init; } = [];
}

/// <summary>What DRY does to a token that goes on with something said before.</summary>
public sealed record DryOptions
{
    /// <summary>What a repeat of the allowed length costs, at least 0. Default 0.8.</summary>
    public double Multiplier { get; init; } = Core.DryModule.defaults.Multiplier;

    /// <summary>By how much each further token of the repeat multiplies that, at least 1. Default 1.75.</summary>
    public double Base { get; init; } = Core.DryModule.defaults.Base;

    /// <summary>How many tokens in a row may come again at no cost, at least 1. Default 2.</summary>
    public int AllowedLength { get; init; } = Core.DryModule.defaults.AllowedLength;

    /// <summary>Texts over which no repeat reaches: line breaks, quotes, names of speakers; none empty. Default none.</summary>
    public IReadOnlyList<string> Breakers { get; init; } = [];

    /// <summary>How many of the last tokens are looked at, at least 0. Default all.</summary>
    public int? LastN { get; init; }
}
