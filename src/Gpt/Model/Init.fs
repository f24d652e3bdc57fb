namespace Gpt

open System
open TorchSharp

/// Fresh parameters.
[<RequireQualifiedAccess>]
module Init =

    /// The deviation of GPT-2's initial weights (Radford et al. 2019), and the article's.
    let deviation = 0.02f

    /// How many numbers are drawn at a time: an even number, so that the parts give the numbers of the whole.
    let private part = 1L <<< 20

    /// Fills memory with N(0, 0.02).
    let private draw (numbers: Span<float32>) (rng: Rng) : Rng =
        let after = Rng.fillNormals numbers rng

        for i in 0 .. numbers.Length - 1 do
            numbers[i] <- deviation * numbers[i]

        after

    /// Draws a matrix part by part, in its own memory where that can be reached and through a small buffer elsewhere.
    let private fillMatrix (rng: Rng) (parameter: Tensor) : unit =
        let flat = parameter.view -1L
        let count = flat.numel ()

        let fillFrom (rng: Rng) (first: int64) : Rng =
            Tensors.freeing (fun () ->
                let own = flat.narrow (0L, first, min part (count - first))

                if own.device_type = DeviceType.CPU then
                    draw (Tensors.span own) rng
                else
                    let drawn = Tensors.empty (Device.cpu ()) [ own.numel () ]
                    let after = draw (Tensors.span drawn) rng
                    own.copy_ drawn |> ignore
                    after)

        Seq.fold fillFrom rng (seq { 0L .. part .. count - 1L }) |> ignore

    /// The first values of a parameter: matrices from N(0, 0.02), LayerNorm weights 1, every bias 0. Each parameter draws
    /// from a generator of its own, split off by its name.
    let fill (rng: Rng) (name: string) (parameter: Tensor) : unit =
        if parameter.shape.Length > 1 then
            fillMatrix (Rng.splitNamed name rng) parameter
        elif name.EndsWith(".weight", StringComparison.Ordinal) then
            parameter.fill_ (Tensors.scalar 1.0) |> ignore

    /// A model with fresh parameters: the same generator gives the same model on every engine.
    /// Raises ArgumentException when the configuration is not valid.
    let model (device: torch.Device) (config: GptConfig) (rng: Rng) : Model = Model.build device config (fill rng)

    /// Draws a matrix (rows, columns) block by block: the numbers of `fillMatrix`.
    let private drawBlocks device (rows: int64) (columns: int64) (write: int64 -> Tensor -> unit) (rng: Rng) : unit =
        // An even number of rows has an even number of numbers.
        let step = max 2L (part / columns / 2L * 2L)

        let drawFrom (rng: Rng) (first: int64) : Rng =
            Tensors.freeing (fun () ->
                let block = Tensors.empty (Device.cpu ()) [ min step (rows - first); columns ]
                let after = draw (Tensors.span block) rng
                write first (block.``to`` (device: torch.Device))
                after)

        Seq.fold drawFrom rng (seq { 0L .. step .. rows - 1L }) |> ignore

    /// `model` with its weights kept in a type: those of `model` rounded, but never all in memory in float32.
    /// Raises ArgumentException when the configuration is not valid.
    let modelAs (weights: WeightType) (device: torch.Device) (config: GptConfig) (rng: Rng) : Model =
        let shapes = Map.ofList (Params.shapes config)

        Quantize.build weights device config (fun name write ->
            match shapes[name] with
            | [ rows; columns ] -> drawBlocks device rows columns write (Rng.splitNamed name rng)
            | shape ->
                Tensors.freeing (fun () ->
                    let vector = Tensors.zeros device shape
                    fill rng name vector
                    write 0L vector))
