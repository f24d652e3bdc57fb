namespace Gpt

open TorchSharp

/// Models whose weights take half or a quarter of the memory: one token at a time, generation is as fast as the weights come
/// from memory. The weights are rounded once, when the model is made; they are widened to float32 as they are read.
[<RequireQualifiedAccess>]
module Quantize =

    let private all = [ WeightType.Float32; WeightType.BFloat16; WeightType.Int8 ]

    /// Reads `float32`, `bfloat16` or `int8`. The error is one sentence that says what would be right.
    let parse (text: string) : Result<WeightType, string> =
        match all |> List.tryFind (string >> (=) text) with
        | Some weights -> Ok weights
        | None -> Error $"dtype {text}: expected float32, bfloat16 or int8"

    /// The largest number that a weight in int8 is rounded to; -127 is the smallest, so that both signs reach equally far.
    let private most = 127.0

    /// The smallest scale, 2^-126: what makes zeros of a row of zeros.
    let private leastScale = 1.1754943508222875e-38

    /// How many numbers are rounded at a time: 4 MB of them.
    let private part = 1L <<< 20

    /// Symmetric rounding by rows, of (R, C): each row's scale, (R), is its largest magnitude / 127, and its numbers are rounded
    /// to the nearest multiple of it, so that none is off by more than half a scale.
    let private toInt8 (weight: Tensor) (scale: Tensor) (rows: Tensor) : unit =
        let scales = rows.abs().amax([| 1L |]).div(Tensors.scalar most).clamp_min(Tensors.scalar leastScale)

        scale.copy_ scales |> ignore
        weight.copy_ (rows.div(scales.unsqueeze 1L).round()) |> ignore

    /// Writes rows `first` … of a matrix, given in float32, into the tensors that keep it.
    let private write (weight: Tensor) (scale: Tensor option) (first: int64) (rows: Tensor) : unit =
        let step = max 1L (part / max 1L rows.shape[1])

        for from in 0L .. step .. rows.shape[0] - 1L do
            Tensors.freeing (fun () ->
                let own (x: Tensor) start = x.narrow (0L, start, min step (rows.shape[0] - from))
                let rows = own rows from

                match scale with
                | None -> (own weight (first + from)).copy_ rows |> ignore
                | Some scale -> toInt8 (own weight (first + from)) (own scale (first + from)) rows)

    let private scaleName (matrix: string) = $"{matrix}.scale"

    /// Of the parameters of a configuration, those that are kept in few bits, and the others: vectors and positions.
    let private divide (config: GptConfig) =
        let positions = (Params.build config (fun name _ -> name)).PositionEmbedding

        Params.shapes config |> List.partition (fun (name, shape) -> shape.Length > 1 && name <> positions)

    let private buildNarrow (weights: WeightType) dtype device (config: GptConfig) source : Model =
        Tensors.freeing (fun () ->
            let config = GptConfig.require config
            let narrow, plain = divide config

            let scales =
                if weights = WeightType.Int8 then
                    narrow |> List.map (fun (name, shape) -> scaleName name, List.truncate 1 shape)
                else
                    []

            let matrices, vectors = plain |> List.partition (fun (_, shape) -> shape.Length > 1)
            let inFlat = matrices @ vectors @ scales
            let flat = Tensors.empty device [ inFlat |> List.sumBy (snd >> Model.size) ]

            let named =
                Model.slices inFlat flat
                @ (narrow |> List.map (fun (name, shape) -> name, Tensors.emptyOf dtype device shape))

            let byName = Map.ofList named
            let scaleOf name = Map.tryFind (scaleName name) byName

            Tensors.noGrad (fun () ->
                for name, shape in narrow @ plain do
                    let weight = byName[name]

                    source name (fun (first: int64) (rows: Tensor) ->
                        if shape.Length > 1 then
                            write weight (scaleOf name) first rows
                        else
                            weight.copy_ rows |> ignore))

            {
                Config = config
                WeightType = weights
                Params = Params.buildScaled scaleOf config (fun name _ -> byName[name])
                Flat = flat.DetachFromDisposeScope()
                MatrixCount = matrices |> List.sumBy (snd >> Model.size)
                Named = Model.kept named
            })

    /// A model on a device whose parameters come from `source`: it is given a parameter's name and hands its numbers over in
    /// float32, the rows from a number on, block by block (a vector at once, as block 0). So no more of them need be in
    /// memory than a block. Raises ArgumentException when the configuration is not valid.
    let build
        (weights: WeightType)
        (device: torch.Device)
        (config: GptConfig)
        (source: string -> (int64 -> Tensor -> unit) -> unit)
        : Model =
        match weights with
        | WeightType.BFloat16 -> buildNarrow weights torch.ScalarType.BFloat16 device config source
        | WeightType.Int8 -> buildNarrow weights torch.ScalarType.Int8 device config source
        | WeightType.Float32 ->
            Model.buildWhole device config (fun name parameter ->
                source name (fun first rows -> parameter.narrow(0L, first, rows.shape[0]).copy_ rows |> ignore))

    /// A copy of a model with its weights in a type, on the same device, for inference alone: training it, adapting it (LoRA)
    /// and saving it are errors. Raises ArgumentException when the model's own weights are not float32.
    let model (weights: WeightType) (model: Model) : Model =
        Model.requireFloat32 "another conversion" model
        let originals = Map.ofList model.Named
        build weights model.Flat.device model.Config (fun name write -> write 0L (originals[name].detach()))
