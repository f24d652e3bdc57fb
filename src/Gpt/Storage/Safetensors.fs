namespace Gpt

open System
open System.Buffers.Binary
open System.IO
open System.IO.MemoryMappedFiles
open TorchSharp

/// The safetensors format: eight bytes with the length of a JSON header, the header, then the tensors' bytes,
/// little endian and in row-major order (the format of huggingface/safetensors).
[<RequireQualifiedAccess>]
module Safetensors =

    /// The longest header that is read, in bytes: that of the format's own library.
    let private headerLimit = 100_000_000L

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    let private readHeader (path: string) (file: FileStream) : byte[] =
        let prefix = Array.zeroCreate<byte> 8

        if file.ReadAtLeast(Span prefix, 8, false) < 8 then
            bad path $"the file has {file.Length} bytes; a safetensors file has at least 8 and a header"

        let length = BinaryPrimitives.ReadInt64LittleEndian prefix

        if length < 2L || length > headerLimit || length > file.Length - 8L then
            bad
                path
                $"the header should have {length} bytes, the file has {file.Length}; it is truncated or not safetensors"

        let header = Array.zeroCreate<byte>(int length)
        file.ReadExactly(Span header)
        header

    /// The tensors of a file. Nothing but the header is read, and all of it is checked; the rest is mapped when it is read.
    /// Raises InvalidDataException when the file is not whole or not safetensors, IOException when it cannot be read.
    let openFile (path: string) : TensorFiles =
        let file = File.OpenRead path

        try
            let header = readHeader path file
            let dataStart = 8L + header.LongLength
            let entries = SafetensorsHeader.parse path (file.Length - dataStart) header

            let mapped = ByteReader.map file

            {
                Source = path
                Tensors =
                    entries
                    |> Map.map (fun name entry -> {
                        Path = path
                        Name = name
                        Dtype = entry.Dtype
                        Shape = entry.Shape
                        Open = fun () -> ByteReader.ofMapped mapped (dataStart + entry.Begin)
                    })
                Files = [ mapped ]
            }
        with _ ->
            file.Dispose()
            reraise ()

    let private dtypeOf (name: string) (tensor: Tensor) : string =
        match tensor.dtype with
        | torch.ScalarType.Float32 -> "F32"
        | torch.ScalarType.Int64 -> "I64"
        | other -> invalidArg "tensors" $"tensor {name} is of type {other}; it must be Float32 or Int64"

    /// How many numbers are copied at a time: a tensor elsewhere than in this program's memory, or with gaps, is never
    /// there twice as a whole.
    let private part = 1L <<< 20

    let private writeNumbers (stream: Stream) (tensor: Tensor) : unit =
        Tensors.freeing (fun () ->
            let rows =
                if tensor.shape.Length = 0 then
                    tensor.reshape 1L
                else
                    tensor.detach ()

            let step = max 1L (part * rows.shape[0] / max 1L (rows.numel ()))

            if rows.numel () > 0L then
                for first in 0L .. step .. rows.shape[0] - 1L do
                    Tensors.freeing (fun () ->
                        let some =
                            rows.narrow(0L, first, min step (rows.shape[0] - first)).contiguous() |> Tensors.onCpu

                        stream.Write(Span.op_Implicit some.bytes: ReadOnlySpan<byte>)))

    /// Writes tensors, float32 or int64, of any layout and on any device, to a stream; wider numbers come first, the order is
    /// kept otherwise. A few rows at a time are copied, never the whole. Raises ArgumentException for other types.
    let write (tensors: (string * Tensor) list) (stream: Stream) : unit =
        let ordered =
            tensors
            |> List.map (fun (name, tensor) -> name, dtypeOf name tensor, tensor)
            |> List.sortBy (fun (_, dtype, _) -> if dtype = "I64" then 0 else 1)

        let header =
            ordered
            |> List.map (fun (name, dtype, tensor) -> name, dtype, List.ofArray tensor.shape)
            |> SafetensorsHeader.write

        let prefix = Array.zeroCreate<byte> 8
        BinaryPrimitives.WriteInt64LittleEndian(Span prefix, header.LongLength)
        stream.Write(ReadOnlySpan prefix)
        stream.Write(ReadOnlySpan header)

        for _, _, tensor in ordered do
            writeNumbers stream tensor
