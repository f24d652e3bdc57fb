namespace Gpt

open System
open TorchSharp

/// How large adapters are, and which dense layers get them.
type LoraOptions = {
    /// r: at least 1, and at most the shortest side of the weights that are adapted.
    Rank: int
    /// The product of an adapter's matrices is multiplied by `Alpha` / r. Positive.
    Alpha: float
    /// The ends of the layers' names, as whole parts between points: `c_proj` is the attention's and the feed-forward half's,
    /// `attn.c_proj` the attention's alone. (peft's target_modules.)
    Targets: string list
}

/// Low-rank adapters of a model (LoRA, Hu et al. 2021): for a weight W (out, in) two matrices A (r, in) and B (out, r), which
/// make it W + (alpha / r) B A. They belong to a model of a configuration, but hold nothing of it. Dispose them to free
/// their memory.
type Lora = {
    /// Their rank, their scale and the layers they are for.
    Options: LoraOptions
    /// The configuration of the models that they fit.
    Config: GptConfig
    /// All their numbers end to end.
    Flat: Tensor
    /// The views by name, in the order in which they lie in `Flat`: `h.0.attn.c_attn.lora_A.weight` (r, in) and
    /// `h.0.attn.c_attn.lora_B.weight` (out, r), then the next layer's.
    Named: (string * Tensor) list
} with

    interface IDisposable with
        member lora.Dispose() =
            for _, view in lora.Named do
                view.Dispose()

            lora.Flat.Dispose()

