/// Numbers about texts.
module Gpt.Tests.TextMetricsTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private texts = tokens 4 0 12
let private between low high (x: float) = x >= low && x <= high

/// The edit distance by its definition, exponential in the lengths.
let rec private edits (a: int list) (b: int list) : int =
    match a, b with
    | [], rest
    | rest, [] -> rest.Length
    | x :: a', y :: b' when x = y -> edits a' b'
    | _ :: a', _ :: b' -> 1 + List.min [ edits a' b'; edits a' b; edits a b' ]

let tests =
    testList "text metrics" [
        law 1000 "distinct and repetition lie between 0 and 1" (both texts (within 1 4)) (fun (text, size) ->
            Expect.isTrue (between 0.0 1.0 (TextMetrics.distinct size text)) "distinct"
            Expect.isTrue (between 0.0 1.0 (TextMetrics.repetition size text)) "repetition")

        law
            1000
            "a text repeats a run exactly when not all of its runs are distinct"
            (both texts (within 1 4))
            (fun (text, size) ->
                Expect.equal (TextMetrics.distinct size text = 1.0) (TextMetrics.repetition size text = 0.0) "both")

        law 500 "difference is the edit distance" (both (tokens 3 0 5) (tokens 3 0 5)) (fun (a, b) ->
            let want =
                if a.IsEmpty && b.IsEmpty then
                    0.0
                else
                    float (edits a b) / float (max a.Length b.Length)

            Expect.equal (TextMetrics.difference (Array.ofList a) (Array.ofList b)) want "distance"
            Expect.equal (TextMetrics.difference (Array.ofList b) (Array.ofList a)) want "the other way round")

        testCase "examples" (fun () ->
            Expect.equal (TextMetrics.distinct 1 [ 1; 2; 1; 2 ]) 0.5 "two of four tokens"
            Expect.equal (TextMetrics.distinct 2 [ 1; 2; 1; 2 ]) (2.0 / 3.0) "12 21 12"
            Expect.equal (TextMetrics.repetition 2 [ 1; 2; 1; 2 ]) 0.5 "the last two"
            Expect.equal (TextMetrics.repetition 4 [ 1; 2; 3 ]) 0.0 "too short"
            Expect.equal (TextMetrics.difference [| 'k'; 'i'; 't' |] [| 's'; 'i'; 't' |]) (1.0 / 3.0) "one of three"
            Expect.equal (TextMetrics.meanDifference [ [| 1 |]; [| 1 |]; [| 2 |] ]) (2.0 / 3.0) "two of three pairs"
            Expect.equal (TextMetrics.meanDifference [ [| 1 |] ]) 0.0 "one text")
    ]
