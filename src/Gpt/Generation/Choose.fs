namespace Gpt

open System
open TorchSharp

/// How a token is picked from logits (B, V): one id a row.
[<RequireQualifiedAccess>]
module Choose =

    /// The most likely token of each row, int64 (B); the lowest id wins a tie.
    let greedy (logits: Tensor) : Tensor = logits.argmax -1L

    /// The largest number below 1. A uniform number that rounds to 1 would ask for more than all the mass.
    let private almostOne = MathF.BitDecrement 1.0f

    /// Numbers in [0, 1) as shares of the mass, on a device.
    let internal shares (device: torch.Device) (shape: int64 list) (numbers: float[]) : Tensor =
        numbers |> Array.map (fun number -> min (float32 number) almostOne) |> Tensors.ofFloats device shape

    /// The tokens, int64 (B), on which shares (B, 1) of the mass of softmax(logits) fall.
    let internal atShares (shares: Tensor) (logits: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let cumulative = (logits.softmax -1L).cumsum -1L
            let total = cumulative.narrow (1L, logits.shape[1] - 1L, 1L)
            // The number of tokens that end at or below the threshold is the id of the one that it falls on.
            cumulative.le(shares.mul total).sum 1L)

    let private invert (numbers: float[]) (logits: Tensor) : Tensor =
        use shares = shares logits.device [ logits.shape[0]; 1L ] numbers
        atShares shares logits

    /// Draws one token a row from softmax(logits), int64 (B), by the inverse of the cumulative distribution in token order:
    /// one uniform number a row, so one generator gives one text on every engine. A token of logit -inf is never drawn.
    let sample (rng: Rng) (logits: Tensor) : struct (Tensor * Rng) =
        let struct (numbers, after) = Rng.uniforms (int logits.shape[0]) rng
        struct (invert numbers logits, after)

    /// `sample` with a generator for each row, so that what a row draws does not hang on the rows beside it.
    let sampleRows (rngs: Rng[]) (logits: Tensor) : struct (Tensor * Rng[]) =
        let drawn = rngs |> Array.map Rng.uniform
        let numbers = drawn |> Array.map (fun struct (number, _) -> number)
        struct (invert numbers logits, drawn |> Array.map (fun struct (_, after) -> after))

    /// The logits with independent Gumbel noise -ln(-ln u) added to each: B V uniform numbers, in row-major order.
    let private perturb (rng: Rng) (logits: Tensor) : struct (Tensor * Rng) =
        let struct (numbers, after) = Rng.uniforms (int (logits.numel ())) rng
        // At u = 0 the noise would be -inf, which is what a token that is ruled out has: just above it keeps them apart.
        let noise = numbers |> Array.map (fun u -> max (float32 (-log(-log u))) Single.MinValue)
        use noise = Tensors.ofFloats logits.device (List.ofArray logits.shape) noise
        struct (logits.add noise, after)

    /// The same distribution as `sample` by the largest of logits with Gumbel noise (Gumbel 1954): int64 (B). It takes a number
    /// a token where `sample` takes one a row, but no sums: each token's share can be worked out apart.
    let gumbel (rng: Rng) (logits: Tensor) : struct (Tensor * Rng) =
        let struct (perturbed, after) = perturb rng logits
        use perturbed = perturbed
        struct (greedy perturbed, after)

    /// Draws `count` different tokens a row, int64 (B, count), without replacement and in the order of drawing (Gumbel top-k:
    /// Vieira 2014; Kool, van Hoof, Welling 2019). `count` must be in 1 to V. Where fewer tokens than that can come,
    /// tokens of logit -inf fill up the end.
    let withoutReplacement (count: int) (rng: Rng) (logits: Tensor) : struct (Tensor * Rng) =
        let vocab = int logits.shape[1]
        Argument.require (count >= 1 && count <= vocab) (nameof count) count $"in 1 to {vocab}"
        let struct (perturbed, after) = perturb rng logits
        use perturbed = perturbed
        let struct (values, ids) = perturbed.topk (count, -1)
        values.Dispose()
        struct (ids, after)
