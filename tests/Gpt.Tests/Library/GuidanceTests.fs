/// Guidance against its definition.
module Gpt.Tests.GuidanceTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

let private guidedBy scale prompt = {
    GenerationOptions.defaults with
        MaxNewTokens = 5
        LogProbabilities = Some 3
        Guidance = Some { Scale = scale; Prompt = prompt }
}

/// ln of the probabilities that the model itself gives to each token behind a text.
let private ownLogs (model: Model) (text: int list) =
    Gpt.Tensors.noGrad (fun () -> (Transformer.forward Eval model (ids [ text ])).log_softmax -1L)
    |> floatsOf
    |> Array.chunkBySize 11
    |> Array.last

let tests =
    testList "guidance" [
        law
            100
            "what is told of tokens is the model's own, in blocks too"
            (Arb.zip (tokens 11 1 3, Arb.fromGen (Gen.elements [ 1; 4 ])))
            (fun (prompt, block) ->
                use model = denseModel config

                let options = {
                    guidedBy 3.0 [| 7; 7 |] with
                        Block = Some block
                }

                let mutable text = prompt

                for token in Generate.stream options Sampling.greedy (Rng.ofSeed 1UL) model (Array.ofList prompt) do
                    let logs = ownLogs model text
                    let isOwn id (log: float) = abs (log - float logs[id]) < 1e-4
                    Expect.isTrue (isOwn token.Id token.LogProbability.Value) "log-probability"

                    for candidate in token.Alternatives do
                        Expect.isTrue (isOwn candidate.Id candidate.LogProbability) "alternative"

                    Expect.isTrue (isOwn token.Alternatives.Head.Id (float (Array.max logs))) "the model's best"
                    text <- text @ [ token.Id ])

        testCase "a guidance prompt over the context is named, before any token" (fun () ->
            use model = denseModel config
            use session = new Session(model)
            let options = guidedBy 1.5 (Array.create 9 1)
            let rng = Rng.ofSeed 1UL

            let calls: (unit -> GeneratedToken seq) list = [
                fun () -> Generate.batch options Sampling.greedy model [ rng, [| 1 |] ]
                fun () -> Generate.samples options Sampling.greedy rng 2 model [| 1 |]
                fun () -> session.Stream(options, Sampling.greedy, rng, [| 1 |])
            ]

            for call in calls do
                let error = Expect.throwsC (fun () -> call () |> ignore) id
                Expect.isTrue (error :? ArgumentException) "kind of error"

                Expect.stringContains
                    error.Message
                    "The guidance prompt has 9 tokens; it must have at most 8, the model's context."
                    "sentence")

        law
            1000
            "guidance is other + scale (log p - other), but where either is impossible"
            (Arb.zip (Arb.zip (logits, seeds), Arb.fromGen (Gen.elements [ -1.0; 0.0; 1.0; 1.5; 7.0 ])))
            (fun ((values, seed), scale) ->
                let others =
                    uniform -4.0 4.0 values.Length seed |> Array.mapi (fun i x -> if i % 5 = 4 then inf else x)

                let warped = floatsOf (Warpers.guidance scale (one others) (one values))
                let logs = exactly values |> Array.map log
                let otherLogs = exactly others |> Array.map log

                for i in 0 .. values.Length - 1 do
                    if not (isKept values[i]) then
                        Expect.equal warped[i] inf "ruled out"
                    // In double precision what is far below the best has no logarithm.
                    elif logs[i] > -600.0 then
                        let want =
                            if isKept others[i] then
                                otherLogs[i] + scale * (logs[i] - otherLogs[i])
                            else
                                logs[i]

                        let slack = 1e-6 + 1e-6 * (1.0 + abs scale) * (abs logs[i] + abs otherLogs[i] |> min 1e4)
                        Expect.isLessThanOrEqual (abs (float warped[i] - want)) slack $"{warped[i]}, expected {want}")

        law 1000 "guidance of scale 1 leaves the probabilities as they are" logits (fun values ->
            let others = Array.rev values
            let warped = floatsOf (Warpers.guidance 1.0 (one others) (one values))

            Array.iter2
                (fun p q -> Expect.isLessThanOrEqual (abs (p - q)) 1e-6 "probability")
                (exactly values)
                (exactly warped))

        testCase "guidance wants logits of one shape" (fun () ->
            Expect.throwsT<ArgumentException>
                (fun () -> Warpers.guidance 2.0 (one [| 1f; 2f |]) (one [| 1f; 2f; 3f |]) |> ignore)
                "shapes")
    ]
