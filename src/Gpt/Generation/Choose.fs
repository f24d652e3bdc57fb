namespace Gpt

open System

/// How a token is picked from logits (B, V): one id a row.
[<RequireQualifiedAccess>]
module Choose =

    /// The most likely token of each row, int64 (B); the lowest id wins a tie.
    let greedy (logits: Tensor) : Tensor = logits.argmax -1L

    /// The largest number below 1. A uniform number that rounds to 1 would ask for more than all the mass.
    let private almostOne = MathF.BitDecrement 1.0f

    /// Draws one token a row from softmax(logits), int64 (B), by the inverse of the cumulative distribution in token order:
    /// one uniform number a row, so one generator gives one text on every engine. A token of logit -inf is never drawn.
    let sample (rng: Rng) (logits: Tensor) : struct (Tensor * Rng) =
        let struct (numbers, after) = Rng.uniforms (int logits.shape[0]) rng

        let ids =
            Tensors.scoped (fun () ->
                let cumulative = (logits.softmax -1L).cumsum -1L
                let total = cumulative.narrow (1L, logits.shape[1] - 1L, 1L)
                let shares = numbers |> Array.map (fun u -> min (float32 u) almostOne)
                let thresholds = (Tensors.ofFloats logits.device [ logits.shape[0]; 1L ] shares).mul total
                // The number of tokens that end at or below the threshold is the id of the one that it falls on.
                cumulative.le(thresholds).sum 1L)

        struct (ids, after)
