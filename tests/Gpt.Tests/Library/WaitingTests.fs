/// Training that does not wait for the device: what it reads back, and when.
module Gpt.Tests.WaitingTests

open Expecto
open Gpt
open Gpt.Tests.Small

let private plain = StepOptions.plain
let private corpus = Corpus.ofTokens 8 0.9 counting |> get

let private options = {
    training 100 with
        ReportEvery = 100
        EvaluateEvery = 100
        EvaluationBatches = 5
}

let tests =
    testList "waiting" [
        for name, step in
            [
                "plainly", plain
                "in bfloat16",
                {
                    plain with
                        Precision = Precision.BFloat16
                }
                "in parts, blocks again",
                {
                    plain with
                        Parts = 2
                        Recompute = true
                }
            ] do
            testCase $"a hundred steps read the device three times: {name}" (fun () ->
                use model = model { config with Dropout = 0.1 }
                use moments = (Training.everyStep { options with Step = step } corpus model).GetEnumerator()
                Expect.isTrue (moments.MoveNext()) "the evaluation before the first step"
                let before = Gpt.Tensors.reads ()

                let rec count made =
                    if not (moments.MoveNext()) then
                        made
                    else
                        match moments.Current with
                        | Made _ ->
                            Expect.equal (Gpt.Tensors.reads ()) before "a step reads nothing"
                            count (made + 1)
                        | Reported _ -> count made

                Expect.equal (count 0) 99 "steps without a report"
                // One report, and one reading for each part of the corpus.
                Expect.equal (Gpt.Tensors.reads () - before) 3L "reads")

        testCase "the adapters of a model are trained without waiting, too" (fun () ->
            use model = model config

            use lora = lora config Lora.attention 1UL
            let mutable seen = -1L

            for moment in Training.everyStepOfAdapters options corpus lora model do
                match moment with
                | Made state when state.Step = 1 -> seen <- Gpt.Tensors.reads ()
                | Made _ -> Expect.equal (Gpt.Tensors.reads ()) seen "a step reads nothing"
                | Reported _ -> ())

        testCase "a report has the loss of every step, and its mean" (fun () ->
            use model = model config

            let losses every =
                Training.run { options with ReportEvery = every } corpus model
                |> Seq.choose (fun report ->
                    match report.Event with
                    | Stepped(mean, _, _) -> Some(mean, report.Losses)
                    | Evaluated _ ->
                        Expect.equal report.Losses [||] "an evaluation has none"
                        None)
                |> Array.ofSeq

            let single = losses 1 |> Array.collect snd
            Expect.equal single.Length 100 "steps"

            for every in [ 7; 100; 1000 ] do
                let reports = losses every
                Expect.equal (Array.collect snd reports) single $"every {every}"

                for mean, own in reports do
                    Expect.equal mean (Array.average own) "mean")

        testCase "late reports are the reports, a step later, and nobody else waits" (fun () ->
            use model = model config

            let moments late every =
                let options = {
                    options with
                        ReportEvery = every
                        ReportLate = late
                        EvaluateEvery = 30
                }

                [
                    for moment in Training.everyStep options corpus model ->
                        match moment with
                        | Made state -> state.Step, None
                        | Reported report -> report.State.Step, Some(report.Step, report.Event, report.Losses)
                ]

            for every in [ 1; 7; 10; 100 ] do
                let plain, late = moments (Some false) every, moments (Some true) every
                Expect.equal (moments None every) plain $"every {every}: on the processor at once, unless asked"
                let told = List.choose snd
                Expect.equal (told late) (told plain) $"every {every}: reports"

                // A step has its item, made or reported; steps 30, 60 … and the last have an evaluation besides.
                let steps = late |> List.map fst |> List.distinct
                Expect.equal steps [ 0..100 ] $"every {every}: an item after every step"

                for reached, report in late do
                    match report with
                    | Some(step, Stepped _, _) when step % 30 <> 0 && step <> 100 ->
                        Expect.equal reached (step + 1) $"every {every}: late"
                    | Some(step, _, _) -> Expect.equal reached step $"every {every}: at once"
                    | None -> ())

        testCase "reports are late off the processor, unless the options say" (fun () ->
            let gpu = TorchSharp.torch.Device TorchSharp.DeviceType.CUDA

            for asked, onCpu, onGpu in [ None, false, true; Some false, false, false; Some true, true, true ] do
                let options = { options with ReportLate = asked }
                Expect.equal (Training.isLate (Device.cpu ()) options) onCpu $"{asked} on the processor"
                Expect.equal (Training.isLate gpu options) onGpu $"{asked} on a GPU")

        testCase "a run that is left before a late report leaves nothing behind" (fun () ->
            use model = model config

            let late = {
                options with
                    ReportEvery = 3
                    ReportLate = Some true
            }

            let before = TrainingTests.liveTensors ()
            Training.everyStep late corpus model |> Seq.truncate 4 |> Seq.iter ignore
            Expect.equal (TrainingTests.liveTensors ()) before "tensors")

        testCase "windows cut on the device are those cut from managed memory" (fun () ->
            let text = Array.init 300 (fun i -> i * i % 11)
            let cpu = Device.cpu ()

            use onDevice =
                TokenSource.OnDevice(
                    (Gpt.Tensors.ofIds cpu [ text.LongLength ] (Array.map int64 text)).DetachFromDisposeScope()
                )

            for seed in 1UL .. 50UL do
                Gpt.Tensors.freeing (fun () ->
                    let here = Batches.draw cpu 5 8 text (Rng.ofSeed seed)
                    let before = Gpt.Tensors.reads ()
                    let there = Batches.drawFrom cpu 5 8 onDevice (Rng.ofSeed seed)
                    Expect.equal (Gpt.Tensors.reads ()) before "nothing is read"
                    Expect.equal (Gpt.Tensors.toIds there.Inputs) (Gpt.Tensors.toIds here.Inputs) "inputs"
                    Expect.equal (Gpt.Tensors.toIds there.Targets) (Gpt.Tensors.toIds here.Targets) "targets")

            Expect.equal (Batches.source cpu text) (TokenSource.Managed text) "the processor cuts where they lie")

        testCase "whatever is read is counted" (fun () ->
            use numbers = Gpt.Tensors.ofFloats (Device.cpu ()) [ 1L ] [| 2.0f |]
            use ids = Gpt.Tensors.ofIds (Device.cpu ()) [ 1L ] [| 3L |]
            let before = Gpt.Tensors.reads ()
            Expect.equal (Gpt.Tensors.item numbers) 2.0 "item"
            Expect.equal (Gpt.Tensors.toFloats numbers) [| 2.0f |] "floats"
            Expect.equal (Gpt.Tensors.itemId ids) 3 "id"
            Expect.equal (Gpt.Tensors.toIds ids) [| 3L |] "ids"
            Expect.isTrue (Gpt.Tensors.isTrue (numbers.gt (Gpt.Tensors.scalar 1.0))) "truth"
            Expect.equal (Gpt.Tensors.reads () - before) 5L "counted")
    ]
