/// How the tool computes: in what, with how much memory, without waiting, and on a machine that has what it takes.
module Gpt.Tests.ComputingTests

open System.IO
open System.Text.Json
open Expecto
open Gpt.Tests.Tool

let private parse = ToolTests.parse

let private succeed (run: Run) =
    Expect.equal run.Code 0 run.Error
    run

let private training =
    testList "training" [
        for more in
            [
                [ "--dtype"; "bfloat16" ]
                [ "--recompute" ]
                [ "--accumulate"; "2" ]
                [ "--dtype"; "bfloat16"; "--recompute"; "--accumulate"; "4" ]
            ] do
            let name = String.concat " " more

            testCase $"{name} learns, and the checkpoint is float32" (fun () ->
                withText sampleText (fun folder ->
                    let train = [ "train"; "--data"; "text.txt"; "--out"; "model"; "--json" ]
                    let run = succeed (gptIn folder (train @ quick @ more))
                    let losses = (parse run.Out).GetProperty("losses")
                    let validation (row: JsonElement) = row.GetProperty("validation").GetDouble()

                    Expect.isLessThan
                        (validation losses[losses.GetArrayLength() - 1])
                        (validation losses[0])
                        "validation loss"

                    let precision =
                        if List.contains "bfloat16" more then
                            "bfloat16"
                        else
                            "float32"

                    let engine = $"engine      {Gpt.Device.engine} on cpu, {precision}"
                    let lines = run.Error.Split '\n' |> Array.filter _.StartsWith("engine")
                    Expect.equal lines [| engine |] "said once"

                    let text = gptIn folder [ "generate"; "--model"; "model"; "--max-new-tokens"; "5" ]
                    let said = $"engine      {Gpt.Device.engine} on cpu, float32\n"
                    Expect.equal (succeed text).Error said "generate says it, too"))

        testCase "parts and blocks again train the model that the plain way trains" (fun () ->
            withText sampleText (fun folder ->
                let weights out (more: string list) =
                    gptIn folder ([ "train"; "--data"; "text.txt"; "--out"; out ] @ quick @ more) |> succeed |> ignore

                    File.ReadAllBytes(Path.Combine(folder, out, "model.safetensors"))

                if Gpt.Device.engine = "embedded" then
                    let plain = weights "plain" []
                    Expect.equal (weights "again" [ "--recompute" ]) plain "blocks again"
                    Expect.notEqual (weights "rounded" [ "--dtype"; "bfloat16" ]) plain "bfloat16"))

        testCase "progress comes as often as it is asked for" (fun () ->
            withText sampleText (fun folder ->
                let run = gptIn folder ([ "train"; "--data"; "text.txt"; "--report-every"; "5" ] @ quick) |> succeed
                let lines = run.Error.Split '\n' |> Array.filter _.StartsWith("step ")
                Expect.equal lines.Length 4 "twenty steps"))

        testCase "bench counts how often the device is waited for" (fun () ->
            let sizes = [ "--layers"; "1"; "--dim"; "16"; "--heads"; "2"; "--context"; "8"; "--json" ]

            let bench more =
                let run = succeed (gptIn (Path.GetTempPath()) ([ "bench" ] @ more @ sizes))
                parse run.Out

            let train = bench [ "train"; "--steps"; "100"; "--batch"; "2" ]
            Expect.isLessThanOrEqual (train.GetProperty("syncsPerStep").GetDouble()) 0.03 "reads a step"
            let rounded = bench [ "train"; "--steps"; "10"; "--batch"; "2"; "--dtype"; "bfloat16" ]
            Expect.equal (rounded.GetProperty("dtype").GetString()) "bfloat16" "type"
            let generate = bench [ "generate"; "--new-tokens"; "20" ]
            Expect.isGreaterThan (generate.GetProperty("syncsPerToken").GetDouble()) 0.0 "a token must be read")
    ]

/// A limit on the memory of the process; what .NET takes for the memory that there is.
let private limit = [ "DOTNET_GCHeapHardLimit", "0x10000000" ]

