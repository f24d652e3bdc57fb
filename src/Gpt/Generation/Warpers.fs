namespace Gpt

open System
open TorchSharp

/// Warpers reshape a distribution before a token is drawn from it: functions from logits (B, V) to logits (B, V), pure, so
/// that they compose with `>>`. A token that a warper rules out gets logit -inf. Each one checks its argument when it
/// is given, before any logits, and raises ArgumentOutOfRangeException with the value and the allowed range.
[<RequireQualifiedAccess>]
module Warpers =

    let private ruleOut (logits: Tensor) (mask: Tensor) = logits.masked_fill (mask, Tensors.scalar -infinity)

    /// Divides the logits by `temperature`: below 1 the likely tokens gain, above 1 they lose.
    /// The order of the tokens stays. `temperature` must be positive and finite; greedy choice is what 0 would mean.
    let temperature (temperature: float) : Tensor -> Tensor =
        Argument.require
            (temperature > 0.0 && temperature < infinity)
            (nameof temperature)
            temperature
            "positive and finite (use greedy for 0)"

        fun logits -> logits.div (Tensors.scalar temperature)

    /// Keeps the `k` most likely tokens, and whatever ties with the last of them (Fan, Lewis, Dauphin 2018; ties as in
    /// transformers). `k` must be at least 1; from V on it changes nothing.
    let topK (k: int) : Tensor -> Tensor =
        Argument.require (k >= 1) (nameof k) k "at least 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let count = min k (int logits.shape[1])
                let struct (best, _) = logits.topk (count, -1)
                ruleOut logits (logits.lt (best.narrow (1L, int64 count - 1L, 1L))))

    /// Which of the tokens go, their probabilities given from the largest on: those before which a share of `p` has come.
    let private beyond (p: float) (ordered: Tensor) : Tensor = ordered.cumsum(-1L).sub(ordered).ge(Tensors.scalar p)

    /// The nucleus of each row by its definition: all tokens in order of likelihood.
    let private nucleusOfAll (p: float) (logits: Tensor) : Tensor =
        let struct (sorted, order) = torch.sort (logits, -1L, descending = true, stable = true)
        let kept = ruleOut sorted (beyond p ((logits.softmax -1L).gather(-1L, order)))
        kept.scatter (-1L, order, kept)

    /// The same, found among the `count` most likely tokens. None where these do not settle it in every row: the nucleus may
    /// be larger, or its border run through a tie.
    let private nucleusOfBest (count: int) (p: float) (logits: Tensor) : Tensor option =
        let struct (best, places) = logits.topk (count, -1)
        let gone = beyond p ((logits.softmax -1L).gather(-1L, places))
        let last = best.masked_fill(gone, Tensors.scalar infinity).amin([| 1L |], true)
        let next = best.masked_fill(gone.logical_not (), Tensors.scalar -infinity).amax([| 1L |], true)
        let settled = gone.narrow(1L, int64 count - 1L, 1L).logical_and(next.lt last).all()

        if settled.item<bool>() then
            Some(ruleOut logits (logits.lt last))
        else
            None

    /// Keeps the smallest set of most likely tokens whose probabilities sum to at least `p` (nucleus sampling, Holtzman et
    /// al. 2019); of tokens with equal logits the lower id comes first. `p` must be in (0, 1]; 1 changes nothing.
    let topP (p: float) : Tensor -> Tensor =
        Argument.require (p > 0.0 && p <= 1.0) (nameof p) p "above 0 and at most 1"
        // The nucleus of a language model nearly always lies in here.
        let likely = 256

        if p = 1.0 then
            id
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    // A look at the few best saves sorting, but asks for an answer in between: on a GPU that would wait.
                    let mayAsk = logits.device.``type`` = DeviceType.CPU && logits.shape[1] > int64 likely

                    if mayAsk then
                        nucleusOfBest likely p logits |> Option.defaultWith (fun () -> nucleusOfAll p logits)
                    else
                        nucleusOfAll p logits)

    /// Keeps the tokens at least `p` times as likely as the most likely one (Nguyen et al. 2024). `p` must be in [0, 1];
    /// 0 changes nothing, 1 keeps the best and its ties.
    let minP (p: float) : Tensor -> Tensor =
        Argument.require (p >= 0.0 && p <= 1.0) (nameof p) p "at least 0 and at most 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let probabilities = logits.softmax -1L
                let struct (best, _) = probabilities.max (1L, keepdim = true)
                ruleOut logits (probabilities.lt (best.mul (Tensors.scalar p))))

    /// log p and p of each token; where p is 0, both are 0, so that p log p is what it tends to.
    let private logProbabilities (logits: Tensor) : struct (Tensor * Tensor) =
        let logs = torch.nn.functional.log_softmax (logits, -1L)
        let impossible = logs.eq (Tensors.scalar -infinity)
        struct (logs.masked_fill (impossible, Tensors.scalar 0.0), logs.exp ())

    /// The entropy of each row in nats, (B, 1).
    let private entropy (logs: Tensor) (probabilities: Tensor) : Tensor =
        probabilities.mul(logs).sum([| 1L |], true).neg()

    /// Keeps the tokens whose information -log p lies nearest to the entropy, until their probabilities sum to at least
    /// `p`, and whatever ties with the last of them (locally typical sampling, Meister et al. 2022; as in transformers).
    /// `p` must be in (0, 1]; 1 changes nothing.
    let typical (p: float) : Tensor -> Tensor =
        Argument.require (p > 0.0 && p <= 1.0) (nameof p) p "above 0 and at most 1"

        if p = 1.0 then
            id
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    let struct (logs, probabilities) = logProbabilities logits
                    // What cannot come is farthest away.
                    let impossible = logits.eq (Tensors.scalar -infinity)
                    let distance = logs.neg().sub(entropy logs probabilities).abs()
                    let distance = distance.masked_fill (impossible, Tensors.scalar infinity)
                    let struct (sorted, order) = torch.sort (distance, -1L, descending = false, stable = true)
                    let ordered = probabilities.gather (1L, order)
                    let massBefore = ordered.cumsum(1L).sub ordered
                    let needed = massBefore.lt(Tensors.scalar p).sum([| 1L |], true)
                    let border = sorted.gather (1L, needed.sub (Scalar.op_Implicit 1L))
                    ruleOut logits (distance.gt border))

    /// Rules out what is less likely than a bound (B, 1) or a number, but never the best token and its ties.
    let private cutBelow (logits: Tensor) (probabilities: Tensor) (tooSmall: Tensor) : Tensor =
        let struct (best, _) = probabilities.max (1L, keepdim = true)
        ruleOut logits (tooSmall.logical_and (probabilities.lt best))

    /// Rules out tokens less likely than `epsilon`, never the best (Hewitt, Manning, Liang 2022). `epsilon` must be in [0, 1);
    /// 0 changes nothing.
    let epsilonCutoff (epsilon: float) : Tensor -> Tensor =
        Argument.require (epsilon >= 0.0 && epsilon < 1.0) (nameof epsilon) epsilon "at least 0 and below 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let probabilities = logits.softmax -1L
                cutBelow logits probabilities (probabilities.lt (Tensors.scalar epsilon)))

    /// Rules out tokens less likely than min(epsilon, √epsilon e^-H), H the entropy, never the best: the cut falls where the
    /// distribution is flat (Hewitt, Manning, Liang 2022). `epsilon` must be in [0, 1); 0 changes nothing.
    let etaCutoff (epsilon: float) : Tensor -> Tensor =
        Argument.require (epsilon >= 0.0 && epsilon < 1.0) (nameof epsilon) epsilon "at least 0 and below 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let struct (logs, probabilities) = logProbabilities logits
                let scaled = (entropy logs probabilities).neg().exp().mul(Tensors.scalar (sqrt epsilon))
                let bound = scaled.clamp_max (Tensors.scalar epsilon)
                cutBelow logits probabilities (probabilities.lt bound))

    /// Keeps the tokens whose logit lies at most `n` standard deviations below the largest one; the deviation is that of
    /// the row's finite logits (Tang et al. 2024). The kept set does not change with temperature. `n` must be positive.
    let topNSigma (n: float) : Tensor -> Tensor =
        Argument.require (n > 0.0) (nameof n) n "positive"

        fun logits ->
            Tensors.scoped (fun () ->
                let impossible = logits.eq (Tensors.scalar -infinity)
                let zero = Tensors.scalar 0.0
                let count = impossible.logical_not().sum([| 1L |], true).``to`` logits.dtype
                let mean = logits.masked_fill(impossible, zero).sum([| 1L |], true).div count
                let spread = logits.sub(mean).masked_fill(impossible, zero)
                let deviation = (spread.mul spread).sum([| 1L |], true).div(count).sqrt()
                let struct (best, _) = logits.max (1L, keepdim = true)
                ruleOut logits (logits.lt (best.sub (deviation.mul (Tensors.scalar n)))))
