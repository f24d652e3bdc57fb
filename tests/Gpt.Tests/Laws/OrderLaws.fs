/// Sorting, choosing the best, and moving elements about.
module Gpt.Tests.OrderLaws

open System
open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

let private lines = samplesUpTo [ 5; 60 ]

let private linesAndFlag = both lines (within 0 1)

/// Few different values, so that there are ties.
let private withTies (sample: Sample) = numbers sample |> Array.map (fun x -> MathF.Round(x * 3f))

/// The order that a stable sort gives: positions by value, equal ones as they stood.
let private stableOrder descending (row: float32[]) =
    let key (at: int) = if descending then -row[at] else row[at]

    [| 0 .. row.Length - 1 |]
    |> Array.sortWith (fun a b -> compare (key a, a) (key b, b))
    |> Array.map int64

let private stable =
    law 300 "a stable sort keeps the order of equals" linesAndFlag (fun (sample, descending) ->
        let values = withTies sample
        let struct (sorted, order) = (ofFloats sample.Shape values).sort(-1L, (descending = 1), true)
        let wanted = rowsOf sample values |> Array.map (stableOrder (descending = 1))
        Expect.equal (rowsOf sample (wholeOf order)) wanted "order"

        let wantedValues =
            Array.map2
                (fun (row: float32[]) -> Array.map (fun (at: int64) -> row[int at]))
                (rowsOf sample values)
                wanted

        Expect.equal (rowsOf sample (floatsOf sorted)) wantedValues "values")

let private permutation =
    law 300 "a sort is an ordered permutation, and its indices say which" linesAndFlag (fun (sample, descending) ->
        let x = ofFloats sample.Shape (withTies sample)
        let struct (sorted, order) = x.sort (-1L, (descending = 1), false)
        Fixtures.expectClose exact "gathered" (toNArray (x.gather (-1L, order))) (toNArray sorted)

        for indices in rowsOf sample (wholeOf order) do
            Expect.equal (Array.sort indices) [| 0L .. sample.Shape[1] - 1L |] "each index once"

        for row in rowsOf sample (floatsOf sorted) do
            let ordered =
                Array.pairwise row |> Array.forall (fun (a, b) -> if descending = 1 then a >= b else a <= b)

            Expect.isTrue ordered "order")

let private topk =
    law 200 "topk gives the first of a sort" (both lines (within 1 60)) (fun (sample, wanted) ->
        let k = min wanted (int sample.Shape[1])
        let x = ofFloats sample.Shape (numbers sample)
        let struct (values, indices) = x.topk (k, -1, true, true)
        let struct (sorted, _) = x.sort (-1L, true, true)
        Fixtures.expectClose exact "values" (toNArray values) (toNArray (sorted.narrow (-1L, 0L, int64 k)))
        Fixtures.expectClose exact "gathered" (toNArray (x.gather (-1L, indices))) (toNArray values))

/// Rows as a sampler has them: long, tied, and for the most part ruled out.
let private longLines = both (samplesUpTo [ 3; 3000 ]) (both (within 1 100) (within 0 2))

let private topkOfLongLines =
    law
        300
        "topk of long lines gives the first of a stable sort, ties and -inf too"
        longLines
        (fun (sample, (wanted, kind)) ->
            let k = min wanted (int sample.Shape[1])

            let values =
                match kind with
                | 0 -> numbers sample
                | 1 -> withTies sample
                | _ -> numbers sample |> Array.map (fun x -> if x > 1.8f then x else -infinityf)

            let x = ofFloats sample.Shape values
            let struct (best, indices) = x.topk (k, -1)
            let order = rowsOf sample values |> Array.map (stableOrder true >> Array.truncate k)
            let places = Array.chunkBySize k (wholeOf indices)

            // Of equals libtorch takes any, each once.
            if repeatsItself then
                Expect.equal places order "indices"
            else
                Expect.all places (fun row -> Array.distinct row = row) "each place once"
                Fixtures.expectClose exact "gathered" (toNArray (x.gather (-1L, indices))) (toNArray best)

            let wantedValues =
                Array.map2
                    (fun (row: float32[]) -> Array.map (fun (at: int64) -> row[int at]))
                    (rowsOf sample values)
                    order

            Expect.equal (Array.chunkBySize k (floatsOf best)) wantedValues "values")

let private argmax =
    law 200 "argmax is the first place of the largest" lines (fun sample ->
        let values = withTies sample
        let first (row: float32[]) = Array.findIndex ((=) (Array.max row)) row |> int64
        let got = (ofFloats sample.Shape values).argmax(-1L, false)
        Expect.equal (wholeOf got) (rowsOf sample values |> Array.map first) "indices")

