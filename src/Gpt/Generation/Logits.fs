namespace Gpt

open System
open TorchSharp

/// What logits (B, V) say, and whether they say anything.
[<RequireQualifiedAccess>]
module Logits =

    let private impossible = -infinity

    /// log p and p of each token; where p is 0, both are 0, so that p log p is what it tends to.
    let internal logProbabilities (logits: Tensor) : struct (Tensor * Tensor) =
        let logs = torch.nn.functional.log_softmax (logits, -1L)
        let never = logs.eq (Tensors.scalar impossible)
        struct (logs.masked_fill (never, Tensors.scalar 0.0), logs.exp ())

    /// The entropy of each row in nats, (B, 1), from what `logProbabilities` gives.
    let internal entropy (logs: Tensor) (probabilities: Tensor) : Tensor =
        probabilities.mul(logs).sum([| 1L |], true).neg()

    /// How far each logit lies below the best of its row: 0 for the best, -inf for what is ruled out. The same whatever is
    /// added to a row, and exact near the best.
    let internal belowBest (logits: Tensor) : Tensor = logits.sub (logits.amax ([| 1L |], true))

    /// How many tokens of each row are not ruled out, (B, 1), in the type of the logits.
    let internal candidates (logits: Tensor) : Tensor =
        logits.gt(Tensors.scalar impossible).sum([| 1L |], true).``to`` logits.dtype

    /// Tokens, int64 (B), that were picked from logits (B, V), but -1 where `check` would complain. Nothing is read.
    let internal orUnfit (logits: Tensor) (picked: Tensor) : Tensor =
        let unfit = logits.amax([| 1L |], false).isfinite().logical_not()
        picked.masked_fill (unfit, Tensors.wholeScalar -1L)

    let private complain (logits: Tensor) (row: int) : unit =
        let vocab = int logits.shape[1]
        let values = Tensors.toFloats(logits).AsSpan(row * vocab, vocab).ToArray()

        match Array.tryFindIndex Single.IsNaN values, Array.tryFindIndex Single.IsPositiveInfinity values with
        | Some token, _ -> invalidArg (nameof logits) $"logits hold NaN at row {row}, token {token}"
        | None, Some token -> invalidArg (nameof logits) $"logits hold +infinity at row {row}, token {token}"
        | None, None -> invalidArg (nameof logits) $"every token of row {row} of the logits is ruled out"

    /// Complains of the first row whose largest logit is not as it should be; NaN counts as larger than all. One reduction.
    let private require (isFit: float32 -> bool) (logits: Tensor) : unit =
        Tensors.freeing (fun () ->
            let best = Tensors.toFloats (logits.amax ([| 1L |], true))

            match Array.tryFindIndex (isFit >> not) best with
            | Some row -> complain logits row
            | None -> ())

    /// Raises ArgumentException for logits (B, V) from which no token can be drawn: a row that holds NaN or +inf (with its
    /// first place), or nothing but -inf.
    let check (logits: Tensor) : unit = require Single.IsFinite logits

    /// `check`, for those who can do with a row of nothing but -inf.
    let internal checkNumbers (logits: Tensor) : unit = require (fun best -> best < infinityf) logits
