module Gpt.Tests.ConfigTests

open Expecto
open Gpt
open Gpt.Tests.Small

let private refused name change =
    testCase name (fun () ->
        let sentence = GptConfig.validate (change GptConfig.mini) |> error
        let words = name.Split ' '
        Expect.stringContains sentence words[0] "the field is named"
        Expect.stringContains sentence words[1] "the value is named")

let tests =
    testList "GptConfig" [
        testCase "the article's model has 834,432 parameters" (fun () ->
            Expect.equal (Params.count GptConfig.mini) 834_432L "with vocabulary 65 and context 256")

        testCase "GPT-2's sizes are the published ones" (fun () ->
            for name, millions in
                [
                    "distilgpt2", 81_912_576L
                    "gpt2", 124_439_808L
                    "gpt2-medium", 354_823_168L
                    "gpt2-large", 774_030_080L
                    "gpt2-xl", 1_557_611_200L
                ] do
                Expect.equal (GptConfig.preset name |> get |> Params.count) millions name)

        testCase "every preset is valid" (fun () ->
            for name, config in GptConfig.presets do
                Expect.isOk (GptConfig.validate config) name)

        testCase "an unknown preset lists the known ones" (fun () ->
            Expect.stringContains (GptConfig.preset "gpt3" |> error) "gpt2-medium" "names")

        testCase "names and shapes are GPT-2's" (fun () ->
            let shapes = Map.ofList (Params.shapes GptConfig.mini)
            Expect.equal shapes.Count (4 + 12 * 4) "number of tensors"
            Expect.equal shapes["h.3.attn.c_attn.weight"] [ 384L; 128L ] "queries, keys and values"
            Expect.equal shapes["ln_f.bias"] [ 128L ] "final norm")

        testList "refuses" [
            refused "vocab 0" (fun c -> { c with VocabSize = 0 })
            refused "context -1" (fun c -> { c with Context = -1 })
            refused "dim -128" (fun c -> { c with Dim = -128 })
            refused "layers 0" (fun c -> { c with Layers = 0 })
            refused "heads 0" (fun c -> { c with Heads = 0 })
            refused "heads 3" (fun c -> { c with Heads = 3 })
            refused "feed-forward 0" (fun c -> { c with FeedForward = 0 })
            refused "dropout 1" (fun c -> { c with Dropout = 1.0 })
            refused "dropout NaN" (fun c -> { c with Dropout = nan })
            refused "epsilon 0" (fun c -> { c with NormEpsilon = 0.0 })
        ]

        testCase "require raises what validate says" (fun () ->
            Expect.throwsT<System.ArgumentException>
                (fun () -> GptConfig.require { GptConfig.mini with Heads = 5 } |> ignore)
                "heads 5")
    ]
