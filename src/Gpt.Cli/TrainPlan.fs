namespace Gpt.Cli

open System.CommandLine
open Gpt

/// What the arguments ask for, with everything checked that can be checked before work begins.
type TrainPlan = {
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

/// The arguments of `gpt train`, and what they ask for.
[<RequireQualifiedAccess>]
module TrainPlan =

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
            // A report a step, so that Ctrl-C is answered at once; how often one is shown is decided where it is shown.
            ReportEvery = 1
            EvaluateEvery = given evaluations (max 1 (steps / 10))
            EvaluationBatches = 20
            Seed = uint64 (parsed.GetRequiredValue seed)
        }
        |> Problem.usage

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
            let! prompt = promptFor parsed sizes.Context data.Text tokenizer
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

    /// The options in the order of the help.
    let options: Option list =
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
