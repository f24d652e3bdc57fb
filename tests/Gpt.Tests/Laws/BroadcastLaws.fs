/// Broadcasting is the same as repeating the smaller operand first, and its gradient is the sum over the repetitions.
module Gpt.Tests.BroadcastLaws

open Expecto
open FsCheck.FSharp
open TorchSharp
open Gpt.Tests.Indexing
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

let private operators: (string * (Tensor -> Tensor -> Tensor)) list =
    let away (y: Tensor) = y.mul(y).add(scalar 0.5)

    [
        "add", (fun x y -> x.add y)
        "sub", (fun x y -> x.sub y)
        "mul", (fun x y -> x.mul y)
        "div", (fun x y -> x.div (away y))
        "where", (fun x y -> torch.where (x.gt y, x, y))
    ]

/// The shape of an operand that broadcasts to the target: bit i of `ones` makes axis i one, `drop` leading axes are left out.
let private operand (target: int64[]) (ones: int, drop: int) =
    target
    |> Array.mapi (fun axis length -> if (ones >>> axis) &&& 1 = 1 then 1L else length)
    |> Array.skip (drop % (target.Length + 1))

let private shapes = both (within 0 15) (within 0 4)

let private sameAsRepeating (name, operator: Tensor -> Tensor -> Tensor) =
    law 200 name (both samples (both shapes shapes)) (fun (sample, (left, right)) ->
        let target = sample.Shape
        let xShape, yShape = operand target left, operand target right
        let x, y = uniform -2.0 2.0 (size xShape) sample.Seed, uniform -2.0 2.0 (size yShape) (sample.Seed + 1)
        let result = broadcastShape xShape yShape
        let xView, yView = broadcast result xShape, broadcast result yShape
        let small = [| leaf (ofFloats xShape x); leaf (ofFloats yShape y) |]

        let large = [|
            leaf (ofFloats result (read x xView))
            leaf (ofFloats result (read y yView))
        |]

        let got, want = operator small[0] small[1], operator large[0] large[1]
        Fixtures.expectClose exact "values" (toNArray got) (toNArray want)

        let weights = ofFloats result (uniform -1.0 1.0 (size result) (sample.Seed + 2))
        got.mul(weights).sum().backward()
        want.mul(weights).sum().backward()

        let check what (small: Tensor) (large: Tensor) count view =
            let expected = gather count (floats (gradientOf large)) view
            Fixtures.expectClose (tolerance 1e-5 1e-5) what (gradientOf small) (reals small.shape expected)

        check "gradient of the left operand" small[0] large[0] x.Length xView
        check "gradient of the right operand" small[1] large[1] y.Length yView)

let tests = testList "broadcasting is repeating" (List.map sameAsRepeating operators)
