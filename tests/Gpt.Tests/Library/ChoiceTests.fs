/// How a token is picked from logits.
module Gpt.Tests.ChoiceTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

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
            let weights = [ 0.4; 0.3; 0.2; 0.1 ]
            let row = weights |> List.map (log >> float32)
            let struct (ids, _) = Choose.sample (Rng.ofSeed 9UL) (logitsOf (List.replicate 20_000 row))
            let counts = Gpt.Tensors.toIds ids |> Array.countBy id |> Map.ofArray
            // Chi-squared with 3 degrees of freedom: 16.3 is passed once in a thousand times.
            let chi =
                weights
                |> List.indexed
                |> List.sumBy (fun (i, p) -> (float counts[int64 i] - 20_000.0 * p) ** 2.0 / (20_000.0 * p))

            Expect.isLessThan chi 16.3 "chi-squared")

        testCase "the generator moves on by one number a row" (fun () ->
            let rng = Rng.ofSeed 1UL
            let struct (_, after) = Choose.sample rng (logitsOf [ [ 0f; 0f ]; [ 0f; 0f ]; [ 0f; 0f ] ])
            let struct (_, expected) = Rng.uniforms 3 rng
            Expect.equal after expected "generator")
    ]
