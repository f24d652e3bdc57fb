namespace Gpt

open System
open TorchSharp

/// Warpers reshape a distribution before a token is drawn from it: functions from logits (B, V) to logits (B, V), pure, so
/// that they compose with `>>`. A token that a warper rules out gets logit -inf. Each one checks its argument when it
/// is given, before any logits, and raises ArgumentOutOfRangeException with the value and the allowed range.
[<RequireQualifiedAccess>]
module Warpers =

    let private require (isRight: bool) (name: string) (value: obj) (range: string) =
        if not isRight then
            raise (ArgumentOutOfRangeException(name, value, $"{name} is {value}; it must be {range}."))

    let private ruleOut (logits: Tensor) (mask: Tensor) = logits.masked_fill (mask, Tensors.scalar -infinity)

    /// Divides the logits by `temperature`: below 1 the likely tokens gain, above 1 they lose.
    /// The order of the tokens stays. `temperature` must be positive and finite; greedy choice is what 0 would mean.
    let temperature (temperature: float) : Tensor -> Tensor =
        require
            (temperature > 0.0 && temperature < infinity)
            (nameof temperature)
            temperature
            "positive and finite (use greedy for 0)"

        fun logits -> logits.div (Tensors.scalar temperature)

    /// Keeps the `k` most likely tokens, and whatever ties with the last of them (Fan, Lewis, Dauphin 2018; ties as in
    /// transformers). `k` must be at least 1; from V on it changes nothing.
    let topK (k: int) : Tensor -> Tensor =
        require (k >= 1) (nameof k) k "at least 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let count = min k (int logits.shape[1])
                let struct (best, _) = logits.topk (count, -1)
                ruleOut logits (logits.lt (best.narrow (1L, int64 count - 1L, 1L))))

    /// Keeps the smallest set of most likely tokens whose probabilities sum to at least `p` (nucleus sampling, Holtzman et
    /// al. 2019); of tokens with equal logits the lower id comes first. `p` must be in (0, 1]; 1 changes nothing.
    let topP (p: float) : Tensor -> Tensor =
        require (p > 0.0 && p <= 1.0) (nameof p) p "above 0 and at most 1"

        if p = 1.0 then
            id
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    let struct (sorted, order) = torch.sort (logits, -1L, descending = true, stable = true)
                    let probabilities = sorted.softmax -1L
                    // A token goes when those before it already make up p: the first one always stays.
                    let massBefore = probabilities.cumsum(-1L).sub probabilities
                    let kept = ruleOut sorted (massBefore.ge (Tensors.scalar p))
                    kept.scatter (-1L, order, kept))
