namespace Gpt

open System
open System.Buffers.Binary
open System.IO
open System.Runtime.InteropServices
open System.Text.Json

/// A tensor in a file: its type as safetensors names it, its shape, and where its bytes are.
type SafetensorsEntry = {
    Dtype: string
    Shape: int64 list
    Begin: int64
    End: int64
}

/// The safetensors format: eight bytes with the length of a JSON header, the header, then the tensors' bytes,
/// little endian and in row-major order (the format of huggingface/safetensors).
[<RequireQualifiedAccess>]
module Safetensors =

    /// The longest header that is read, in bytes: that of the format's own library.
    let private headerLimit = 100_000_000L

    let private elementSize dtype =
        match dtype with
        | "F32"
        | "I32" -> Some 4L
        | "I64"
        | "F64" -> Some 8L
        | "F16"
        | "BF16" -> Some 2L
        | "BOOL"
        | "U8"
        | "I8" -> Some 1L
        | _ -> None

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    let private readHeader (path: string) (file: FileStream) : int64 * byte[] =
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
        8L + length, header

    let private readEntry path (dataLength: int64) (property: JsonProperty) =
        let ints (name: string) = [
            for item in property.Value.GetProperty(name).EnumerateArray() -> item.GetInt64()
        ]

        let shape, offsets, dtype =
            ints "shape", ints "data_offsets", string (property.Value.GetProperty "dtype")

        match elementSize dtype, offsets with
        | Some size, [ first; last ] when List.forall (fun n -> n >= 0L) shape ->
            let bytes = shape |> List.fold (fun total n -> Checked.(*) total n) size

            if first < 0L || last > dataLength || last - first <> bytes then
                bad
                    path
                    $"tensor {property.Name} lies at {first} to {last} of {dataLength} bytes; shape {shape} of {dtype} takes {bytes}"

            {
                Dtype = dtype
                Shape = shape
                Begin = first
                End = last
            }
        | _ ->
            bad
                path
                $"tensor {property.Name} has dtype {dtype}, shape {shape} and offsets {offsets}, which are not valid"

    let private requireNoOverlap path (entries: (string * SafetensorsEntry) list) =
        let ordered = entries |> List.sortBy (fun (_, entry) -> entry.Begin, entry.End)

        for (name, entry), (next, follower) in List.pairwise ordered do
            if entry.End > follower.Begin then
                bad path $"tensors {name} and {next} overlap at byte {follower.Begin}"

    /// The tensors of a file by name, and where the data begins. Nothing but the header is read.
    /// Raises InvalidDataException when the file is not whole or not safetensors, IOException when it cannot be read.
    let readIndex (path: string) : Map<string, SafetensorsEntry> * int64 =
        use file = File.OpenRead path
        let dataStart, header = readHeader path file

        try
            use json = JsonDocument.Parse(ReadOnlyMemory header)

            let entries = [
                for property in json.RootElement.EnumerateObject() do
                    if property.Name <> "__metadata__" then
                        property.Name, readEntry path (file.Length - dataStart) property
            ]

            requireNoOverlap path entries
            Map.ofList entries, dataStart
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? System.Collections.Generic.KeyNotFoundException
        | :? FormatException
        | :? OverflowException -> bad path "the header is not what safetensors writes"

    let private widen (dtype: string) (bytes: byte[]) : float32[] option =
        match dtype with
        | "F32" -> Some(MemoryMarshal.Cast<byte, float32>(ReadOnlySpan bytes).ToArray())
        | "F16" -> Some(MemoryMarshal.Cast<byte, Half>(ReadOnlySpan bytes).ToArray() |> Array.map float32)
        | "BF16" ->
            MemoryMarshal.Cast<byte, uint16>(ReadOnlySpan bytes).ToArray()
            |> Array.map (fun half -> BitConverter.UInt32BitsToSingle(uint32 half <<< 16))
            |> Some
        | _ -> None

    /// The values of one entry as float32; F32, F16 and BF16 are understood.
    /// Raises InvalidDataException for other types.
    let readFloats (path: string) (dataStart: int64) (name: string) (entry: SafetensorsEntry) : float32[] =
        use file = File.OpenRead path
        file.Position <- dataStart + entry.Begin
        let bytes = Array.zeroCreate<byte>(int (entry.End - entry.Begin))
        file.ReadExactly(Span bytes)

        match widen entry.Dtype bytes with
        | Some values -> values
        | None -> bad path $"tensor {name} has dtype {entry.Dtype}; a model's weights are F32, F16 or BF16"

    let private header (tensors: (string * int64 list * float32[]) list) : byte[] =
        use buffer = new MemoryStream()
        use json = new Utf8JsonWriter(buffer)
        json.WriteStartObject()
        json.WriteStartObject "__metadata__"
        json.WriteString("format", "pt")
        json.WriteEndObject()
        let mutable offset = 0L

        for name, shape, values in tensors do
            json.WriteStartObject name
            json.WriteString("dtype", "F32")
            json.WriteStartArray "shape"
            shape |> List.iter json.WriteNumberValue
            json.WriteEndArray()
            json.WriteStartArray "data_offsets"
            json.WriteNumberValue offset
            offset <- offset + 4L * values.LongLength
            json.WriteNumberValue offset
            json.WriteEndArray()
            json.WriteEndObject()

        json.WriteEndObject()
        json.Flush()
        buffer.ToArray()

    /// Writes float32 tensors (name, shape, values in row-major order) to a stream.
    let write (tensors: (string * int64 list * float32[]) list) (stream: Stream) : unit =
        let header = header tensors
        // The data begins at a multiple of 8 bytes: the header is filled up with spaces.
        let padding = Array.create ((8 - header.Length % 8) % 8) (byte ' ')
        let prefix = Array.zeroCreate<byte> 8
        BinaryPrimitives.WriteInt64LittleEndian(Span prefix, int64 (header.Length + padding.Length))
        stream.Write(ReadOnlySpan prefix)
        stream.Write(ReadOnlySpan header)
        stream.Write(ReadOnlySpan padding)

        for _, _, values in tensors do
            stream.Write(MemoryMarshal.AsBytes(ReadOnlySpan values))
