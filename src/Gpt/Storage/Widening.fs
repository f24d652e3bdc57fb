namespace Gpt

open System
open System.Buffers
open System.Runtime.InteropServices

/// Real numbers as files keep them, little endian, widened to float32 on their way into memory.
[<RequireQualifiedAccess>]
module Widening =

    /// The types that can be widened, by safetensors' names.
    let dtypes = [ "F32"; "F16"; "BF16" ]

    let private widenHalves (halves: ReadOnlySpan<Half>) (target: Span<float32>) : unit =
        for i in 0 .. halves.Length - 1 do
            target[i] <- float32 halves[i]

    /// A BF16 is the upper half of a float32.
    let private widenBrain (halves: ReadOnlySpan<uint16>) (target: Span<float32>) : unit =
        for i in 0 .. halves.Length - 1 do
            target[i] <- BitConverter.UInt32BitsToSingle(uint32 halves[i] <<< 16)

    let private readHalves (isBrain: bool) (reader: ByteReader) (target: Span<float32>) : unit =
        let buffer = ArrayPool<byte>.Shared.Rent 65536

        try
            let mutable first = 0

            while first < target.Length do
                let count = min 32768 (target.Length - first)
                let bytes = Span(buffer, 0, 2 * count)
                reader.Read bytes

                if isBrain then
                    widenBrain
                        (MemoryMarshal.Cast<byte, uint16>(Span.op_Implicit bytes: ReadOnlySpan<byte>))
                        (target.Slice(first, count))
                else
                    widenHalves
                        (MemoryMarshal.Cast<byte, Half>(Span.op_Implicit bytes: ReadOnlySpan<byte>))
                        (target.Slice(first, count))

                first <- first + count
        finally
            ArrayPool<byte>.Shared.Return buffer

    /// Fills a span with the next numbers of a reader, which are of a type in `dtypes`. Raises ArgumentException for others.
    let read (dtype: string) (reader: ByteReader) (target: Span<float32>) : unit =
        match dtype with
        | "F32" -> reader.Read(MemoryMarshal.AsBytes target)
        | "F16" -> readHalves false reader target
        | "BF16" -> readHalves true reader target
        | _ -> invalidArg (nameof dtype) $"dtype is {dtype}; it must be F32, F16 or BF16"
