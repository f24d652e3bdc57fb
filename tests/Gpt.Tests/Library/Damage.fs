/// Files with a few bytes changed, for readers that must not be shaken by them.
module Gpt.Tests.Damage

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt

/// Places, as shares of the length, and the bytes to put there.
let damages: Arbitrary<(float * byte) list> =
    Gen.zip (Gen.choose (0, 9999) |> Gen.map (fun n -> float n / 10000.0)) (Gen.choose (0, 255) |> Gen.map byte)
    |> Gen.listOf
    |> Gen.resize 4
    |> Arb.fromGen

let damage (changes: (float * byte) list) (bytes: byte[]) : byte[] =
    let copy = Array.copy bytes

    for share, value in changes do
        copy[int (share * float bytes.Length)] <- value

    copy

/// Reads all real numbers of a damaged file: it must go well, or end with an exception that callers turn into a sentence, and
/// without anything large being made.
let expectReadOrRefused (path: string) (bytes: byte[]) (openFile: string -> TensorFiles) : unit =
    File.WriteAllBytes(path, bytes)
    let before = GC.GetAllocatedBytesForCurrentThread()

    try
        use files = openFile path

        for tensor in files.Tensors.Values do
            if List.contains tensor.Dtype Widening.dtypes then
                StoredTensor.floats tensor |> ignore
    with
    | :? InvalidDataException
    | :? IOException -> ()

    Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 20_000_000L "bytes taken"
