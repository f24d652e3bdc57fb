namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// `gpt info`: what a model is made of, from a checkpoint or from sizes.
[<RequireQualifiedAccess>]
module InfoCommand =

    let private sizes = SizeOptions.create "mini"

    let private model: Option<string> =
        Options.optional "--model" "checkpoint folder; the sizes are read from it" |> Options.notEmpty

    let private memory = Options.flag "--memory" "predict the memory of training and of generating, in MB"

    let private batch: Option<int> =
        Options.optional "--batch" "with --memory: windows a step, or texts at once; 16 unless given"

    let private dtype: Option<string> =
        Options.optional "--dtype" "with --memory: float32 unless given, bfloat16, or int8 for generating alone"

    let private recompute =
        Options.flag "--recompute" "with --memory: blocks are computed again on the way back"

    let private accumulate: Option<int> =
        Options.optional "--accumulate" "with --memory: a step is computed in so many parts; 1 unless given"

    let private rank: Option<int> =
        Options.optional "--lora-rank" "with --memory: train adapters of this rank alone"

    let private layers: Option<string> =
        Options.optional "--lora-layers" "with --lora-rank: which layers get adapters: attention unless given, or all"

    let private device: Option<string> =
        Options.optional "--device" "with --memory: where it is trained: auto unless given, cpu, cuda or cuda:N"

    let private json = Options.json ()

    let private config (parsed: ParseResult) : Result<GptConfig, Problem> =
        match Options.given parsed model with
        | Some folder ->
            Checkpoint.loadConfig folder
            |> Result.map (fun config -> {
                config with
                    Context = Options.given parsed sizes.Context |> Option.defaultValue config.Context
            })
            |> Problem.failed
        | None -> SizeOptions.read parsed sizes id

    let private activation (config: GptConfig) : string =
        match config.Activation with
        | Gelu -> "Gelu"
        | GeluTanh -> "GeluTanh"
        | Relu -> "Relu"

    let private print (config: GptConfig) : unit =
        printfn "engine      %s" Device.engine
        printfn "parameters  %s" ((Params.count config).ToString "N0")

        let sizes =
            $"vocab {config.VocabSize}, context {config.Context}, dim {config.Dim}, layers {config.Layers}, heads {config.Heads}"

        printfn $"sizes       {sizes}, feed-forward {config.FeedForward}"
        printfn $"dropout     %g{config.Dropout}"
        printfn "activation  %s\n" (activation config)

        for name, shape in Params.shapes config do
            printfn "%-26s %s" name (shape |> List.map string |> String.concat " x ")

    let private printJson (config: GptConfig) : unit =
        let tensor (name: string, shape: int64 list) =
            Json.object [ "name", Json.text name; "shape", Json.list Json.long shape ]

        Json.print (
            Json.object [
                "engine", Json.text Device.engine
                "parameters", Json.long (Params.count config)
                "vocab", Json.whole config.VocabSize
                "context", Json.whole config.Context
                "dim", Json.whole config.Dim
                "layers", Json.whole config.Layers
                "heads", Json.whole config.Heads
                "feedForward", Json.whole config.FeedForward
                "dropout", Json.number config.Dropout
                "activation", Json.text (activation config)
                "tensors", Json.list tensor (Params.shapes config)
            ]
        )

    /// What was asked about memory: training, none in int8, and generating.
    let private prediction (parsed: ParseResult) (config: GptConfig) : Result<MemoryUse option * MemoryUse, Problem> =
        let given option usual = Options.given parsed option |> Option.defaultValue usual
        let batch, text = given batch 16, given dtype "float32"

        result {
            if batch < 1 then
                do! Error(Usage $"--batch is {batch}; it must be at least 1")

            let! weights = Quantize.parse text |> Options.asOption parsed
            let generating = MemoryUse.generating config weights batch config.Context
            let! lora = FineTuning.sized parsed rank layers config

            let! device = given device "auto" |> Options.deviceCalled |> Options.asOption parsed

            match Precision.parse text with
            | Error sentence when lora.IsSome -> return! Error sentence |> Options.asOption parsed
            | Error _ -> return None, generating
            | Ok precision ->
                let! step =
                    StepOptions.validate batch {
                        Precision = precision
                        Parts = given accumulate 1
                        Recompute = parsed.GetRequiredValue recompute
                    }
                    |> Options.asOption parsed

                let training =
                    match lora with
                    | None -> MemoryUse.training device config step batch config.Context
                    | Some lora -> MemoryUse.trainingAdapters device config lora step batch config.Context

                return Some training, generating
        }

    let private partsOf (memory: MemoryUse) = [
        "weights", memory.Weights
        "gradients", memory.Gradients
        "moments", memory.Moments
        "activations", memory.Activations
        "cache", memory.Cache
        "total", memory.Total
    ]

    let private printMemory (training: MemoryUse option) (generating: MemoryUse) : unit =
        printfn "%-12s %14s %14s" "MB" "training" "generating"

        let own =
            match training with
            | Some memory -> partsOf memory |> List.map (snd >> Machine.megabytes)
            | None -> partsOf generating |> List.map (fun _ -> "-")

        for own, (name, bytes) in List.zip own (partsOf generating) do
            printfn "%-12s %14s %14s" name own (Machine.megabytes bytes)

    let private printMemoryJson (training: MemoryUse option) (generating: MemoryUse) : unit =
        let facts (memory: MemoryUse) =
            Json.object [
                for name, bytes in partsOf memory -> $"{name}MB", Json.number (Math.Round(float bytes / 1048576.0, 1))
            ]

        Json.print (
            Json.object [
                match training with
                | Some memory -> "training", facts memory
                | None -> ()
                "generating", facts generating
            ]
        )

    /// What says something about memory says nothing without --memory.
    let private refuseAlone (parsed: ParseResult) : Result<unit, Problem> =
        let about: Option list = [ batch; dtype; recompute; accumulate; rank; layers; device ]

        match Options.firstGiven parsed about with
        | Some option when not (parsed.GetRequiredValue memory) ->
            Error(Usage $"{option.Name} says nothing without --memory")
        | _ -> Ok()

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            do! refuseAlone parsed
            let! config = config parsed

            match parsed.GetRequiredValue memory, parsed.GetRequiredValue json with
            | true, asJson ->
                let! training, generating = prediction parsed config
                (if asJson then printMemoryJson else printMemory) training generating
            | false, true -> printJson config
            | false, false -> print config

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "info"
            "Show what a model is made of."
            (SizeOptions.all sizes
             @ [
                 sizes.Vocab
                 model
                 memory
                 batch
                 dtype
                 recompute
                 accumulate
                 rank
                 layers
                 device
                 json
             ])
            run
