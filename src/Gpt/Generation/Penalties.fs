namespace Gpt

open System
open System.Runtime.InteropServices

/// The tokens that stand before the next one, a row of ids for each row of logits: prompt and generated text alike.
/// A row is a view of ids that lie elsewhere, so that a step copies no text.
type History = ReadOnlyMemory<int>[]

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
