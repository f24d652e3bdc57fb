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

let tests = testList "fine-tuning" [ whole ]
