namespace Gpt

open System
open TorchSharp

/// Whether a pass may drop values at random. Evaluating never does, whatever the configuration's dropout.
type Mode =
    /// Training: dropout draws from this generator.
    | Train of Rng
    | Eval

/// The layers a block is made of, each a function of its parameters and its input.
[<RequireQualifiedAccess>]
module Layers =

    /// y = x Wᵀ + b over the last axis: (…, in) to (…, out).
    let linear (layer: LinearParams<Tensor>) (x: Tensor) : Tensor =
        torch.nn.functional.linear (x, layer.Weight, layer.Bias)

    /// LayerNorm over the last axis (Ba, Kiros, Hinton 2016).
    let norm (epsilon: float) (layer: NormParams<Tensor>) (x: Tensor) : Tensor =
        torch.nn.functional.layer_norm (x, layer.Weight.shape, layer.Weight, layer.Bias, epsilon)

    /// The block's nonlinearity, element by element.
    let activate (activation: Activation) (x: Tensor) : Tensor =
        match activation with
        | Gelu -> torch.nn.functional.gelu x
        | GeluTanh -> torch.nn.functional.gelu (x, Modules.GELU.Approximate.tanh)
        | Relu -> torch.nn.functional.relu x

    /// The dropout rate that a mode puts into force.
    let rate (mode: Mode) (config: GptConfig) : float =
        match mode with
        | Train _ -> config.Dropout
        | Eval -> 0.0

    /// Zeroes each value with probability `rate` and scales the rest by 1 / (1 - rate) (Srivastava et al. 2014).
    let dropout (rate: float) (x: Tensor) : Tensor =
        if rate = 0.0 then
            x
        else
            torch.nn.functional.dropout (x, rate, true)

    /// Sets TorchSharp's own generator, which dropout draws from, by the mode's: one generator, one set of masks.
    let seedDropout (mode: Mode) (config: GptConfig) : unit =
        match mode with
        | Train rng when config.Dropout > 0.0 ->
            let struct (bits, _) = Rng.next rng
            torch.manual_seed (int64 (bits >>> 1)) |> ignore
        | _ -> ()
