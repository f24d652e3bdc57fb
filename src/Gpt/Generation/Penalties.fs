namespace Gpt

open System

/// Warpers that look at what has been said. Each takes the history last but for the logits, so that
/// `fun history -> Penalties.repetition 1.2 history >> Warpers.topK 40` is one step of a chain.
/// Tokens that do not stand in the history keep their logits, unless an n-gram rule bans them.
/// Each raises ArgumentOutOfRangeException for an argument it cannot use, and ArgumentException for a history that has
/// another number of rows than the logits, or an id outside the vocabulary.
[<RequireQualifiedAccess>]
module Penalties =

    /// The last `n` tokens of each row, or all where there are fewer: penalties for what was said lately (llama.cpp's
    /// penalty_last_n) are `fun history -> Penalties.repetition 1.2 (Penalties.last 64 history)`. `n` must be at least 0.
    let last (n: int) (history: History) : History =
        Argument.require (n >= 0) (nameof n) n "at least 0"
        history |> Array.map (fun text -> text.Slice(max 0 (text.Length - n)))

    /// A warper that looks at how often each token has occurred, as one that looks at the texts.
    let private counting (warp: Tensor -> Tensor -> Tensor) (history: History) : Tensor -> Tensor =
        fun logits -> Tensors.scoped (fun () -> warp (Histories.counted history logits) logits)

    /// `repetition` for one who knows how often each token has occurred, `counts` (B, V): what `Stage.Count` takes.
    let repetitionOf (penalty: float) : Tensor -> Tensor -> Tensor =
        Argument.require (penalty > 0.0 && penalty < infinity) (nameof penalty) penalty "positive and finite"

        fun counts logits ->
            Tensors.scoped (fun () ->
                let zero = Tensors.scalar 0.0
                let lowered = logits.div (Tensors.scalar penalty)
                let punished = lowered.where (logits.gt zero, logits.mul (Tensors.scalar penalty))
                punished.where (counts.gt zero, logits))

    /// Divides the positive logits of tokens that have occurred by `penalty` and multiplies their negative ones, once however
    /// often they occurred (Keskar et al. 2019, as in transformers). `penalty` must be positive; 1 changes nothing.
    let repetition (penalty: float) : History -> Tensor -> Tensor = counting (repetitionOf penalty)

    /// `presenceAndFrequency` for one who knows how often each token has occurred, `counts` (B, V): what `Stage.Count` takes.
    let presenceAndFrequencyOf (presence: float) (frequency: float) : Tensor -> Tensor -> Tensor =
        Argument.require (Double.IsFinite presence) (nameof presence) presence "finite"
        Argument.require (Double.IsFinite frequency) (nameof frequency) frequency "finite"

        fun counts logits ->
            Tensors.scoped (fun () ->
                let once = counts.clamp_max (Tensors.scalar 1.0)
                let owed = once.mul(Tensors.scalar presence).add(counts.mul (Tensors.scalar frequency))
                logits.sub owed)

    /// Takes `presence` off the logit of every token that has occurred, and `frequency` for each time it has: OpenAI's and
    /// llama.cpp's penalties. Negative values reward. Both must be finite; 0 and 0 change nothing.
    let presenceAndFrequency (presence: float) (frequency: float) : History -> Tensor -> Tensor =
        counting (presenceAndFrequencyOf presence frequency)

    /// Takes from a token that would go on with a repeat of n tokens, n at least the allowed length, multiplier *
    /// base^(n - allowed length): the longest repeat counts, none reaches over a breaker (DRY, see the fields of `Dry`).
    /// Repeats may overlap themselves. Linear in the length of the text.
    let dry (options: Dry) (history: History) : Tensor -> Tensor =
        Dry.require options

        if options.Multiplier = 0.0 then
            id
        else
            let breakers = options.Breakers |> List.map Array.ofList |> Array.ofList
            let owed = Histories.perToken (FillRow(fun text cells -> Dry.owed options breakers text cells))
            fun logits -> Tensors.scoped (fun () -> logits.sub (owed history logits))

    /// Marks what once came after the last `size - 1` tokens of a text, wherever they stood in it before.
    let private followers (size: int) =
        let before = size - 1

        FillRow(fun text cells ->
            for start in 0 .. text.Length - size do
                if text.Slice(start, before).SequenceEqual(text.Slice(text.Length - before)) then
                    cells[text[start + before]] <- 1.0f)

    /// Rules out every token that would make a run of `size` tokens stand twice in a row's text (Paulus et al. 2017, as in
    /// transformers). `size` must be at least 1; 1 rules out every token that has occurred.
    let noRepeatNgram (size: int) (history: History) : Tensor -> Tensor =
        Argument.require (size >= 1) (nameof size) size "at least 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let banned = Histories.perToken (followers size) history logits
                logits.masked_fill (banned.gt (Tensors.scalar 0.0), Tensors.scalar -infinity))
