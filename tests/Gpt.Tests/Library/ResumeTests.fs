/// A run that was saved and gone on with is the run that was never interrupted.
module Gpt.Tests.ResumeTests

open System
open System.IO
open System.Text
open Expecto
open FsCheck
open FsCheck.FSharp
open TorchSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private cpu = Device.cpu ()
let private tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
let private corpus = Corpus.ofTokens 8 0.9 (Array.init 400 (fun i -> i * i % 11)) |> get

let private options = {
    training 8 with
        BatchSize = 3
        Schedule = WarmupCosine(1e-2, 1e-3, 2, 8)
        EvaluateEvery = 3
        EvaluationBatches = 1
}

/// Step, event and weights of each report.
let private record (reports: TrainingReport seq) = [
    for report in reports -> report.State.Step, report.Event, Gpt.Tensors.toFloats report.State.Model.Flat
]

/// Trains until a report of a step and saves the run there.
let private saveAt step options config folder =
    use model = model config

    Training.run options corpus model
    |> Seq.find (fun report ->
        if report.State.Step = step then
            TrainingCheckpoint.save folder tokenizer options corpus report.State

        report.State.Step = step)
    |> ignore

let private resumed (folder: string) =
    let state, run, _ = TrainingCheckpoint.load cpu folder |> get
    use state = state
    record (Training.resume run.Options corpus state)

/// Schedules of every kind, options of every kind, and the step to stop at.
let private runs =
    gen {
        let! schedule = Gen.elements [ Constant 1e-2; Cosine(1e-2, 1e-3, 8); WarmupCosine(3e-3, 0.0, 3, 8) ]

        let! clip = Gen.elements [ None; Some 0.1; Some infinity ]
        let! dropout = Gen.elements [ 0.0; 0.3 ]
        let! seed = Gen.choose (0, 1000)
        let! step = Gen.choose (0, 8)

        return
            {
                options with
                    Schedule = schedule
                    Optimizer = {
                        options.Optimizer with
                            ClipNorm = clip
                    }
                    Seed = UInt64.MaxValue - uint64 seed
            },
            { config with Dropout = dropout },
            step
    }
    |> Arb.fromGen

let private sameRun =
    law 30 "goes on as if it had never been interrupted, to the last bit" runs (fun (options, config, step) ->
        withFolder (fun folder ->
            saveAt step options config folder
            use model = model config
            let whole = record (Training.run options corpus model)
            let after = whole |> List.filter (fun (at, _, _) -> at > step || step = 0)
            Expect.equal (resumed folder) after "reports and weights"))

/// A saved run with one file changed; the error must hold all the words, in one line.
let private broken name (file: string) (change: string -> string) (words: string list) =
    testCase name (fun () ->
        withFolder (fun folder ->
            saveAt 2 options config folder
            let path = Path.Combine(folder, file)
            let before = File.ReadAllText(path, Encoding.Latin1)
            let after = change before
            Expect.notEqual after before "something is changed"
            File.WriteAllText(path, after, Encoding.Latin1)
            let sentence = TrainingCheckpoint.load cpu folder |> error

            for word in words do
                Expect.stringContains sentence word "the error says it"

            Expect.isFalse (sentence.Contains '\n') "one line"))

let private replace (before: string) (after: string) (text: string) = text.Replace(before, after)

