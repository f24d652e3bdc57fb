/// `gpt train --save-every` and `--resume` as a person runs them: a run that was broken off is gone on with.
module Gpt.Tests.ResumeToolTests

open System
open System.IO
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Tool

let private succeed folder (arguments: string list) =
    let run = gptIn folder arguments
    Expect.equal run.Code 0 run.Error
    run

/// `quick` with so many steps.
let private ofSteps (steps: int) = (quick |> List.take (quick.Length - 1)) @ [ string steps ]

let private train (out: string) (more: string list) = [ "train"; "--data"; "text.txt"; "--out"; out ] @ more
let private bytes (folder: string) (out: string) (name: string) = File.ReadAllBytes(Path.Combine(folder, out, name))

/// What a run leaves but for its picture, which begins where the tool did.
let private left = [
    "model.safetensors"
    "optimizer.safetensors"
    "training.json"
    "config.json"
    "tokenizer.json"
]

/// The losses of an answer after a step, as text.
let private losses (after: int) (run: Run) = [
    for row in (ToolTests.parse run.Out).GetProperty("losses").EnumerateArray() do
        if row.GetProperty("step").GetInt32() > after then
            row.GetRawText()
]

let private stepIn (folder: string) (out: string) =
    use json = JsonDocument.Parse(bytes folder out "training.json")
    json.RootElement.GetProperty("step").GetInt32()

/// Lines of progress that nobody reads fill their pipe, and the tool waits: it is far from its end when the signal comes, and
/// far from its next save.
let private long = ofSteps 3000 @ [ "--dropout"; "0.1"; "--report-every"; "1"; "--save-every"; "1500" ]

let private cutInTwo =
    testCase "a run that was killed or interrupted and resumed is the run in one, to the byte" (fun () ->
        if OperatingSystem.IsWindows() then
            skiptest "there are no signals"

        withText sampleText (fun folder ->
            let whole = succeed folder (train "whole" (long @ [ "--json" ]))

            let expectSame (out: string) (after: int) (rest: Run) =
                Expect.equal (losses after rest) (losses after whole) $"losses after {after}"
                Expect.equal (losses -1 rest) (losses after rest) "none before it"

                for name in left do
                    Expect.equal (bytes folder out name) (bytes folder "whole" name) name

            let killed = signalledAt "KILL" "step 1600/" folder (train "killed" long)
            Expect.notEqual killed.Code 0 "killed"
            Expect.equal (stepIn folder "killed") 1500 "the step it was saved at"
            let before = left |> List.map (bytes folder "killed")
            let resume = [ "train"; "--resume"; "killed"; "--data"; "text.txt"; "--json" ]
            // What says the same as the run, and what does not matter to it, may be given.
            let rest = succeed folder (resume @ ofSteps 3000 @ [ "--out"; "rest"; "--report-every"; "500" ])
            let shown = File.ReadAllText(Path.Combine(folder, "rest", "training.json"))
            Expect.stringContains shown "\"report_every\": 500" "how it is told of"
            File.WriteAllText(Path.Combine(folder, "rest", "training.json"), shown.Replace(" 500,", " 1,"))
            expectSame "rest" 1500 rest
            Expect.stringContains rest.Error "step 1500 of 3000" "what it says"
            Expect.equal (left |> List.map (bytes folder "killed")) before "the folder that was resumed"

            let cut = interruptedAt "step 1/" folder (train "cut" long)
            Expect.equal cut.Code 130 cut.Error
            let step = stepIn folder "cut"
            Expect.isLessThan step 3000 "cut before the end"

            Expect.stringContains
                cut.Error
                $"`gpt train --resume cut --data text.txt` goes on from step {step}"
                "what to do"

            succeed folder [ "train"; "--resume"; "cut"; "--data"; "text.txt"; "--json" ]
            |> expectSame "cut" step))

/// A folder with a run in `run`, of 20 steps of which 10 seem to be made, a finished one in `done`, and a model in `model`.
let private withRuns (test: string -> unit) =
    withText sampleText (fun folder ->
        succeed folder (train "done" (ofSteps 20 @ [ "--save-every"; "7" ])) |> ignore
        succeed folder (train "model" quick) |> ignore
        let run = Directory.CreateDirectory(Path.Combine(folder, "run")).FullName

        for name in left do
            File.WriteAllBytes(Path.Combine(run, name), bytes folder "done" name)

        let json = Path.Combine(run, "training.json")
        File.WriteAllText(json, File.ReadAllText(json).Replace("\"step\": 20", "\"step\": 10"))
        File.WriteAllText(Path.Combine(folder, "other.txt"), sampleText + "to be")
        File.WriteAllText(Path.Combine(folder, "foreign.txt"), sampleText + "ß")
        test folder)

let private resume (more: string list) = [ "train"; "--resume"; "run"; "--data"; "text.txt" ] @ more

