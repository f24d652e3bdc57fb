/// XTC against its definition, and its coins.
module Gpt.Tests.XtcTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

/// XTC by its definition: of the ranking, likely first and of equal ones the lower id first, all tokens with at least the
/// threshold go but the last.
let private excludeTop threshold (values: float32[]) =
    let before = exactly values

    let top =
        [| 0 .. values.Length - 1 |]
        |> Array.filter (fun i -> isKept values[i] && before[i] >= threshold)
        |> Array.sortBy (fun i -> struct (-values[i], i))

    let gone = top |> Array.truncate (top.Length - 1)
    values |> Array.mapi (fun i x -> if Array.contains i gone then inf else x)

/// For each of 20 new tokens of a text whether XTC changed it: without it token 0 is the best everywhere.
let private changed pick seed =
    use model = denseModel config
    let best = Array.init 11 (fun id -> if id = 0 then 1f else 0f)

    let sampling =
        {
            Processors =
                if pick = Draw then
                    [ Xtc(0.5, 0.05); TopK 1 ]
                else
                    [ Xtc(0.5, 0.05) ]
            PenaltyWindow = None
            Pick = pick
        }
        |> Strategy.sampling 11
        |> get
        |> Sampling.behind (Warp(fun logits -> tensorOf (Array.replicate (int logits.shape[0]) best)))

    Generate.tokens sampling (Rng.ofSeed seed) model [| 1 |]
    |> Seq.take 20
    |> Seq.map (fun id -> id <> 0)
    |> Array.ofSeq

let private spread name pick =
    testCase $"{name}, each token of a text has a coin of its own" (fun () ->
        let texts = [| for seed in 1UL .. 100UL -> changed pick seed |]
        let sum count = texts |> Array.sumBy (fun text -> (count text - 10.0) ** 2.0 / 5.0)
        // Chi-squared with 100 degrees of freedom: outside of this twice in ten thousand times. One coin a text would give 2000.
        let expectSpread what count = Expect.isTrue (sum count > 54.0 && sum count < 162.0) $"{what}: {sum count}"

        expectSpread "changed" (Array.filter id >> Array.length >> float)
        // Where the coin is another one than before, the one before the first being a tail.
        expectSpread
            "turned"
            (Array.append [| false |]
             >> Array.pairwise
             >> Array.filter (fun (a, b) -> a <> b)
             >> Array.length
             >> float))

let tests =
    testList "xtc" [
        spread "drawn" Draw
        spread "greedy" Best

        law
            1000
            "xtc rules out the top choices but the least of them"
            (Arb.zip (logits, Arb.fromGen (Gen.elements [ 0.0; 0.001; 0.03; 0.1; 0.2; 0.45; 0.5; 0.7; 1.0 ])))
            (fun (values, threshold) ->
                // At the border rounding decides, but where float32 has the threshold itself.
                let isExact = List.contains threshold [ 0.0; 0.5; 1.0 ]

                let isClear =
                    exactly values |> Array.forall (fun p -> abs (p - threshold) > 1e-6 || isExact && p = threshold)

                if isClear then
                    let struct (warped, _) = Warpers.xtc 1.0 threshold (Rng.ofSeed 1UL) (one values)
                    Expect.isTrue (areSame (floatsOf warped) (excludeTop threshold values)) "what stays"

                    if threshold > 0.5 then
                        Expect.isTrue (areSame (floatsOf warped) values) "two cannot have more than a half")

        testCase "xtc of equals keeps the last" (fun () ->
            let struct (warped, _) = Warpers.xtc 1.0 0.25 (Rng.ofSeed 1UL) (one [| 3f; inf; 3f; 3f; -90f |])
            Expect.equal (floatsOf warped) [| inf; inf; inf; 3f; -90f |] "of three")

        law
            1000
            "xtc throws one coin a row and hands the generator on"
            (Arb.zip (seeds, shares))
            (fun (seed, probability) ->
                let rng = Rng.ofSeed (uint64 seed)
                let rows = 5
                let input = tensorOf (Array.replicate rows [| 1f; 0f |])
                let struct (warped, after) = Warpers.xtc probability 0.1 rng input
                let struct (coins, expected) = Rng.uniforms rows rng
                Expect.equal after expected "generator"
                let isThrown = floatsOf warped |> Array.chunkBySize 2 |> Array.map (fun row -> not (isKept row[0]))
                Expect.equal isThrown (coins |> Array.map (fun coin -> coin < probability)) "rows")
    ]
