/// How a token is picked from logits.
module Gpt.Tests.ChoiceTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

let private shares = [ 0.4; 0.3; 0.2; 0.1 ]

/// 20,000 rows of one distribution.
let private draws = logitsOf (List.replicate 20_000 (shares |> List.map (log >> float32)))

/// How far counts of outcomes are from what was expected of them. With 3 degrees of freedom 16.3 is passed once in a
/// thousand times.
let private chiSquared (shares: float list) (outcomes: int64[]) : float =
    let counts = outcomes |> Array.countBy id |> Map.ofArray

    shares
    |> List.indexed
    |> List.sumBy (fun (outcome, share) ->
        let want = share * float outcomes.Length
        let got = counts |> Map.tryFind (int64 outcome) |> Option.defaultValue 0 |> float

        if share = 0.0 then
            (if got = 0.0 then 0.0 else infinity)
        else
            (got - want) ** 2.0 / want)

let tests =
    testList "choice" [
        testCase "greedy takes the lowest id of a tie" (fun () ->
            let ids = Choose.greedy (logitsOf [ [ 1f; 3f; 3f; 2f ]; [ 0f; 0f; 0f; 0f ] ]) |> Gpt.Tensors.toIds
            Expect.equal ids [| 1L; 0L |] "ids")

        law
            1000
            "a token that is ruled out is never drawn"
            (Arb.zip (logits, ArbMap.defaults |> ArbMap.arbitrary<uint64>))
            (fun (values, seed) ->
                let struct (ids, _) = Choose.sample (Rng.ofSeed seed) (one values)
                let id = Gpt.Tensors.toIds ids |> Array.head |> int
                Expect.isTrue (id >= 0 && id < values.Length) $"id {id} of {values.Length}"
                Expect.isGreaterThan (Array.item id (probabilities (one values))) 0.0 "its probability")

        testCase "draws follow the distribution" (fun () ->
            let struct (ids, _) = Choose.sample (Rng.ofSeed 9UL) draws
            Expect.isLessThan (chiSquared shares (Gpt.Tensors.toIds ids)) 16.3 "chi-squared")

        testCase "the largest of logits with Gumbel noise follows the same distribution" (fun () ->
            let struct (ids, _) = Choose.gumbel (Rng.ofSeed 10UL) draws
            Expect.isLessThan (chiSquared shares (Gpt.Tensors.toIds ids)) 16.3 "chi-squared")

        testCase "draws without replacement follow the distribution of what is left" (fun () ->
            let struct (ids, _) = Choose.withoutReplacement 2 (Rng.ofSeed 11UL) draws

            let pairs =
                Gpt.Tensors.toIds ids |> Array.chunkBySize 2 |> Array.map (fun pair -> 4L * pair[0] + pair[1])

            let expected = [
                for first in 0..3 do
                    for second in 0..3 ->
                        if first = second then
                            0.0
                        else
                            shares[first] * shares[second] / (1.0 - shares[first])
            ]

            // Chi-squared with 11 degrees of freedom, for 12 pairs: 31.3 is passed once in a thousand times.
            Expect.isLessThan (chiSquared expected pairs) 31.3 "chi-squared")

        law
            1000
            "tokens drawn without replacement are different, and those that are ruled out come last"
            (Arb.zip (logits, ArbMap.defaults |> ArbMap.arbitrary<uint64>))
            (fun (values, seed) ->
                let count = min 5 values.Length
                let struct (ids, _) = Choose.withoutReplacement count (Rng.ofSeed seed) (one values)
                let ids = Gpt.Tensors.toIds ids |> Array.map int
                Expect.equal (Array.distinct ids) ids "different"
                let possible = ids |> Array.map (fun id -> values[id] > inf)
                Expect.equal possible (Array.sortDescending possible) "possible ones first")

        law 200 "a row draws the same whatever stands beside it" (Arb.zip (logits, seeds)) (fun (values, seed) ->
            let rngs = Array.init 3 (fun row -> Rng.ofSeed (uint64 (seed + row)))
            let rows = [ List.ofArray values; List.ofArray (Array.rev values); List.ofArray values ]
            let struct (together, _) = Choose.sampleRows rngs (logitsOf rows)

            let alone = [|
                for row, rng in Seq.zip rows rngs ->
                    let struct (id, _) = Choose.sampleRows [| rng |] (logitsOf [ row ])
                    (Gpt.Tensors.toIds id)[0]
            |]

            Expect.equal (Gpt.Tensors.toIds together) alone "ids")

        testCase "as many draws as there are tokens, at most" (fun () ->
            let message count =
                Expect.throwsC
                    (fun () -> Choose.withoutReplacement count (Rng.ofSeed 1UL) (logitsOf [ [ 0f; 1f ] ]) |> ignore)
                    _.Message

            Expect.stringContains (message 3) "count is 3; it must be in 1 to 2" "too many"
            Expect.stringContains (message 0) "count is 0" "none")

        testCase "the generator moves on by one number a row" (fun () ->
            let rng = Rng.ofSeed 1UL
            let struct (_, after) = Choose.sample rng (logitsOf [ [ 0f; 0f ]; [ 0f; 0f ]; [ 0f; 0f ] ])
            let struct (_, expected) = Rng.uniforms 3 rng
            Expect.equal after expected "generator")
    ]
