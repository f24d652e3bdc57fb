namespace Gpt

open System

/// What has to hold of logits (B, V) before a token can be picked from them.
[<RequireQualifiedAccess>]
module Logits =

    /// Raises ArgumentException, naming the row, when a row holds NaN or +inf, or has no token that is not ruled out: its
    /// softmax would be no distribution. Waits for the device.
    let check (logits: Tensor) : unit =
        // The largest logit of a row tells: NaN wins over every number, and -inf is the largest only where there is nothing else.
        let struct (best, places) = logits.max 1L
        places.Dispose()
        use best = best

        for row, value in Seq.indexed (Tensors.toFloats best) do
            if Single.IsNaN value then
                invalidArg (nameof logits) $"The logits of row {row} hold NaN; they must be numbers or -inf."
            elif Single.IsNegativeInfinity value then
                invalidArg (nameof logits) $"Every token of row {row} is ruled out; at least one must be left."
            elif Single.IsPositiveInfinity value then
                invalidArg (nameof logits) $"The logits of row {row} hold +inf; they must be numbers or -inf."
