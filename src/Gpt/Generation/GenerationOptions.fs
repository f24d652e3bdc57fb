namespace Gpt

open System

/// Why a text ended.
type FinishReason =
    /// It has as many new tokens as were asked for.
    | Length
    /// An end token came; it is the last token.
    | EndToken
    /// A stop text came.
    | StopText
    /// A stage says that the text is complete.
    | Complete

/// A token and ln of the probability that the model itself gave it, before guidance and any stage.
[<Struct>]
type Candidate = {
    /// Which token.
    Id: int
    /// ln p, 0 at most.
    LogProbability: float
}

/// One new token of one row.
type GeneratedToken = {
    /// The number of its prompt.
    Row: int
    /// Which token.
    Id: int
    /// ln of the probability that the model itself gave it, before guidance and any stage; when `LogProbabilities` asks for it.
    LogProbability: float option
    /// The model's most likely tokens at this place, best first; as many as `LogProbabilities` asks for.
    Alternatives: Candidate list
    /// The text that may be shown from here on, when a reader is given; see `TextStream`.
    Text: string
    /// For the last token of a row: why it is the last.
    Finish: FinishReason option
}

/// Classifier-free guidance (Sanchez et al. 2023): the model reads a second prompt beside the first, and what speaks for
/// the first one more than for the second counts `Scale` times.
type Guidance = {
    /// Finite; 1 changes nothing.
    Scale: float
    /// What to lead away from; the last token of the prompt alone when nothing else suits. At least one token, at most the
    /// model's context of them.
    Prompt: int[]
}

/// When texts end and what is told about them.
type GenerationOptions = {
    /// The most new tokens a text gets, at least 1.
    MaxNewTokens: int
    /// No end token comes before a text has so many new tokens; 0 to `MaxNewTokens`.
    MinNewTokens: int
    /// Tokens that end a text.
    EndTokens: int list
    /// Turns tokens into text and watches for stop texts.
    Reader: TextStream option
    /// How many alternatives of each token are told, with the log-probability of the token itself; None tells neither.
    LogProbabilities: int option
    /// A second prompt to lead away from, if there is one.
    Guidance: Guidance option
    /// How many tokens of a text are read from the device together, at most, at least 1: it goes on picking meanwhile. The tokens
    /// are the same. None is 1 on the processor, which gains nothing by it, and 8 on a GPU, which would stand idle at every
    /// reading. See `Generate.batch` for where it applies.
    Block: int option
}

[<RequireQualifiedAccess>]
module GenerationOptions =

    /// Tokens without end and nothing about them: `MaxNewTokens` is Int32.MaxValue, everything else is off.
    let defaults: GenerationOptions = {
        MaxNewTokens = Int32.MaxValue
        MinNewTokens = 0
        EndTokens = []
        Reader = None
        LogProbabilities = None
        Guidance = None
        Block = None
    }

    /// What is wrong with ids that must be in a vocabulary of size `vocab`.
    let internal foreign (what: string) (vocab: int) (ids: int seq) : string option =
        ids
        |> Seq.tryFind (fun id -> id < 0 || id >= vocab)
        |> Option.map (fun id -> $"{what} {id} is not in the vocabulary; ids must be in 0 to {vocab - 1}")

    /// The options themselves when texts can be made by them with a vocabulary of this size; else one sentence that names
    /// the field, its value and what would be right.
    let validate (vocab: int) (options: GenerationOptions) : Result<GenerationOptions, string> =
        let most = options.MaxNewTokens

        let problems = [
            if most < 1 then
                Some $"max new tokens is {most}; it must be at least 1"
            if options.MinNewTokens < 0 || options.MinNewTokens > most then
                Some $"min new tokens is {options.MinNewTokens}; it must be in 0 to max new tokens, {most}"
            foreign "end token" vocab options.EndTokens
            match options.Block with
            | Some count when count < 1 -> Some $"block is {count}; it must be at least 1"
            | _ -> ()
            match options.LogProbabilities with
            | Some count when count < 0 || count > vocab ->
                Some $"log-probabilities is {count}; it must be in 0 to the vocabulary's size, {vocab}"
            | _ -> ()
            match options.Guidance with
            | Some guidance when not (Double.IsFinite guidance.Scale) ->
                Some $"guidance scale is {guidance.Scale}; it must be finite"
            | Some guidance when guidance.Prompt.Length = 0 ->
                Some "the guidance prompt is empty; it must hold at least one token"
            | Some guidance -> foreign "guidance token" vocab guidance.Prompt
            | None -> ()
        ]

        match List.tryPick id problems with
        | Some sentence -> Error sentence
        | None -> Ok options

    /// `validate`, for callers to whom wrong options are a programming error: raises ArgumentException.
    let require (vocab: int) (options: GenerationOptions) : GenerationOptions =
        match validate vocab options with
        | Ok options -> options
        | Error sentence -> invalidArg (nameof options) sentence
