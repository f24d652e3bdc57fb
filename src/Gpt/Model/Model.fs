namespace Gpt

open System
open TorchSharp

/// What the weights of a model are kept in: the matrices of its dense layers, its token embedding and its head. All else is
/// float32 always, and so is what is computed.
[<RequireQualifiedAccess>]
type WeightType =
    /// Four bytes a weight, 24 significant bits: what training takes.
    | Float32
    /// The upper half of a float32: two bytes a weight, 8 significant bits.
    | BFloat16
    /// One byte a weight: whole numbers from -127 to 127, times one float32 scale for each row (each output).
    | Int8

    /// `float32`, `bfloat16` or `int8`: what `Quantize.parse` reads. (F#'s own would look the name up as the program runs.)
    override weights.ToString() : string =
        match weights with
        | Float32 -> "float32"
        | BFloat16 -> "bfloat16"
        | Int8 -> "int8"

/// A GPT: its configuration and its parameters, all of them views of one flat float32 tensor. Nothing else: mode, cache
/// and randomness are arguments of the functions that run it. Dispose it to free its memory.
/// A model with narrower weights (`Quantize`) is for inference alone; `Flat` holds what is float32 in it.
type Model = {
    /// The sizes, which decide the shapes of all parameters.
    Config: GptConfig
    /// How the weights of the dense layers, the token embedding and the head are kept.
    WeightType: WeightType
    /// The parameters as the forward pass reads them.
    Params: Params<Tensor>
    /// All parameters in float32 end to end, shape (number of parameters): first every matrix, then every vector.
    Flat: Tensor
    /// How many numbers of `Flat` belong to matrices: what weight decay is for.
    MatrixCount: int64
    /// The views by GPT-2's names, in the order in which they lie in `Flat`; behind them the narrower weights, if any.
    Named: (string * Tensor) list
} with

    interface IDisposable with
        member model.Dispose() =
            for _, view in model.Named do
                view.Dispose()

            model.Flat.Dispose()

[<RequireQualifiedAccess>]
module Model =

    let internal size (shape: int64 list) = List.fold (*) 1L shape

    /// Views of a flat tensor with these names and shapes, one after the other, in the current dispose scope.
    let internal slices (shapes: (string * int64 list) list) (flat: Tensor) : (string * Tensor) list =
        (0L, shapes)
        ||> List.mapFold (fun offset (name, shape) ->
            use slice = flat.narrow (0L, offset, size shape)
            use view = slice.view (List.toArray shape)
            (name, view.detach ()), offset + size shape)
        |> fst

    /// The same tensors, which no dispose scope frees any more.
    let internal kept (named: (string * Tensor) list) : (string * Tensor) list =
        named |> List.map (fun (name, view) -> name, view.DetachFromDisposeScope())

    /// Cuts a flat tensor into views of these names and shapes, one after the other; they share its memory.
    let internal cut (shapes: (string * int64 list) list) (flat: Tensor) : (string * Tensor) list =
        kept (slices shapes flat)

    /// The names and shapes of the views of a configuration: matrices first, vectors after them.
    let private order (config: GptConfig) =
        let matrices, vectors = Params.shapes config |> List.partition (fun (_, shape) -> shape.Length > 1)
        matrices @ vectors

    /// Cuts a flat tensor into the views of a configuration: matrices first, vectors after them.
    /// `flat` has as many elements as the configuration has parameters; the views share its memory.
    let viewsOf (config: GptConfig) (flat: Tensor) : (string * Tensor) list = cut (order config) flat

    /// `viewsOf`, in the current dispose scope.
    let internal scopedViewsOf (config: GptConfig) (flat: Tensor) : (string * Tensor) list = slices (order config) flat

    let private buildOver (make: int64 list -> Tensor) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        Tensors.freeing (fun () ->
            let config = GptConfig.require config
            let flat = make [ Params.count config ]
            let named = scopedViewsOf config flat
            let byName = Map.ofList named

            Tensors.noGrad (fun () ->
                for name, view in named do
                    Tensors.freeing (fun () -> fill name view))

            {
                Config = config
                WeightType = WeightType.Float32
                Params = Params.build config (fun name _ -> byName[name])
                Flat = flat.DetachFromDisposeScope()
                MatrixCount =
                    Params.shapes config
                    |> List.filter (fun (_, shape) -> shape.Length > 1)
                    |> List.sumBy (snd >> size)
                Named = kept named
            })

    /// A model on a device whose parameters `fill` writes, one call a parameter: its name and its tensor of zeros.
    let build (device: torch.Device) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        buildOver (Tensors.zeros device) config fill

    /// `build` for a `fill` that writes every number: what its tensors hold before is arbitrary.
    let buildWhole (device: torch.Device) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        buildOver (Tensors.empty device) config fill

    /// Raises ArgumentException unless the model's weights are float32, which `what` needs.
    let internal requireFloat32 (what: string) (model: Model) : unit =
        if model.WeightType <> WeightType.Float32 then
            invalidArg
                (nameof model)
                $"The model's weights are {string model.WeightType}, which is for inference alone; {what} needs a model that was loaded in float32."

    /// A copy that shares no memory with the original, on the same device.
    /// Raises ArgumentException when the weights are not float32.
    let copy (model: Model) : Model =
        requireFloat32 "a copy" model
        let originals = Map.ofList model.Named
        buildWhole model.Flat.device model.Config (fun name view -> view.copy_ originals[name] |> ignore)

    /// The device its parameters live on.
    let device (model: Model) : torch.Device = model.Flat.device
