namespace Gpt

/// What memory a model is expected to take, in bytes.
type MemoryUse = {
    /// The parameters.
    Weights: int64
    /// One float32 for each parameter; none in generating.
    Gradients: int64
    /// Two float32 for each parameter; none in generating.
    Moments: int64
    /// What a step holds besides at its height: what the way forward keeps for the way back, the rounded copy of the weights in
    /// bfloat16, and what the loss or the update works with.
    Activations: int64
    /// The keys and values of the tokens that a generating model has seen.
    Cache: int64
} with

    /// All of it.
    member memory.Total =
        memory.Weights + memory.Gradients + memory.Moments + memory.Activations + memory.Cache

/// Predictions from sizes alone. With P parameters and N = B T tokens a part of a step, a training step in float32 holds 16 P bytes and
/// what `TokenMemory` says for each token: what every block keeps for the way back, and the loss, the last block's way forward or its way
/// back, whichever is most. Blocks that are computed again leave their inputs and one block. Beside them there are the rounded weights
/// in bfloat16, and on libtorch the update holds 4 P bytes when all that is gone; the embedded engine makes it in one pass.
///
/// Adapters leave no gradient to what they do not adapt: a block keeps what its own adapters and what lies below it ask for, and the
/// weights that the adapters make, once more in float32, last for the step; their gradients are there all at once at its end.
///
/// Tests hold what the embedded engine's pool uses against this, within 10 percent. `gpt bench memory` measures resident memory: on
/// libtorch's CPU, with and without adapters, dropout and blocks computed again, in float32 and bfloat16, from 0.18 GB on, within 8
/// percent, where the allocator gives back at once what is freed. glibc's does with large blocks alone, and keeps more. On a GPU nothing
/// is measured.
[<RequireQualifiedAccess>]
module MemoryUse =

    let private four = 4L

    /// The activations of `windows` windows of `length` tokens that are computed at once.
    let private activations device (config: GptConfig) (options: StepOptions) (windows: int64) (length: int) : int64 =
        let parameters = Params.count config
        let token = TokenMemory.predict device config options.Precision length
        let layers, c = int64 config.Layers, int64 config.Dim
        let most = max token.Back token.Forward
        let bytes numbers = four * windows * int64 length * numbers

        // The rounded weights, and their gradients, which are there when the last block that is computed again is walked, and the
        // inputs of the others are not.
        let rounded, gradients =
            match options.Precision with
            | Precision.Float32 -> 0L, 0L
            | Precision.BFloat16 when TokenMemory.isEmbedded -> 6L * parameters, 0L
            | Precision.BFloat16 -> 2L * parameters, 2L * parameters

        let kept, working =
            if options.Recompute then
                max (bytes (layers * c)) gradients, max (token.Block + most + 2L * c) (token.Loss + c)
            else
                bytes (layers * token.Block), max most token.Loss

        let update = if TokenMemory.isEmbedded then 0L else four * parameters
        // Two int64 for each token: its id and its target.
        max (rounded + kept + bytes (working + token.Embedding + 4L)) update

    /// What a step of `batch` windows of `length` tokens, each at least 1, holds on a device, computed with options.
    let training device (config: GptConfig) (options: StepOptions) (batch: int) (length: int) : MemoryUse =
        let parameters = Params.count config

        {
            Weights = four * parameters
            Gradients = four * parameters
            Moments = 2L * four * parameters
            Activations = activations device config options (int64 (batch / max 1 options.Parts)) length
            Cache = 0L
        }

    /// The bytes for each token that a block with adapters keeps, whose input gradients reach or not, and whether they reach its
    /// output. `has` says whether one of its dense layers is adapted.
    let private keptOf device (config: GptConfig) (precision: Precision) length (has: string -> bool) (reached: bool) =
        let c, f, heads = int64 config.Dim, int64 config.FeedForward, int64 config.Heads
        let widens = precision = Precision.BFloat16 && TokenMemory.isEmbedded
        let dense = if precision = Precision.Float32 || widens then four else 2L
        let mixes = reached || has "attn.c_attn"
        let halfway = mixes || has "attn.c_proj"
        let activates = halfway || has "mlp.c_fc"
        let reaches = activates || has "mlp.c_proj"

        let attention =
            if TokenMemory.isAttentionApart device config then
                3L * four * (c + TokenMemory.scores config length) + dense * c
            else
                4L * dense * c + four * heads

        let mask =
            if config.Dropout = 0.0 || TokenMemory.isEmbedded then 0L
            elif Device.isCpu device then dense * c
            else c

        let kept =
            [
                reached, four * (c + 2L)
                has "attn.c_attn", dense * c
                mixes, attention
                has "attn.c_proj" && widens, four * c
                halfway, four * (c + 2L)
                has "mlp.c_fc", dense * c
                activates, dense * f
                has "mlp.c_proj", dense * f
                reaches, mask
            ]
            |> List.sumBy (fun (isKept, bytes) -> if isKept then bytes else 0L)

        struct (kept, reaches)

    /// The bytes for each token that the last block holds on its way forward, whatever it keeps.
    let private heldOf (config: GptConfig) (precision: Precision) (has: string -> bool) (token: TokenMemory) : int64 =
        let widened =
            if precision = Precision.BFloat16 && TokenMemory.isEmbedded then
                [ "attn.c_attn"; "attn.c_proj"; "mlp.c_fc"; "mlp.c_proj" ]
                |> List.filter has
                |> List.length
                |> int64
            else
                0L

        four * (token.Block + token.Forward + widened * int64 config.Dim)

    /// The activations of adapters' training: `windows` windows of `length` tokens at once.
    let private adapterActivations device config (lora: LoraOptions) (options: StepOptions) (windows: int64) length =
        let names = Lora.adapted config lora |> List.map fst |> Set.ofList
        let has (block: int) (layer: string) = names.Contains $"h.{block}.{layer}"
        let last = config.Layers - 1
        let c = four * int64 config.Dim

        // With blocks computed again each begins at a leaf, which gradients reach.
        let kept, _ =
            (options.Recompute, [ 0..last ])
            ||> List.mapFold (fun reached block ->
                let struct (kept, reaches) = keptOf device config options.Precision length (has block) reached
                // What a block is given is held on the way forward, kept or not.
                (kept, (if reached then kept else kept + c)), (reaches || options.Recompute))

        let numbers = TokenMemory.predict device config options.Precision length
        let back, loss = numbers.Back, numbers.Loss
        let vocab = int64 config.VocabSize
        let held = heldOf config options.Precision (has last) numbers

        let token =
            if options.Recompute then
                // The logits have gone when the blocks are walked.
                let blockwise = max (held + c) (fst (List.last kept) + four * (back - vocab) + 2L * c)
                int64 config.Layers * c + max blockwise (four * loss + c)
            else
                let forward = List.sumBy snd kept - snd (List.last kept) + held
                max forward (List.sumBy fst kept + four * max back loss)

        let adapted = Lora.adapted config lora |> List.map (snd >> Model.size)
        let made, largest = List.sum adapted, List.max adapted

        let matrices =
            Lora.adapted config { lora with Targets = Lora.everyLayer } |> List.sumBy (snd >> Model.size)

        let head = vocab * int64 config.Dim
        let perBlock numbers = numbers / int64 config.Layers

        // The rounded copies, and what the embedded engine widens of them: of one block, where they are computed again.
        let rounded, widened =
            match options.Precision with
            | Precision.Float32 -> 0L, 0L
            | Precision.BFloat16 ->
                let recording = kept |> List.filter (fun (kept, _) -> kept > 0L) |> List.length |> int64
                let blocks = perBlock matrices * (if options.Recompute then 1L else recording)

                2L * (matrices + head),
                (if TokenMemory.isEmbedded then
                     four * (blocks + head)
                 else
                     0L)

        // At the end of the walk back, of all blocks or of one, the gradients of all that the adapters made are there.
        let gradients = four * ((if options.Recompute then perBlock made else made) + 2L * largest)
        four * made + rounded + max (windows * int64 length * (token + 16L) + widened) gradients

    /// What a step of `batch` windows of `length` tokens, each at least 1, holds on a device that trains adapters alone, computed with
    /// options: the model and what the adapters make of it are its weights. Raises ArgumentException when `Lora.validate` would refuse the adapters.
    let trainingAdapters device config (lora: LoraOptions) (options: StepOptions) (batch: int) length : MemoryUse =
        match Lora.validate config lora with
        | Error sentence -> invalidArg (nameof lora) sentence
        | Ok lora ->
            let adapters = four * Lora.count config lora

            {
                Weights = 2L * four * Params.count config + adapters
                Gradients = adapters
                Moments = 2L * adapters
                Activations = adapterActivations device config lora options (int64 (batch / max 1 options.Parts)) length
                Cache = 0L
            }

    /// The most windows, in whole parts, that a step can have in `available` bytes, of which `total` windows take so many.
    let private largest (available: int64) (parts: int) (total: int -> int64) : int option =
        let fits (count: int) = total (count * parts) <= available

        // Bisects between what fits and what does not.
        let rec between (low: int) (high: int) =
            if high - low <= 1 then
                low
            else
                let middle = low + (high - low) / 2

                if fits middle then
                    between middle high
                else
                    between low middle

        if fits 1 then
            Some(parts * between 1 (min (1 <<< 20) (System.Int32.MaxValue / parts)))
        else
            None

    /// The most windows that a step can have in `available` bytes, none when not one window a part has room.
    let largestBatch (available: int64) device (config: GptConfig) (options: StepOptions) (length: int) : int option =
        largest available options.Parts (fun batch -> (training device config options batch length).Total)

    /// `largestBatch` of a step that trains adapters alone.
    let largestBatchOfAdapters (available: int64) device config lora (options: StepOptions) (length: int) : int option =
        largest available options.Parts (fun batch -> (trainingAdapters device config lora options batch length).Total)

    /// What a model with weights of a type holds that generates `rows` texts of `length` tokens.
    let generating (config: GptConfig) (weights: WeightType) (rows: int) (length: int) : MemoryUse =
        let shapes = Params.shapes config
        let size = snd >> Model.size
        let positions = int64 config.Context * int64 config.Dim

        let matrices =
            (shapes |> List.filter (fun (_, shape) -> shape.Length > 1) |> List.sumBy size) - positions

        let rest = Params.count config - matrices

        let bytes =
            match weights with
            | WeightType.Float32 -> four * matrices
            | WeightType.BFloat16 -> 2L * matrices
            | WeightType.Int8 ->
                matrices
                + four
                  * (shapes
                     |> List.filter (fun (name, shape) -> shape.Length > 1 && name <> "wpe.weight")
                     |> List.sumBy (fun (_, shape) -> shape.Head))

        {
            Weights = bytes + four * rest
            Gradients = 0L
            Moments = 0L
            Activations = 0L
            Cache = 2L * four * int64 config.Layers * int64 rows * int64 length * int64 config.Dim
        }
