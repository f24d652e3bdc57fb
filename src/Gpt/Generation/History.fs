namespace Gpt

open System
open TorchSharp

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

    /// How often each token stands in each row's text: float32 (B, V). Raises as `perToken` does.
    let counted: History -> Tensor -> Tensor =
        perToken (
            FillRow(fun text cells ->
                for id in text do
                    cells[id] <- cells[id] + 1.0f)
        )

    /// The last `width` ids of each row's text: int64 (B, width) on a device, -1 in front of a shorter text.
    let recent (device: torch.Device) (width: int) (history: History) : Tensor =
        let ids = Array.create (history.Length * width) -1L

        for row in 0 .. history.Length - 1 do
            let text = history[row].Span

            for i in 1 .. min width text.Length do
                ids[(row + 1) * width - i] <- int64 text[text.Length - i]

        Tensors.ofIds device [ history.LongLength; int64 width ] ids

    /// `counted` for ids that the device knows, as `recent` gives them.
    let countedOf (vocab: int64) (recent: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let none = Tensors.zeros recent.device [ recent.shape[0]; vocab ]
            let stands = recent.ge(Tensors.wholeScalar 0L).``to`` torch.ScalarType.Float32
            none.scatter_add (1L, recent.clamp_min (Tensors.wholeScalar 0L), stands))