[<RequireQualifiedAccess>]
module Lora =

    /// The layers that make queries, keys and values.
    let attention = [ "c_attn" ]

    /// Every dense layer of a block.
    let everyLayer = [ "c_attn"; "c_proj"; "c_fc" ]

    /// The dense layers of the blocks: names without `.weight`, and the shapes (out, in) of their weights.
    let private dense (config: GptConfig) : (string * int64 list) list =
        Params.shapes config
        |> List.filter (fun (name, shape) -> name.StartsWith("h.", StringComparison.Ordinal) && shape.Length = 2)
        |> List.map (fun (name, shape) -> name.Substring(0, name.Length - ".weight".Length), shape)

    let private isMeant (layer: string) (target: string) =
        layer = target || layer.EndsWith($".{target}", StringComparison.Ordinal)

    /// The dense layers that get adapters, with the shapes (out, in) of their weights.
    let internal adapted (config: GptConfig) (options: LoraOptions) : (string * int64 list) list =
        dense config |> List.filter (fun (layer, _) -> List.exists (isMeant layer) options.Targets)

    /// The options themselves, or one sentence that names the one that cannot be used with a model of this configuration.
    let validate (config: GptConfig) (options: LoraOptions) : Result<LoraOptions, string> =
        let isUnknown target = not (List.exists (fun (layer, _) -> isMeant layer target) (dense config))

        match List.tryFind isUnknown options.Targets with
        | Some unknown ->
            let known = String.concat ", " everyLayer
            Error $"{unknown} is no dense layer of a block; {known} are"
        | None when options.Targets.IsEmpty -> Error "no layer is named that gets adapters; there must be at least one"
        | None ->
            let most = adapted config options |> List.collect snd |> List.min

            if options.Rank < 1 || int64 options.Rank > most then
                Error
                    $"rank is {options.Rank}; it must be at least 1 and at most {most}, the shortest side of the weights that are adapted"
            elif not (options.Alpha > 0.0 && options.Alpha < infinity) then
                Error $"alpha is {options.Alpha}; it must be positive and finite"
            else
                Ok options

    let private nameA (layer: string) = $"{layer}.lora_A.weight"
    let private nameB (layer: string) = $"{layer}.lora_B.weight"

    /// The names and shapes of the matrices, in the order of `Named`.
    let shapes (config: GptConfig) (options: LoraOptions) : (string * int64 list) list =
        let rank = int64 options.Rank

        adapted config options
        |> List.collect (fun (layer, shape) -> [ nameA layer, [ rank; shape[1] ]; nameB layer, [ shape[0]; rank ] ])

    /// How many numbers the adapters have.
    let count (config: GptConfig) (options: LoraOptions) : int64 =
        shapes config options |> List.sumBy (snd >> List.fold (*) 1L)

    /// Adapters on a device whose matrices `fill` writes, one call a matrix: its name and its tensor of zeros.
    /// Raises ArgumentException when `validate` would refuse the options.
    let build device (config: GptConfig) (options: LoraOptions) (fill: string -> Tensor -> unit) : Lora =
        match validate config options with
        | Error sentence -> invalidArg (nameof options) sentence
        | Ok options ->
            Tensors.freeing (fun () ->
                let flat = Tensors.zeros device [ count config options ]
                let named = Model.slices (shapes config options) flat

                Tensors.noGrad (fun () ->
                    for name, view in named do
                        Tensors.freeing (fun () -> fill name view))

                {
                    Options = options
                    Config = config
                    Flat = flat.DetachFromDisposeScope()
                    Named = Model.kept named
                })

    /// Fresh adapters, as peft makes them: A evenly from ±1 / √in (He et al. 2015, with the slope √5), B zero, so that they
    /// change nothing at first. Each matrix draws from a generator of its own, split off by its name.
    /// Raises ArgumentException when `validate` would refuse the options.
    let init (device: torch.Device) (config: GptConfig) (options: LoraOptions) (rng: Rng) : Lora =
        let draw (name: string) (matrix: Tensor) =
            if name.EndsWith(nameA "", StringComparison.Ordinal) then
                let struct (numbers, _) = Rng.splitNamed name rng |> Rng.uniforms (int (matrix.numel ()))
                let bound = 1.0 / sqrt (float matrix.shape[1])
                let values = numbers |> Array.map (fun x -> float32 ((2.0 * x - 1.0) * bound))
                matrix.copy_ (Tensors.ofFloats device (List.ofArray matrix.shape) values) |> ignore

        build device config options draw

    /// A copy that shares no memory with the original, on the same device.
    let copy (lora: Lora) : Lora =
        let originals = Map.ofList lora.Named

        build lora.Flat.device lora.Config lora.Options (fun name matrix -> matrix.copy_ originals[name] |> ignore)

    let private requireFit (lora: Lora) (model: Model) : unit =
        Model.requireFloat32 "adapting it" model

        if Params.shapes lora.Config <> Params.shapes model.Config then
            invalidArg (nameof model) "the adapters were made for a model of other sizes"

    /// The names of the adapted weights, each with what makes it: W + (alpha / r) B A, and nothing else that stays.
    let private weights (lora: Lora) (model: Model) : (string * (unit -> Tensor)) list =
        requireFit lora model
        let parameters, matrices = Map.ofList model.Named, Map.ofList lora.Named
        let scale = Tensors.scalar (lora.Options.Alpha / float lora.Options.Rank)

        adapted lora.Config lora.Options
        |> List.map (fun (layer, _) ->
            let name = $"{layer}.weight"

            let make () = parameters[name].add(matrices[nameB layer].matmul(matrices[nameA layer]).mul scale)

            name, (fun () -> Tensors.scoped make))

    /// The parameters of a model with the adapters in force: W + (alpha / r) B A, made in the current dispose scope, where a
    /// layer is adapted, and the model's own elsewhere. Gradients reach A and B.
    /// Raises ArgumentException when the adapters were made for a model of other sizes, or its weights are not float32.
    let apply (lora: Lora) (model: Model) : Params<Tensor> =
        let parameters = Map.ofList model.Named
        let changed = weights lora model |> List.map (fun (name, make) -> name, make ()) |> Map.ofList

        Params.build model.Config (fun name _ ->
            Map.tryFind name changed |> Option.defaultWith (fun () -> parameters[name]))

    /// Writes the weights that the adapters make of those of `model` over those of `target`, a copy of it.
    let internal mergeInto (target: Model) (lora: Lora) (model: Model) : unit =
        let targets = Map.ofList target.Named

        Tensors.noGrad (fun () ->
            for name, make in weights lora model do
                Tensors.freeing (fun () -> targets[name].copy_(make ()) |> ignore))

    /// The model that the adapters make of another: a model like any other, which shares no memory with it.
    /// Raises ArgumentException when the adapters were made for a model of other sizes, or its weights are not float32.
    let merge (lora: Lora) (model: Model) : Model =
        requireFit lora model
        let merged = Model.copy model
        mergeInto merged lora model
        merged
