namespace Gpt.Api;

/// <summary>When a beam search ends, once as many texts as there are beams have ended.</summary>
public enum EarlyStopping
{
    /// <summary>At once.</summary>
    AtOnce,

    /// <summary>When the best running text, as long as it is now, could not displace an ended one.</summary>
    WhenUnlikely,

    /// <summary>When no running text of any length could.</summary>
    WhenImpossible,
}

/// <summary>How a beam search goes: the most likely continuations as wholes.</summary>
public sealed record BeamSearchOptions
{
    /// <summary>How many texts run side by side, at least 1. Default 5.</summary>
    public int Beams { get; init; } = 5;

    /// <summary>How many texts are returned, 1, the default, to <see cref="Beams"/>.</summary>
    public int Return { get; init; } = 1;

    /// <summary>The most new tokens a text gets, at least 1. Default 20.</summary>
    public int MaxNewTokens { get; init; } = 20;

    /// <summary>No end token comes before a text has so many new tokens; 0, the default, to <see cref="MaxNewTokens"/>.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Ids of tokens that end a text; null, the default, is the tokenizer's end of text, if it has one.</summary>
    public IReadOnlyList<int>? EndTokens { get; init; }

    /// <summary>The power of the number of tokens that a text's log-probability is divided by; finite. Default 1.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When the search ends. Default <see cref="EarlyStopping.WhenUnlikely"/>.</summary>
    public EarlyStopping EarlyStopping { get; init; } = EarlyStopping.WhenUnlikely;

    /// <summary>Groups of equally many beams that search one after the other (diverse beam search); divides <see cref="Beams"/>. Default 1.</summary>
    public int Groups { get; init; } = 1;

    /// <summary>What a token loses for each beam of an earlier group that took it, at least 0; above 0 with several groups only. Default 0.</summary>
    public double DiversityPenalty { get; init; }

    /// <summary>Whether continuations are drawn by their scores, where else the best are taken. Default false.</summary>
    public bool Sample { get; init; }

    /// <summary>Decides what is drawn when <see cref="Sample"/> is on; null, the default, takes a new seed each time.</summary>
    public ulong? Seed { get; init; }

    internal Core.BeamOptions ToCore(Tokenizer tokenizer, string argument)
    {
        var stopping = EarlyStopping switch
        {
            EarlyStopping.AtOnce => Core.EarlyStopping.AtOnce,
            EarlyStopping.WhenUnlikely => Core.EarlyStopping.WhenUnlikely,
            EarlyStopping.WhenImpossible => Core.EarlyStopping.WhenImpossible,
            _ => throw new ArgumentException($"{argument}: early stopping is {EarlyStopping}; it must be AtOnce, WhenUnlikely or WhenImpossible", argument),
        };
        if (Seed is not null && !Sample)
            throw new ArgumentException($"{argument}: a seed is given, but nothing is drawn; set Sample, or leave the seed out", argument);
        var options = new Core.BeamOptions(
            Beams, LengthPenalty, stopping, MaxNewTokens, MinNewTokens, FSharp.List(Plan.EndTokens(EndTokens, tokenizer)), Return, Groups, DiversityPenalty, Sample);
        return Core.BeamOptionsModule.validate(tokenizer.VocabSize, options).OrThrow(FSharp.Argument(argument));
    }
}
