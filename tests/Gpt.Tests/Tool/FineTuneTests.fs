/// `gpt train --from` as a person runs it.
module Gpt.Tests.FineTuneTests

open System.IO
open Expecto
open Gpt
open Gpt.Tests.Small
open Gpt.Tests.Tool

let private bpe =
    lazy
        (Bpe(
            BpeTraining.train
                {
                    BpeTraining.defaults with
                        VocabSize = 270
                }
                [ sampleText ]
        ))

let private characters = Characters(CharTokenizer.ofText sampleText)

/// A folder with a text in `text.txt` and a small model of a tokenizer in `base`.
let private withBase (tokenizer: Tokenizer) (test: string -> Model -> unit) =
    withText sampleText (fun folder ->
        use model =
            denseModel {
                config with
                    VocabSize = Tokenizer.vocabSize tokenizer
                    Dropout = 0.1
            }

        Checkpoint.save (Path.Combine(folder, "base")) tokenizer model
        test folder model)

/// The arguments of a run from `base` to `tuned`, but for what is given otherwise.
let private train (more: string list) =
    let usual = [ "--from", "base"; "--data", "text.txt"; "--out", "tuned"; "--batch", "4" ]

    [
        "train"
        for name, value in usual do
            if not (List.contains name more) then
                name
                value
    ]
    @ more

let private succeed folder arguments =
    let run = gptIn folder arguments
    Expect.equal run.Code 0 run.Error
    run.Out

let private tuned folder = Checkpoint.load (Device.cpu ()) (Path.Combine(folder, "tuned")) |> get |> fst
let private numbers (model: Model) = Gpt.Tensors.toFloats model.Flat

let private refused name (arguments: string list) code (words: string list) =
    testCase name (fun () ->
        withBase characters (fun folder _ ->
            File.WriteAllText(Path.Combine(folder, "foreign.txt"), sampleText + "ß")
            let before = filesBelow folder
            let run = gptIn folder arguments
            Expect.equal run.Code code run.Error
            Expect.equal (run.Error.TrimEnd('\n').Split('\n').Length) 1 "one line"
            Expect.equal run.Out "" "standard output"
            Expect.equal (filesBelow folder) before "nothing left behind"

            for word in words do
                Expect.stringContains run.Error word "named"))

let private learns name (tokenizer: unit -> Tokenizer) =
    testCase name (fun () ->
        withBase (tokenizer ()) (fun folder model ->
            let out = succeed folder (train [ "--steps"; "60"; "--lr"; "1e-2"; "--json" ])

            let losses = [
                for row in (ToolTests.parse out).GetProperty("losses").EnumerateArray() ->
                    row.GetProperty("validation").GetDouble()
            ]

            Expect.isLessThan (List.last losses) (0.7 * List.head losses) "validation loss"
            use tuned = tuned folder
            Expect.equal tuned.Config model.Config "configuration"
            let bytes (place: string) (name: string) = File.ReadAllBytes(Path.Combine(folder, place, name))
            let files = TokenizerFiles.write (tokenizer ()) |> List.map fst
            Expect.isNonEmpty files "files of the tokenizer"

            for name in files do
                Expect.equal (bytes "tuned" name) (bytes "base" name) name

            use kept = Checkpoint.loadModel (Device.cpu ()) (Path.Combine(folder, "base")) |> get
            Expect.equal (numbers kept) (numbers model) "the checkpoint it came from"))

let private whole =
    testList "from a checkpoint" [
        learns "learns a text with the characters of the checkpoint" (fun () -> characters)
        learns "learns a text with the BPE of the checkpoint" (fun () -> bpe.Value)

        testCase "goes on from the checkpoint's weights" (fun () ->
            withBase characters (fun folder model ->
                succeed folder (train [ "--steps"; "1"; "--lr"; "1e-8"; "--min-lr"; "0"; "--warmup"; "0" ])
                |> ignore

                use tuned = tuned folder
                let distance = Array.map2 (fun a b -> abs (float (a - b))) (numbers tuned) (numbers model)
                Fixtures.expectBelow 1e-6 (Array.max distance) "one small step"
                Expect.isGreaterThan (Array.max distance) 0.0 "but a step"))

        testCase "keeps the context and takes a shorter window and another dropout" (fun () ->
            withBase characters (fun folder model ->
                let run = gptIn folder (train [ "--steps"; "1"; "--context"; "5"; "--dropout"; "0.25" ])
                Expect.equal run.Code 0 run.Error
                Expect.stringContains run.Error "windows of 5 tokens" "the window"
                use tuned = tuned folder
                Expect.equal tuned.Config { model.Config with Dropout = 0.25 } "configuration"))

        for name, value in [ "--preset", "gpt2"; "--dim", "12"; "--heads", "3"; "--layers", "2" ] do
            refused $"{name} beside --from" (train [ name; value ]) 2 [ name; "--from" ]

        refused "a window beyond the context" (train [ "--context"; "9" ]) 2 [ "--context is 9"; "at most 8" ]
        refused "a window of nothing" (train [ "--context"; "0" ]) 2 [ "--context is 0" ]
        refused "a dropout of one" (train [ "--dropout"; "1" ]) 2 [ "dropout is 1" ]
        refused "the folder it comes from" (train [ "--out"; "base/" ]) 2 [ "--out is base/" ]
        refused "a folder that is not there" (train [ "--from"; "no/such/folder" ]) 1 [ "no/such/folder" ]
        refused "a folder without a model" (train [ "--from"; "." ]) 1 [ "config.json" ]
        refused "a text that the tokenizer cannot encode" (train [ "--data"; "foreign.txt" ]) 1 [
            "foreign.txt"
            "'ß' (U+00DF)"
        ]
    ]

