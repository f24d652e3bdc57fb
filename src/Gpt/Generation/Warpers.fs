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

    /// Keeps the smallest set of most likely tokens whose probabilities sum to at least `p` (nucleus sampling, Holtzman et
    /// al. 2019); of tokens with equal logits the lower id comes first. `p` must be in (0, 1]; 1 changes nothing.
    let topP (p: float) : Tensor -> Tensor =
        Argument.require (p > 0.0 && p <= 1.0) (nameof p) p "above 0 and at most 1"

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

    /// Divides the logits by a temperature that rises with the entropy H of the row: low + (high - low) (H / H_max)^exponent,
    /// H_max that of as many equally likely tokens as are not ruled out (llama.cpp's dynamic temperature). `low` must be
    /// positive and at most `high`, `high` finite, `exponent` positive and finite.
    let dynamicTemperature (low: float) (high: float) (exponent: float) : Tensor -> Tensor =
        Argument.require (low > 0.0 && low <= high) (nameof low) low $"positive and at most high, {high}"
        Argument.require (high < infinity) (nameof high) high "finite"
        Argument.require (exponent > 0.0 && exponent < infinity) (nameof exponent) exponent "positive and finite"

        fun logits ->
            Tensors.scoped (fun () ->
                let struct (logs, probabilities) = logProbabilities logits
                let possible = logits.gt(Tensors.scalar -infinity).sum([| 1L |], true).``to`` logits.dtype
                // A single token has no entropy to compare with: at least two keep the quotient finite.
                let most = possible.clamp_min(Tensors.scalar 2.0).log()
                let share = (entropy logs probabilities).div(most).clamp(Tensors.scalar 0.0, Tensors.scalar 1.0)
                let rise = share.pow(Tensors.scalar exponent).mul(Tensors.scalar (high - low))
                logits.div (rise.add (Tensors.scalar low)))

    /// Rules out all tokens with a probability of at least `threshold` but the least likely of them, where there are two or more,
    /// in rows whose coin falls so: with chance `probability`, one uniform number a row (llama.cpp's XTC, "exclude top
    /// choices"). Both must be in [0, 1]; a probability of 0 and a threshold above 0.5 change nothing.
    let xtc (probability: float) (threshold: float) : Rng -> Tensor -> struct (Tensor * Rng) =
        let isShare x = x >= 0.0 && x <= 1.0
        Argument.require (isShare probability) (nameof probability) probability "at least 0 and at most 1"
        Argument.require (isShare threshold) (nameof threshold) threshold "at least 0 and at most 1"

        fun rng logits ->
            let struct (coins, after) = Rng.uniforms (int logits.shape[0]) rng

            let warped =
                Tensors.scoped (fun () ->
                    let falls = coins |> Array.map (fun coin -> if coin < probability then 1.0f else 0.0f)
                    let falls = Tensors.ofFloats logits.device [ falls.LongLength; 1L ] falls
                    let probabilities = logits.softmax -1L
                    let isTop = probabilities.ge (Tensors.scalar threshold)
                    // The least likely of the top choices, ties included, stays.
                    let others = probabilities.masked_fill (isTop.logical_not (), Tensors.scalar infinity)
                    let struct (least, _) = others.neg().max(1L, keepdim = true)
                    let excluded = isTop.logical_and (probabilities.gt (least.neg ()))
                    ruleOut logits (excluded.logical_and (falls.gt (Tensors.scalar 0.0))))

            struct (warped, after)

    /// Classifier-free guidance (Sanchez et al. 2023, as in transformers): log-probabilities u + scale (c - u), where the logits give
    /// the log-probabilities c and `unconditional` (B, V), of the text without the prompt, gives u. A token that is ruled
    /// out in either stays so. `scale` must be finite; 1 gives c.
    let guidance (scale: float) (unconditional: Tensor) : Tensor -> Tensor =
        Argument.require (Double.IsFinite scale) (nameof scale) scale "finite"

        fun logits ->
            Tensors.scoped (fun () ->
                let conditional = torch.nn.functional.log_softmax (logits, -1L)
                let other = torch.nn.functional.log_softmax (unconditional, -1L)
                let guided = other.add (conditional.sub(other).mul(Tensors.scalar scale))

                let impossible =
                    (conditional.eq (Tensors.scalar -infinity)).logical_or(other.eq (Tensors.scalar -infinity))

                ruleOut guided impossible)
