module Gpt.Tests.TrainingTests

open System
open Expecto
open Gpt
open Gpt.Tests.Small

let private corpus = Corpus.ofTokens 8 0.9 counting |> get

let private options = {
    training 12 with
        ReportEvery = 5
        EvaluateEvery = 6
}

let private run options config =
    use model = model config

    Training.run options corpus model
    |> Seq.map (fun report -> report.State.Step, report.Event)
    |> List.ofSeq

let private refused (word: string) change =
    testCase $"refuses {word}" (fun () ->
        Expect.stringContains (Training.validate config (change options) |> error) word "the value is named")

/// Live handles of the engine, with what waits for a finalizer gone.
let liveTensors () =
    GC.Collect()
    GC.WaitForPendingFinalizers()
    TorchSharp.torch.Tensor.TotalCount

let tests =
    testList "training" [
        testCase "reports come when they should, evaluations first and last" (fun () ->
            let kinds =
                run options config
                |> List.map (fun (step, event) ->
                    match event with
                    | Stepped _ -> step, "stepped"
                    | Evaluated _ -> step, "evaluated")

            Expect.equal
                kinds
                [
                    0, "evaluated"
                    5, "stepped"
                    6, "evaluated"
                    10, "stepped"
                    12, "stepped"
                    12, "evaluated"
                ]
                "events")

        testCase "enumerating twice gives the same run twice, with dropout too" (fun () ->
            let dropping = { config with Dropout = 0.2 }
            use model = model dropping
            let reports = Training.run options corpus model

            let events () = [
                for report in reports -> report.Event, Gpt.Tensors.toFloats report.State.Model.Flat
            ]

            Expect.equal (events ()) (events ()) "events and weights"
            Expect.notEqual (run options dropping) (run { options with Seed = 2UL } dropping) "another seed"
            Expect.notEqual (run options dropping) (run options config) "dropout does something")

        testCase "the given model stays as it was" (fun () ->
            use model = model config
            let before = Gpt.Tensors.toFloats model.Flat
            Training.run options corpus model |> Seq.iter ignore
            Expect.equal (Gpt.Tensors.toFloats model.Flat) before "weights")

        testCase "the rule is learned on both splits" (fun () ->
            match
                run
                    {
                        options with
                            Steps = 150
                            ReportEvery = 150
                            EvaluateEvery = 150
                    }
                    config
            with
            | [ 0, Evaluated(_, first); 150, Stepped _; 150, Evaluated(training, validation) ] ->
                Expect.floatClose
                    { absolute = 0.1; relative = 0.0 }
                    first
                    (log 11.0)
                    "untrained, all tokens are equally likely"

                Expect.isLessThan training 0.2 "training loss"
                Expect.isLessThan validation 0.2 "validation loss"
            | other -> failtest $"other events: %A{other}")

        testCase "an evaluation in parts is the evaluation, but for rounding" (fun () ->
            use model = denseModel config

            let loss parts =
                Evaluation.lossOf model (TokenSource.Managed corpus.Validation) 8 6 parts 3 (Rng.ofSeed 1UL)

            for parts in [ 2; 3; 6 ] do
                Expect.isLessThan (abs (loss parts - loss 1)) 1e-6 $"{parts} parts"

            for parts in [ 0; 4 ] do
                let message = Expect.throwsC (fun () -> loss parts |> ignore) _.Message
                Expect.stringContains message "divide the 6 windows" $"{parts} parts")

        testCase "evaluation ignores dropout and repeats itself" (fun () ->
            use model = model { config with Dropout = 0.5 }
            let loss () = Evaluation.loss model corpus.Validation 8 4 3 (Rng.ofSeed 1UL)
            Expect.equal (loss ()) (loss ()) "twice")

        testCase "perplexity of an even guess is the vocabulary's size" (fun () ->
            Expect.floatClose Accuracy.high (Loss.perplexity (log 65.0)) 65.0 "65")

        testCase "stopping early frees the run" (fun () ->
            use model = model config
            let before = liveTensors ()

            Training.run options corpus model
            |> Seq.takeWhile (fun report -> report.State.Step < 6)
            |> Seq.iter ignore

            Expect.equal (liveTensors ()) before "live tensors")

        testCase "a hundred steps and a thousand tokens leave no tensor behind" (fun () ->
            use model = model { config with Dropout = 0.1 }
            let before = liveTensors ()
            Training.run { options with Steps = 100 } corpus model |> Seq.iter ignore
            Expect.equal (liveTensors ()) before "after 100 steps"

            Generate.tokens (Sampling.random (Warpers.topK 5 >> Warpers.topP 0.9)) (Rng.ofSeed 1UL) model [| 1; 2 |]
            |> Seq.take 1000
            |> Seq.iter ignore

            Expect.equal (liveTensors ()) before "after 1,000 tokens")

        testCase "every option changes the run" (fun () ->
            let plain = run { options with ReportEvery = 1 } config

            for name, changed in
                [
                    "batch", { options with BatchSize = 5 }
                    "window", { options with WindowLength = 7 }
                    "schedule",
                    {
                        options with
                            Schedule = Constant 2e-2
                    }
                    "beta1",
                    {
                        options with
                            Optimizer = { AdamW.defaults with Beta1 = 0.8 }
                    }
                    "beta2",
                    {
                        options with
                            Optimizer = { AdamW.defaults with Beta2 = 0.9 }
                    }
                    "epsilon",
                    {
                        options with
                            Optimizer = { AdamW.defaults with Epsilon = 1e-2 }
                    }
                    "decay",
                    {
                        options with
                            Optimizer = {
                                AdamW.defaults with
                                    WeightDecay = 5.0
                            }
                    }
                    "clip",
                    {
                        options with
                            Optimizer = {
                                AdamW.defaults with
                                    ClipNorm = Some 1e-9
                            }
                    }
                    "evaluation batches", { options with EvaluationBatches = 3 }
                    "seed", { options with Seed = 2UL }
                ] do
                Expect.notEqual (run { changed with ReportEvery = 1 } config) plain name)

        refused "steps is 0" (fun o -> { o with Steps = 0 })
        refused "batch is -1" (fun o -> { o with BatchSize = -1 })
        refused "window length is 9" (fun o -> { o with WindowLength = 9 })
        refused "NaN" (fun o -> { o with Schedule = Constant nan })
        refused "beta2 is 2" (fun o -> {
            o with
                Optimizer = { o.Optimizer with Beta2 = 2.0 }
        })
    ]
