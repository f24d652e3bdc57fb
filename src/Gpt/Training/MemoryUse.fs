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

/// Predictions from sizes alone. With P parameters, N = B T tokens a part of a step, and the axes' letters (F the feed-forward
/// width, L the layers), a training step in float32 holds 16 P bytes and for each token, in float32 numbers,
///
///     L (8 C + 2 F + H + 4) + max(2 V + 3 C, V + 4 C, V + C + F)
///
/// which are, block by block, the input of both norms and their results (4 C), queries, keys and values (3 C), what attention
/// mixes (C) and the logarithm of each head's sum (H), both sides of the nonlinearity (2 F), each norm's mean and root (4);
/// then the loss, the last norm or the last block's way back, whichever is most. Dropout adds C. Blocks that are computed
/// again leave L C and one block. On libtorch the update holds 4 P bytes when all that is gone; the embedded engine makes it in one pass.
///
/// In bfloat16 libtorch keeps 5 C + F + H + 4 numbers of four bytes a block; the embedded engine, which widens, 9 C + 2 F + H + 4, and
/// the widened weights. A test holds what the embedded engine uses against this; what libtorch uses on a GPU is not measured.
[<RequireQualifiedAccess>]
module MemoryUse =

    let private four = 4L

    /// Numbers of four bytes for each token: those of one block, those of a block's way back at its height, those of the loss.
    let private perToken (config: GptConfig) (precision: Precision) : struct (int64 * int64 * int64) =
        let c, f, v = int64 config.Dim, int64 config.FeedForward, int64 config.VocabSize
        let statistics = int64 config.Heads + 4L
        let dropped = if config.Dropout > 0.0 then c else 0L

        match precision with
        | Precision.Float32 ->
            struct (8L * c + 2L * f + statistics, max (4L * c) (c + f) + v + dropped, 2L * v + 3L * c)
        | Precision.BFloat16 when Device.engine = "embedded" ->
            struct (9L * c + 2L * f + statistics, 9L * c + f + v + dropped, 2L * v + 7L * c)
        | Precision.BFloat16 -> struct (5L * c + f + statistics, 3L * c + f + v + dropped, 3L * v + 4L * c)

    /// The activations of `windows` windows of `length` tokens that are computed at once.
    let private activations (config: GptConfig) (options: StepOptions) (windows: int64) (length: int64) : int64 =
        let parameters = Params.count config
        let struct (block, back, loss) = perToken config options.Precision
        let layers = int64 config.Layers

        let numbers =
            if options.Recompute then
                layers * int64 config.Dim + max (block + back + 2L * int64 config.Dim) (loss + int64 config.Dim)
            else
                layers * block + max back loss

        let rounded =
            match options.Precision with
            | Precision.Float32 -> 0L
            | Precision.BFloat16 when Device.engine = "embedded" -> 6L * parameters
            | Precision.BFloat16 -> 4L * parameters

        let update = if Device.engine = "embedded" then 0L else four * parameters
        // Two int64 for each token: its id and its target.
        max (windows * length * (four * numbers + 16L) + rounded) update

    /// What a step of `batch` windows of `length` tokens holds, computed with options.
    let training (config: GptConfig) (options: StepOptions) (batch: int) (length: int) : MemoryUse =
        let parameters = Params.count config

        {
            Weights = four * parameters
            Gradients = four * parameters
            Moments = 2L * four * parameters
            Activations = activations config options (int64 (batch / max 1 options.Parts)) (int64 length)
            Cache = 0L
        }

    /// The most windows that a step can have in `available` bytes, none when not one window a part has room.
    let largestBatch (available: int64) (config: GptConfig) (options: StepOptions) (length: int) : int option =
        let fits (batch: int) = (training config options batch length).Total <= available

        // Whole parts: bisect between what fits and what does not.
        let rec between (low: int) (high: int) =
            if high - low <= 1 then
                low
            else
                let middle = low + (high - low) / 2

                if fits (middle * options.Parts) then
                    between middle high
                else
                    between low middle

        if fits options.Parts then
            Some(options.Parts * between 1 (1 <<< 20))
        else
            None

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
