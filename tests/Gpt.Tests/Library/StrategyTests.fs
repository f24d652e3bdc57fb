/// Strategies: plain data that says how tokens are chosen.
module Gpt.Tests.StrategyTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

/// A text that repeats itself and logits without ties, so that every processor finds something to do.
let private turn: Turn = {
    Texts = historyOf [ [ 1; 2; 3; 1; 2; 3; 1; 2 ] ]
    Moment = {
        Produced = 0
        Left = 10
        Rngs = [| Rng.ofSeed 1UL |]
    }
}

let private row = [ 2.0f; 3.5f; -1.0f; 3.0f; 0.5f; -2.5f; 1.0f; 0.0f ]
let private tokenizer = Characters(CharTokenizer.ofText "abcdefgh")

let private digits = Constraint.regex (Vocabulary.ofTokenizer tokenizer) [] "[a-c]+d" |> get

/// Every processor there is, with settings that do something here.
let private processors: Processor list = [
    LogitBias [ 4, 1.5 ]
    SequenceBias [ [ 1; 2; 6 ], 2.0 ]
    BadWords [ [ 2; 5 ] ]
    BannedTokens [ 0 ]
    AllowedTokens [ 0; 1 ]
    ForcedTokens [ 3 ]
    Constrained digits
    RepetitionPenalty 1.2
    PresencePenalty 0.5
    FrequencyPenalty 0.5
    NoRepeatNgram 3
    Dry { Dry.defaults with Multiplier = 0.8 }
    Temperature 0.5
    DynamicTemperature(0.5, 1.5, 1.0)
    TopNSigma 1.0
    TopK 3
    TopP 0.8
    MinP 0.2
    TopA 0.9
    TypicalP 0.5
    EpsilonCutoff 0.05
    EtaCutoff 0.05
    Xtc(1.0, 0.1)
    Mirostat { Mirostat.defaults with Tau = 0.5 }
]

let private warped (processors: Processor list) =
    let sampling = Strategy.random processors |> Strategy.sampling 8 |> get
    Sampling.warp turn sampling (logitsOf [ row ]) |> valuesOf

let private refused name (strategy: Strategy) (words: string) =
    testCase $"{name} is refused" (fun () ->
        Expect.stringContains (Strategy.sampling 8 strategy |> error) words "sentence")

let private mistakes = [
    refused "temperature 0" (Strategy.random [ Temperature 0.0 ]) "temperature: temperature is 0; it must be"
    refused "top-k 0" (Strategy.random [ TopK 0 ]) "top-k: k is 0; it must be at least 1"
    refused "top-p above 1" (Strategy.random [ TopP 1.5 ]) "top-p: p is 1.5; it must be"
    refused "a repetition penalty of 0" (Strategy.random [ RepetitionPenalty 0.0 ]) "repetition-penalty: penalty is 0"
    refused
        "a foreign token"
        (Strategy.random [ BannedTokens [ 9 ] ])
        "suppress-tokens: token 9 is not in the vocabulary"
    refused "a processor twice" (Strategy.random [ TopK 3; TopK 4 ]) "top-k is asked for 2 times"
    refused
        "two temperatures"
        (Strategy.random [ Temperature 1.0; DynamicTemperature(0.5, 1.5, 1.0) ])
        "temperature and dynamic-temperature are both asked for"
    refused
        "a greedy choice with a temperature"
        {
            Strategy.greedy with
                Processors = [ Temperature 0.7 ]
        }
        "temperature does nothing in a greedy choice"
    refused
        "a window with nothing that looks through it"
        {
            Strategy.greedy with
                PenaltyWindow = Some 64
        }
        "no penalty that looks through it"
    refused
        "an empty window"
        {
            Strategy.random [ PresencePenalty 1.0 ] with
                PenaltyWindow = Some 0
        }
        "the penalty window is 0"
]

