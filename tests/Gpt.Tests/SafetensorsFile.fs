/// Reads and writes safetensors files of F32 and I64 tensors, for tests only and independent of the library's own reader,
/// so that a mistake there cannot hide itself.
/// The layout: an unsigned 64-bit length n, n bytes of JSON {name: {dtype, shape, data_offsets: [from, to]}}, then the data.
module Gpt.Tests.SafetensorsFile

open System
open System.Collections.Generic
open System.IO
open System.Runtime.InteropServices
open System.Text
open System.Text.Json
open Gpt.Tests.NArray

let private numbers<'T when 'T: struct and 'T: (new: unit -> 'T) and 'T :> ValueType> (bytes: byte[]) =
    MemoryMarshal.Cast<byte, 'T>(ReadOnlySpan bytes).ToArray()

/// All tensors of a file by name.
let read (path: string) : Map<string, NArray> =
    let bytes = File.ReadAllBytes path
    let dataStart = 8 + int (BitConverter.ToUInt64(bytes, 0))
    use header = JsonDocument.Parse(ReadOnlyMemory(bytes, 8, dataStart - 8))

    let tensor (entry: JsonElement) =
        let offset (i: int) = dataStart + entry.GetProperty("data_offsets").[i].GetInt32()

        let shape = [|
            for length in entry.GetProperty("shape").EnumerateArray() -> length.GetInt64()
        |]

        let data = bytes[offset 0 .. offset 1 - 1]

        match entry.GetProperty("dtype").GetString() with
        | "F32" -> reals shape (numbers<float32> data)
        | "I64" -> whole shape (numbers<int64> data)
        | other -> failwith $"{path}: type {other} is neither F32 nor I64"

    Map [
        for entry in header.RootElement.EnumerateObject() do
            if entry.Name <> "__metadata__" then
                entry.Name, tensor entry.Value
    ]

/// Writes tensors by name, in the order given.
let write (path: string) (tensors: (string * NArray) list) =
    let bytesOf (a: NArray) =
        match a.Values with
        | Reals values -> "F32", MemoryMarshal.AsBytes(ReadOnlySpan values).ToArray()
        | Whole values -> "I64", MemoryMarshal.AsBytes(ReadOnlySpan values).ToArray()

    let header = Dictionary<string, obj>()
    let data = new MemoryStream()

    for name, a in tensors do
        let dtype, bytes = bytesOf a
        let from = data.Length
        data.Write(bytes, 0, bytes.Length)

        header[name] <- {|
            dtype = dtype
            shape = a.Shape
            data_offsets = [| from; data.Length |]
        |}

    let json = JsonSerializer.Serialize header
    let padded = Encoding.UTF8.GetBytes(json.PadRight((json.Length + 7) / 8 * 8))
    use file = File.Create path
    file.Write(BitConverter.GetBytes(uint64 padded.Length), 0, 8)
    file.Write(padded, 0, padded.Length)
    data.WriteTo file