/// What is refused: the arguments, the exit code, and words of the sentence.
let private refusals = [
    "a folder that is not there", [ "train"; "--resume"; "no/such" ], 1, [ "no/such" ]
    "a folder without a run", [ "train"; "--resume"; "model" ], 1, [ "model holds no training run" ]
    "a finished run", [ "train"; "--resume"; "done" ], 1, [ "all its 20 steps"; "--from done" ]
    "another text", [ "train"; "--resume"; "run"; "--data"; "other.txt" ], 2, [ "--data is other.txt"; "not the one" ]
    "a text of other characters",
    [ "train"; "--resume"; "run"; "--data"; "foreign.txt" ],
    2,
    [ "--data is foreign.txt"; "'ß'" ]
    "options that contradict the run",
    resume [
        "--steps"
        "21"
        "--lr"
        "0.5"
        "--batch"
        "4"
        "--recompute"
        "--dropout"
        "0.5"
    ],
    2,
    [
        "--dropout, --steps, --lr, --recompute contradict the run in run"
        "--dropout 0, --steps 20, --lr 0.002, no --recompute"
    ]
    "TF32 in a run without", resume [ "--tf32" ], 2, [ "--tf32 contradicts"; "no --tf32" ]
    "fewer evaluation batches",
    resume [ "--eval-batches"; "1" ],
    2,
    [ "--eval-batches contradicts"; "--eval-batches 20" ]
    "another seed", resume [ "--seed"; "1" ], 2, [ "--seed contradicts"; "--seed 1337" ]
    "another preset", resume [ "--preset"; "mini" ], 2, [ "--preset contradicts"; "1 layers of width 16 with 2 heads" ]
    "another model", resume [ "--from"; "model" ], 2, [ "--from contradicts --resume" ]
    "adapters in a run", resume [ "--lora-rank"; "2" ], 2, [ "--lora-rank contradicts --resume" ]
    "a run of adapters",
    train "tuned" [ "--from"; "model"; "--lora-rank"; "2"; "--save-every"; "5" ],
    2,
    [ "--save-every contradicts --lora-rank" ]
    "saves after no steps", train "other" [ "--save-every"; "0" ], 2, [ "--save-every is 0"; "at least 1" ]
]

let private refused =
    testCase "what cannot be gone on with is refused in one sentence, and nothing is touched" (fun () ->
        withRuns (fun folder ->
            let before = filesBelow folder |> List.map (fun file -> file, File.Exists(Path.Combine(folder, file)))

            for name, arguments, code, words in refusals do
                let run = gptIn folder arguments
                Expect.equal run.Code code $"{name}: {run.Error}"
                Expect.equal (run.Error.TrimEnd('\n').Split('\n').Length) 1 $"{name}: one line"
                Expect.equal run.Out "" name

                for word in words do
                    Expect.stringContains run.Error word name

            Expect.equal
                (filesBelow folder |> List.map (fun file -> file, File.Exists(Path.Combine(folder, file))))
                before
                "files"))

let private folders =
    testList "folders" [
        testCase "a model that is saved where a run was takes its place" (fun () ->
            withRuns (fun folder ->
                succeed folder (train "run" quick) |> ignore

                Expect.equal
                    (filesBelow (Path.Combine(folder, "run")))
                    (filesBelow (Path.Combine(folder, "model")))
                    "files"

                Expect.equal (gptIn folder (resume [])).Code 1 "no run any more"))

        testCase "a run in TF32 goes on without it where there is no GPU" (fun () ->
            withRuns (fun folder ->
                let json = Path.Combine(folder, "run", "training.json")
                let text = File.ReadAllText json
                Expect.stringContains text "\"tf32\": false" "what it had"
                File.WriteAllText(json, text.Replace("\"tf32\": false", "\"tf32\": true"))
                let device = [ "--device"; "cpu" ]
                let asked = gptIn folder (resume (device @ [ "--tf32" ]))
                Expect.equal asked.Code 2 "asked for"
                Expect.stringContains asked.Error "only NVIDIA GPUs" "why not"
                let rest = succeed folder (resume device)
                Expect.isFalse (rest.Error.Contains "TF32") "what it says"
                let after = File.ReadAllText json
                Expect.stringContains after "\"step\": 20" "to its end"
                Expect.stringContains after "\"tf32\": false" "what it has now"))

        testCase "a resumed run that will not fit is refused before it is loaded" (fun () ->
            withRuns (fun folder ->
                let json = Path.Combine(folder, "run", "training.json")
                let large = File.ReadAllText(json).Replace("\"batch_size\": 4", "\"batch_size\": 400000000")
                File.WriteAllText(json, large)
                File.Delete(Path.Combine(folder, "run", "optimizer.safetensors"))
                let run = gptIn folder (resume [])
                Expect.equal run.Code 1 run.Error
                Expect.stringContains run.Error "training takes about" "sentence"))

        testCase "the end is saved, too, where it is no multiple" (fun () ->
            withText sampleText (fun folder ->
                succeed folder (train "run" (ofSteps 20 @ [ "--save-every"; "3" ])) |> ignore
                let state, run, _ = TrainingCheckpoint.load (Device.cpu ()) (Path.Combine(folder, "run")) |> Small.get
                use state = state
                Expect.equal (state.Step, run.Options.Steps) (20, 20) "what the library reads"))

        testCase "a run that cannot be saved trains on, and says so each time and at the end" (fun () ->
            withText sampleText (fun folder ->
                // A folder stands where a file would.
                Directory.CreateDirectory(Path.Combine(folder, "run", "training.json")) |> ignore
                let run = gptIn folder (train "run" (ofSteps 20 @ [ "--save-every"; "8" ]))
                Expect.equal run.Code 1 run.Error
                Expect.equal run.Out "" "standard output"
                let sentence = "the training run cannot be written to run: "
                let lines = run.Error.Split '\n'
                let said = lines |> Array.filter _.StartsWith(sentence)
                Expect.equal said.Length 2 "steps 8 and 16"
                let last = lines |> Array.filter _.StartsWith("gpt: " + sentence)
                Expect.equal last.Length 1 "the end"
                Expect.isTrue (lines |> Array.exists _.StartsWith("step 20/20")) "trained to the end"
                Expect.equal (filesBelow (Path.Combine(folder, "run"))) [ "loss.svg"; "training.json" ] "nothing else"))
    ]

let tests = testList "resume by the tool" [ cutInTwo; refused; folders ]
