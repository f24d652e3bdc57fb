namespace Gpt

open System
open System.Buffers
open System.Runtime.InteropServices

/// The tokens that stand before the next one, a row of ids for each row of logits: prompt and generated text alike.
/// A row is a view of ids that lie elsewhere, so that a step copies no text.
type History = ReadOnlyMemory<int>[]

/// DRY, "don't repeat yourself" (p-e-w 2024, as in llama.cpp): how a token is punished that would go on a repetition.
type DryOptions = {
    /// What the shortest punished repetition costs. At least 0; 0 changes nothing.
    Multiplier: float
    /// How many times as much each further token costs. At least 1.
    Base: float
    /// Repetitions of up to so many tokens go unpunished, the token to come not counted; at least 1.
    AllowedLength: int
    /// Sequences of tokens, no repetition being followed across their last ones.
    Breakers: int list list
}

[<RequireQualifiedAccess>]
module DryOptions =

    /// llama.cpp's, but for the multiplier: 0 (off) there, and the usual 0.8 when it is on; base 1.75, allowed length 2. No
    /// breakers: they hang on the vocabulary.
    let defaults: DryOptions = {
        Multiplier = 0.8
        Base = 1.75
        AllowedLength = 2
        Breakers = []
    }

/// Warpers that look at what has been said. Each takes the history last but for the logits, so that
/// `fun history -> Penalties.repetition 1.2 history >> Warpers.topK 40` is one step of a chain.
/// Tokens that do not stand in the history keep their logits, unless an n-gram rule bans them.
/// Each raises ArgumentOutOfRangeException for an argument it cannot use, and ArgumentException for a history that has
/// another number of rows than the logits, or an id outside the vocabulary.
[<RequireQualifiedAccess>]
module Penalties =

    /// How often `pick` names each token for each row of the history: float32 (B, V).
    let private count (pick: ReadOnlyMemory<int> -> int seq) (history: History) (logits: Tensor) : Tensor =
        let rows, vocab = int logits.shape[0], int logits.shape[1]

        if history.Length <> rows then
            invalidArg (nameof history) $"the history has {history.Length} rows, the logits have {rows}"

        let onCpu = Tensors.zeros (Device.cpu ()) [ int64 rows; int64 vocab ]

        for row in 0 .. rows - 1 do
            for id in pick history[row] do
                if id < 0 || id >= vocab then
                    invalidArg (nameof history) $"the history holds token {id}; ids must be in 0 to {vocab - 1}"

                let counts = Tensors.span onCpu
                counts[row * vocab + id] <- counts[row * vocab + id] + 1.0f

        onCpu.``to`` logits.device

    /// Every token of a text.
    let private every (text: ReadOnlyMemory<int>) : int seq = MemoryMarshal.ToEnumerable text

    /// Divides the positive logits of tokens that have occurred by `penalty` and multiplies their negative ones, once however
    /// often they occurred (Keskar et al. 2019, as in transformers). `penalty` must be positive; 1 changes nothing.
    let repetition (penalty: float) (history: History) : Tensor -> Tensor =
        Argument.require (penalty > 0.0 && penalty < infinity) (nameof penalty) penalty "positive and finite"

        if penalty = 1.0 then
            id
        else
            fun logits ->
                Tensors.scoped (fun () ->
                    let zero = Tensors.scalar 0.0
                    let seen = (count every history logits).gt zero
                    let lowered = logits.div (Tensors.scalar penalty)
                    let punished = lowered.where (logits.gt zero, logits.mul (Tensors.scalar penalty))
                    punished.where (seen, logits))

    /// Takes `presence` off the logit of every token that has occurred, and `frequency` for each time it has: OpenAI's and
    /// llama.cpp's penalties. Negative values reward. Both must be finite; 0 and 0 change nothing.
    let presenceAndFrequency (presence: float) (frequency: float) (history: History) : Tensor -> Tensor =
        Argument.require (Double.IsFinite presence) (nameof presence) presence "finite"
        Argument.require (Double.IsFinite frequency) (nameof frequency) frequency "finite"

        fun logits ->
            Tensors.scoped (fun () ->
                let counts = count every history logits
                let once = counts.clamp_max (Tensors.scalar 1.0)
                let owed = once.mul(Tensors.scalar presence).add(counts.mul (Tensors.scalar frequency))
                logits.sub owed)

    /// What once came after the last `size - 1` tokens of a text, wherever they stood in it before.
    let private repeats (size: int) (text: ReadOnlyMemory<int>) : int seq =
        let before = size - 1

        seq {
            for start in 0 .. text.Length - size do
                if text.Span.Slice(start, before).SequenceEqual(text.Span.Slice(text.Length - before)) then
                    text.Span[start + before]
        }

    /// Rules out every token that would make a run of `size` tokens stand twice in a row's text (Paulus et al. 2017, as in
    /// transformers). `size` must be at least 1; 1 rules out every token that has occurred.
    let noRepeatNgram (size: int) (history: History) : Tensor -> Tensor =
        Argument.require (size >= 1) (nameof size) size "at least 1"

        fun logits ->
            Tensors.scoped (fun () ->
                let banned = count (repeats size) history logits
                logits.masked_fill (banned.gt (Tensors.scalar 0.0), Tensors.scalar -infinity))

    /// How many tokens stand behind the last break of a text.
    let private sinceBreak (breakers: int list list) (text: ReadOnlySpan<int>) : int =
        let mutable first = 0

        for breaker in breakers do
            let start = text.LastIndexOf(ReadOnlySpan(Array.ofList breaker))

            if start >= 0 then
                first <- max first (start + breaker.Length)

        text.Length - first

    /// The Z function of a text read backwards (Gusfield 1997): z[i] tokens up to the one that has i tokens after it are also the
    /// text's last ones, in the same order. Linear in the length.
    let private fillZ (text: ReadOnlySpan<int>) (z: Span<int>) : unit =
        let last = text.Length - 1
        let mutable left = 0
        let mutable right = 0

        for i in 1..last do
            let mutable size = if i < right then min (right - i) z[i - left] else 0

            while i + size <= last && text[last - size] = text[last - i - size] do
                size <- size + 1

            z[i] <- size

            if i + size > right then
                left <- i
                right <- i + size

    /// Takes Multiplier · Base^(n - AllowedLength) off the logit of a token that would go on a repetition of n tokens, n at least
    /// AllowedLength: the text's last n tokens stood in it before, and the token came after them. The longest repetition
    /// counts. Raises ArgumentOutOfRangeException for options out of range.
    let dry (options: DryOptions) (history: History) : Tensor -> Tensor =
        let {
                Multiplier = multiplier
                Base = factor
            } =
            options

        Argument.require (multiplier >= 0.0 && multiplier < infinity) "multiplier" multiplier "at least 0 and finite"
        Argument.require (factor >= 1.0 && factor < infinity) "base" factor "at least 1 and finite"
        Argument.require (options.AllowedLength >= 1) "allowed length" options.AllowedLength "at least 1"

        // A power that leaves float32 would be an infinite penalty, and -inf a ban: the largest finite one is enough.
        let cost length =
            min (multiplier * factor ** float (length - options.AllowedLength)) (float Single.MaxValue / 4.0)

        fun logits ->
            Tensors.scoped (fun () ->
                let vocab = int logits.shape[1]
                let onCpu = Tensors.zeros (Device.cpu ()) (List.ofArray logits.shape)

                for row in 0 .. history.Length - 1 do
                    let text = history[row].Span
                    let costs = (Tensors.span onCpu).Slice(row * vocab, vocab)
                    let z = ArrayPool.Shared.Rent text.Length
                    fillZ text (Span z)
                    let longest = sinceBreak options.Breakers text

                    for i in 1 .. text.Length - 1 do
                        let length, next = min z[i] longest, text[text.Length - i]

                        if length >= options.AllowedLength then
                            costs[next] <- max costs[next] (float32 (cost length))

                    ArrayPool.Shared.Return z

                logits.sub (onCpu.``to`` logits.device))

    /// The last `count` tokens of each row, at least 1: what llama.cpp's `penalty_last_n` lets penalties see.
    let last (count: int) (history: History) : History =
        Argument.require (count >= 1) (nameof count) count "at least 1"
        history |> Array.map (fun text -> text.Slice(max 0 (text.Length - count)))
