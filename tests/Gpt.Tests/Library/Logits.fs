/// Logits for the tests of sampling: every kind a model may give, and how to look at what a warper makes of them.
module Gpt.Tests.Logits

open System
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law

let inf = Single.NegativeInfinity

let logitsOf (rows: float32 list list) : Tensor =
    rows
    |> List.concat
    |> Array.ofList
    |> Gpt.Tensors.ofFloats (Device.cpu ()) [ int64 rows.Length; int64 rows.Head.Length ]

let historyOf (rows: int list list) : History = [| for row in rows -> ReadOnlyMemory(Array.ofList row) |]

let valuesOf (warped: Tensor) = Gpt.Tensors.toFloats warped |> List.ofArray
let probabilities (logits: Tensor) = Gpt.Tensors.toFloats (logits.softmax -1L) |> Array.map float

let support (warped: Tensor) = valuesOf warped |> List.indexed |> List.filter (fun (_, x) -> x > inf) |> List.map fst

/// Logits of many kinds: spread, tied, one-hot, uniform, with -inf, huge and tiny. At least one is finite.
let logits =
    gen {
        let! size = Gen.frequency [ 3, Gen.choose (1, 12); 2, Gen.choose (13, 300); 1, Gen.choose (301, 5000) ]
        let! seed = Gen.choose (0, 1_000_000)
        let! scale = Gen.elements [ 1e-3; 1.0; 4.0; 50.0; 1e4 ]
        let! kind = Gen.choose (0, 4)
        let values = uniform -1.0 1.0 size seed |> Array.map (fun x -> float32 (scale * float x))

        return
            match kind with
            | 0 -> values
            | 1 -> values |> Array.map (fun x -> float32 (scale * round (3.0 * float x / scale)))
            | 2 -> values |> Array.mapi (fun i x -> if i % 3 = 1 then inf else x)
            | 3 -> Array.init size (fun i -> if i = seed % size then float32 scale else inf)
            | _ -> Array.create size (float32 scale)
    }
    |> Arb.fromGen

let one (values: float32[]) = logitsOf [ List.ofArray values ]

let distinct values = Array.distinct values |> Array.length = Array.length values
let shares = Arb.fromGen (Gen.elements [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ])
let counts = Arb.fromGen (Gen.frequency [ 3, Gen.choose (1, 12); 1, Gen.choose (13, 6000) ])
let seeds = Arb.fromGen (Gen.choose (0, 1_000_000))
let temperatures = Arb.fromGen (Gen.elements [ 0.01; 0.3; 0.8; 1.0; 1.5; 10.0 ])
