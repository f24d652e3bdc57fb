namespace Gpt

open System
open TorchSharp

/// A GPT: its configuration and its parameters, all of them views of one flat float32 tensor. Nothing else: mode, cache
/// and randomness are arguments of the functions that run it. Dispose it to free its memory.
type Model = {
    Config: GptConfig
    /// The parameters as the forward pass reads them.
    Params: Params<Tensor>
    /// All parameters end to end, shape (number of parameters): first every matrix, then every vector.
    Flat: Tensor
    /// How many numbers of `Flat` belong to matrices: what weight decay is for.
    MatrixCount: int64
    /// The views by GPT-2's names, in the order in which they lie in `Flat`.
    Named: (string * Tensor) list
} with

    interface IDisposable with
        member model.Dispose() =
            for _, view in model.Named do
                view.Dispose()

            model.Flat.Dispose()

[<RequireQualifiedAccess>]
module Model =

    let private size (shape: int64 list) = List.fold (*) 1L shape

    /// Cuts a flat tensor into views of these names and shapes, one after the other; they share its memory.
    let internal cut (shapes: (string * int64 list) list) (flat: Tensor) : (string * Tensor) list =
        (0L, shapes)
        ||> List.mapFold (fun offset (name, shape) ->
            use slice = flat.narrow (0L, offset, size shape)
            let view = slice.view(List.toArray shape).detach().DetachFromDisposeScope()
            (name, view), offset + size shape)
        |> fst

    /// Cuts a flat tensor into the views of a configuration: matrices first, vectors after them.
    /// `flat` has as many elements as the configuration has parameters; the views share its memory.
    let viewsOf (config: GptConfig) (flat: Tensor) : (string * Tensor) list =
        let matrices, vectors = Params.shapes config |> List.partition (fun (_, shape) -> shape.Length > 1)
        cut (matrices @ vectors) flat

    let private buildOver (make: int64 list -> Tensor) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        Tensors.freeing (fun () ->
            let config = GptConfig.require config
            let flat = make [ Params.count config ]
            let named = viewsOf config flat
            let byName = Map.ofList named

            Tensors.noGrad (fun () ->
                for name, view in named do
                    Tensors.freeing (fun () -> fill name view))

            {
                Config = config
                Params = Params.build config (fun name _ -> byName[name])
                Flat = flat.DetachFromDisposeScope()
                MatrixCount =
                    Params.shapes config
                    |> List.filter (fun (_, shape) -> shape.Length > 1)
                    |> List.sumBy (snd >> size)
                Named = named
            })

    /// A model on a device whose parameters `fill` writes, one call a parameter: its name and its tensor of zeros.
    let build (device: torch.Device) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        buildOver (Tensors.zeros device) config fill

    /// `build` for a `fill` that writes every number: what its tensors hold before is arbitrary.
    let buildWhole (device: torch.Device) (config: GptConfig) (fill: string -> Tensor -> unit) : Model =
        buildOver (Tensors.empty device) config fill

    /// A copy that shares no memory with the original, on the same device.
    let copy (model: Model) : Model =
        let originals = Map.ofList model.Named
        buildWhole model.Flat.device model.Config (fun name view -> view.copy_ originals[name] |> ignore)

    /// The device its parameters live on.
    let device (model: Model) : torch.Device = model.Flat.device
