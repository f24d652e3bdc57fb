/// What softmax, cross-entropy and layer norm do to a row.
module Gpt.Tests.RowLaws

open System
open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

let private rows = samplesUpTo [ 7; 130 ]

let private scaledRows = both rows (within 1 200)

let private distribution =
    law 300 "softmax is a distribution, whatever the size of the scores" scaledRows (fun (sample, scale) ->
        let scores = numbers sample |> Array.map (fun x -> x * float32 scale)

        for row in rowsOf sample (floatsOf ((ofFloats sample.Shape scores).softmax -1L)) do
            Expect.all row (fun p -> p >= 0f && p <= 1f) "probabilities"
            let sum = Array.sumBy float row
            // Each probability carries a few roundings of its own size, and these add up to a few roundings of one.
            Fixtures.expectBelow 1e-5 (abs (sum - 1.0)) $"the sum is {sum}")

/// Multiples of 1/64 below 1024 add without rounding, so that the shifted scores are exact and so must the answer be.
let private shift =
    law 300 "softmax does not see a shift, to the last bit" (both rows (within -32768 32767)) (fun (sample, shift) ->
        let scores = numbers sample |> Array.map (fun x -> MathF.Round(x * 256f) / 64f)
        let shifted = scores |> Array.map (fun x -> x + float32 shift / 64f)
        let got = (ofFloats sample.Shape shifted).softmax -1L
        let want = (ofFloats sample.Shape scores).softmax -1L
        Fixtures.expectClose exact "softmax" (toNArray got) (toNArray want))

let private logarithm =
    law 200 "log_softmax is the logarithm of softmax" rows (fun sample ->
        let x = ofFloats sample.Shape (numbers sample)
        let want = (x.softmax -1L).log()
        Fixtures.expectClose (tolerance 1e-5 1e-5) "log_softmax" (toNArray (x.log_softmax -1L)) (toNArray want))

/// A score of minus infinity is as good as absent.
let private masked =
    law 200 "a masked score has probability zero and leaves the others alone" rows (fun sample ->
        let width = int sample.Shape[1]
        let scores = numbers sample

        let padded =
            scores
            |> Array.chunkBySize width
            |> Array.collect (fun row -> Array.append row [| -infinityf; -infinityf |])

        let shape = [| sample.Shape[0]; sample.Shape[1] + 2L |]
        let got = (ofFloats shape padded).softmax -1L
        let want = (ofFloats sample.Shape scores).softmax -1L
        let shown, hidden = got.narrow (-1L, 0L, int64 width), got.narrow (-1L, int64 width, 2L)
        Fixtures.expectClose (tolerance 1e-7 2e-6) "the others" (toNArray shown) (toNArray want)
        Expect.all (floatsOf hidden) (fun p -> p = 0f) "the masked ones")

let private crossEntropy =
    law 200 "cross-entropy is the mean of -log_softmax at the targets" rows (fun sample ->
        let random = Random sample.Seed
        let targets = Array.init (int sample.Shape[0]) (fun _ -> random.NextInt64 sample.Shape[1])
        let x = ofFloats sample.Shape (numbers sample)
        let got = torch.nn.functional.cross_entropy (x, ofWhole [| sample.Shape[0] |] targets)
        let logs = rowsOf sample (floatsOf (x.log_softmax -1L))

        let want =
            Array.map2 (fun (row: float32[]) (target: int64) -> -(float row[int target])) logs targets
            |> Array.average

        Fixtures.expectClose (tolerance 1e-5 1e-5) "loss" (toNArray got) (reals [||] [| float32 want |]))

/// With mean m and biased variance v, the result has mean 0 and variance v / (v + eps).
let private layerNorm =
    law 300 "layer norm gives rows of mean zero and variance one" (both rows (within 0 30)) (fun (sample, offset) ->
        let eps = 1e-5
        let x = numbers sample |> Array.map (fun v -> v + float32 offset)
        let got = torch.nn.functional.layer_norm (ofFloats sample.Shape x, [| sample.Shape[1] |], eps = eps)

        let moments (row: float32[]) =
            let mean = Array.averageBy float row
            mean, row |> Array.averageBy (fun v -> (float v - mean) ** 2.0)

        Array.iter2
            (fun before after ->
                let _, variance = moments before
                let mean, normed = moments after
                // The mean of the row is known to its rounding; in units of the row's spread that is the error of the result.
                let rounding = float (offset + 2) * 1e-6 / sqrt (variance + eps)
                Fixtures.expectBelow (1e-6 + rounding) (abs mean) $"mean {mean}"
                let want = variance / (variance + eps)

                Fixtures.expectBelow
                    (1e-5 + 4.0 * rounding)
                    (abs (normed - want))
                    $"variance {normed}, expected {want}")
            (rowsOf sample x)
            (rowsOf sample (floatsOf got)))

let private affine =
    law 100 "layer norm's weight and bias are a product and a sum" rows (fun sample ->
        let width = sample.Shape[1]
        let x = ofFloats sample.Shape (numbers sample)
        let weight = ofFloats [| width |] (uniform -1.0 1.0 (int width) (sample.Seed + 1))
        let bias = ofFloats [| width |] (uniform -1.0 1.0 (int width) (sample.Seed + 2))
        let got = torch.nn.functional.layer_norm (x, [| width |], weight, bias)
        let want = torch.nn.functional.layer_norm(x, [| width |]).mul(weight).add bias
        Fixtures.expectClose (tolerance 1e-6 1e-6) "layer norm" (toNArray got) (toNArray want))

let tests = testList "rows" [ distribution; shift; logarithm; masked; crossEntropy; layerNorm; affine ]
