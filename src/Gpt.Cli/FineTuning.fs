namespace Gpt.Cli

open System
open System.CommandLine
open System.IO
open Gpt

/// The checkpoint that a training run goes on from.
type FineTuning = {
    /// The folder or the repository, as it was asked for.
    Name: string
    Folder: string
    Tokenizer: Tokenizer
    /// The checkpoint's sizes, with the dropout that was asked for.
    Config: GptConfig
    /// How many tokens a window of the training has.
    Window: int
    /// The adapters to train in place of the whole model.
    Lora: LoraOptions option
}

/// The options of `gpt train` that start from a checkpoint, and what follows from them.
[<RequireQualifiedAccess>]
module FineTuning =

    let private from: Option<string> =
        Options.optional
            "--from"
            "a checkpoint folder or Hub repository to go on from, with its tokenizer and its sizes"
        |> Options.notEmpty

    let private rank: Option<int> =
        Options.optional "--lora-rank" "with --from: train adapters of this rank alone, and save them apart"

    let private alpha: Option<float> =
        Options.optional "--lora-alpha" "strength of the adapters; twice the rank unless given"

    let private layers: Option<string> =
        Options.optional
            "--lora-layers"
            "which layers get adapters: attention (queries, keys, values) unless given, or all"

    /// What a training window has when nothing is said: what suits a few minutes on a CPU.
    let usualWindow = 64

    /// The highest learning rate when nothing is said: transformers' for fine-tuning. A trained model forgets what it
    /// knows at the rates that suit a fresh one.
    let rate = 5e-5

    /// The same for adapters, which are fresh: that of Hu et al. 2021 for GPT-2.
    let loraRate = 2e-4

    let private targets (parsed: ParseResult) (layers: Option<string>) : Result<string list, Problem> =
        match Options.given parsed layers with
        | None
        | Some "attention" -> Ok Lora.attention
        | Some "all" -> Ok Lora.everyLayer
        | Some other -> Error(Usage $"{layers.Name} is {other}; attention and all are known")

    /// Adapters of a rank and a strength, which the options `names` ask for.
    let private adapters (names: string) (parsed: ParseResult) layers (config: GptConfig) (rank: int) (alpha: float) =
        result {
            let! targets = targets parsed layers

            let! options =
                Lora.validate config {
                    Rank = rank
                    Alpha = alpha
                    Targets = targets
                }
                |> Result.mapError (fun sentence -> $"{names}: {sentence}")
                |> Problem.usage

            return Some options
        }

    /// The adapters that options ask about, where their strength says nothing.
    let sized (parsed: ParseResult) (rank: Option<int>) (layers: Option<string>) (config: GptConfig) =
        match Options.given parsed rank, Options.given parsed layers with
        | None, None -> Ok None
        | None, Some _ -> Error(Usage $"{layers.Name} says nothing without {rank.Name}")
        | Some count, _ -> adapters rank.Name parsed layers config count 1.0

    let private lora (parsed: ParseResult) (config: GptConfig) : Result<LoraOptions option, Problem> =
        match Options.given parsed rank, Options.given parsed alpha, Options.given parsed layers with
        | None, None, None -> Ok None
        | None, _, _ -> Error(Usage "--lora-alpha and --lora-layers say nothing without --lora-rank")
        | Some rank, alpha, _ ->
            let alpha = alpha |> Option.defaultValue (2.0 * float rank)
            adapters "--lora-rank or --lora-alpha" parsed layers config rank alpha

    /// The sizes are the checkpoint's: an option that says otherwise contradicts --from.
    let private refuseSizes (parsed: ParseResult) (sizes: SizeOptions) : Result<unit, Problem> =
        let isGiven option = (Options.given parsed option).IsSome

        let given =
            [
                sizes.Preset.Name, isGiven sizes.Preset
                sizes.Dim.Name, isGiven sizes.Dim
                sizes.Heads.Name, isGiven sizes.Heads
                sizes.Layers.Name, isGiven sizes.Layers
            ]
            |> List.tryFind snd

        match given with
        | Some(name, _) -> Error(Usage $"{name} contradicts --from: the sizes are those of the checkpoint")
        | None -> Ok()

    let private window (parsed: ParseResult) (sizes: SizeOptions) (config: GptConfig) : Result<int, Problem> =
        match Options.given parsed sizes.Context with
        | None -> Ok(min usualWindow config.Context)
        | Some length when length >= 1 && length <= config.Context -> Ok length
        | Some length ->
            Error(
                Usage
                    $"--context is {length}; with --from it is the training window, at least 1 and at most {config.Context}, the model's context"
            )

    /// The tokenizer that is saved with adapters would otherwise replace that of another model.
    let private requireOwnFolder (lora: LoraOptions option) (out: string) : Result<unit, Problem> =
        if lora.IsSome && File.Exists(Path.Combine(out, "config.json")) then
            Error(Usage $"--out is {out}, which holds a checkpoint; adapters are saved in a folder of their own")
        else
            Ok()

    let private ofCheckpoint (parsed: ParseResult) (sizes: SizeOptions) (out: string) (name: string) =
        result {
            do! refuseSizes parsed sizes
            let settings = Hub.settings (Environment.GetEnvironmentVariable >> Option.ofObj)
            let! folder = HuggingFace.folder settings "main" name |> Problem.failed
            do! Options.refuseOverwriting from folder out
            let! config = Checkpoint.loadConfig folder |> Problem.failed
            let! window = window parsed sizes config
            let dropout = Options.given parsed sizes.Dropout |> Option.defaultValue config.Dropout
            let! config = GptConfig.validate { config with Dropout = dropout } |> Problem.usage
            let! lora = lora parsed config
            do! requireOwnFolder lora out
            let! tokenizer = TokenizerFiles.read folder |> Problem.failed

            return {
                Name = name
                Folder = folder
                Tokenizer = tokenizer
                Config = config
                Window = window
                Lora = lora
            }
        }

    /// What --from asks for, if it is given. The weights are not read yet.
    let read (parsed: ParseResult) (sizes: SizeOptions) (out: string) : Result<FineTuning option, Problem> =
        match Options.given parsed from with
        | None when [ rank :> Option; alpha; layers ] |> List.exists (parsed.GetResult >> isNull >> not) ->
            Error(Usage "--lora-rank, --lora-alpha and --lora-layers need --from, the model that gets adapters")
        | None -> Ok None
        | Some name -> ofCheckpoint parsed sizes out name |> Result.map Some

    /// The model to go on from, on a device.
    let load (device: TorchSharp.torch.Device) (tuning: FineTuning) : Result<Model, Problem> =
        Checkpoint.load device tuning.Folder
        |> Result.map (fun (model, _) -> { model with Config = tuning.Config })
        |> Problem.failed

    /// The options in the order of the help.
    let options: Option list = [ from; rank; alpha; layers ]
