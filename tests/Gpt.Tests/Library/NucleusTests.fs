/// Top-p's quick way against its definition.
module Gpt.Tests.NucleusTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

/// Rows of up to 6,000 logits and a share. Some nuclei are a few tokens, others thousands; ties and -inf stand everywhere.
let private vocabularies =
    gen {
        let! size = Gen.frequency [ 1, Gen.choose (1, 300); 3, Gen.choose (301, 6000) ]
        let! count = Gen.choose (1, 3)
        let! seed = Gen.choose (0, 1_000_000)
        let! scale = Gen.elements [ 0.1; 4.0; 12.0; 40.0 ]
        let! step = Gen.elements [ 0.0; 0.25; 3.0 ]
        let! hidden = Gen.elements [ 0; 3; 100 ]
        let! p = Gen.elements [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ]

        let value i (x: float32) =
            let x = scale * float x
            let x = if step > 0.0 then step * round (x / step) else x
            if hidden > 0 && i % hidden <> 0 then inf else float32 x

        let row i = uniform -1.0 1.0 size (seed + i) |> Array.mapi value |> List.ofArray
        return List.init count row, p
    }
    |> Arb.fromGen

/// The nucleus by its definition: tokens in order of likelihood, equal ones by id, until they make up p.
let private nucleus (p: float) (logits: Tensor) =
    let struct (sorted, order) = TorchSharp.torch.sort (logits, -1L, descending = true, stable = true)
    let ordered = (logits.softmax -1L).gather(-1L, order)
    let gone = ordered.cumsum(-1L).sub(ordered).ge(Gpt.Tensors.scalar p)
    let kept = sorted.masked_fill (gone, Gpt.Tensors.scalar -infinity)
    kept.scatter (-1L, order, kept)

let tests =
    testList "nucleus" [
        law 1000 "top-p is its definition to the last bit, however it gets there" vocabularies (fun (rows, p) ->
            let rows = logitsOf rows
            Expect.equal (valuesOf (Warpers.topP p rows)) (valuesOf (nucleus p rows)) "logits")
    ]
