module Gpt.Tests.ToolTests

open System.IO
open System.Text.Json
open Expecto
open Gpt.Tests.Tool

/// The JSON that a run printed.
let parse (text: string) =
    use document = JsonDocument.Parse text
    document.RootElement.Clone()

let private trained (test: string -> Run -> unit) =
    withText sampleText (fun folder ->
        let run = gptIn folder ([ "train"; "--data"; "text.txt"; "--out"; "model" ] @ quick)
        Expect.equal run.Code 0 run.Error
        test folder run)

let private work =
    testList "does its work" [
        testCase "train prints the table and three samples, and leaves a checkpoint" (fun () ->
            trained (fun folder run ->
                Expect.stringContains run.Out "Train Loss" "table"

                for temperature in [ "0.3"; "0.8"; "1.5" ] do
                    Expect.stringContains run.Out $"temperature {temperature}" "sample"

                Expect.stringContains run.Out "HAMLET:" "prompt"
                Expect.stringContains run.Error "tokens/s" "progress is on standard error"

                Expect.equal
                    (filesBelow folder)
                    [
                        "model"
                        "model/config.json"
                        "model/generation_config.json"
                        "model/loss.svg"
                        "model/model.safetensors"
                        "model/tokenizer.json"
                        "model/tokenizer_config.json"
                        "text.txt"
                    ]
                    "files"))

        testCase "train --json prints one object and lowers the loss" (fun () ->
            withText sampleText (fun folder ->
                let run =
                    gptIn
                        folder
                        ([ "train"; "--data"; "text.txt"; "--out"; "model"; "--json"; "--seed"; "5" ] @ quick)

                let answer = parse run.Out

                let losses = [
                    for row in answer.GetProperty("losses").EnumerateArray() ->
                        row.GetProperty("validation").GetDouble()
                ]

                Expect.isLessThan (List.last losses) (List.head losses) "validation loss"
                Expect.equal (answer.GetProperty("steps").GetInt32()) 20 "steps"
                Expect.equal (answer.GetProperty("samples").GetArrayLength()) 3 "samples"))

        testCase "an evaluation is the mean over twenty batches, or as many as are asked for" (fun () ->
            withText sampleText (fun folder ->
                let first more =
                    let run = gptIn folder ([ "train"; "--data"; "text.txt"; "--json" ] @ quick @ more)
                    let losses = (parse run.Out).GetProperty("losses")
                    losses[0].GetProperty("validation").GetDouble()

                let usual = first []
                Expect.equal (first [ "--eval-batches"; "20" ]) usual "twenty"
                Expect.notEqual (first [ "--eval-batches"; "1" ]) usual "one"))

        testCase "the same seed trains the same model, another seed another" (fun () ->
            withText sampleText (fun folder ->
                let weights seed =
                    let out = $"model{seed}"

                    let run =
                        gptIn
                            folder
                            ([
                                "train"
                                "--data"
                                "text.txt"
                                "--out"
                                out
                                "--seed"
                                string seed
                                "--dropout"
                                "0.1"
                             ]
                             @ quick)

                    Expect.equal run.Code 0 run.Error
                    File.ReadAllBytes(Path.Combine(folder, out, "model.safetensors"))

                let first = weights 1
                Expect.equal (weights 1) first "same"
                Expect.notEqual (weights 2) first "other"))

        if not (System.OperatingSystem.IsWindows()) then
            testCase "Ctrl-C saves what was learned so far and exits with 130" (fun () ->
                withText sampleText (fun folder ->
                    let arguments = [ "train"; "--data"; "text.txt"; "--out"; "model"; "--steps"; "20000" ]
                    let sizes = quick |> List.take (quick.Length - 2)
                    let run = interruptedAt "step" folder (arguments @ sizes)
                    Expect.equal run.Code 130 run.Error
                    Expect.equal run.Out "" "no answer"
                    let after = gptIn folder [ "generate"; "--model"; "model"; "--max-new-tokens"; "5" ]
                    Expect.equal after.Code 0 after.Error))

        testCase "generate writes what was asked for, the same for the same seed" (fun () ->
            trained (fun folder _ ->
                let generate (more: string list) =
                    let run = gptIn folder ([ "generate"; "--model"; "model"; "--max-new-tokens"; "30" ] @ more)
                    Expect.equal run.Code 0 run.Error
                    run.Out

                let text = generate [ "--seed"; "3" ]
                Expect.stringStarts text "HAMLET:" "prompt"
                Expect.equal text.Length ("HAMLET:".Length + 30 + 1) "length"
                Expect.equal (generate [ "--seed"; "3" ]) text "same seed"
                Expect.notEqual (generate [ "--seed"; "4" ]) text "other seed"
                Expect.equal (generate [ "--greedy" ]) (generate [ "--top-k"; "1" ]) "top-k 1 is greedy"

                let answer = parse (generate [ "--json"; "--greedy" ])
                let sequence = answer.GetProperty("sequences").[0]
                Expect.equal (sequence.GetProperty("tokens").GetArrayLength()) 30 "tokens"

                Expect.equal
                    ("HAMLET:" + sequence.GetProperty("text").ToString() + "\n")
                    (generate [ "--greedy" ])
                    "text"

                Expect.equal (string (sequence.GetProperty "finishReason")) "length" "why it ended"))

        testCase "every way to sample changes the text" (fun () ->
            trained (fun folder _ ->
                let generate (more: string list) =
                    let run =
                        gptIn
                            folder
                            ([
                                "generate"
                                "--model"
                                "model"
                                "--max-new-tokens"
                                "60"
                                "--prompt"
                                "to be"
                             ]
                             @ more)

                    Expect.equal run.Code 0 run.Error
                    run.Out

                let plain = generate []

                for option, value in
                    [
                        "--temperature", "0.5"
                        "--top-k", "2"
                        "--top-p", "0.3"
                        "--min-p", "0.8"
                        "--typical-p", "0.2"
                        "--epsilon-cutoff", "0.08"
                        "--eta-cutoff", "0.5"
                        "--top-n-sigma", "0.5"
                        "--repetition-penalty", "3"
                        "--presence-penalty", "4"
                        "--frequency-penalty", "2"
                        "--no-repeat-ngram", "1"
                    ] do
                    Expect.notEqual (generate [ option; value ]) plain option

                // Top-a cuts where the model is sure, which so little training does not make it.
                let sure = [ "--temperature"; "0.4" ]
                Expect.notEqual (generate (sure @ [ "--top-a"; "1" ])) (generate sure) "--top-a"))

        testCase "info tells the sizes of a checkpoint and of a preset" (fun () ->
            trained (fun folder _ ->
                let of' (arguments: string list) = parse (gptIn folder ([ "info"; "--json" ] @ arguments)).Out
                Expect.equal ((of' [ "--model"; "model" ]).GetProperty("dim").GetInt32()) 16 "checkpoint"
                Expect.equal ((of' []).GetProperty("parameters").GetInt32()) 834_432 "the article's model"
                Expect.equal ((of' [ "--preset"; "gpt2" ]).GetProperty("parameters").GetInt32()) 124_439_808 "GPT-2"))

        testCase "bench prints its figures as JSON" (fun () ->
            Small.withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let sizes = [ "--layers"; "1"; "--dim"; "16"; "--heads"; "2"; "--context"; "8"; "--json" ]

                let training =
                    parse (gptIn folder ([ "bench"; "train"; "--steps"; "12"; "--batch"; "2" ] @ sizes)).Out

                for name in
                    [
                        "stepMsMedian"
                        "stepMsMin"
                        "tokensPerSecond"
                        "peakMemoryMB"
                        "managedBytesPerStep"
                    ] do
                    Expect.isGreaterThan (training.GetProperty(name).GetDouble()) 0.0 name

                let prefill = parse (gptIn folder ([ "bench"; "prefill"; "--runs"; "3" ] @ sizes)).Out
                Expect.isGreaterThan (prefill.GetProperty("tokensPerSecond").GetDouble()) 0.0 "prompt tokens a second"
                Expect.equal (prefill.GetProperty("promptTokens").GetInt32()) 8 "a whole context"

                for dtype in [ "float32"; "bfloat16"; "int8" ] do
                    let generate = [ "bench"; "generate"; "--new-tokens"; "20"; "--dtype"; dtype ]
                    let generation = parse (gptIn folder (generate @ sizes)).Out
                    Expect.isGreaterThan (generation.GetProperty("tokensPerSecond").GetDouble()) 0.0 "tokens a second"

                let products =
                    parse (gptIn folder [ "bench"; "gemm"; "--sizes"; "96,33x65x17"; "--runs"; "3"; "--json" ]).Out

                let products = products.GetProperty("products").EnumerateArray() |> List.ofSeq

                Expect.equal
                    [
                        for product in products ->
                            [ for axis in [ "m"; "n"; "k" ] -> product.GetProperty(axis).GetInt32() ]
                    ]
                    [ [ 96; 96; 96 ]; [ 33; 65; 17 ] ]
                    "sizes"

                for product in products do
                    Expect.isGreaterThan (product.GetProperty("gflops").GetDouble()) 0.0 "speed"
                    Expect.isGreaterThan (product.GetProperty("peakGflops").GetDouble()) 0.0 "peak"

                let sampling =
                    parse (gptIn folder [ "bench"; "sample"; "--vocab"; "300"; "--threads"; "1"; "--json" ]).Out

                let fastest = sampling.GetProperty("microsecondsPerRowMin").GetDouble()
                Expect.isGreaterThan fastest 0.0 "microseconds"
                Expect.isGreaterThanOrEqual (sampling.GetProperty("microsecondsPerRow").GetDouble()) fastest "median"
                Expect.equal (sampling.GetProperty("threads").GetInt32()) 1 "threads"))
    ]

/// A command line that must fail: the exit code, one line on standard error that holds the words, nothing on standard
/// output, no new file.
let private refused name (text: string) (arguments: string list) code (words: string list) =
    testCase name (fun () ->
        withText text (fun folder ->
            let before = filesBelow folder
            let run = gptIn folder arguments
            Expect.equal run.Code code run.Error
            let lines = run.Error.TrimEnd('\n').Split '\n'
            let sentence = Array.last lines
            Expect.stringStarts sentence "gpt: " "who speaks"
            Expect.equal (lines |> Array.filter _.StartsWith("gpt: ")) [| sentence |] "one sentence"
            Expect.isFalse (run.Error.Contains "   at ") "no stack trace"

            for word in words do
                Expect.stringContains sentence word "named"

            Expect.equal run.Out "" "standard output"
            Expect.equal (filesBelow folder) before "nothing left behind"))

let private train more = [ "train"; "--data"; "text.txt" ] @ more

let private mistakes =
    testList "names what is wrong" [
        refused "a product of two sizes" "" [ "bench"; "gemm"; "--sizes"; "3x4" ] 2 [ "--sizes"; "3x4"; "512x3072x768" ]
        refused "training in int8" "" [ "bench"; "train"; "--dtype"; "int8" ] 2 [ "--dtype"; "float32" ]
        refused "an empty file" "" (train []) 1 [ "empty" ]
        refused "one character" "a" (train []) 1 [ "too short"; "1 tokens" ]
        refused "a corpus shorter than the context" "abcdefghij" (train [ "--context"; "64" ]) 1 [
            "context 64"
            "10 tokens"
        ]
        refused "a file that is not there" "" [ "train"; "--data"; "nothing.txt" ] 1 [ "nothing.txt" ]
        refused "a prompt with an unknown character" sampleText (train [ "--prompt"; "ß" ]) 2 [ "--prompt"; "'ß'" ]
        refused "an empty prompt" sampleText (train [ "--prompt"; "" ]) 2 [ "--prompt"; "empty" ]
        refused "heads that do not divide the width" sampleText (train [ "--heads"; "3" ]) 2 [ "heads is 3"; "128" ]
        refused "a negative size" sampleText (train [ "--dim"; "-8" ]) 2 [ "dim is -8" ]
        refused "no layers" sampleText (train [ "--layers"; "0" ]) 2 [ "layers is 0" ]
        refused "a negative number of steps" sampleText (train [ "--steps"; "-1" ]) 2 [ "steps is -1" ]
        refused "no batch" sampleText (train [ "--batch"; "0" ]) 2 [ "batch is 0" ]
        refused "no evaluation" sampleText (train [ "--eval-batches"; "0" ]) 2 [ "evaluation batches is 0" ]
        refused "a rate that is no number" sampleText (train [ "--lr"; "NaN" ]) 2 [ "learning rate is NaN" ]
        refused "a rate that is a word" sampleText (train [ "--lr"; "fast" ]) 2 [ "fast"; "--lr" ]
        refused "a dropout of one" sampleText (train [ "--dropout"; "1" ]) 2 [ "dropout is 1" ]
        refused "an unknown preset" sampleText (train [ "--preset"; "huge" ]) 2 [ "huge"; "gpt2" ]
        refused "an unknown option" sampleText (train [ "--epochs"; "5" ]) 2 [ "--epochs" ]
        refused "a number that is none" sampleText (train [ "--steps"; "1e3" ]) 2 [ "--steps is 1e3"; "a whole number" ]
        refused "an option without its value" "" [ "generate"; "--top-k" ] 2 [
            "--top-k has no value"
            "a whole number"
        ]
        refused "an option twice" "" [ "generate"; "--top-p"; "0.5"; "--top-p"; "0.9" ] 2 [ "--top-p is given 2 times" ]
        refused "nothing to download" "" [ "download" ] 2 [ "NAME is missing" ]
        refused "nothing to measure" "" [ "bench" ] 2 [ "a command is missing"; "gpt bench --help" ]
        refused "a misspelt option" "" [ "generate"; "--temperatur"; "1" ] 2 [
            "--temperatur is"
            "mean --temperature?"
        ]
        refused "a misspelt option of a command below" "" [ "bench"; "train"; "--stpes"; "1" ] 2 [ "mean --steps?" ]
        refused "a misspelt command below" "" [ "bench"; "trian" ] 2 [ "mean train?" ]
        refused "an unknown device" sampleText (train [ "--device"; "tpu" ]) 2 [ "tpu"; "cuda:N" ]
        refused "no threads" sampleText (train [ "--threads"; "0" ]) 2 [ "--threads is 0" ]
        refused "an output folder that cannot be made" sampleText (train [ "--out"; "text.txt/model" ]) 1 [
            "text.txt/model"
        ]
        refused "no command" "" [] 2 [ "gpt --help" ]
        refused "an unknown command" "" [ "trian" ] 2 [ "trian"; "mean train?" ]
        refused "a word like no command" "" [ "zzzzzz" ] 2 [ "zzzzzz is not known here. " ]
        refused "no model at all" "" [ "generate" ] 1 [ "no model in runs"; "gpt train"; "--model" ]
        refused "a shell that is not known" "" [ "completion"; "tcsh" ] 2 [ "tcsh"; "bash, zsh, fish, pwsh" ]
        refused "a picture in a folder's place" "" [ "temperature"; "--svg"; "." ] 1 [ "."; "picture.svg" ]
        refused "a checkpoint that is not there" "" [ "generate"; "--model"; "nothing" ] 1 [ "nothing" ]
        refused "temperature zero" "" [ "generate"; "--temperature"; "0" ] 2 [ "--temperature"; "is 0" ]
        refused "top-k zero" "" [ "generate"; "--top-k"; "0" ] 2 [ "--top-k"; "is 0" ]
        refused "top-p above one" "" [ "generate"; "--top-p"; "1.5" ] 2 [ "--top-p"; "1.5" ]
        refused "min-p above one" "" [ "generate"; "--min-p"; "2" ] 2 [ "--min-p"; "is 2" ]

        refused "a negative repetition penalty" "" [ "generate"; "--repetition-penalty"; "-1" ] 2 [
            "--repetition-penalty"
            "is -1"
        ]

        refused "n-grams of nothing" "" [ "generate"; "--no-repeat-ngram"; "0" ] 2 [ "--no-repeat-ngram"; "is 0" ]
        refused "no tokens" "" [ "generate"; "--max-new-tokens"; "0" ] 2 [ "--max-new-tokens is 0" ]

        testCase "a truncated checkpoint" (fun () ->
            trained (fun folder _ ->
                let path = Path.Combine(folder, "model", "model.safetensors")
                File.WriteAllBytes(path, File.ReadAllBytes(path)[..5000])
                let run = gptIn folder [ "generate"; "--model"; "model" ]
                Expect.equal run.Code 1 run.Error
                Expect.stringContains run.Error "model.safetensors" "the file is named"
                Expect.equal (run.Error.TrimEnd('\n').Split('\n').Length) 1 "one line"
                Expect.equal run.Out "" "standard output"))

        testCase "a prompt that the checkpoint cannot encode" (fun () ->
            trained (fun folder _ ->
                let run = gptIn folder [ "generate"; "--model"; "model"; "--prompt"; "Ω" ]
                Expect.equal run.Code 2 run.Error
                Expect.stringContains run.Error "'Ω' (U+03A9) at position 0" "the character"))

        if Gpt.Device.engine = "embedded" then
            refused "a GPU that this engine does not have" sampleText (train [ "--device"; "cuda" ]) 2 [
                "--torch cuda"
            ]
    ]

let tests = testList "tool" [ work; mistakes ]
