namespace Gpt

/// Who guesses the tokens that the model then checks.
type Drafter =
    /// A smaller model of the same vocabulary.
    | DraftModel of Model
    /// No model at all: what followed when the last tokens of the text stood in it before. The longest run that is looked
    /// for has so many tokens, at least 1.
    | PromptLookup of longest: int

/// How tokens are guessed.
type SpeculativeOptions = {
    /// Who guesses.
    Drafter: Drafter
    /// The most tokens guessed at a time, at least 1.
    DraftTokens: int
}

[<RequireQualifiedAccess>]
module SpeculativeOptions =

    /// The options themselves when tokens can be guessed by them for a model; else one sentence that names what is wrong, its
    /// value and what would be right.
    let validate (model: Model) (speculation: SpeculativeOptions) : Result<SpeculativeOptions, string> =
        let count = speculation.DraftTokens

        match speculation.Drafter with
        | _ when count < 1 -> Error $"draft tokens is {count}; it must be at least 1"
        | PromptLookup longest when longest < 1 ->
            Error $"the longest run to look up is {longest}; it must be at least 1"
        | DraftModel draft when draft.Config.VocabSize <> model.Config.VocabSize ->
            Error
                $"the draft model has {draft.Config.VocabSize} tokens, the model {model.Config.VocabSize}; they must have the same vocabulary"
        | DraftModel draft when count > max 1 (draft.Config.Context / 2) ->
            Error
                $"draft tokens is {count}; it must be at most {draft.Config.Context / 2}, half the draft model's context"
        | _ -> Ok speculation
