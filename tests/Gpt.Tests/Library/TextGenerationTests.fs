/// The pipeline: a model by name, texts in, texts out.
module Gpt.Tests.TextGenerationTests

open Expecto
open Gpt
open Gpt.Tests.Small

let private tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
let private rng = Rng.ofSeed 1UL

/// Runs a test with the pipeline of a model in a folder.
let private withPipeline (test: TextPipeline -> unit) =
    withFolder (fun folder ->
        use model = denseModel config
        Checkpoint.save folder tokenizer model
        use pipeline = TextGeneration.pipeline folder |> get
        test pipeline)

let private write strategy pipeline prompt = TextGeneration.continueText strategy 20 rng pipeline prompt

let tests =
    testList "text generation" [
        testCase "the article's three calls" (fun () ->
            withPipeline (fun pipeline ->
                let greedy = write Strategy.greedy pipeline "abc" |> get

                let plain = Generate.text Sampling.greedy rng 20 tokenizer pipeline.Model "abc" |> get

                Expect.equal greedy ("abc" + plain) "greedy"
                let topK = write (Strategy.random [ Temperature 0.9; TopK 50 ]) pipeline "abc" |> get
                let nucleus = write (Strategy.random [ Temperature 0.8; TopP 0.9 ]) pipeline "abc" |> get

                for text in [ topK; nucleus ] do
                    Expect.stringStarts text "abc" "prompt"
                    Expect.equal text.Length 23 "tokens"))

        testCase "what cannot be is one sentence" (fun () ->
            withPipeline (fun pipeline ->
                let sentence strategy prompt = write strategy pipeline prompt |> error
                Expect.stringContains (sentence Strategy.greedy "xyz") "'x'" "a character that is not there"

                Expect.equal
                    (sentence Strategy.greedy "")
                    "The prompt is empty; it must hold at least one token."
                    "empty"

                Expect.stringContains
                    (sentence Strategy.greedy "abcabcabc")
                    "has 9 tokens; it must have at most 8"
                    "long"

                Expect.stringContains (sentence (Strategy.random [ TopK 0 ]) "abc") "k is 0" "strategy"

                Expect.stringContains
                    (TextGeneration.continueText Strategy.greedy 0 rng pipeline "abc" |> error)
                    "max new tokens is 0"
                    "number"

                Expect.stringContains (TextGeneration.pipeline "no/../where" |> error) "no such folder" "name"))
    ]
