namespace Gpt

open System

/// Warpers that prefer, forbid and force tokens by name. Each raises ArgumentOutOfRangeException for what it cannot use when
/// that is given, and ArgumentException for logits whose vocabulary does not have the token, or of which nothing would stay.
[<RequireQualifiedAccess>]
module Biases =

    let private requireIds (name: string) (ids: int list) : unit =
        match List.tryFind (fun id -> id < 0) ids with
        | Some id -> Argument.require false name id "token ids, which are at least 0"
        | None -> ()

    /// A bias is a number or -inf; +inf would leave no distribution.
    let private requireBias (bias: float) : unit =
        Argument.require (bias < infinity) (nameof bias) bias "below infinity"

    let private requireSome (name: string) (cells: ReadOnlySpan<float32>) : unit =
        if cells.IndexOfAnyExcept Single.NegativeInfinity < 0 then
            invalidArg name $"{name} rules out every token of the vocabulary, 0 to {cells.Length - 1}"

    /// A row of V numbers for all rows alike, (1, V): `start`, but for those of some tokens, which are changed in turn.
    let private row name (start: float32) (change: float32 -> float -> float32) (tokens: (int * float) list) logits =
        let vocab = int (logits: Tensor).shape[1]
        let cells = Array.create vocab start

        for id, value in tokens do
            Histories.requireToken name vocab id
            cells[id] <- change cells[id] value

        requireSome name (ReadOnlySpan cells)
        Tensors.ofFloats logits.device [ 1L; int64 vocab ] cells

    /// Adds a bias to the logit of each token named; twice named, twice added (OpenAI's logit_bias). A bias is below +inf,
    /// and -inf bans the token.
    let logit (biases: (int * float) list) : Tensor -> Tensor =
        requireIds (nameof biases) (List.map fst biases)
        List.iter (snd >> requireBias) biases
        let add (sum: float32) bias = sum + float32 bias

        if biases.IsEmpty then
            id
        else
            fun logits -> Tensors.scoped (fun () -> logits.add (row (nameof biases) 0.0f add biases logits))

    let private ban (name: string) (tokens: int list) : Tensor -> Tensor =
        requireIds name tokens
        let never _ _ = Single.NegativeInfinity
        let named = tokens |> List.map (fun id -> id, 0.0)

        if tokens.IsEmpty then
            id
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    let isOut = (row name 0.0f never named logits).lt(Tensors.scalar 0.0)
                    logits.masked_fill (isOut, Tensors.scalar -infinity))

    /// Rules out the tokens named (transformers' suppress_tokens).
    let banned (tokens: int list) : Tensor -> Tensor = ban (nameof tokens) tokens

    /// Rules out every token but those named, of which there must be one at least.
    let allowed (tokens: int list) : Tensor -> Tensor =
        Argument.require (not tokens.IsEmpty) (nameof tokens) "[]" "at least one token"
        requireIds (nameof tokens) tokens
        let allow _ _ = 0.0f
        let named = tokens |> List.map (fun id -> id, 0.0)

        fun logits ->
            Tensors.scoped (fun () ->
                let isOut = (row (nameof tokens) Single.NegativeInfinity allow named logits).lt(Tensors.scalar 0.0)
                logits.masked_fill (isOut, Tensors.scalar -infinity))

    let private sequenceOf (name: string) (biases: (int list * float) list) (history: History) : Tensor -> Tensor =
        Argument.require (List.forall (fst >> List.isEmpty >> not) biases) name "[]" "sequences of at least one token"
        requireIds name (List.collect fst biases)
        List.iter (snd >> requireBias) biases

        let parts = [|
            for tokens, bias in biases ->
                struct (Array.ofList tokens[.. tokens.Length - 2], List.last tokens, float32 bias)
        |]

        let fill =
            FillRow(fun text cells ->
                for struct (before, token, bias) in parts do
                    Histories.requireToken name cells.Length token

                    if text.EndsWith(ReadOnlySpan before) then
                        cells[token] <- cells[token] + bias

                requireSome name (Span.op_Implicit cells))

        if biases.IsEmpty then
            id
        else
            fun logits -> Tensors.scoped (fun () -> logits.add (Histories.perToken fill history logits))

    /// Adds a bias to the last token of each sequence whose other tokens the text ends with; to that of a sequence of one
    /// token always. Biases of one token add up (transformers' sequence_bias, which overlooks a sequence when the text holds
    /// its other tokens and nothing else). A bias is below +inf, and -inf bans.
    let sequence (biases: (int list * float) list) : History -> Tensor -> Tensor = sequenceOf (nameof biases) biases

    /// Rules out the token that would end one of the sequences named (transformers' bad_words_ids).
    let badWords (words: int list list) : History -> Tensor -> Tensor =
        sequenceOf (nameof words) (words |> List.map (fun word -> word, -infinity))

    let private requireProduced (produced: int) : unit =
        Argument.require (produced >= 0) (nameof produced) produced "at least 0"

    /// Makes the text begin with the tokens named: while fewer tokens than that have been produced, the next one gets logit 0
    /// and all others -inf, whatever ruled it out before (transformers' forced_bos_token_id, for any number of tokens).
    let forcedFirst (tokens: int list) (produced: int) : Tensor -> Tensor =
        requireIds (nameof tokens) tokens
        requireProduced produced
        let allow _ _ = 0.0f

        match List.tryItem produced tokens with
        | None -> id
        | Some id ->
            fun logits ->
                Tensors.scoped (fun () ->
                    let only = row (nameof tokens) Single.NegativeInfinity allow [ id, 0.0 ] logits
                    (Tensors.zeros logits.device [ logits.shape[0]; logits.shape[1] ]).add only)

    /// Rules out the tokens that end a text while fewer than `minimum` tokens, at least 0, have been produced (transformers'
    /// min_new_tokens).
    let minimumLength (minimum: int) (endTokens: int list) (produced: int) : Tensor -> Tensor =
        Argument.require (minimum >= 0) (nameof minimum) minimum "at least 0"
        requireProduced produced
        let without = ban (nameof endTokens) endTokens
        if produced < minimum then without else id
