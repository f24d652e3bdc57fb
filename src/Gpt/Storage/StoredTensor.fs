namespace Gpt

open System
open System.IO
open System.Runtime.InteropServices
open TorchSharp

/// A tensor in a file: what the file says of it, and a way to its numbers. Nothing has been read yet.
type StoredTensor = {
    /// The file, for messages.
    Path: string
    /// Its name in the file.
    Name: string
    /// Its type as safetensors names it: F32, F16, BF16, I64 …
    Dtype: string
    /// Its axes as the file has them.
    Shape: int64 list
    /// Begins to read its numbers, in row-major order. To be disposed.
    Open: unit -> ByteReader
}

/// The tensors of one file or of several, by their names; open until disposed.
type TensorFiles = {
    /// The file, or the index of several, for messages.
    Source: string
    /// The tensors by their names.
    Tensors: Map<string, StoredTensor>
    /// What is open, and closed when this is disposed.
    Files: IDisposable list
} with

    interface IDisposable with
        member files.Dispose() =
            for file in files.Files do
                file.Dispose()

[<RequireQualifiedAccess>]
module StoredTensor =

    /// A shape as messages have it, such as [2; 3].
    let shapeText (shape: int64 list) : string = "[" + String.Join("; ", shape) + "]"

    /// How many numbers are under way at a time, 4 MB of them: what reading needs beside the tensor it fills.
    let private part = 1L <<< 20

    /// How many numbers it has.
    let count (stored: StoredTensor) : int64 = List.fold (*) 1L stored.Shape

    let private requireType (allowed: string list) (stored: StoredTensor) =
        if not (List.contains stored.Dtype allowed) then
            let names = String.concat ", " allowed

            raise (
                InvalidDataException
                    $"{stored.Path}: tensor {stored.Name} has dtype {stored.Dtype}; one of {names} is expected"
            )

    /// Raises InvalidDataException unless its numbers are real ones that can be widened to float32.
    let requireReal (stored: StoredTensor) : unit = requireType Widening.dtypes stored

    /// All its numbers as float32. Raises InvalidDataException for types other than F32, F16 and BF16.
    let floats (stored: StoredTensor) : float32[] =
        requireReal stored
        let values = Array.zeroCreate<float32>(int (count stored))
        use reader = stored.Open()
        Widening.read stored.Dtype reader (Span values)
        values

    /// All its numbers, which must be I64. Raises InvalidDataException for other types.
    let ids (stored: StoredTensor) : int64[] =
        requireType [ "I64" ] stored
        let values = Array.zeroCreate<int64>(int (count stored))
        use reader = stored.Open()
        reader.Read(MemoryMarshal.AsBytes(Span values))
        values

    /// Straight into the memory of a tensor on the CPU, all of it without gaps.
    let private fill (dtype: string) (reader: ByteReader) (target: Tensor) : unit =
        let flat = target.view -1L

        for first in 0L .. part .. flat.numel () - 1L do
            use own = flat.narrow (0L, first, min part (flat.numel () - first))
            Widening.read dtype reader (Tensors.span own)

    /// Through a buffer of a few rows of the stored matrix (rows, columns), which become rows or columns of the target.
    let private fillByRows
        dtype
        (reader: ByteReader)
        (transposed: bool)
        (rows: int64)
        (columns: int64)
        (target: Tensor)
        =
        let step = max 1L (min rows (part / max 1L columns))
        use buffer = Tensors.empty (Device.cpu ()) [ step; columns ]

        for first in 0L .. step .. rows - 1L do
            Tensors.freeing (fun () ->
                let read = buffer.narrow (0L, 0L, min step (rows - first))
                Widening.read dtype reader (Tensors.span read)

                if transposed then
                    target.narrow(1L, first, read.shape[0]).copy_(read.t ()) |> ignore
                else
                    target.narrow(0L, first, read.shape[0]).copy_ read |> ignore)

    /// Writes its numbers into a float32 tensor of the same shape, or, for a matrix, of the transposed shape. Nothing is made
    /// beside the target but a buffer of 4 MB at most (one row if that is more).
    /// Raises InvalidDataException for types other than F32, F16 and BF16.
    let copyTo (target: Tensor) (transposed: bool) (stored: StoredTensor) : unit =
        requireReal stored
        use reader = stored.Open()

        match stored.Shape with
        | [ rows; columns ] when transposed -> fillByRows stored.Dtype reader true rows columns target
        | _ when target.device_type = DeviceType.CPU && target.is_contiguous () -> fill stored.Dtype reader target
        | [ rows; columns ] -> fillByRows stored.Dtype reader false rows columns target
        | _ -> fillByRows stored.Dtype reader false 1L (count stored) (target.view (1L, -1L))

    /// Hands its numbers over as float32 tensors on a device, in blocks of whole rows: the first row's number and the rows, which
    /// are freed afterwards. A matrix comes in blocks of 4 MB (one row if that is more), a transposed one or a vector at once.
    /// Raises InvalidDataException for types other than F32, F16 and BF16.
    let blocks
        (device: torch.Device)
        (transposed: bool)
        (write: int64 -> Tensor -> unit)
        (stored: StoredTensor)
        : unit =
        match stored.Shape with
        | [ rows; columns ] when not transposed ->
            requireReal stored
            use reader = stored.Open()
            let step = max 1L (part / max 1L columns)

            for first in 0L .. step .. rows - 1L do
                Tensors.freeing (fun () ->
                    let block = Tensors.empty (Device.cpu ()) [ min step (rows - first); columns ]
                    Widening.read stored.Dtype reader (Tensors.span block)
                    write first (block.``to`` device))
        | shape ->
            Tensors.freeing (fun () ->
                let whole = Tensors.empty device (if transposed then List.rev shape else shape)
                copyTo whole transposed stored
                write 0L whole)

    /// Whether two stored tensors have the same shape and, after widening, the same numbers bit for bit.
    let sameNumbers (one: StoredTensor) (other: StoredTensor) : bool =
        requireReal one
        requireReal other
        use first = one.Open()
        use second = other.Open()
        let a, b = Array.zeroCreate<float32> 65536, Array.zeroCreate<float32> 65536
        let mutable left = if one.Shape = other.Shape then count one else -1L

        while left > 0L do
            let now = int (min left 65536L)
            Widening.read one.Dtype first (Span(a, 0, now))
            Widening.read other.Dtype second (Span(b, 0, now))
            let own = MemoryMarshal.AsBytes(Span(a, 0, now))
            let others = MemoryMarshal.AsBytes(Span(b, 0, now))

            left <-
                if own.SequenceEqual(Span.op_Implicit others: ReadOnlySpan<byte>) then
                    left - int64 now
                else
                    -1L

        left = 0L
