namespace Gpt

/// Fresh parameters.
[<RequireQualifiedAccess>]
module Init =

    /// The deviation of GPT-2's initial weights (Radford et al. 2019), and the article's.
    let deviation = 0.02f

    /// The first values of a parameter: matrices from N(0, 0.02), LayerNorm weights 1, every bias 0. Each parameter draws
    /// from a generator of its own, split off by its name.
    let fill (rng: Rng) (name: string) (parameter: Tensor) : unit =
        if parameter.shape.Length > 1 then
            let struct (values, _) = rng |> Rng.splitNamed name |> Rng.normals (int (parameter.numel ()))
            let scaled = values |> Array.map (fun x -> deviation * x)
            parameter.copy_ (Tensors.ofFloats parameter.device (List.ofArray parameter.shape) scaled) |> ignore
        elif name.EndsWith ".weight" then
            parameter.fill_ (Tensors.scalar 1.0) |> ignore

    /// A model with fresh parameters: the same generator gives the same model on every engine.
    /// Raises ArgumentException when the configuration is not valid.
    let model (device: TorchSharp.torch.Device) (config: GptConfig) (rng: Rng) : Model =
        Model.build device config (fill rng)
