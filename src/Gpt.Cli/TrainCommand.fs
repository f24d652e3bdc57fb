namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// `gpt train`: the main job. Trains a model on a text, shows the loss table, writes a sample at three temperatures,
/// leaves a checkpoint.
[<RequireQualifiedAccess>]
module TrainCommand =

    let private announce (plan: TrainPlan) : unit =
        let corpus = plan.Corpus
        Screen.note $"data        {Datasets.describe plan.Data}"

        Screen.note
            $"tokens      {corpus.Training.Length:N0} for training, {corpus.Validation.Length:N0} for validation, vocabulary {plan.Config.VocabSize}"

        Screen.note
            $"model       {Params.count plan.Config:N0} parameters: {plan.Config.Layers} layers, {plan.Config.Heads} heads, width {plan.Config.Dim}, context {plan.Config.Context}"

        match plan.From with
        | Some tuning -> Screen.note $"from        {tuning.Folder}, windows of {tuning.Window} tokens"
        | None -> ()

        match plan.Resumed with
        | Some resuming ->
            Screen.note $"resumed     {resuming.Folder}, step {resuming.Run.Step} of {plan.Training.Steps}"
        | None -> ()

        match plan.From |> Option.bind _.Lora with
        | Some lora ->
            let layers = String.concat ", " lora.Targets

            Screen.note
                $"adapters    {Lora.count plan.Config lora:N0} parameters, which alone are trained: rank {lora.Rank}, alpha {lora.Alpha}, in {layers}"
        | None -> ()

        let precision = Precision.name plan.Training.Step.Precision
        let tf32 = if plan.IsTf32 then ", products in TF32" else ""
        Options.sayEngine plan.Device (precision + tf32)

    /// The article's three: low, medium and high temperature, with its top-k.
    let private samples (plan: TrainPlan) (model: Model) : (float * string) list =
        [ 0.3, Warpers.topK 10; 0.8, Warpers.topK 40; 1.5, id ]
        |> List.map (fun (temperature, cut) ->
            let sampling = Sampling.random (Warpers.temperature temperature >> cut)
            let rng = Rng.ofSeed plan.Training.Seed |> Rng.splitNamed "samples"

            match Generate.text sampling rng 200 plan.Tokenizer model plan.Prompt with
            | Ok text -> temperature, plan.Prompt + text
            | Error sentence -> invalidOp sentence)

    let private print (plan: TrainPlan) (progress: TrainProgress) (samples: (float * string) list) : unit =
        printfn "%s" (Screen.lossTable progress.Rows)

        // In a pipe the curve is a file alone.
        if not (Console.IsOutputRedirected) then
            printfn ""
            Screen.draw (Pictures.lossChart (min 110 (Screen.width () - 1)) 18 (TrainRun.curve plan progress))

        for temperature, text in samples do
            let line = String('=', 40)
            printfn $"\n===== temperature %.1f{temperature} {line}\n{text}"

        printfn "\ncheckpoint: %s" plan.Out

        if progress.IsDrawn then
            printfn "loss curve: %s" plan.Plot

    let private printJson (plan: TrainPlan) (progress: TrainProgress) samples : unit =
        let last = List.last progress.Rows

        let loss (row: LossRow) =
            Json.object [
                "step", Json.whole row.Step
                "training", Json.number row.Training
                "validation", Json.number row.Validation
            ]

        let sample (temperature: float, text: string) =
            Json.object [ "temperature", Json.number temperature; "text", Json.text text ]

        Json.print (
            Json.object [
                "data", Json.text (Datasets.describe plan.Data)
                "parameters", Json.long (Params.count plan.Config)
                "steps", Json.whole last.Step
                "trainingLoss", Json.number last.Training
                "validationLoss", Json.number last.Validation
                "seconds", Json.number (Math.Round(progress.Last.TotalSeconds, 3))
                "losses", Json.list loss progress.Rows
                "samples", Json.list sample samples
                "checkpoint", Json.text plan.Out
                if progress.IsDrawn then
                    "lossCurve", Json.text plan.Plot
            ]
        )

    /// What the training starts from: the run that was saved, the checkpoint's model, or one with fresh parameters.
    let private start (plan: TrainPlan) : Result<TrainStart, Problem> =
        match plan.Resumed, plan.From with
        | Some resuming, _ ->
            TrainingCheckpoint.load plan.Device resuming.Folder
            |> Result.map (fun (state, _, _) -> Saved state)
            |> Problem.failed
        | None, Some tuning -> FineTuning.load plan.Device tuning |> Result.map Fresh
        | None, None ->
            Rng.ofSeed plan.Training.Seed
            |> Rng.splitNamed "parameters"
            |> Init.model plan.Device plan.Config
            |> Fresh
            |> Ok

    /// Leaves the model in the folder, or of adapters them alone. Where the run is saved, that has been done.
    let private save (plan: TrainPlan) (progress: TrainProgress) : Result<unit, string> =
        match plan.From, progress.KeptAdapters with
        | _ when plan.SaveEvery.IsSome -> progress.Saved |> Result.map ignore
        | Some tuning, Some lora ->
            use lora = lora
            Adapter.trySave plan.Out tuning.Name plan.Tokenizer lora
        | _ -> Checkpoint.trySave plan.Out plan.Tokenizer progress.Kept

    /// How a run that was interrupted is gone on with, if it can be.
    let private wayOn (plan: TrainPlan) (progress: TrainProgress) : string =
        match plan.SaveEvery, progress.Saved with
        | Some _, Ok step when step < plan.Training.Steps ->
            $", and `gpt train --resume {plan.Out} --data {plan.Data.Name}` goes on from step {step}"
        | _ -> ""

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! plan = TrainPlan.read parsed
            announce plan
            use interruption = new Interruption()

            let! progress =
                Room.guard plan.Device plan.Config (plan.From |> Option.bind _.Lora) plan.Training plan.Out (fun () ->
                    start plan
                    |> Result.map (fun start ->
                        use start = start
                        TrainRun.follow plan interruption start))

            use model = progress.Kept
            do! save plan progress |> Problem.failed

            if interruption.Asked() then
                Screen.note $"interrupted; what was learned so far is in {plan.Out}{wayOn plan progress}"
                return Problem.codes.Interrupted
            else
                let samples = samples plan model

                if plan.Json then
                    printJson plan progress samples
                else
                    print plan progress samples

                return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "train"
            "Train a model on a text, from scratch or from a checkpoint. Unless given, the context is 64 and the dropout 0; with --from the context is that of the training alone, and the dropout the checkpoint's."
            TrainPlan.options
            run
