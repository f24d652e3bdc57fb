namespace Gpt

open System
open System.Buffers.Binary
open System.Security.Cryptography
open System.Text.Json
open System.Text.Json.Nodes

/// What `training.json` says of a run: how far it has come, how it goes on, and on what.
type SavedRun = {
    /// How many steps have been made.
    Step: int
    /// How it is trained.
    Options: TrainingOptions
    /// Whether products on a GPU are rounded to TF32 (`Device.useTf32`), which is set for a process: who goes on with the run sets it
    /// again.
    IsTf32: bool
    /// The SHA-256 of the corpus, `TrainingJson.fingerprint`.
    Corpus: string
}

/// `training.json`, beside a model in a checkpoint folder.
[<RequireQualifiedAccess>]
module TrainingJson =

    /// The SHA-256 of a corpus in hexadecimal digits: of the number of its training tokens, then of all tokens, as int32 in
    /// little endian.
    let fingerprint (corpus: Corpus) : string =
        use hash = IncrementalHash.CreateHash HashAlgorithmName.SHA256
        let bytes = Array.zeroCreate<byte> 4

        let add (number: int) =
            BinaryPrimitives.WriteInt32LittleEndian(Span bytes, number)
            hash.AppendData bytes

        add corpus.Training.Length
        corpus.Training |> Array.iter add
        corpus.Validation |> Array.iter add
        Convert.ToHexStringLower(hash.GetHashAndReset())

    let private writeSchedule (schedule: Schedule) : JsonObject =
        let json = JsonObject()

        let put (kind: string) (numbers: (string * float) list) (counts: (string * int) list) =
            json["kind"] <- kind
            numbers |> List.iter (fun (name, value) -> json[name] <- value)
            counts |> List.iter (fun (name, value) -> json[name] <- value)

        match schedule with
        | Constant rate -> put "constant" [ "rate", rate ] []
        | Cosine(rate, minimum, steps) -> put "cosine" [ "rate", rate; "minimum", minimum ] [ "steps", steps ]
        | WarmupCosine(rate, minimum, warmup, steps) ->
            put "warmup_cosine" [ "rate", rate; "minimum", minimum ] [ "warmup", warmup; "steps", steps ]

        json

    let private writeOptimizer (options: AdamWOptions) : JsonObject =
        let json = JsonObject()
        json["beta1"] <- options.Beta1
        json["beta2"] <- options.Beta2
        json["epsilon"] <- options.Epsilon
        json["weight_decay"] <- options.WeightDecay

        // JSON has no infinity, and a bound that nothing reaches is none.
        match options.ClipNorm with
        | Some limit when limit < infinity -> json["clip_norm"] <- limit
        | _ -> json["clip_norm"] <- null

        json

    /// The text of `training.json`.
    let write (run: SavedRun) : string =
        let options = run.Options
        let json = JsonObject()
        json["step"] <- run.Step
        json["steps"] <- options.Steps
        json["batch_size"] <- options.BatchSize
        json["window_length"] <- options.WindowLength
        json["schedule"] <- writeSchedule options.Schedule
        json["optimizer"] <- writeOptimizer options.Optimizer
        json["precision"] <- Precision.name options.Step.Precision
        json["accumulate"] <- options.Step.Parts
        json["recompute"] <- options.Step.Recompute
        json["tf32"] <- run.IsTf32
        json["report_every"] <- options.ReportEvery
        json["report_late"] <- Option.toNullable options.ReportLate
        json["evaluate_every"] <- options.EvaluateEvery
        json["evaluation_batches"] <- options.EvaluationBatches
        json["seed"] <- options.Seed
        json["corpus_sha256"] <- run.Corpus
        JsonFields.write json

    let private count (json: JsonElement) (name: string) : int = JsonFields.whole name (JsonFields.required json name)

    let private number (json: JsonElement) (name: string) : float = JsonFields.real name (JsonFields.required json name)

    /// What `read` makes of an object inside.
    let private part (json: JsonElement) (name: string) (read: JsonElement -> 'a) : 'a =
        match JsonFields.required json name with
        | value when value.ValueKind = JsonValueKind.Object -> read value
        | value -> JsonFields.wrong name value "an object"

    let private readSchedule (json: JsonElement) : Schedule =
        let kind = JsonFields.required json "kind"

        match kind.GetRawText() with
        | "\"constant\"" -> Constant(number json "rate")
        | "\"cosine\"" -> Cosine(number json "rate", number json "minimum", count json "steps")
        | "\"warmup_cosine\"" ->
            WarmupCosine(number json "rate", number json "minimum", count json "warmup", count json "steps")
        | _ -> JsonFields.wrong "kind" kind "constant, cosine or warmup_cosine"

    let private readOptimizer (json: JsonElement) : AdamWOptions = {
        Beta1 = number json "beta1"
        Beta2 = number json "beta2"
        Epsilon = number json "epsilon"
        WeightDecay = number json "weight_decay"
        ClipNorm =
            match (JsonFields.required json "clip_norm").ValueKind with
            | JsonValueKind.Null -> None
            | _ -> Some(number json "clip_norm")
    }

    /// A field that was not written before there was a choice.
    let private given (json: JsonElement) (name: string) (read: string -> JsonElement -> 'a) (usual: 'a) : 'a =
        match json.TryGetProperty name with
        | true, value -> read name value
        | _ -> usual

    let private truth (name: string) (value: JsonElement) : bool =
        match value.ValueKind with
        | JsonValueKind.True -> true
        | JsonValueKind.False -> false
        | _ -> JsonFields.wrong name value "true or false"

    let private choice (name: string) (value: JsonElement) : bool option =
        match value.ValueKind with
        | JsonValueKind.Null -> None
        | _ -> Some(truth name value)

    let private readStep (json: JsonElement) : StepOptions =
        let precision (name: string) (value: JsonElement) =
            match Precision.parse (string value) with
            | Ok precision -> precision
            | Error _ -> JsonFields.wrong name value "float32 or bfloat16"

        {
            Precision = given json "precision" precision StepOptions.plain.Precision
            Parts = given json "accumulate" JsonFields.whole StepOptions.plain.Parts
            Recompute = given json "recompute" truth StepOptions.plain.Recompute
        }

    let private ofObject (json: JsonElement) : SavedRun =
        let seed, corpus = JsonFields.required json "seed", JsonFields.required json "corpus_sha256"

        {
            Step = count json "step"
            Options = {
                Steps = count json "steps"
                BatchSize = count json "batch_size"
                WindowLength = count json "window_length"
                Schedule = part json "schedule" readSchedule
                Optimizer = part json "optimizer" readOptimizer
                Step = readStep json
                ReportEvery = count json "report_every"
                ReportLate = given json "report_late" choice None
                EvaluateEvery = count json "evaluate_every"
                EvaluationBatches = count json "evaluation_batches"
                Seed =
                    match seed.ValueKind with
                    | JsonValueKind.Number when fst (seed.TryGetUInt64()) -> seed.GetUInt64()
                    | _ -> JsonFields.wrong "seed" seed "a whole number, at least 0"
            }
            IsTf32 = given json "tf32" truth false
            Corpus =
                match corpus.ValueKind with
                | JsonValueKind.String -> string corpus
                | _ -> JsonFields.wrong "corpus_sha256" corpus "text"
        }

    /// The run that the text of a `training.json` describes, or one sentence that says what is wrong with it. The options are
    /// not looked at further; `Training.validate` does that.
    let read (text: string) : Result<SavedRun, string> = JsonFields.read (ofObject >> Ok) text
