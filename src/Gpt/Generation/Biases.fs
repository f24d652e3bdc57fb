namespace Gpt

open System

/// Warpers that speak for or against tokens by name. Each checks its argument when it is given and raises ArgumentException
/// for one it cannot use; an id outside the vocabulary is found when there are logits.
[<RequireQualifiedAccess>]
module Biases =

    let private negativeInfinity = Tensors.scalar -infinity

    let private requireIds (name: string) (vocab: int) (ids: int seq) : unit =
        for id in ids do
            if id < 0 || id >= vocab then
                invalidArg name $"Token {id} is not in the vocabulary; ids must be in 0 to {vocab - 1}."

    let private requireBias (name: string) (bias: float) : unit =
        Argument.require (not (Double.IsNaN bias) && bias < infinity) name bias "a number or -inf"

    /// Values for some tokens and 0 for all others, float32 (1, V). What is said of a token twice adds up.
    let private vector (name: string) (biases: (int * float) seq) (logits: Tensor) : Tensor =
        let vocab = int logits.shape[1]
        requireIds name vocab (Seq.map fst biases)
        let onCpu = Tensors.zeros (Device.cpu ()) [ 1L; int64 vocab ]

        for id, bias in biases do
            let values = Tensors.span onCpu
            values[id] <- values[id] + float32 bias

        onCpu.``to`` logits.device

    /// Adds a bias to the logits of tokens (transformers' sequence bias of single tokens, OpenAI's and llama.cpp's logit
    /// bias); -inf rules a token out.
    let logit (biases: (int * float) list) : Tensor -> Tensor =
        for _, bias in biases do
            requireBias (nameof biases) bias

        fun logits -> Tensors.scoped (fun () -> logits.add (vector (nameof biases) biases logits))

    /// Rules tokens out (transformers' `suppress_tokens`).
    let banned (tokens: int list) : Tensor -> Tensor =
        fun logits ->
            Tensors.scoped (fun () ->
                let mask = vector (nameof tokens) (tokens |> List.map (fun id -> id, 1.0)) logits
                logits.masked_fill (mask.gt (Tensors.scalar 0.0), negativeInfinity))

    /// Rules out all but these tokens, of which there must be at least one.
    let allowed (tokens: int list) : Tensor -> Tensor =
        if tokens.IsEmpty then
            invalidArg (nameof tokens) "No token is allowed; at least one must be."

        fun logits ->
            Tensors.scoped (fun () ->
                let mask = vector (nameof tokens) (tokens |> List.map (fun id -> id, 1.0)) logits
                logits.masked_fill (mask.eq (Tensors.scalar 0.0), negativeInfinity))

    /// The first new tokens are these: `produced` says how many new tokens there are already.
    let forcedFirst (tokens: int list) (produced: int) : Tensor -> Tensor =
        match List.tryItem produced tokens with
        | Some token -> allowed [ token ]
        | None -> id

    /// Rules out the end tokens while there are fewer than `least` new tokens (transformers' `min_new_tokens`). `least` must
    /// be at least 0.
    let minimumLength (least: int) (endTokens: int list) (produced: int) : Tensor -> Tensor =
        Argument.require (least >= 0) (nameof least) least "at least 0"
        if produced < least then banned endTokens else id

    /// Adds a bias to the last token of each sequence where the text ends with the tokens before it; to that of a single
    /// token always (transformers' `sequence_bias`). Biases of one token add up.
    let sequence (biases: (int list * float) list) (history: History) : Tensor -> Tensor =
        for sequence, bias in biases do
            requireBias (nameof biases) bias

            if sequence.IsEmpty then
                invalidArg (nameof biases) "A sequence is empty; it must hold at least one token."

        // From the tokens before the last to the last one and its bias.
        let rules =
            biases
            |> List.map (fun (sequence, bias) ->
                let tokens = Array.ofList sequence
                tokens[.. tokens.Length - 2], (Array.last tokens, bias))

        let applies (text: ReadOnlyMemory<int>) (before: int[]) = text.Span.EndsWith(ReadOnlySpan before)

        fun logits ->
            Tensors.scoped (fun () ->
                history
                |> Array.map (fun text ->
                    let due = rules |> List.filter (fst >> applies text) |> List.map snd
                    vector (nameof biases) due logits)
                |> fun rows -> logits.add (TorchSharp.torch.cat (rows, 0L)))

    /// Rules out the last token of each sequence where the text ends with the tokens before it: none of these sequences is
    /// ever said (transformers' `bad_words_ids`).
    let badWords (words: int list list) (history: History) : Tensor -> Tensor =
        sequence (words |> List.map (fun word -> word, -infinity)) history
