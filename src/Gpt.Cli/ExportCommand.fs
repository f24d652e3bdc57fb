namespace Gpt.Cli

open System.CommandLine
open Gpt

/// `gpt export`: any folder that can be loaded, as a folder for Hugging Face transformers.
[<RequireQualifiedAccess>]
module ExportCommand =

    let private model = Options.model ()

    let private out: Option<string> = Options.optional "--out" "folder to write" |> Options.notEmpty

    let private adapter: Option<string> =
        Options.optional "--adapter" "folder of LoRA adapters for the model, to be merged with it"
        |> Options.notEmpty

    /// The model with the adapters of a folder merged in, if one is given; the model itself is then freed.
    let private merged (model: Model) (adapter: string option) : Result<Model, string> =
        match adapter with
        | None -> Ok model
        | Some folder ->
            use model = model

            Adapter.load (Model.device model) model.Config folder
            |> Result.map (fun lora ->
                use lora = lora
                Lora.merge lora model)

    let private run (parsed: ParseResult) : Result<int, Problem> =
        match Options.given parsed out with
        | None -> Error(Usage "--out is missing; it names the folder to write")
        | Some out ->
            result {
                do! Checkpoint.checkWritable out |> Problem.failed
                let! folder = HubScreen.folder parsed model
                do! Options.refuseOverwriting model folder out

                match Options.given parsed adapter with
                | Some folder -> do! Options.refuseOverwriting adapter folder out
                | None -> ()

                let! model, tokenizer = Checkpoint.load (Device.cpu ()) folder |> Problem.failed
                let! model = merged model (Options.given parsed adapter) |> Problem.failed
                use model = model
                do! Checkpoint.trySave out tokenizer model |> Problem.failed
                Screen.note $"exported to {out}"
                return Problem.codes.Done
            }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "export"
            "Write a model as a folder that Hugging Face transformers loads."
            [ model; adapter; out ]
            run