let private memory =
    testList "memory" [
        testCase "info predicts it for training and generating" (fun () ->
            let info more = succeed (gptIn (Path.GetTempPath()) ([ "info"; "--memory" ] @ more))
            let plain: Run = info []
            let table = plain.Out

            for word in
                [
                    "weights"
                    "gradients"
                    "moments"
                    "activations"
                    "cache"
                    "total"
                    "training"
                    "generating"
                ] do
                Expect.stringContains table word "row or column"

            let read (part: string) (name: string) more =
                let run: Run = info (more @ [ "--json" ])
                let answer = parse run.Out
                answer.GetProperty(part).GetProperty(name).GetDouble()

            let activations = read "training" "activationsMB"
            let whole = activations [ "--batch"; "64" ]
            Expect.isLessThan (activations [ "--batch"; "32" ]) (0.6 * whole) "half the batch"
            Expect.isLessThan (activations [ "--batch"; "64"; "--recompute" ]) (0.5 * whole) "blocks again"
            Expect.isLessThan (activations [ "--batch"; "64"; "--accumulate"; "8" ]) (0.2 * whole) "parts"
            let gpt2 = [ "--preset"; "gpt2"; "--context"; "256" ]
            let weights dtype = read "generating" "weightsMB" (gpt2 @ [ "--dtype"; dtype ])
            Expect.isLessThan (weights "bfloat16") (0.6 * weights "float32") "two bytes"
            Expect.isLessThan (weights "int8") (0.6 * weights "bfloat16") "one byte"
            let wide name = read "training" name gpt2
            Expect.floatClose Accuracy.low (wide "momentsMB") (2.0 * wide "weightsMB") "two moments a weight"
            Expect.equal (wide "gradientsMB") (wide "weightsMB") "a gradient a weight")

        testCase
            "a run that will not fit is refused, with the batch that would, and the last checkpoint stays"
            (fun () ->
                withText sampleText (fun folder ->
                    let train out more =
                        (gptWith limit folder ([ "train"; "--data"; "text.txt"; "--out"; out ] @ more)).Result

                    train "model" quick |> succeed |> ignore
                    let weights = Path.Combine(folder, "model", "model.safetensors")
                    let before = File.ReadAllBytes weights
                    let run = train "model" [ "--batch"; "256"; "--steps"; "3" ]
                    Expect.equal run.Code 1 run.Error
                    let sentence = run.Error.Split '\n' |> Array.find _.StartsWith("gpt: ")

                    for word in [ "training takes about"; "cpu has 256.0 MB"; "would fit"; "--recompute" ] do
                        Expect.stringContains sentence word "sentence"

                    let after = sentence.Split "--batch "
                    let batch = after[1].Split ' ' |> Array.head
                    Expect.equal (File.ReadAllBytes weights) before "checkpoint"
                    train "other" [ "--batch"; batch; "--steps"; "1" ] |> succeed |> ignore))
    ]

let private doctor =
    testList "doctor" [
        testCase "this machine has what it takes" (fun () ->
            let run = succeed (gptIn (Path.GetTempPath()) [ "doctor"; "--device"; "cpu" ])
            Expect.equal run.Error "" "nothing on standard error"

            for name in
                [
                    "runtime"
                    "engine"
                    "libraries"
                    "memory"
                    "data cache"
                    "hub cache"
                    "training cpu"
                ] do
                let line = run.Out.Split '\n' |> Array.find _.Contains(name)
                Expect.stringStarts line "ok" name

            Expect.stringContains run.Out "Nothing that is needed is missing" "in plain words")

        testCase "a folder that cannot be written is named, with the way out, and the exit code is 1" (fun () ->
            withText "" (fun folder ->
                let run =
                    (gptWith [ "GPT_CACHE", Path.Combine(folder, "text.txt", "cache") ] folder [
                        "doctor"
                        "--device"
                        "cpu"
                        "--json"
                    ])
                        .Result

                Expect.equal run.Code 1 run.Error
                let answer = parse run.Out
                Expect.isFalse (answer.GetProperty("ok").GetBoolean()) "not well"

                let missing = [
                    for check in answer.GetProperty("checks").EnumerateArray() do
                        if check.GetProperty("state").GetString() = "missing" then
                            check.GetProperty("name").GetString(), check.GetProperty("says").GetString() |> string
                ]

                Expect.equal (List.map fst missing) [ "data cache" ] "what is missing"
                Expect.stringContains (snd missing.Head) "GPT_CACHE" "the way out"))

        testCase "little memory is said" (fun () ->
            let run =
                (gptWith [ "DOTNET_GCHeapHardLimit", "0x8000000" ] (Path.GetTempPath()) [ "doctor"; "--device"; "cpu" ])
                    .Result

            Expect.equal run.Code 1 run.Error
            Expect.stringContains run.Out "128.0 MB may be used" "how much")

        if not (TorchSharp.torch.cuda.is_available ()) then
            testCase "a GPU that is asked for and not there is missing" (fun () ->
                let run = gptIn (Path.GetTempPath()) [ "doctor"; "--device"; "cuda" ]
                Expect.equal run.Code 1 run.Error
                Expect.stringContains run.Out "Missing: driver, training cuda." "what"
                Expect.stringContains run.Out "--torch cuda" "the way out")

        testCase "a device that is none is a wrong argument" (fun () ->
            let run = gptIn (Path.GetTempPath()) [ "doctor"; "--device"; "tpu" ]
            Expect.equal run.Code 2 run.Error
            Expect.stringContains run.Error "cuda:N" "what would be right")
    ]

let private refused name (arguments: string list) (words: string list) =
    testCase $"refuses {name}" (fun () ->
        withText sampleText (fun folder ->
            let run = gptIn folder arguments
            Expect.equal run.Code 2 run.Error

            for word in words do
                Expect.stringContains run.Error word "sentence"))

let private mistakes =
    let train more = [ "train"; "--data"; "text.txt" ] @ more

    testList "mistakes" [
        refused "float16, with the reason" (train [ "--dtype"; "float16" ]) [ "--dtype float16"; "bfloat16" ]
        refused "parts that do not divide the batch" (train [ "--accumulate"; "3" ]) [ "--accumulate is 3"; "16" ]
        refused "TF32 without a GPU" (train [ "--tf32"; "--device"; "cpu" ]) [ "--tf32"; "NVIDIA" ]
        refused "reports that never come" (train [ "--report-every"; "0" ]) [ "report interval is 0" ]
        refused "a batch without --memory" [ "info"; "--batch"; "3" ] [ "--batch"; "--memory" ]
        refused "memory of no window" [ "info"; "--memory"; "--batch"; "0" ] [ "--batch is 0" ]
        refused "memory of no type" [ "info"; "--memory"; "--dtype"; "float64" ] [ "float64"; "int8" ]
    ]

let tests = testList "computing" [ training; memory; doctor; mistakes ]
