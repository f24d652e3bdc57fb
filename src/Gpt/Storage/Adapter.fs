namespace Gpt

open System
open System.IO
open System.Text
open TorchSharp

/// Adapters on disk: a folder with `adapter_config.json`, `adapter_model.safetensors` and the files of a tokenizer, as Hugging
/// Face peft keeps LoRA adapters and loads them. The model that they adapt is not there; the configuration names it.
[<RequireQualifiedAccess>]
module Adapter =

    let private prefix = "base_model.model."
    let private configFile = Checkpoint.adapterConfigFile
    let private weightsFile = Checkpoint.adapterWeightsFile

    let private text (content: string) (stream: Stream) = stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes content))

    /// The matrices under peft's names: A (r, in) and B (out, r), as they lie here.
    let toStore (lora: Lora) : (string * Tensor) list =
        lora.Named |> List.map (fun (name, matrix) -> $"{prefix}transformer.{name}", matrix)

    /// Writes a folder of adapters for the model of that folder or repository. Files are written as `Checkpoint.save` does it.
    /// Raises IOException or UnauthorizedAccessException when the folder cannot be written.
    let save (folder: string) (baseName: string) (tokenizer: Tokenizer) (lora: Lora) : unit =
        SafeFiles.writeAll folder [
            configFile, text (AdapterJson.write baseName lora.Options)
            for name, content in TokenizerFiles.write tokenizer do
                name, text content
            weightsFile, Safetensors.write (toStore lora)
        ]

    /// `save`, with what the disk refuses as one sentence instead of an exception.
    let trySave (folder: string) (baseName: string) (tokenizer: Tokenizer) (lora: Lora) : Result<unit, string> =
        try
            Ok(save folder baseName tokenizer lora)
        with
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"the adapters' folder {folder} cannot be written: {e.Message}"

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    /// Every matrix must be there, in the shape that the base asks for, and nothing else.
    let private ofFiles (device: torch.Device) config (options: LoraOptions) (files: TensorFiles) : Lora =
        let where, shapes = files.Source, Lora.shapes config options
        let stored (name: string) = $"{prefix}transformer.{name}"

        for name, shape in shapes do
            match Map.tryFind (stored name) files.Tensors with
            | None -> bad where $"tensor {stored name} is missing"
            | Some tensor when tensor.Shape <> shape ->
                bad
                    where
                    $"tensor {tensor.Name} has shape {StoredTensor.shapeText tensor.Shape}; the model asks for {StoredTensor.shapeText shape}"
            | Some tensor -> StoredTensor.requireReal tensor

        let wanted = shapes |> List.map (fst >> stored) |> Set.ofList

        match files.Tensors.Keys |> Seq.tryFind (wanted.Contains >> not) with
        | Some name -> bad where $"tensor {name} is no part of the adapters that {configFile} describes"
        | None ->
            Lora.build device config options (fun name matrix ->
                StoredTensor.copyTo matrix false files.Tensors[stored name])

    let private inFile (path: string) (result: Result<'a, string>) =
        result |> Result.mapError (fun sentence -> $"{path}: {sentence}")

    /// Loads the adapters of a folder onto a device, for a model of that configuration. The error is one sentence that names the
    /// file and what is wrong with it; adapters of a model of other sizes are one too.
    let load (device: torch.Device) (config: GptConfig) (folder: string) : Result<Lora, string> =
        let json, weights = Path.Combine(folder, configFile), Path.Combine(folder, weightsFile)

        try
            AdapterJson.read (File.ReadAllText json)
            |> Result.bind (Lora.validate config)
            |> inFile json
            |> Result.map (fun options ->
                use files = Safetensors.openFile weights
                ofFiles device config options files)
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException ->
            Error $"{folder} holds no adapters: they are a folder with {configFile} and {weightsFile}"
        | :? InvalidDataException as e -> Error e.Message
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"the adapters of {folder} cannot be read: {e.Message}"
