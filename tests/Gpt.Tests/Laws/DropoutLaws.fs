/// Dropout: what is kept is scaled so that the expectation stays, and the gradient goes the same way.
module Gpt.Tests.DropoutLaws

open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

let private sizes = samplesUpTo [ 40; 60 ]

let private off =
    law 50 "without training, or at rate 0, it is the identity" sizes (fun sample ->
        let x = ofFloats sample.Shape (numbers sample)
        Fixtures.expectClose exact "not training" (toNArray (torch.nn.functional.dropout (x, 0.5, false))) (toNArray x)
        Fixtures.expectClose exact "rate 0" (toNArray (torch.nn.functional.dropout (x, 0.0, true))) (toNArray x))

let private sizesAndTenths = both sizes (within 1 9)

let private keptOrZero =
    law 100 "an element, like its gradient, is dropped or divided by 1 - p" sizesAndTenths (fun (sample, tenths) ->
        let p = float tenths / 10.0
        let values = numbers sample |> Array.map (fun v -> v + 3f)
        let x = leaf (ofFloats sample.Shape values)
        let output = torch.nn.functional.dropout (x, p, true)
        output.sum().backward()

        let factors =
            floatsOf output |> Array.map (fun kept -> if kept = 0f then 0f else float32 (1.0 / (1.0 - p)))

        let close = tolerance 0.0 1e-6
        Fixtures.expectClose close "output" (toNArray output) (reals sample.Shape (Array.map2 (*) values factors))
        Fixtures.expectClose close "gradient" (gradientOf x) (reals sample.Shape factors))

/// Among n independent draws the number kept is normal with variance n p (1 - p); six deviations are never seen by chance.
let private rate =
    law 20 "the share that is dropped is the rate" (within 1 9) (fun tenths ->
        let p, n = float tenths / 10.0, 20_000
        let x = ofFloats [| int64 n |] (Array.create n 1f)

        let dropped =
            floatsOf (torch.nn.functional.dropout (x, p, true))
            |> Array.sumBy (fun v -> if v = 0f then 1 else 0)

        let deviation = sqrt (float n * p * (1.0 - p))

        Fixtures.expectBelow
            (6.0 * deviation)
            (abs (float dropped - float n * p))
            $"{dropped} of {n} dropped at rate {p}")

let tests = testList "dropout" [ off; keptOrZero; rate ]
