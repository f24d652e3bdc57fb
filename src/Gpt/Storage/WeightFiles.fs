namespace Gpt

open System
open System.IO
open System.Text.Json

/// The tensors of a model's folder, in whichever files they lie: `model.safetensors` or several files with an index, and
/// where there are none of these, PyTorch's `pytorch_model.bin`, one or several.
[<RequireQualifiedAccess>]
module WeightFiles =

    let private names = [
        "model.safetensors"
        "model.safetensors.index.json"
        "pytorch_model.bin"
        "pytorch_model.bin.index.json"
    ]

    /// The longest index that is read, in bytes.
    let private indexLimit = 100_000_000L

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    let private openOne (path: string) : TensorFiles =
        if path.EndsWith(".safetensors", StringComparison.Ordinal) then
            Safetensors.openFile path
        else
            PyTorchFile.openFile path

    /// A shard is a file of the same folder: an index may not lead anywhere else.
    let private requirePlain (path: string) (shard: string) : unit =
        let isPlain =
            shard <> "" && shard <> "." && shard <> ".." && shard.IndexOfAny [| '/'; '\\'; ':'; '\000' |] < 0

        if not isPlain then
            bad path $"weight_map names {shard}; a shard is a file in the same folder"

    /// Which file holds which tensor.
    let private readIndex (path: string) : (string * string) list =
        if FileInfo(path).Length > indexLimit then
            bad path $"the index has {FileInfo(path).Length} bytes; {indexLimit} are the most that is read"

        try
            use json = JsonDocument.Parse(File.ReadAllText path)

            [
                for property in json.RootElement.GetProperty("weight_map").EnumerateObject() do
                    match property.Value.GetString() with
                    | null -> bad path $"weight_map gives no file for tensor {property.Name}"
                    | shard ->
                        requirePlain path shard
                        property.Name, shard
            ]
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? Collections.Generic.KeyNotFoundException ->
            bad path "it is no index of shards: an object weight_map from tensors to files is missing"

    let private openShards (folder: string) (path: string) : TensorFiles =
        let index = readIndex path

        let opened =
            (Map.empty, index |> List.map snd |> List.distinct)
            ||> List.fold (fun opened shard ->
                try
                    Map.add shard (openOne (Path.Combine(folder, shard))) opened
                with _ ->
                    opened |> Map.iter (fun _ files -> (files :> IDisposable).Dispose())
                    reraise ())

        let all = {
            Source = path
            Tensors = Map.empty
            Files = [ for files in opened.Values -> files ]
        }

        try
            let find (name, shard) =
                match Map.tryFind name opened[shard].Tensors with
                | Some stored -> name, stored
                | None -> bad path $"tensor {name} should be in {shard}, which does not hold it"

            {
                all with
                    Tensors = index |> List.map find |> Map.ofList
            }
        with _ ->
            (all :> IDisposable).Dispose()
            reraise ()

    /// Opens the weights of a folder. Raises InvalidDataException with a sentence that names the file and what is wrong with
    /// it, FileNotFoundException when there are no weights or a shard is missing, IOException when a file cannot be read.
    let openFolder (folder: string) : TensorFiles =
        let path (name: string) = Path.Combine(folder, name)

        match names |> List.tryFind (path >> File.Exists) with
        | Some name when name.EndsWith(".index.json", StringComparison.Ordinal) -> openShards folder (path name)
        | Some name -> openOne (path name)
        | None ->
            let known = String.concat ", " names
            raise (FileNotFoundException $"{folder} holds no weights: none of {known}")