let private lora (more: string list) = train ([ "--lora-rank"; "2" ] @ more)

let private adapters =
    testList "adapters" [
        testCase "are trained alone, saved apart and merged by export" (fun () ->
            withBase bpe.Value (fun folder model ->
                let before = filesBelow (Path.Combine(folder, "base"))
                let run = gptIn folder (lora [ "--steps"; "40"; "--lr"; "1e-2"; "--json"; "--lora-layers"; "all" ])
                Expect.equal run.Code 0 run.Error
                Expect.stringContains run.Error "rank 2, alpha 4, in c_attn, c_proj, c_fc" "what is trained"

                let losses = [
                    for row in (ToolTests.parse run.Out).GetProperty("losses").EnumerateArray() ->
                        row.GetProperty("validation").GetDouble()
                ]

                Expect.isLessThan (List.last losses) (List.head losses) "validation loss"

                Expect.equal
                    (filesBelow (Path.Combine(folder, "tuned")))
                    [
                        "adapter_config.json"
                        "adapter_model.safetensors"
                        "loss.svg"
                        "merges.txt"
                        "tokenizer.json"
                        "tokenizer_config.json"
                        "vocab.json"
                    ]
                    "files"

                succeed folder [ "export"; "--model"; "base"; "--adapter"; "tuned"; "--out"; "merged" ] |> ignore

                use adapters = Adapter.load (Device.cpu ()) model.Config (Path.Combine(folder, "tuned")) |> get
                use want = Lora.merge adapters model
                use got = Checkpoint.loadModel (Device.cpu ()) (Path.Combine(folder, "merged")) |> get
                Expect.equal (numbers got) (numbers want) "the merged weights"
                Expect.notEqual (numbers got) (numbers model) "not the base's"
                Expect.equal (filesBelow (Path.Combine(folder, "base"))) before "the base's files"
                use kept = Checkpoint.loadModel (Device.cpu ()) (Path.Combine(folder, "base")) |> get
                Expect.equal (numbers kept) (numbers model) "the base"

                succeed folder [ "generate"; "--model"; "merged"; "--prompt"; "to"; "--max-new-tokens"; "3" ]
                |> ignore))

        testCase "alpha and the layers are what was asked for" (fun () ->
            withBase characters (fun folder _ ->
                succeed folder (lora [ "--steps"; "1"; "--lora-alpha"; "7.5" ]) |> ignore
                let config = File.ReadAllText(Path.Combine(folder, "tuned", "adapter_config.json"))

                Expect.equal
                    (AdapterJson.read config)
                    (Ok {
                        Rank = 2
                        Alpha = 7.5
                        Targets = [ "c_attn" ]
                    })
                    "options"

                let json = ToolTests.parse config
                Expect.equal (string (json.GetProperty "base_model_name_or_path")) "base" "where the base is"))

        refused "rank zero" (train [ "--lora-rank"; "0" ]) 2 [ "--lora-rank"; "rank is 0" ]
        refused "a rank beyond the weights" (train [ "--lora-rank"; "13" ]) 2 [ "rank is 13"; "at most 12" ]
        refused "alpha zero" (lora [ "--lora-alpha"; "0" ]) 2 [ "alpha is 0" ]
        refused "alpha without a rank" (train [ "--lora-alpha"; "4" ]) 2 [ "--lora-alpha"; "--lora-rank" ]
        refused "layers that there are not" (lora [ "--lora-layers"; "most" ]) 2 [ "--lora-layers is most" ]
        refused "a rank without a base" [ "train"; "--data"; "text.txt"; "--lora-rank"; "2" ] 2 [ "--from" ]

        testCase "a folder that holds a checkpoint is refused" (fun () ->
            withBase characters (fun folder model ->
                Checkpoint.save (Path.Combine(folder, "other")) characters model
                let run = gptIn folder (lora [ "--out"; "other" ])
                Expect.equal run.Code 2 run.Error
                Expect.stringContains run.Error "--out is other" "named"))

        refused "adapters that are not there" [ "export"; "--model"; "base"; "--adapter"; "base"; "--out"; "merged" ] 1 [
            "base"
            "adapter_config.json"
        ]
    ]

let tests = testList "fine-tuning" [ whole; adapters ]
