namespace Gpt

open System

/// When a beam search ends, once as many texts as there are beams have ended.
type EarlyStopping =
    /// At once: transformers' `early_stopping=True`.
    | AtOnce
    /// When the best running text, as long as it is now, could not displace an ended one: transformers' `False`.
    | WhenUnlikely
    /// When no running text of any length could, where longer ones may score higher: transformers' `"never"`.
    | WhenImpossible

/// How a beam search goes. The defaults, `BeamOptions.defaults`, are those of transformers.
type BeamOptions = {
    /// How many texts run side by side, at least 1.
    Beams: int
    /// A text's score is the sum of its log-probabilities divided by its number of new tokens, end token included, to this
    /// power: above 0 favours long texts, below 0 short ones. Finite.
    LengthPenalty: float
    /// When the search ends.
    EarlyStopping: EarlyStopping
    /// The most new tokens a text gets, at least 1.
    MaxNewTokens: int
    /// No end token comes before a text has so many new tokens; 0 to `MaxNewTokens`.
    MinNewTokens: int
    /// Tokens that end a text.
    EndTokens: int list
    /// How many texts are returned, 1 to `Beams`.
    Return: int
    /// Groups of equally many beams that search one after the other at each step (diverse beam search, Vijayakumar et al.
    /// 2016). 1 is the ordinary search; it must divide `Beams`.
    Groups: int
    /// What a token loses for each beam of an earlier group that has just taken it. At least 0; above 0 with groups only.
    DiversityPenalty: float
    /// Whether continuations are drawn by their scores, without replacement, where else the best are taken (beam sampling).
    Sample: bool
}

/// One of the texts that a beam search found.
type Hypothesis = {
    /// The new tokens, end token included.
    Tokens: int[]
    /// The sum of their log-probabilities divided by their number to the power of the length penalty.
    Score: float
    /// Why it ended.
    Finish: FinishReason
}

[<RequireQualifiedAccess>]
module BeamOptions =

    /// Five beams, 20 new tokens at most, one text returned, everything else neutral.
    let defaults: BeamOptions = {
        Beams = 5
        LengthPenalty = 1.0
        EarlyStopping = WhenUnlikely
        MaxNewTokens = 20
        MinNewTokens = 0
        EndTokens = []
        Return = 1
        Groups = 1
        DiversityPenalty = 0.0
        Sample = false
    }

    /// The options themselves when a search can go by them with a vocabulary of this size; else one sentence that names the
    /// field, its value and what would be right.
    let validate (vocab: int) (options: BeamOptions) : Result<BeamOptions, string> =
        let most, penalty = options.MaxNewTokens, options.DiversityPenalty

        let problems = [
            if options.Beams < 1 then
                Some $"beams is {options.Beams}; it must be at least 1"
            if not (Double.IsFinite options.LengthPenalty) then
                Some $"length penalty is {options.LengthPenalty}; it must be finite"
            if most < 1 then
                Some $"max new tokens is {most}; it must be at least 1"
            if options.MinNewTokens < 0 || options.MinNewTokens > most then
                Some $"min new tokens is {options.MinNewTokens}; it must be in 0 to max new tokens, {most}"
            if options.Return < 1 || options.Return > options.Beams then
                Some $"the number of texts to return is {options.Return}; it must be in 1 to beams, {options.Beams}"
            if options.Groups < 1 || options.Groups > options.Beams || options.Beams % options.Groups <> 0 then
                Some $"groups is {options.Groups}; it must divide beams, {options.Beams}"
            if not (penalty >= 0.0 && penalty < infinity) then
                Some $"diversity penalty is {penalty}; it must be at least 0 and finite"
            if penalty > 0.0 && options.Groups = 1 then
                Some $"diversity penalty is {penalty}, but there is one group; it takes two or more"
            GenerationOptions.foreign "end token" vocab options.EndTokens
        ]

        match List.tryPick id problems with
        | Some sentence -> Error sentence
        | None -> Ok options
