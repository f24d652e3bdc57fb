namespace Gpt.Cli

open System
open System.CommandLine
open System.Diagnostics
open System.IO
open System.Text.Json
open Gpt

/// `gpt train`: the main job. Trains a model on a text, shows the loss table, writes a sample at three temperatures,
/// leaves a checkpoint.
[<RequireQualifiedAccess>]
module TrainCommand =

    /// What the arguments ask for, with everything checked that can be checked before work begins.
    type private Plan = {
        Data: Dataset
        Tokenizer: Tokenizer
        Corpus: Corpus
        Config: GptConfig
        Training: TrainingOptions
        Device: TorchSharp.torch.Device
        Out: string
        Prompt: string
        Json: bool
    }

    let private share = 0.9
    let private sizes = SizeOptions.create "mini"
    let private data = Options.withDefault "--data" "a text file, or the name shakespeare" "shakespeare"
    let private out = Options.withDefault "--out" "folder for the checkpoint" Options.checkpointFolder
    let private steps = Options.withDefault "--steps" "optimizer steps" 2000
    let private batch = Options.withDefault "--batch" "windows a step" 16
    let private rate = Options.withDefault "--lr" "highest learning rate" 2e-3

    let private minimum: Option<float> =
        Options.optional "--min-lr" "learning rate at the end; a tenth of --lr unless given"

    let private warmup: Option<int> =
        Options.optional "--warmup" "steps until the highest rate; a twentieth of --steps unless given"

    let private decay = Options.withDefault "--weight-decay" "weight decay of the matrices" 0.1
    let private clip = Options.withDefault "--clip" "largest norm of the gradient" 1.0

    let private evaluations: Option<int> =
        Options.optional "--eval-every" "steps between evaluations; a tenth of --steps unless given"

    let private prompt = Options.withDefault "--prompt" "how the samples begin" "HAMLET:"
    let private seed = Options.seed ()
    let private device = Options.device ()
    let private threads = Options.threads ()
    let private json = Options.json ()

    let private trainingOptions (parsed: ParseResult) (config: GptConfig) : Result<TrainingOptions, Problem> =
        let steps, rate = parsed.GetRequiredValue steps, parsed.GetRequiredValue rate
        let given option fallback = Options.given parsed option |> Option.defaultValue fallback
        let reports = if Screen.isWatched () then 10 else max 1 (steps / 20)

        Training.validate config {
            Steps = steps
            BatchSize = parsed.GetRequiredValue batch
            WindowLength = config.Context
            Schedule = WarmupCosine(rate, given minimum (rate / 10.0), given warmup (steps / 20), steps)
            Optimizer = {
                AdamW.defaults with
                    Beta2 = 0.99
                    WeightDecay = parsed.GetRequiredValue decay
                    ClipNorm = Some(parsed.GetRequiredValue clip)
            }
            ReportEvery = reports
            EvaluateEvery = given evaluations (max 1 (steps / 10))
            EvaluationBatches = 20
            Seed = uint64 (parsed.GetRequiredValue seed)
        }
        |> Problem.usage

    /// A prompt that was asked for must be encodable; the default one gives way to the text's own first character.
    let private promptFor (parsed: ParseResult) (text: string) (tokenizer: Tokenizer) : Result<string, Problem> =
        let wanted = parsed.GetRequiredValue prompt

        match Tokenizer.encode tokenizer wanted, Options.given parsed prompt with
        | Ok [||], _ -> Error(Usage "--prompt is empty; it must hold at least one character")
        | Ok _, _ -> Ok wanted
        | Error _, None -> Ok(text.EnumerateRunes() |> Seq.head |> string)
        | Error sentence, Some _ -> Error(Usage $"--prompt: {sentence}")

    let private plan (parsed: ParseResult) : Result<Plan, Problem> =
        result {
            do! Options.useThreads (Options.given parsed threads)
            let! device = Device.parse (parsed.GetRequiredValue device) |> Problem.usage
            // The article's sizes, at a context and without the dropout that suit a few minutes on a CPU.
            let! sizes =
                SizeOptions.read parsed sizes (fun preset -> {
                    preset with
                        Context = 64
                        Dropout = 0.0
                })

            let! training = trainingOptions parsed sizes
            let! data = Datasets.resolve (parsed.GetRequiredValue data) |> Problem.failed
            let tokenizer = Characters(CharTokenizer.ofText data.Text)
            let! corpus = Corpus.ofText tokenizer sizes.Context share data.Text |> Problem.failed
            let! prompt = promptFor parsed data.Text tokenizer
            let out = parsed.GetRequiredValue out
            do! Checkpoint.checkWritable out |> Problem.failed

            return {
                Data = data
                Tokenizer = tokenizer
                Corpus = corpus
                Config = {
                    sizes with
                        VocabSize = Tokenizer.vocabSize tokenizer
                }
                Training = training
                Device = device
                Out = out
                Prompt = prompt
                Json = parsed.GetRequiredValue json
            }
        }

    let private announce (plan: Plan) : unit =
        let corpus = plan.Corpus
        Screen.note $"data        {Datasets.describe plan.Data}"

        Screen.note
            $"tokens      {corpus.Training.Length:N0} for training, {corpus.Validation.Length:N0} for validation, vocabulary {plan.Config.VocabSize}"

        Screen.note
            $"model       {Params.count plan.Config:N0} parameters: {plan.Config.Layers} layers, {plan.Config.Heads} heads, width {plan.Config.Dim}, context {plan.Config.Context}"

        Screen.note $"engine      {Device.engine} on {plan.Device}"

    /// What the loop carries from report to report.
    type private Progress = {
        Rows: LossRow list
        /// A copy of the model at the last evaluation.
        Kept: Model
        /// Time spent on steps alone, evaluations left out, up to the last report.
        Training: TimeSpan
        /// When the last report was made.
        Last: TimeSpan
    }

    let private statusOf (plan: Plan) (step: int) (loss: float) (progress: Progress) : Status =
        let secondsPerStep = progress.Training.TotalSeconds / float step

        {
            Step = step
            Steps = plan.Training.Steps
            Loss = loss
            Rate = Schedule.rate plan.Training.Schedule (step - 1)
            TokensPerSecond = float (plan.Training.BatchSize * plan.Training.WindowLength) / secondsPerStep
            Left = progress.Last / float step * float (plan.Training.Steps - step)
            Rows = progress.Rows
        }

    /// Runs the training to its end, or to the report at which it is interrupted, and gives what it carried.
    let private train (plan: Plan) (interrupted: unit -> bool) (model: Model) : Progress =
        let clock = Stopwatch.StartNew()

        let follow update (progress: Progress) (report: TrainingReport) =
            let now, step = clock.Elapsed, report.State.Step

            match report.Event with
            | Stepped(loss, _, _) ->
                let progress = {
                    progress with
                        Training = progress.Training + now - progress.Last
                        Last = now
                }

                update (statusOf plan step loss progress)
                progress
            | Evaluated(training, validation) ->
                (progress.Kept :> IDisposable).Dispose()

                let row = {
                    Step = step
                    Training = training
                    Validation = validation
                }

                {
                    progress with
                        Rows = progress.Rows @ [ row ]
                        Kept = Model.copy report.State.Model
                        Last = now
                }

        let start = {
            Rows = []
            Kept = Model.copy model
            Training = TimeSpan.Zero
            Last = TimeSpan.Zero
        }

        Screen.follow (fun update ->
            Training.run plan.Training plan.Corpus model
            |> Seq.takeWhile (fun _ -> not (interrupted ()))
            |> Seq.fold (follow update) start)

    /// The article's three: low, medium and high temperature, with its top-k.
    let private samples (plan: Plan) (model: Model) : (float * string) list =
        [ 0.3, Warpers.topK 10; 0.8, Warpers.topK 40; 1.5, id ]
        |> List.map (fun (temperature, cut) ->
            let sampling = Sampling.random (Warpers.temperature temperature >> cut)
            let rng = Rng.ofSeed plan.Training.Seed |> Rng.splitNamed "samples"

            match Generate.text sampling rng 200 plan.Tokenizer model plan.Prompt with
            | Ok text -> temperature, plan.Prompt + text
            | Error sentence -> invalidOp sentence)

    let private print (plan: Plan) (rows: LossRow list) (samples: (float * string) list) : unit =
        printfn "%s" (Screen.lossTable rows)

        for temperature, text in samples do
            printfn "\n===== temperature %.1f %s\n%s" temperature (String('=', 40)) text

        printfn "\ncheckpoint: %s" plan.Out

    let private printJson (plan: Plan) (progress: Progress) samples : unit =
        let last = List.last progress.Rows

        {|
            data = Datasets.describe plan.Data
            parameters = Params.count plan.Config
            steps = last.Step
            trainingLoss = last.Training
            validationLoss = last.Validation
            seconds = Math.Round(progress.Last.TotalSeconds, 3)
            losses =
                progress.Rows
                |> List.map (fun row -> {|
                    step = row.Step
                    training = row.Training
                    validation = row.Validation
                |})
            samples =
                samples
                |> List.map (fun (temperature, text) -> {|
                    temperature = temperature
                    text = text
                |})
            checkpoint = plan.Out
        |}
        |> JsonSerializer.Serialize
        |> printfn "%s"

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! plan = plan parsed
            announce plan
            use interruption = new Interruption()

            use fresh =
                Init.model plan.Device plan.Config (Rng.ofSeed plan.Training.Seed |> Rng.splitNamed "parameters")

            let progress = train plan interruption.Asked fresh
            use model = progress.Kept
            do! Checkpoint.trySave plan.Out plan.Tokenizer model |> Problem.failed

            if interruption.Asked() then
                Screen.note $"interrupted; the checkpoint of the last evaluation is in {plan.Out}"
                return Problem.codes.Interrupted
            else
                let samples = samples plan model

                if plan.Json then
                    printJson plan progress samples
                else
                    print plan progress.Rows samples

                return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "train"
            "Train a model on a text, from scratch."
            (SizeOptions.all sizes
             @ [
                 data
                 out
                 steps
                 batch
                 rate
                 minimum
                 warmup
                 decay
                 clip
                 evaluations
                 prompt
                 seed
                 device
                 threads
                 json
             ])
            run
