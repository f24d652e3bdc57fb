/// Logits for the tests of sampling: every kind a model may give, and how to look at what a warper makes of them.
module Gpt.Tests.Logits

open System
open System.Runtime.InteropServices
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law

let inf = Single.NegativeInfinity

/// Rows of logits (B, V) as a tensor, written without a detour.
let tensorOf (rows: float32[][]) : Tensor =
    Gpt.Tensors.ofFloats (Device.cpu ()) [ rows.LongLength; rows[0].LongLength ] (Array.concat rows)

let one (values: float32[]) = tensorOf [| values |]
let logitsOf (rows: float32 list list) : Tensor = rows |> List.map Array.ofList |> Array.ofList |> tensorOf
let historyOf (rows: int list list) : History = [| for row in rows -> ReadOnlyMemory(Array.ofList row) |]

let floatsOf (warped: Tensor) : float32[] = Gpt.Tensors.toFloats warped
let valuesOf (warped: Tensor) = floatsOf warped |> List.ofArray
let probabilities (logits: Tensor) = floatsOf (logits.softmax -1L) |> Array.map float

/// softmax in double precision, from logits as they are.
let exactly (values: float32[]) : float[] =
    let best = Array.max values
    let weights = values |> Array.map (fun x -> exp (float x - float best))
    let sum = Array.sum weights
    weights |> Array.map (fun w -> w / sum)

/// The entropy of a distribution in nats.
let entropyOf (distribution: float[]) = -(distribution |> Array.sumBy (fun p -> if p > 0.0 then p * log p else 0.0))

let isKept (x: float32) = x > inf

/// Which tokens of one row are not ruled out.
let support (warped: Tensor) =
    let values = floatsOf warped

    [
        for i in 0 .. values.Length - 1 do
            if isKept values[i] then
                i
    ]

/// The same numbers, bit for bit.
let areSame (left: float32[]) (right: float32[]) =
    MemoryMarshal.AsBytes(ReadOnlySpan left).SequenceEqual(MemoryMarshal.AsBytes(ReadOnlySpan right))

/// The place of the largest, the first of several.
let bestOf (values: float32[]) = Array.IndexOf(values, Array.max values)

type Kind =
    | Spread
    | Tied
    | Holed
    | OneHot
    | Uniform

/// A row of logits in few words.
type Row = {
    Size: int
    Scale: float
    Kind: Kind
    Seed: int
}

/// The logits of a row; at least one is finite.
let numbersOf (row: Row) : float32[] =
    let values () = uniform -1.0 1.0 row.Size row.Seed |> Array.map (fun x -> float32 (row.Scale * float x))

    match row.Kind with
    | Spread -> values ()
    | Tied -> values () |> Array.map (fun x -> float32 (row.Scale * round (3.0 * float x / row.Scale)))
    | Holed -> values () |> Array.mapi (fun i x -> if i % 3 = 1 then inf else x)
    | OneHot -> Array.init row.Size (fun i -> if i = row.Seed % row.Size then float32 row.Scale else inf)
    | Uniform -> Array.create row.Size (float32 row.Scale)

/// Rows of many kinds: spread, tied, with holes, one-hot, uniform, huge and tiny, over vocabularies of 1 to 5,000.
let rows: Arbitrary<Row> =
    let made =
        gen {
            let! size = Gen.frequency [ 10, Gen.choose (1, 12); 5, Gen.choose (13, 300); 1, Gen.choose (301, 5000) ]
            let! scale = Gen.elements [ 1e-3; 1.0; 4.0; 50.0; 1e4 ]
            let! kind = Gen.elements [ Spread; Tied; Holed; OneHot; Uniform ]
            let! seed = Gen.choose (0, 1_000_000)

            return {
                Size = size
                Scale = scale
                Kind = kind
                Seed = seed
            }
        }

    let smaller row = (within 1 row.Size).Shrinker row.Size |> Seq.map (fun size -> { row with Size = size })

    Arb.fromGenShrink (made, smaller)

let logits = rows.Generator |> Gen.map numbersOf |> Arb.fromGen

/// The same row on a grid: whole multiples, up to 2^13, of a power of two, so that small multiples of `step` can be added
/// without rounding.
let onGrid (values: float32[]) : struct (float32[] * float32) =
    let finite = values |> Array.filter isKept |> Array.map abs |> Array.max

    let step =
        if finite = 0f then
            1f
        else
            float32 (Math.ScaleB(1.0, Math.ILogB(float finite) - 12))

    struct (values |> Array.map (fun x -> if isKept x then round (x / step) * step else x), step)

let distinct values = Array.distinct values |> Array.length = Array.length values
let shares = Arb.fromGen (Gen.elements [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ])
let counts = Arb.fromGen (Gen.frequency [ 3, Gen.choose (1, 12); 1, Gen.choose (13, 6000) ])
let seeds = Arb.fromGen (Gen.choose (0, 1_000_000))
let temperatures = Arb.fromGen (Gen.elements [ 0.01; 0.3; 0.8; 1.0; 1.5; 10.0 ])
