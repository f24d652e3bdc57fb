namespace Gpt

open System
open TorchSharp

/// Warpers reshape a distribution before a token is drawn from it: functions from logits (B, V) to logits (B, V), pure, so
/// that they compose with `>>`. A token that a warper rules out gets logit -inf. Each one checks its argument when it
/// is given, before any logits, and raises ArgumentOutOfRangeException with the value and the allowed range.
[<RequireQualifiedAccess>]
module Warpers =

    let private ruleOut (logits: Tensor) (mask: Tensor) = logits.masked_fill (mask, Tensors.scalar -infinity)

    // Temperatures that float32 can divide by: none is as good as 0 or infinity.
    let private coldest = 1e-37
    let private hottest = 1e37

    /// What is to be divided by temperatures from `least` on. One that could carry a logit past the range of float32 needs
    /// the best of the row to be 0, so that it stays.
    let private dividend (least: float) (logits: Tensor) : Tensor =
        if least < 1e-20 then Logits.belowBest logits else logits

    /// Divides the logits by `temperature`: below 1 the likely tokens gain, above 1 they lose.
    /// The order of the tokens stays. `temperature` must be positive and finite; greedy choice is what 0 would mean.
    let temperature (temperature: float) : Tensor -> Tensor =
        Argument.require
            (temperature > 0.0 && temperature < infinity)
            (nameof temperature)
            temperature
            "positive and finite (use greedy for 0)"

        let divisor = Tensors.scalar (Math.Clamp(temperature, coldest, hottest))
        fun logits -> Tensors.scoped (fun () -> (dividend temperature logits).div divisor)

    /// Divides the logits of a row by a temperature that grows with its entropy, from `low` where the model is sure to `high`
    /// where it has no idea: low + (high - low) (H / ln n)^exponent, H the entropy and n the number of tokens not ruled out
    /// (llama.cpp's dynamic temperature; its default exponent is 1). A row with one candidate has temperature 1.
    /// `low` must be at least 0, `high` positive, finite and not below `low`, `exponent` at least 0 and finite; `low` and
    /// `high` 1 change nothing.
    let dynamicTemperature (low: float) (high: float) (exponent: float) : Tensor -> Tensor =
        Argument.require (low >= 0.0 && low < infinity) (nameof low) low "at least 0 and finite"

        Argument.require
            (high >= low && high > 0.0 && high < infinity)
            (nameof high)
            high
            $"positive, finite and at least {nameof low}, which is {low}"

        Argument.require (exponent >= 0.0 && exponent < infinity) (nameof exponent) exponent "at least 0 and finite"

        if low = high then
            temperature high
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    let struct (logs, probabilities) = Logits.logProbabilities logits
                    let count = Logits.candidates logits
                    let share = (Logits.entropy logs probabilities).div(count.log ())
                    // Rounding can leave an entropy outside its range by a hair.
                    let share = share.clamp_min(Tensors.scalar 0.0).clamp_max(Tensors.scalar 1.0)
                    let rise = share.pow(Tensors.scalar exponent).mul(Tensors.scalar (high - low))
                    let warm = rise.add (Tensors.scalar low)
                    let warm = warm.clamp_min(Tensors.scalar coldest).clamp_max(Tensors.scalar hottest)
                    let single = count.le (Tensors.scalar 1.0)
                    (dividend low logits).div(warm.masked_fill (single, Tensors.scalar 1.0)))

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

        if Tensors.isTrue settled then
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
                    let mayAsk = Device.isCpu logits.device && logits.shape[1] > int64 likely

                    if mayAsk then
                        nucleusOfBest likely p logits |> Option.defaultWith (fun () -> nucleusOfAll p logits)
                    else
                        nucleusOfAll p logits)

    /// Keeps the tokens at least `p` times as likely as the most likely one (Nguyen et al. 2024). `p` must be in [0, 1];
    /// 0 changes nothing, 1 keeps the best and its ties.
    let minP (p: float) : Tensor -> Tensor =
        Argument.require (p >= 0.0 && p <= 1.0) (nameof p) p "at least 0 and at most 1"

        // In logarithms, where a shift of the row and what was ruled out before change nothing.
        let bound = Tensors.scalar (log p)
        fun logits -> Tensors.scoped (fun () -> ruleOut logits ((Logits.belowBest logits).lt bound))

    /// Keeps the tokens whose probability is at least `a` times the square of the best one's: the surer the model, the fewer
    /// (BlinkDL's top-a, 2022). `a` must be in [0, 1]; 0 changes nothing.
    let topA (a: float) : Tensor -> Tensor =
        Argument.require (a >= 0.0 && a <= 1.0) (nameof a) a "at least 0 and at most 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let probabilities = logits.softmax -1L
                let best = probabilities.amax ([| 1L |], true)
                ruleOut logits (probabilities.lt (best.mul(best).mul(Tensors.scalar a))))

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
                    let struct (logs, probabilities) = Logits.logProbabilities logits
                    // What cannot come is farthest away.
                    let impossible = logits.eq (Tensors.scalar -infinity)
                    let distance = logs.neg().sub(Logits.entropy logs probabilities).abs()
                    let distance = distance.masked_fill (impossible, Tensors.scalar infinity)
                    let struct (sorted, order) = torch.sort (distance, -1L, descending = false, stable = true)
                    let ordered = probabilities.gather (1L, order)
                    let massBefore = ordered.cumsum(1L).sub ordered
                    let needed = massBefore.lt(Tensors.scalar p).sum([| 1L |], true)
                    // Of numbers that are none, none are needed; the place must be one all the same.
                    let last = needed.sub(Tensors.wholeScalar 1L).clamp_min(Tensors.wholeScalar 0L)
                    let border = sorted.gather (1L, last)
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
                let struct (logs, probabilities) = Logits.logProbabilities logits
                let scaled = (Logits.entropy logs probabilities).neg().exp().mul(Tensors.scalar (sqrt epsilon))
                let bound = scaled.clamp_max (Tensors.scalar epsilon)
                cutBelow logits probabilities (probabilities.lt bound))

    /// Keeps the tokens whose logit lies at most `n` standard deviations below the largest one; the deviation is that of
    /// the row's finite logits (Tang et al. 2024). The kept set does not change with temperature. `n` must be positive.
    let topNSigma (n: float) : Tensor -> Tensor =
        Argument.require (n > 0.0) (nameof n) n "positive"

        fun logits ->
            Tensors.scoped (fun () ->
                let below = Logits.belowBest logits
                let impossible = below.eq (Tensors.scalar -infinity)
                let zero = Tensors.scalar 0.0
                let count = Logits.candidates logits
                let mean = below.masked_fill(impossible, zero).sum([| 1L |], true).div count
                let spread = below.sub(mean).masked_fill(impossible, zero)
                let deviation = (spread.mul spread).sum([| 1L |], true).div(count).sqrt()
                ruleOut logits (below.lt (deviation.mul (Tensors.scalar -n))))

    /// Excludes top choices: with the given probability, one coin a row, rules out all tokens that have a probability of at
    /// least `threshold` but the least likely of them, of equal ones the highest id (llama.cpp's XTC). Where fewer than two
    /// have it nothing happens, so that a threshold above 0.5 does nothing. Hands back the generator, moved on by one number
    /// a row whatever came of it. Both must be in [0, 1]; probability 0 changes nothing.
    let xtc (probability: float) (threshold: float) : Rng -> Tensor -> struct (Tensor * Rng) =
        let isShare x = x >= 0.0 && x <= 1.0
        Argument.require (isShare probability) (nameof probability) probability "at least 0 and at most 1"
        Argument.require (isShare threshold) (nameof threshold) threshold "at least 0 and at most 1"

        let exclude (coins: float[]) (logits: Tensor) =
            let thrown = coins |> Array.map (fun coin -> if coin < probability then 1.0f else 0.0f)
            let thrown = Tensors.ofFloats logits.device [ logits.shape[0]; 1L ] thrown
            let possible = logits.gt (Tensors.scalar -infinity)
            let top = (logits.softmax -1L).ge(Tensors.scalar threshold).logical_and possible
            let least = logits.masked_fill(top.logical_not (), Tensors.scalar infinity).amin([| 1L |], true)
            // The last of the top choices in the ranking: numbers from 1 on, for 0 is what a product leaves elsewhere.
            let numbers = Tensors.range logits.device 1L (logits.shape[1] + 1L)
            let isLeast = top.logical_and(logits.eq least).``to`` torch.ScalarType.Int64
            let last = isLeast.mul(numbers).amax([| 1L |], true)
            let others = top.logical_and (numbers.ne last)
            ruleOut logits (others.logical_and (thrown.gt (Tensors.scalar 0.0)))

        fun rng logits ->
            let struct (coins, after) = Rng.uniforms (int logits.shape[0]) rng

            if Array.forall (fun coin -> coin >= probability) coins then
                struct (logits, after)
            else
                struct (Tensors.scoped (fun () -> exclude coins logits), after)

    /// Moves the distribution away from another one, that of the same text without what is to be followed: with log p of
    /// both, other + scale (log p - other) (classifier-free guidance, Sanchez et al. 2023, as in transformers). What either
    /// rules out keeps its log p, so that no token comes back and none gets an infinite one. `scale` must be finite; 1 gives
    /// the log-probabilities of the logits themselves, above 1 moves away, 0 gives the other one.
    /// Raises ArgumentException if `unconditional` has not the shape of the logits, (B, V).
    let guidance (scale: float) (unconditional: Tensor) : Tensor -> Tensor =
        Argument.require (Double.IsFinite scale) (nameof scale) scale "finite"

        fun logits ->
            if logits.shape <> unconditional.shape then
                let shape (tensor: Tensor) = tensor.shape |> Seq.map string |> String.concat ", "

                invalidArg
                    (nameof unconditional)
                    $"the unconditional logits have shape ({shape unconditional}), the logits ({shape logits})"

            Tensors.scoped (fun () ->
                let logs = torch.nn.functional.log_softmax (logits, -1L)

                if scale = 1.0 then
                    logs
                else
                    let others = torch.nn.functional.log_softmax (unconditional, -1L)
                    let guided = others.add (logs.sub(others).mul(Tensors.scalar scale))
                    let isOut (values: Tensor) = values.eq (Tensors.scalar -infinity)
                    logs.where ((isOut logs).logical_or(isOut others), guided))
