namespace Gpt.Api;

// What shapes the distribution that a token is drawn from. Null is off, everywhere.
public sealed partial record GenerationOptions
{
    /// <summary>Divides the logits: below 1 sharper, above 1 flatter. Above 0; for the best token always, see <see cref="Greedy"/>. Default off.</summary>
    public double? Temperature { get; init; }

    /// <summary>A temperature that follows the entropy of the distribution. Not together with <see cref="Temperature"/>. Default off.</summary>
    public DynamicTemperatureOptions? DynamicTemperature { get; init; }

    /// <summary>Keeps so many of the most likely tokens, and ties with the last; at least 1. Default off.</summary>
    public int? TopK { get; init; }

    /// <summary>Keeps the fewest tokens whose probabilities sum up to this, in (0, 1]. Default off.</summary>
    public double? TopP { get; init; }

    /// <summary>Keeps tokens at least so likely as this share of the most likely one, in [0, 1]. Default off.</summary>
    public double? MinP { get; init; }

    /// <summary>Keeps tokens whose probability is at least this share of the best one's squared, in [0, 1]. Default off.</summary>
    public double? TopA { get; init; }

    /// <summary>Locally typical sampling: keeps the tokens of most typical surprise whose mass is this, in (0, 1]. Default off.</summary>
    public double? TypicalP { get; init; }

    /// <summary>Drops tokens less likely than this, in [0, 1). Default off.</summary>
    public double? EpsilonCutoff { get; init; }

    /// <summary>The same with a bound that falls with the distribution's entropy, in [0, 1). Default off.</summary>
    public double? EtaCutoff { get; init; }

    /// <summary>Keeps tokens whose logits lie within so many standard deviations of the best, above 0. Default off.</summary>
    public double? TopNSigma { get; init; }

    /// <summary>Exclude top choices: now and then drops all likely tokens but the least likely of them. Default off.</summary>
    public XtcOptions? Xtc { get; init; }

    /// <summary>Mirostat 2: holds the text at a surprise. Default off.</summary>
    public MirostatOptions? Mirostat { get; init; }
}

/// <summary>A temperature between two bounds: low where the model is sure, high where it is not.</summary>
public sealed record DynamicTemperatureOptions
{
    /// <summary>The lowest temperature, at least 0. Default 0.5.</summary>
    public double Low { get; init; } = 0.5;

    /// <summary>The highest temperature, at least <see cref="Low"/>. Default 1.5.</summary>
    public double High { get; init; } = 1.5;

    /// <summary>The power of the entropy's share that leads from one to the other, at least 0. Default 1.</summary>
    public double Exponent { get; init; } = 1;
}

/// <summary>Exclude top choices.</summary>
public sealed record XtcOptions
{
    /// <summary>The chance that it happens at a token, in [0, 1]. Default 0.5.</summary>
    public double Probability { get; init; } = 0.5;

    /// <summary>Which tokens count as likely: those of at least this probability, in [0, 1]. Default 0.1.</summary>
    public double Threshold { get; init; } = 0.1;
}

/// <summary>What Mirostat aims at.</summary>
public sealed record MirostatOptions
{
    /// <summary>The surprise, in bits a token, that the text shall have in the mean, at least 0. Default 5.</summary>
    public double Tau { get; init; } = Core.MirostatModule.defaults.Tau;

    /// <summary>How fast the bound follows, at least 0. Default 0.1.</summary>
    public double Eta { get; init; } = Core.MirostatModule.defaults.Eta;
}

/// <summary>Classifier-free guidance: what speaks for the prompt more than for the second one counts <see cref="Scale"/> times.</summary>
public sealed record GuidanceOptions
{
    /// <summary>Finite; 1 changes nothing. Default 1.5.</summary>
    public double Scale { get; init; } = 1.5;

    /// <summary>The text to lead away from; at least one token.</summary>
    public required string NegativePrompt { get; init; }
}
