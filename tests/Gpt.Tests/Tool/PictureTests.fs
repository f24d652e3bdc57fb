/// Pictures that the tool leaves and charts that it prints.
module Gpt.Tests.PictureTests

open System.IO
open System.Xml.Linq
open Expecto
open Gpt.Tests.Tool

let private trained (test: string -> unit) =
    withText sampleText (fun folder ->
        let run = gptIn folder ([ "train"; "--data"; "text.txt"; "--eval-every"; "5" ] @ quick)
        Expect.equal run.Code 0 run.Error
        test folder)

let private picture (folder: string) (name: string) = File.ReadAllText(Path.Combine(folder, name))

/// A picture's title: its first element.
let private titleOf (svg: string) = (XDocument.Parse(svg).Descendants() |> Seq.item 1).Value

let private run (folder: string) (arguments: string list) =
    let run = gptIn folder arguments
    Expect.equal run.Code 0 run.Error
    run

/// A command draws its picture, says so on standard error, and answers as it does without one.
let private draws (title: string) (command: string list) =
    testCase $"{command.Head} draws" (fun () ->
        trained (fun folder ->
            let plain = run folder command
            let drawn = run folder (command @ [ "--svg"; "new/picture.svg" ])
            Expect.equal drawn.Out plain.Out "answer"
            Expect.stringContains drawn.Error "new/picture.svg" "where"
            Expect.equal (titleOf (picture folder "new/picture.svg")) title "title"))

let private loss =
    testList "loss curve" [
        testCase "train leaves it beside the checkpoint, or where --plot says" (fun () ->
            trained (fun folder ->
                let svg = picture folder "runs/shakespeare/loss.svg"
                Expect.stringContains svg "step 20 of 20" "the last evaluation"

                let arguments = [ "train"; "--data"; "text.txt"; "--out"; "b"; "--plot"; "curves/b.svg" ]
                run folder (arguments @ quick) |> ignore
                Expect.equal (titleOf (picture folder "curves/b.svg")) "Loss" "elsewhere"
                Expect.isFalse (File.Exists(Path.Combine(folder, "b", "loss.svg"))) "and there alone"))

        testCase "a curve that cannot be written does not cost the training" (fun () ->
            withText sampleText (fun folder ->
                let arguments = [ "train"; "--data"; "text.txt"; "--out"; "b"; "--plot"; "text.txt/loss.svg" ]
                let run = run folder (arguments @ quick)
                Expect.stringContains run.Error "text.txt/loss.svg cannot be written" "said"
                Expect.isTrue (File.Exists(Path.Combine(folder, "b", "model.safetensors"))) "checkpoint"))

        if not (System.OperatingSystem.IsWindows()) then
            testCase "an interrupted run is drawn as far as it came" (fun () ->
                withText sampleText (fun folder ->
                    let sizes = quick |> List.take (quick.Length - 2)

                    let run =
                        interruptedAt "step" folder ([ "train"; "--data"; "text.txt"; "--steps"; "20000" ] @ sizes)

                    Expect.equal run.Code 130 run.Error
                    Expect.equal (titleOf (picture folder "runs/shakespeare/loss.svg")) "Loss" "drawn"))
    ]

let private charts =
    testList "charts" [
        testCase "warpers shows the model's distribution and one for each warper, in their order" (fun () ->
            trained (fun folder ->
                let arguments = [ "warpers"; "--prompt"; "to"; "--top-k"; "3"; "--temperature"; "0.5" ]

                let heads =
                    (run folder arguments).Out.Split '\n' |> Array.filter (fun line -> line <> "" && line[0] <> ' ')

                Expect.equal
                    heads
                    [| "after 'to'"; "the model"; "temperature 0.5"; "top-k 3" |]
                    "in Hugging Face's order"

                let other = (run folder (arguments @ [ "--order"; "llamacpp" ])).Out
                Expect.isTrue (other.IndexOf "top-k 3" < other.IndexOf "temperature 0.5") "in llama.cpp's"

                let json = ToolTests.parse (run folder (arguments @ [ "--json"; "--top"; "20" ])).Out
                let stages = json.GetProperty "stages"

                for stage in stages.EnumerateArray() do
                    let shares = [
                        for share in stage.GetProperty("probabilities").EnumerateArray() -> share.GetDouble()
                    ]

                    Expect.isTrue (abs (List.sum shares - 1.0) < 1e-5) "a distribution"

                let last = [
                    for share in stages[2].GetProperty("probabilities").EnumerateArray() -> share.GetDouble()
                ]

                Expect.equal (last |> List.filter (fun share -> share > 0.0) |> List.length) 3 "top-k"))

        testCase "attention shows a row a token, and all maps as JSON" (fun () ->
            trained (fun folder ->
                let rows = (run folder [ "attention"; "--prompt"; "to be" ]).Out.TrimEnd().Split '\n'
                Expect.stringContains rows[0] "layer 0, head 0" "which"

                Expect.equal
                    (rows |> Array.skip 2 |> Array.map (fun row -> row[0]))
                    [| 't'; 'o'; '␣'; 'b'; 'e' |]
                    "tokens"

                let json = ToolTests.parse (run folder [ "attention"; "--prompt"; "to be"; "--json" ]).Out
                Expect.equal (json.GetProperty("maps").GetArrayLength()) 2 "heads"
                let wrong = gptIn folder [ "attention"; "--prompt"; "to"; "--head"; "2" ]
                Expect.equal wrong.Code 2 wrong.Error
                Expect.stringContains wrong.Error "--head is 2; the model has 0 to 1" "named"))
    ]

let tests =
    testList "pictures" [
        loss
        charts
        draws "Temperature" [ "temperature" ]
        draws "The next token" [ "warpers"; "--prompt"; "to" ]
        draws "Attention" [ "attention"; "--prompt"; "to be" ]
        draws "Strategies" [ "compare"; "--prompt"; "to"; "--max-new-tokens"; "8"; "--runs"; "2" ]
    ]
