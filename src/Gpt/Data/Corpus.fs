namespace Gpt

/// Which half of a corpus: the one the model learns from, or the one it is judged by.
type Split =
    /// What the model learns from.
    | Training
    /// What the model is judged by and never learns from.
    | Validation

/// A text as tokens, cut in two.
type Corpus = {
    /// The first part, which batches are drawn from.
    Training: int[]
    /// The rest, which the model never learns from.
    Validation: int[]
}

[<RequireQualifiedAccess>]
module Corpus =

    /// The tokens of one half.
    let part (split: Split) (corpus: Corpus) : int[] =
        match split with
        | Training -> corpus.Training
        | Validation -> corpus.Validation

    /// Cuts tokens in two: the first `share` of them for training (the article's is 0.9), the rest for validation.
    /// Each part must hold at least one window of `context` tokens and the token after it; the error says how many
    /// tokens there are and how many would be enough.
    let ofTokens (context: int) (share: float) (tokens: int[]) : Result<Corpus, string> =
        let border = int (share * float tokens.Length)
        let rest = tokens.Length - border

        if not (share > 0.0 && share < 1.0) then
            Error $"the training share is {share}; it must be above 0 and below 1"
        elif min border rest <= context then
            let smaller, name =
                if border < rest then
                    border, "training"
                else
                    rest, "validation"

            let isEnough (count: int64) =
                let border = int64 (share * float count)
                min border (count - border) > int64 context

            // A share that is rounded down can leave the quotient one short.
            let quotient = int64 (ceil (float (context + 1) / min share (1.0 - share)))
            let enough = if isEnough quotient then quotient else quotient + 1L

            Error
                $"the text is too short for context {context}: of its {tokens.Length} tokens {smaller} are for {name}, and one window takes {context + 1}; give a text of at least {enough} tokens or a smaller context"
        else
            Ok {
                Training = tokens[.. border - 1]
                Validation = tokens[border..]
            }

    /// Encodes a text and cuts it with `ofTokens`.
    let ofText (tokenizer: Tokenizer) (context: int) (share: float) (text: string) : Result<Corpus, string> =
        if text = "" then
            Error "the text is empty; give at least a few thousand characters"
        else
            Tokenizer.encode tokenizer text |> Result.bind (ofTokens context share)
