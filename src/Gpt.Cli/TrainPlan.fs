namespace Gpt.Cli

open System.CommandLine
open System.IO
open Gpt

/// What the arguments ask for, with everything checked that can be checked before work begins.
type TrainPlan = {
    Data: Dataset
    Tokenizer: Tokenizer
    Corpus: Corpus
    Config: GptConfig
    /// The checkpoint to go on from; without one the training starts from fresh parameters.
    From: FineTuning option
    /// The run to go on with.
    Resumed: Resuming option
    /// After how many steps each the run is saved, for --resume; without it the model alone is saved at the end.
    SaveEvery: int option
    Training: TrainingOptions
    Device: TorchSharp.torch.Device
    Out: string
    /// Where the loss curve is drawn.
    Plot: string
    Prompt: string
    /// Whether float32 products may round what they multiply.
    IsTf32: bool
    Json: bool
}

/// The arguments of `gpt train`, and what they ask for.
[<RequireQualifiedAccess>]
module TrainPlan =

    let private share = 0.9
    let private sizes = SizeOptions.create "mini"

    let private data =
        Options.withDefault "--data" "a text file, or the name shakespeare" "shakespeare"
        |> Options.notEmpty

    let private out =
        Options.withDefault
            "--out"
            "folder for the checkpoint; with --resume the run's unless given"
            Options.checkpointFolder
        |> Options.notEmpty

    let private steps = Options.withDefault "--steps" "optimizer steps" 2000
    let private batch = Options.withDefault "--batch" "windows a step" 16
    let private freshRate = 2e-3

    let private rate: Option<float> =
        Options.optional
            "--lr"
            $"highest learning rate; {freshRate} unless given, {FineTuning.rate} with --from, {FineTuning.loraRate} with --lora-rank"

    let private minimum: Option<float> =
        Options.optional "--min-lr" "learning rate at the end; a tenth of --lr unless given"

    let private warmup: Option<int> =
        Options.optional "--warmup" "steps until the highest rate; a twentieth of --steps unless given"

    let private decay = Options.withDefault "--weight-decay" "weight decay of the matrices" 0.1
    let private clip = Options.withDefault "--clip" "largest norm of the gradient" 1.0

    let private evaluations: Option<int> =
        Options.optional "--eval-every" "steps between evaluations; a tenth of --steps unless given"

    let private evaluationBatches =
        Options.withDefault "--eval-batches" "batches of each text whose mean loss an evaluation is" 20

    let private choices = StepChoices.create ()

    let private reports: Option<int> =
        Options.optional
            "--report-every"
            "steps between lines of progress, where the loss is read: a GPU is waited for then; a twentieth of --steps unless given"

    let private plot: Option<string> =
        Options.optional "--plot" "file for the loss curve, as SVG; loss.svg in the checkpoint's folder unless given"
        |> Options.notEmpty

    let private prompt = Options.withDefault "--prompt" "how the samples begin" "HAMLET:"
    let private seed = Options.seed ()
    let private device = Options.device ()
    let private threads = Options.threads ()
    let private json = Options.json ()

    /// The sizes, the length of a window and the learning rate of a run: the checkpoint's, or the article's at a context and
    /// without the dropout that suit a few minutes on a CPU.
    let private setting (parsed: ParseResult) (from: FineTuning option) : Result<GptConfig * int * float, Problem> =
        match from with
        | Some tuning ->
            let rate =
                if tuning.Lora.IsSome then
                    FineTuning.loraRate
                else
                    FineTuning.rate

            Ok(tuning.Config, tuning.Window, rate)
        | None ->
            SizeOptions.read parsed sizes (fun preset -> {
                preset with
                    Context = FineTuning.usualWindow
                    Dropout = 0.0
            })
            |> Result.map (fun config -> config, config.Context, freshRate)

    /// On a terminal the processor, which never waits for itself, shows more; a GPU is asked at most every 50 steps.
    let private usualReports (device: TorchSharp.torch.Device) (steps: int) : int =
        if not (Device.isCpu device) then max 50 (steps / 20)
        elif Screen.isWatched () then 10
        else max 1 (steps / 20)

    let private trainingOptions (parsed: ParseResult) device (config: GptConfig) (window: int) (usualRate: float) step =
        let given option fallback = Options.given parsed option |> Option.defaultValue fallback
        let steps, rate = parsed.GetRequiredValue steps, given rate usualRate

        Training.validate config {
            Steps = steps
            BatchSize = parsed.GetRequiredValue batch
            WindowLength = window
            Schedule = WarmupCosine(rate, given minimum (rate / 10.0), given warmup (steps / 20), steps)
            Optimizer = {
                AdamW.defaults with
                    Beta2 = 0.99
                    WeightDecay = parsed.GetRequiredValue decay
                    ClipNorm = Some(parsed.GetRequiredValue clip)
            }
            Step = step
            ReportEvery = given reports (usualReports device steps)
            ReportLate = None
            EvaluateEvery = given evaluations (max 1 (steps / 10))
            EvaluationBatches = parsed.GetRequiredValue evaluationBatches
            Seed = uint64 (parsed.GetRequiredValue seed)
        }
        |> Problem.usage

    /// Where the training stands before its first step: the sizes, how it is trained, and the tokenizer, where it is not the text's.
    let private beginning parsed device (from: FineTuning option) =
        result {
            let! config, window, usualRate = setting parsed from
            let! step = StepChoices.read parsed choices device (parsed.GetRequiredValue batch)
            let! training = trainingOptions parsed device config window usualRate step
            return config, training, from |> Option.map _.Tokenizer
        }

    /// The same of a run that is gone on with: its own, but for how it is told of.
    let private goingOn (parsed: ParseResult) device (resuming: Resuming) =
        let own, config = resuming.Run.Options, resuming.Config
        let claim option saved = Resuming.claim parsed option saved

        result {
            do!
                Resuming.refuse
                    resuming.Folder
                    (Resuming.claimSizes parsed sizes config own.WindowLength
                     @ [ claim steps own.Steps; claim batch own.BatchSize ]
                     @ Resuming.claimSchedule parsed rate minimum warmup own.Schedule
                     @ [
                         claim decay own.Optimizer.WeightDecay
                         claim clip (own.Optimizer.ClipNorm |> Option.defaultValue infinity)
                         claim evaluations own.EvaluateEvery
                         claim evaluationBatches own.EvaluationBatches
                         claim choices.Dtype (Precision.name own.Step.Precision)
                         claim choices.Recompute own.Step.Recompute
                         claim choices.Tf32 resuming.Run.IsTf32
                         claim choices.Accumulate own.Step.Parts
                         claim seed (int64 own.Seed)
                     ])

            do! StepChoices.useTf32 parsed choices device

            // A run that came from a GPU may go on elsewhere, where nothing is rounded.
            if resuming.Run.IsTf32 then
                Device.useTf32 device |> ignore

            let! training =
                Training.validate config {
                    own with
                        ReportEvery = Options.given parsed reports |> Option.defaultValue own.ReportEvery
                        ReportLate = None
                }
                |> Problem.usage

            return config, training, Some resuming.Tokenizer
        }

    /// A prompt that was asked for must be encodable; the default one gives way to the text's own first character.
    let private promptFor (parsed: ParseResult) (context: int) (text: string) (tokenizer: Tokenizer) =
        let wanted = parsed.GetRequiredValue prompt
        let first = text.EnumerateRunes() |> Seq.head |> string

        match Tokenizer.encode tokenizer wanted, Options.given parsed prompt with
        | Ok [||], _ -> Error(Usage "--prompt is empty; it must hold at least one character")
        | Ok ids, _ when ids.Length <= context -> Ok wanted
        | _, None -> Ok first
        | Ok ids, Some _ ->
            Error(Usage $"--prompt has {ids.Length} tokens; it must have at most {context}, the model's context")
        | Error sentence, Some _ -> Error(Usage $"--prompt: {sentence}")

    let read (parsed: ParseResult) : Result<TrainPlan, Problem> =
        result {
            do! Options.useThreads (Options.given parsed threads)
            let! device = Options.deviceOf parsed device
            let! resumed = Resuming.read parsed

            let out =
                match Options.given parsed out, resumed with
                | None, Some resuming -> resuming.Folder
                | _ -> parsed.GetRequiredValue out

            let plot = Options.given parsed plot |> Option.defaultValue (Path.Combine(out, "loss.svg"))

            let! _ = Pictures.place plot |> Result.mapError (fun sentence -> $"--plot: {sentence}") |> Problem.usage

            let! from = FineTuning.read parsed sizes out
            let! saveEvery = Resuming.saves parsed from resumed

            let! config, training, tokenizer =
                match resumed with
                | Some resuming -> goingOn parsed device resuming
                | None -> beginning parsed device from

            let! data = Datasets.resolve (parsed.GetRequiredValue data) |> Problem.failed

            let tokenizer = tokenizer |> Option.defaultWith (fun () -> Characters(CharTokenizer.ofText data.Text))

            let! corpus =
                Corpus.ofText tokenizer training.WindowLength share data.Text
                |> Resuming.checkText data.Name resumed

            let! prompt = promptFor parsed config.Context data.Text tokenizer
            do! Checkpoint.checkWritable out |> Problem.failed

            let config = {
                config with
                    VocabSize = Tokenizer.vocabSize tokenizer
            }

            do! Room.check device config (from |> Option.bind _.Lora) training

            return {
                Data = data
                Tokenizer = tokenizer
                Corpus = corpus
                Config = config
                From = from
                Resumed = resumed
                SaveEvery = saveEvery
                Training = training
                Device = device
                Out = out
                Plot = plot
                Prompt = prompt
                IsTf32 = Device.isTf32 ()
                Json = parsed.GetRequiredValue json
            }
        }

    /// The options in the order of the help.
    let options: Option list =
        (FineTuning.options
         @ [ Resuming.resume ]
         @ SizeOptions.all sizes
         @ [
             data
             out
             Resuming.saveEvery
             steps
             batch
             rate
             minimum
             warmup
             decay
             clip
             evaluations
             evaluationBatches
             reports
         ]
         @ StepChoices.all choices
         @ [ plot; prompt; seed; device; threads; json ])
