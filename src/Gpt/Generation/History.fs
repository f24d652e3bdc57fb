namespace Gpt

open System

/// The tokens that stand before the next one, a row of ids for each row of logits: prompt and generated text alike.
/// A row is a view of ids that lie elsewhere, so that a step copies no text.
type History = ReadOnlyMemory<int>[]

/// Fills one number a token, zeros at first, from the text of a row.
type internal FillRow = delegate of text: ReadOnlySpan<int> * cells: Span<float32> -> unit

/// What warpers do that look at the text so far.
[<RequireQualifiedAccess>]
module internal Histories =

    /// Raises ArgumentException for a token that the vocabulary does not have.
    let requireToken (name: string) (vocab: int) (id: int) : unit =
        if id < 0 || id >= vocab then
            invalidArg name $"{name} holds token {id}; ids must be in 0 to {vocab - 1}"

    /// A number for each token after each row's text: float32 (B, V) on the device of the logits, as `fill` writes it.
    /// Raises ArgumentException for a history of another number of rows than the logits, or with an id outside 0 to V - 1.
    let perToken (fill: FillRow) (history: History) (logits: Tensor) : Tensor =
        let rows, vocab = int logits.shape[0], int logits.shape[1]

        if history.Length <> rows then
            invalidArg (nameof history) $"the history has {history.Length} rows, the logits have {rows}"

        let onCpu = Tensors.zeros (Device.cpu ()) [ int64 rows; int64 vocab ]

        for row in 0 .. rows - 1 do
            let text = history[row].Span

            for id in text do
                requireToken (nameof history) vocab id

            fill.Invoke(text, (Tensors.span onCpu).Slice(row * vocab, vocab))

        onCpu.``to`` logits.device
