namespace Gpt

open System
open System.IO
open TorchSharp

/// GPT-2 models by name, from the Hub or from a folder.
[<RequireQualifiedAccess>]
module HuggingFace =

    /// The folder of a model: a folder of that path, or else the snapshot of the repository of that name.
    let folder (settings: HubSettings) (revision: string) (name: string) : Result<string, string> =
        if Directory.Exists name then
            Ok name
        else
            Hub.snapshot settings name revision Hub.gpt2
            |> Result.mapError (fun sentence ->
                match HubNames.checkRepo name with
                | Ok() -> sentence
                | Error sentence -> $"there is no such folder, and {sentence}")

    /// Loads a model and its tokenizer onto a device; the error is one sentence.
    let loadWith settings (revision: string) (device: torch.Device) (name: string) : Result<Model * Tokenizer, string> =
        folder settings revision name |> Result.bind (Checkpoint.load device)

    /// `loadWith` as this process's environment has it, the branch main, on the best device: `HuggingFace.load "gpt2"`.
    let load (name: string) : Result<Model * Tokenizer, string> =
        let settings = Hub.settings (Environment.GetEnvironmentVariable >> Option.ofObj)
        loadWith settings "main" (Device.best ()) name
