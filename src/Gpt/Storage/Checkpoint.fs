namespace Gpt

open System
open System.IO
open System.Text
open TorchSharp

/// A model on disk: a folder with `config.json`, `model.safetensors` and the files of a tokenizer (`TokenizerFiles`), as
/// Hugging Face transformers keeps a GPT-2 and loads it. Names are GPT-2's, and so is the layout: the weights of dense layers lie (in, out) there.
[<RequireQualifiedAccess>]
module Checkpoint =

    /// GPT-2 keeps the weights of dense layers transposed (its Conv1D); embeddings it does not.
    let private isTransposed (name: string) =
        name.EndsWith ".weight" && (name.Contains ".attn." || name.Contains ".mlp.")

    let private stored (name: string, parameter: Tensor) =
        Tensors.freeing (fun () ->
            let laidOut = if isTransposed name then parameter.t () else parameter
            name, List.ofArray laidOut.shape, Tensors.toFloats (laidOut.contiguous ()))

    let private text (content: string) (stream: Stream) = stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes content))

    /// Writes a checkpoint folder. Every file is written under a temporary name, synced and renamed, so what stood there
    /// before is whole until the new one is. Raises IOException or UnauthorizedAccessException when the folder cannot
    /// be written; nothing half-written is left then.
    let save (folder: string) (tokenizer: Tokenizer) (model: Model) : unit =
        let tensors = model.Named |> List.map stored

        SafeFiles.writeAll folder [
            "config.json", text (ConfigJson.write model.Config)
            for name, content in TokenizerFiles.write tokenizer do
                name, text content
            "model.safetensors", Safetensors.write tensors
        ]

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

    /// Writes one stored tensor into a parameter, name and shape checked.
    let private fill path dataStart (index: Map<string, SafetensorsEntry>) (name: string) (parameter: Tensor) =
        // Old files have names without the prefix, files of transformers with it.
        let found = [ name; $"transformer.{name}" ] |> List.tryPick (fun key -> Map.tryFind key index)
        let shape = List.ofArray parameter.shape
        let expected = if isTransposed name then List.rev shape else shape

        match found with
        | None -> raise (InvalidDataException $"{path}: tensor {name} is missing")
        | Some entry when entry.Shape <> expected ->
            raise (
                InvalidDataException $"{path}: tensor {name} has shape {entry.Shape}; config.json asks for {expected}"
            )
        | Some entry ->
            let values =
                Safetensors.readFloats path dataStart name entry |> Tensors.ofFloats parameter.device expected

            parameter.copy_ (if isTransposed name then values.t () else values) |> ignore

    /// The configuration of a checkpoint folder, without its weights.
    let loadConfig (folder: string) : Result<GptConfig, string> =
        parse (Path.Combine(folder, "config.json")) ConfigJson.read

    /// Loads the model of a checkpoint folder onto a device. The error is one sentence that names the file and what is
    /// wrong with it.
    let loadModel (device: torch.Device) (folder: string) : Result<Model, string> =
        let weights = Path.Combine(folder, "model.safetensors")

        loadConfig folder
        |> Result.bind (fun config ->
            try
                let index, dataStart = Safetensors.readIndex weights
                Ok(Model.build device config (fill weights dataStart index))
            with
            | :? FileNotFoundException -> Error $"{weights} does not exist"
            | :? InvalidDataException as e -> Error e.Message
            | :? IOException
            | :? UnauthorizedAccessException as e -> Error $"{weights} cannot be read: {e.Message}")

    /// Loads the model and the tokenizer of a checkpoint folder. The error is one sentence that names the file and what
    /// is wrong with it; a vocabulary that does not fit the model is one too.
    let load (device: torch.Device) (folder: string) : Result<Model * Tokenizer, string> =
        match TokenizerFiles.read folder, loadModel device folder with
        | Ok tokenizer, Ok model when Tokenizer.vocabSize tokenizer <> model.Config.VocabSize ->
            (model :> IDisposable).Dispose()

            Error
                $"{folder}: the tokenizer has {Tokenizer.vocabSize tokenizer} tokens, config.json says {model.Config.VocabSize}"
        | Ok tokenizer, Ok model -> Ok(model, tokenizer)
        | Error sentence, Ok model ->
            (model :> IDisposable).Dispose()
            Error sentence
        | _, Error sentence -> Error sentence