let private examples = [
    testCase "every processor does something, alone" (fun () ->
        for processor in processors do
            Expect.notEqual (warped [ processor ]) row (Strategy.name processor))

    testCase "every processor has a place in both orders, and nothing else has" (fun () ->
        let names = processors |> List.map Strategy.name
        Expect.equal (names |> List.distinct |> List.length) names.Length "distinct names"
        Expect.equal (set Strategy.huggingFaceOrder) (set names) "transformers"
        Expect.equal (set Strategy.llamaCppOrder) (set names) "llama.cpp"
        Expect.equal (List.sort Strategy.huggingFaceOrder) (List.sort names) "each once")

    testCase "the order is kept, and it matters" (fun () ->
        // Hot first, the nucleus is wide; hot last, it is that of the model.
        let asked = Strategy.random [ TopP 0.7; Temperature 3.0 ]
        let inOrder order = asked |> Strategy.inOrder order |> get
        let first, last = inOrder Strategy.huggingFaceOrder, inOrder Strategy.llamaCppOrder
        Expect.equal first.Processors [ Temperature 3.0; TopP 0.7 ] "transformers"
        Expect.equal last.Processors [ TopP 0.7; Temperature 3.0 ] "llama.cpp"
        let kept (strategy: Strategy) = warped strategy.Processors |> List.filter (fun x -> x > inf) |> List.length
        Expect.isGreaterThan (kept first) (kept last) "tokens kept")

    testCase "an order that lacks a processor is refused" (fun () ->
        let message = Strategy.random [ TopK 3 ] |> Strategy.inOrder [ "temperature"; "top-p" ] |> error
        Expect.stringContains message "top-k is asked for but does not stand in the order" "sentence")

    testCase "nothing is on unless asked for" (fun () ->
        Expect.equal (warped []) row "logits"
        Expect.equal Strategy.greedy.Processors [] "greedy")

    testCase "the penalty window hides what lies before it" (fun () ->
        let logit id window =
            let strategy = {
                Strategy.random [ PresencePenalty 5.0 ] with
                    PenaltyWindow = window
            }

            Sampling.warp turn (Strategy.sampling 8 strategy |> get) (logitsOf [ row ])
            |> valuesOf
            |> List.item id

        Expect.equal (logit 3 None) -2.0f "all of the text"
        Expect.equal (logit 3 (Some 2)) 3.0f "the last two tokens, 1 and 2"
        Expect.equal (logit 1 (Some 2)) -1.5f "the last two tokens, 1 and 2")
]

let private laws = [
    law
        200
        "a batch by every processor gives what each prompt gives alone"
        (both (Arb.fromGen (Gen.listOfLength 3 (tokens 8 1 8).Generator)) (ArbMap.defaults |> ArbMap.arbitrary<uint64>))
        (fun (prompts, seed) ->
            use model = denseModel { config with VocabSize = 8 }
            // Processors that together leave something to draw, those that remember and those that toss coins among them.
            let sampling =
                Strategy.random [
                    LogitBias [ 4, 1.5 ]
                    RepetitionPenalty 1.2
                    FrequencyPenalty 0.1
                    Dry { Dry.defaults with Multiplier = 0.8 }
                    DynamicTemperature(0.5, 2.5, 1.0)
                    MinP 0.01
                    Xtc(0.5, 0.1)
                    Mirostat {
                        Mirostat.defaults with
                            Tau = 2.0
                            Eta = 0.5
                    }
                ]
                |> Strategy.sampling 8
                |> get

            let options = {
                GenerationOptions.defaults with
                    MaxNewTokens = 12
                    MinNewTokens = 3
                    EndTokens = [ 2 ]
            }

            let own =
                prompts |> List.mapi (fun i prompt -> Rng.split (uint64 i) (Rng.ofSeed seed), Array.ofList prompt)

            let together = Generate.batch options sampling model own |> Generate.collect

            for completion, (rng, prompt) in Seq.zip together own do
                let alone = (Generate.stream options sampling rng model prompt |> Generate.collect)[0]
                Expect.equal completion.Tokens alone.Tokens "tokens"
                Expect.isGreaterThanOrEqual completion.Tokens.Length 3 "no end too early")
]

let tests =
    testList "strategies" [
        testList "examples" examples
        testList "laws" laws
        testList "names what is wrong" mistakes
    ]