let private runningSums =
    law
        300
        "cumsum along either axis is a sum that runs, and its gradient runs back"
        (both (samplesUpTo [ 40; 300 ]) (within 0 1))
        (fun (sample, axis) ->
            let x = leaf (ofFloats sample.Shape (numbers sample))
            let weights = otherNumbers sample
            let sums = x.cumsum (int64 axis)
            sums.mul(ofFloats sample.Shape weights).sum().backward()

            /// The lines along the axis.
            let lines (values: float32[]) =
                let rows = rowsOf sample values
                if axis = 1 then rows else Array.transpose rows

            let running (line: float32[]) =
                Array.scan (+) 0.0 (Array.map float line) |> Array.tail |> Array.map float32

            let near what (got: float32[]) (run: float32[] -> float32[]) (from: float32[]) =
                let got, want = Array.concat (lines got), Array.collect run (lines from)
                Fixtures.expectClose (tolerance 1e-5 1e-6) what (reals sample.Shape got) (reals sample.Shape want)

            near "sums" (floatsOf sums) running (numbers sample)
            near "gradient" (floats (gradientOf x)) (Array.rev >> running >> Array.rev) weights)

let private counts =
    law 200 "the sum of truth values counts them, along each axis and of all" (samplesUpTo [ 5; 7; 60 ]) (fun sample ->
        let x = ofFloats sample.Shape (numbers sample)
        let mask = x.gt (scalar 0.5)
        let asNumbers = mask.``to`` torch.ScalarType.Int64

        for axis in 0L .. 2L do
            Fixtures.expectClose exact "along an axis" (toNArray (mask.sum axis)) (toNArray (asNumbers.sum axis))

        Expect.equal (mask.sum().item<int64>()) (asNumbers.sum().item<int64>()) "of all"
        Expect.equal (mask.all().item<bool>()) (Array.forall (fun v -> v > 0.5f) (numbers sample)) "all"
        Expect.equal (mask.any().item<bool>()) (Array.exists (fun v -> v > 0.5f) (numbers sample)) "any")

let private shapesAndAxis = both samples (both (within 0 3) (within 1 4))

let private catThenSplit =
    law 200 "split undoes cat, and the gradient of cat is split" shapesAndAxis (fun (sample, (a, count)) ->
        let axis = a % sample.Shape.Length
        let lengths = [| for i in 1..count -> 1L + int64 ((sample.Seed + i) % 4) |]

        let part i (length: int64) =
            let shape = Array.updateAt axis length sample.Shape
            leaf (ofFloats shape (uniform -2.0 2.0 (size shape) (sample.Seed + i)))

        let parts = Array.mapi part lengths
        let joined = torch.cat (parts, int64 axis)
        let again = joined.split (lengths, int64 axis)
        Array.iter2 (fun got want -> Fixtures.expectClose exact "part" (toNArray got) (toNArray want)) again parts

        let weights = ofFloats joined.shape (uniform -1.0 1.0 (size joined.shape) (sample.Seed + 100))
        joined.mul(weights).sum().backward()
        let wanted = weights.split (lengths, int64 axis)

        Array.iter2
            (fun (part: Tensor) want -> Fixtures.expectClose exact "gradient" (gradientOf part) (toNArray want))
            parts
            wanted)

/// A permutation of each row.
let private permutations (sample: Sample) =
    let random = Random sample.Seed

    Array.init (int sample.Shape[0]) (fun _ ->
        let row = [| 0L .. sample.Shape[1] - 1L |]
        random.Shuffle row
        row)
    |> Array.concat
    |> ofWhole sample.Shape

let private gatherScatter =
    law 200 "gather undoes scatter, and scatter gather" lines (fun sample ->
        let x, empty = ofFloats sample.Shape (numbers sample), ofFloats sample.Shape (otherNumbers sample)
        let places = permutations sample
        let there = empty.scatter (-1L, places, x)
        Fixtures.expectClose exact "scatter, gather" (toNArray (there.gather (-1L, places))) (toNArray x)
        let back = empty.scatter (-1L, places, x.gather (-1L, places))
        Fixtures.expectClose exact "gather, scatter" (toNArray back) (toNArray x))

/// Rows taken more than once receive the sum of what comes back.
let private selected =
    law 200 "the gradient of index_select counts every use" (both lines (within 1 40)) (fun (sample, count) ->
        let random = Random sample.Seed
        let ids = Array.init count (fun _ -> random.NextInt64 sample.Shape[0])
        let table = leaf (ofFloats sample.Shape (numbers sample))
        let width = int sample.Shape[1]
        let upstream = uniform -1.0 1.0 (count * width) (sample.Seed + 1)
        let rows = table.index_select (0L, ofWhole [| int64 count |] ids)
        rows.mul(ofFloats [| int64 count; sample.Shape[1] |] upstream).sum().backward()
        let places = Array.init upstream.Length (fun at -> int ids[at / width] * width + at % width)

        let uses = {
            Indexing.Shape = rows.shape
            Indexing.At = places
        }

        let wanted = Indexing.gather (size sample.Shape) upstream uses
        Fixtures.expectClose (tolerance 1e-5 1e-6) "gradient" (gradientOf table) (reals sample.Shape wanted))

let tests =
    testList "order" [
        stable
        permutation
        topk
        topkOfLongLines
        runningSums
        counts
        argmax
        catThenSplit
        gatherScatter
        selected
    ]
