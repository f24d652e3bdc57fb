namespace Gpt

open System
open System.IO
open System.Text
open TorchSharp

/// A model on disk: a folder with `config.json`, `generation_config.json`, `model.safetensors` and the files of a tokenizer
/// (`TokenizerFiles`), as Hugging Face transformers keeps a GPT-2 and loads it. Names and layout are GPT-2's (`Gpt2Weights`).
[<RequireQualifiedAccess>]
module Checkpoint =

    let private text (content: string) (stream: Stream) = stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes content))

    /// The files of a checkpoint: their names, and what writes each to a stream.
    let internal files (tokenizer: Tokenizer) (model: Model) : (string * (Stream -> unit)) list = [
        let endOfText = Tokenizer.endOfText tokenizer
        "config.json", text (ConfigJson.write endOfText model.Config)
        "generation_config.json", text (ConfigJson.writeGeneration endOfText)

        for name, content in TokenizerFiles.write tokenizer do
            name, text content

        "model.safetensors", Safetensors.write (Gpt2Weights.toStore model)
    ]

    /// What a training run keeps beside its model (`TrainingCheckpoint`): how it goes on.
    let internal runFile = "training.json"

    /// The optimizer's running means.
    let internal optimizerFile = "optimizer.safetensors"

    /// What adapters are kept in (`Adapter`). Where it stands beside a model, transformers takes it to be that model's.
    let internal adapterConfigFile = "adapter_config.json"

    /// Their matrices.
    let internal adapterWeightsFile = "adapter_model.safetensors"

    let internal adapterFiles = [ adapterConfigFile; adapterWeightsFile ]

    /// Writes a checkpoint folder. Every file is written under a temporary name, synced and renamed, so what stood there
    /// before is whole until the new one is. A training run and adapters that were saved there are removed: they are not this
    /// model's. Raises IOException or UnauthorizedAccessException when the folder cannot be written; nothing half-written is left then.
    let save (folder: string) (tokenizer: Tokenizer) (model: Model) : unit =
        Tensors.freeing (fun () ->
            SafeFiles.replaceAll folder (runFile :: optimizerFile :: adapterFiles) (files tokenizer model))

    /// `save`, with what the disk refuses as one sentence instead of an exception.
    let trySave (folder: string) (tokenizer: Tokenizer) (model: Model) : Result<unit, string> =
        try
            Ok(save folder tokenizer model)
        with
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"the checkpoint folder {folder} cannot be written: {e.Message}"

    /// Finds out, before long work whose result goes there, whether a checkpoint folder can be written: an empty file is
    /// written there and removed again, and so is the folder when it was not there before.
    let checkWritable (folder: string) : Result<unit, string> =
        let existed = Directory.Exists folder
        let probe = $".probe-{Guid.NewGuid():N}"

        try
            SafeFiles.writeAll folder [ probe, ignore ]
            File.Delete(Path.Combine(folder, probe))

            if not existed then
                Directory.Delete folder

            Ok()
        with
        | :? IOException
        | :? UnauthorizedAccessException as e ->
            Error $"the checkpoint folder {folder} cannot be written ({e.Message}); name another with --out"

    let private readText (path: string) : Result<string, string> =
        try
            Ok(File.ReadAllText path)
        with
        | :? FileNotFoundException
        | :? DirectoryNotFoundException ->
            Error
                $"{path} does not exist; a checkpoint is a folder with config.json, model.safetensors and tokenizer.json"
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"{path} cannot be read: {e.Message}"

    let private inFile (path: string) (result: Result<'a, string>) =
        result |> Result.mapError (fun sentence -> $"{path}: {sentence}")

    let private parse path (read: string -> Result<'a, string>) = readText path |> Result.bind (read >> inFile path)

    /// The configuration of a checkpoint folder, without its weights.
    let loadConfig (folder: string) : Result<GptConfig, string> =
        parse (Path.Combine(folder, "config.json")) ConfigJson.read

    /// Loads the model of a checkpoint folder onto a device: config.json, and the weights as `WeightFiles` finds them, which are
    /// kept in a type. The error is one sentence that names the file and what is wrong with it.
    let loadModelAs (weights: WeightType) (device: torch.Device) (folder: string) : Result<Model, string> =
        loadConfig folder
        |> Result.bind (fun config ->
            try
                use files = WeightFiles.openFolder folder
                Ok(Gpt2Weights.loadAs weights device config files)
            with
            | :? FileNotFoundException as e -> Error e.Message
            | :? InvalidDataException as e -> Error e.Message
            | :? IOException
            | :? UnauthorizedAccessException as e -> Error $"the weights of {folder} cannot be read: {e.Message}")

    /// `loadModelAs` in float32.
    let loadModel (device: torch.Device) (folder: string) : Result<Model, string> =
        loadModelAs WeightType.Float32 device folder

    /// Loads the model and the tokenizer of a checkpoint folder; the weights are kept in a type. The error is one sentence that
    /// names the file and what is wrong with it; a vocabulary that does not fit the model is one too.
    let loadAs (weights: WeightType) (device: torch.Device) (folder: string) : Result<Model * Tokenizer, string> =
        match TokenizerFiles.read folder, loadModelAs weights device folder with
        | Ok tokenizer, Ok model when Tokenizer.vocabSize tokenizer <> model.Config.VocabSize ->
            (model :> IDisposable).Dispose()

            Error
                $"{folder}: the tokenizer has {Tokenizer.vocabSize tokenizer} tokens, config.json says {model.Config.VocabSize}"
        | Ok tokenizer, Ok model -> Ok(model, tokenizer)
        | Error sentence, Ok model ->
            (model :> IDisposable).Dispose()
            Error sentence
        | _, Error sentence -> Error sentence

    /// `loadAs` in float32.
    let load (device: torch.Device) (folder: string) : Result<Model * Tokenizer, string> =
        loadAs WeightType.Float32 device folder
