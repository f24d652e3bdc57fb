namespace Gpt

open System
open System.IO
open System.Text
open TorchSharp

/// A training run on disk: a checkpoint folder (`Checkpoint`) with `training.json` and `optimizer.safetensors` beside the model. The
/// latter holds AdamW's running means, `mean` and `square`, each as long as the model's flat parameters and in their order
/// (`Model.viewsOf`). A run that goes on from there is the run that was never interrupted, to the last bit.
[<RequireQualifiedAccess>]
module TrainingCheckpoint =

    let private runFile = Checkpoint.runFile
    let private optimizerFile = Checkpoint.optimizerFile

    let private text (content: string) (stream: Stream) = stream.Write(ReadOnlySpan(Encoding.UTF8.GetBytes content))

    /// Writes the folder, all files as `Checkpoint.save` does it; `training.json` goes first and comes last, so that a crash between
    /// two of them never leaves the parts of two runs for one. Raises ArgumentException for a run that trains adapters, and
    /// IOException or UnauthorizedAccessException when the folder cannot be written.
    let save
        (folder: string)
        (tokenizer: Tokenizer)
        (options: TrainingOptions)
        (corpus: Corpus)
        (state: TrainingState)
        : unit =
        if state.Adaptation.IsSome then
            invalidArg (nameof state) "the run trains adapters; only a run that trains the whole model can be saved"

        let run = {
            Step = state.Step
            Options = options
            IsTf32 = Device.isTf32 ()
            Corpus = TrainingJson.fingerprint corpus
        }

        Tensors.freeing (fun () ->
            SafeFiles.replaceAll
                folder
                (runFile :: Checkpoint.adapterFiles)
                (Checkpoint.files tokenizer state.Model
                 @ [
                     optimizerFile,
                     Safetensors.write [ "mean", state.Optimizer.Mean; "square", state.Optimizer.Square ]
                     runFile, text (TrainingJson.write run)
                 ]))

    /// `save`, with what the disk refuses as one sentence instead of an exception.
    let trySave folder tokenizer options corpus (state: TrainingState) : Result<unit, string> =
        try
            Ok(save folder tokenizer options corpus state)
        with
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"the training run cannot be written to {folder}: {e.Message}"

    let private inFile (path: string) (result: Result<'a, string>) =
        result |> Result.mapError (fun sentence -> $"{path}: {sentence}")

    /// How many steps were made is a number of steps, and the options are such as a model can be trained by.
    let private checkRun (config: GptConfig) (run: SavedRun) : Result<SavedRun, string> =
        Training.validate config run.Options
        |> Result.bind (fun options ->
            if run.Step < 0 || run.Step > options.Steps then
                Error $"step is {run.Step}; it must be in 0 to steps, {options.Steps}"
            else
                Ok run)

    let private readInto (target: Tensor) (name: string) (files: TensorFiles) : unit =
        match Map.tryFind name files.Tensors with
        | Some stored when stored.Shape = List.ofArray target.shape -> StoredTensor.copyTo target false stored
        | Some stored ->
            let found = StoredTensor.shapeText stored.Shape
            let asked = StoredTensor.shapeText (List.ofArray target.shape)

            raise (InvalidDataException $"{files.Source}: tensor {name} has shape {found}; the model asks for {asked}")
        | None -> raise (InvalidDataException $"{files.Source}: tensor {name} is missing")

    /// The state of a run whose model is `model`, with the means of a file.
    let private restore (run: SavedRun) (model: Model) (path: string) : TrainingState =
        use files = Safetensors.openFile path
        let fresh = Step.start model

        try
            Tensors.noGrad (fun () ->
                readInto fresh.Optimizer.Mean "mean" files
                readInto fresh.Optimizer.Square "square" files)

            {
                fresh with
                    Optimizer = { fresh.Optimizer with Step = run.Step }
                    Step = run.Step
            }
        with _ ->
            (fresh :> IDisposable).Dispose()
            reraise ()

    /// A read of a folder's run, with what the disk refuses and what is wrong with a file as one sentence.
    let private reading (folder: string) (read: unit -> Result<'a, string>) : Result<'a, string> =
        try
            read ()
        with
        | :? FileNotFoundException ->
            Error $"{folder} holds no training run: {runFile} and {optimizerFile} are there when it does"
        | :? InvalidDataException as e -> Error e.Message
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"the training run of {folder} cannot be read: {e.Message}"

    /// What the run of a checkpoint folder is: its model's configuration, and what `training.json` says. No weights are read. The
    /// error is one sentence that names the file and what is wrong with it.
    let loadRun (folder: string) : Result<GptConfig * SavedRun, string> =
        let json = Path.Combine(folder, runFile)

        reading folder (fun () ->
            Checkpoint.loadConfig folder
            |> Result.bind (fun config ->
                TrainingJson.read (File.ReadAllText json)
                |> Result.bind (checkRun config)
                |> inFile json
                |> Result.map (fun run -> config, run)))

    /// Loads the run of a checkpoint folder onto a device, to be gone on with by `Training.resume`. The error is one sentence that
    /// names the file and what is wrong with it.
    let load (device: torch.Device) (folder: string) : Result<TrainingState * SavedRun * Tokenizer, string> =
        reading folder (fun () ->
            loadRun folder
            |> Result.bind (fun (_, run) ->
                Checkpoint.load device folder
                |> Result.map (fun (model, tokenizer) ->
                    use model = model
                    restore run model (Path.Combine(folder, optimizerFile)), run, tokenizer)))

    /// Whether a corpus is the one that the run began with; the error is one sentence.
    let checkCorpus (corpus: Corpus) (run: SavedRun) : Result<unit, string> =
        if TrainingJson.fingerprint corpus = run.Corpus then
            Ok()
        else
            Error "the text, or the share of it that is learned from, is not the one that the run began with"