let tests =
    testList "resume" [
        sameRun

        testCase "resuming twice gives the same run twice" (fun () ->
            withFolder (fun folder ->
                saveAt 3 options config folder
                Expect.equal (resumed folder) (resumed folder) "both"))

        testCase "a saved run is a checkpoint, too" (fun () ->
            for late in [ Some true; Some false; None ] do
                withFolder (fun folder ->
                    let options = { options with ReportLate = late }
                    saveAt 3 options config folder
                    let model, _ = Checkpoint.load cpu folder |> get
                    let state, run, _ = TrainingCheckpoint.load cpu folder |> get
                    use model = model
                    use state = state
                    Expect.equal (Gpt.Tensors.toFloats state.Model.Flat) (Gpt.Tensors.toFloats model.Flat) "weights"
                    Expect.equal run.Step 3 "step"
                    Expect.equal run.Options options "options"))

        testCase "a copy goes on like the original, and apart from it" (fun () ->
            use model = model config
            use state = Step.start model
            let batch = Batches.draw cpu 3 8 corpus.Training (Rng.ofSeed 2UL)

            let advance (state: TrainingState) =
                let struct (state, loss, norm) = Step.advance StepOptions.plain AdamW.defaults 1e-2 Eval batch state
                dispose loss
                dispose norm
                state

            let state = advance state
            let kept = Gpt.Tensors.toFloats state.Model.Flat
            use copy = Step.copy state
            let state = advance state
            Expect.equal (Gpt.Tensors.toFloats copy.Model.Flat) kept "the copy stays"
            let copy = advance copy

            Expect.equal
                (Gpt.Tensors.toFloats copy.Model.Flat)
                (Gpt.Tensors.toFloats state.Model.Flat)
                "and goes on alike"

            Expect.equal copy.Step 2 "step")

        testCase "loading and resuming leave no tensor behind" (fun () ->
            withFolder (fun folder ->
                saveAt 3 options config folder
                let before = TrainingTests.liveTensors ()
                resumed folder |> ignore
                Expect.equal (TrainingTests.liveTensors ()) before "live tensors"))

        testCase "every step has one end, where the run can be cut and taken up, with late reports too" (fun () ->
            let before = TrainingTests.liveTensors ()

            let final (moments: TrainingMoment seq) =
                moments
                |> Seq.fold
                    (fun _ moment ->
                        match moment with
                        | Made state
                        | Reported { State = state } -> Gpt.Tensors.toFloats state.Model.Flat)
                    [||]

            for isLate in [ false; true ] do
                for every in [ 1; 2; 5 ] do
                    let options = {
                        options with
                            ReportLate = Some isLate
                            ReportEvery = every
                    }

                    use model = model { config with Dropout = 0.3 }
                    let whole = final (Training.everyStep options corpus model)

                    let steps = [
                        for moment in Training.everyStep options corpus model do
                            match moment with
                            | Made state
                            | Reported { State = state } when Training.endsStep options moment ->
                                let rest = Training.everyStepTaking options corpus (Step.copy state)

                                if state.Step < options.Steps then
                                    Expect.equal (final rest) whole $"cut after step {state.Step}"
                                else
                                    Expect.isEmpty rest "nothing is left to do"

                                state.Step
                            | _ -> ()
                    ]

                    Expect.equal steps [ 0 .. options.Steps ] "one end each"

            Expect.equal (TrainingTests.liveTensors ()) before "live tensors")

        testCase "another corpus is refused" (fun () ->
            let run = {
                Step = 0
                Options = options
                IsTf32 = false
                Corpus = TrainingJson.fingerprint corpus
            }

            let moved = {
                Training = corpus.Training[.. corpus.Training.Length - 2]
                Validation = Array.append [| Array.last corpus.Training |] corpus.Validation
            }

            TrainingCheckpoint.checkCorpus corpus run |> get
            let sentence = TrainingCheckpoint.checkCorpus moved run |> error
            Expect.stringContains sentence "not the one" "the border counts, too")

        testCase "a run says whether products on a GPU are rounded to TF32" (fun () ->
            withFolder (fun folder ->
                let saved (isTf32: bool) =
                    torch.backends.cuda.matmul.allow_tf32 <- isTf32

                    try
                        saveAt 2 options config folder
                    finally
                        torch.backends.cuda.matmul.allow_tf32 <- false

                    (TrainingCheckpoint.loadRun folder |> get |> snd).IsTf32

                Expect.isFalse (saved false) "off"
                Expect.isTrue (saved true) "on"
                let path = Path.Combine(folder, "training.json")
                File.WriteAllText(path, File.ReadAllText(path).Replace("\"tf32\": true,", ""))
                let _, run = TrainingCheckpoint.loadRun folder |> get
                Expect.isFalse run.IsTf32 "a file from before there was a choice"))

        testCase "a run of adapters is refused" (fun () ->
            use model = model config

            use lora =
                Lora.init
                    cpu
                    config
                    {
                        Rank = 2
                        Alpha = 4.0
                        Targets = Lora.attention
                    }
                    (Rng.ofSeed 1UL)

            use state = Step.startAdapters lora model

            Expect.throwsT<ArgumentException>
                (fun () -> TrainingCheckpoint.save "nowhere" tokenizer options corpus state)
                "it says so")

        testCase "a checkpoint without a run says so" (fun () ->
            withFolder (fun folder ->
                use model = model config
                Checkpoint.save folder tokenizer model
                Expect.stringContains (TrainingCheckpoint.load cpu folder |> error) "holds no training run" "error"))

        broken "names a field that is missing" "training.json" (replace "\"seed\"" "\"sead\"") [
            "training.json"
            "seed is missing"
        ]
        broken "names a field of the wrong kind" "training.json" (replace "\"steps\": 8" "\"steps\": \"8\"") [
            "steps is \"8\""
        ]
        broken "names a schedule that it does not know" "training.json" (replace "warmup_cosine" "zigzag") [ "zigzag" ]
        broken "refuses options that cannot be" "training.json" (replace "\"beta1\": 0.9" "\"beta1\": 9") [
            "beta1 is 9"
        ]
        broken
            "names a choice that it does not know"
            "training.json"
            (replace "\"report_late\": null" "\"report_late\": 1")
            [ "report_late is 1" ]
        broken "refuses a step beyond the last" "training.json" (replace "\"step\": 2" "\"step\": 9") [ "step is 9" ]
        broken "refuses what is no JSON" "training.json" (fun _ -> "{") [ "training.json"; "not valid JSON" ]
        broken "refuses what is no object" "training.json" (fun _ -> "[]") [ "training.json"; "not a JSON object" ]
        broken "names a mean that is missing" "optimizer.safetensors" (replace "\"square\"" "\"squaro\"") [
            "optimizer.safetensors"
            "square is missing"
        ]
    ]
