namespace Gpt

open System
open TorchSharp

/// Whether a pass may drop values at random. Evaluating never does, whatever the configuration's dropout.
type Mode =
    /// Training: dropout draws from this generator.
    | Train of Rng
    /// Evaluating and generating: nothing is dropped.
    | Eval

/// The layers a block is made of, each a function of its parameters and its input.
[<RequireQualifiedAccess>]
module Layers =

    let private float32 = torch.ScalarType.Float32
    let private bfloat16 = torch.ScalarType.BFloat16

    /// x Wᵀ + b for a weight that may be narrower than float32. Where gradients are asked for, and with libtorch, whose operands
    /// must be of one type, a bfloat16 weight multiplies x rounded to bfloat16; where not, the embedded engine widens weights as
    /// it reads them, and libtorch must be given numbers in int8 widened.
    let private product (weight: Tensor) (bias: Tensor option) (x: Tensor) : Tensor =
        let isForInference = Device.engine = "embedded" && not (x.requires_grad || weight.requires_grad)

        if weight.dtype = float32 || isForInference then
            torch.nn.functional.linear (x, weight, Option.toObj bias)
        else
            let y =
                if weight.dtype = bfloat16 then
                    torch.nn.functional.linear(x.to_type bfloat16, weight).to_type float32
                else
                    torch.nn.functional.linear (x, weight.to_type float32)

            bias |> Option.fold (fun (y: Tensor) (bias: Tensor) -> y.add bias) y

    /// (x Wᵀ) ∘ scale + b over the last axis, (…, in) to (…, out), for a weight (out, in) in any `WeightType`. Scale and bias,
    /// (out), may be missing.
    let project (weight: Tensor) (scale: Tensor option) (bias: Tensor option) (x: Tensor) : Tensor =
        match scale, bias with
        | None, _ -> product weight bias x
        | Some scale, None -> (product weight None x).mul scale
        | Some scale, Some bias -> bias.addcmul (product weight None x, scale, Tensors.scalar 1.0)

    /// y = x Wᵀ + b over the last axis: (…, in) to (…, out). A layer whose bias is bfloat16, too, takes x in it and gives y in it
    /// (`MixedPrecision`).
    let linear (layer: LinearParams<Tensor>) (x: Tensor) : Tensor =
        if layer.Bias.dtype = bfloat16 then
            torch.nn.functional.linear (x.to_type bfloat16, layer.Weight, layer.Bias)
        else
            project layer.Weight layer.Scale (Some layer.Bias) x

    /// The rows (N, C) of a table (V, C), in any `WeightType`, that ids (N) name.
    let rows (table: Tensor) (scale: Tensor option) (ids: Tensor) : Tensor =
        let rows = (table.index_select (0L, ids)).to_type float32

        match scale with
        | None -> rows
        | Some scale -> rows.mul (scale.index_select(0L, ids).unsqueeze -1L)

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

    /// Sets TorchSharp's own generator, which dropout draws from, by the mode's for one part of the model, a number: the same
    /// generator and the same part, the same masks, when the part is computed again, too.
    let seedDropout (mode: Mode) (config: GptConfig) (part: int) : unit =
        match mode with
        | Train rng when config.Dropout > 0.0 ->
            let struct (bits, _) = Rng.next (Rng.split (uint64 part) rng)
            torch.manual_seed (int64 (bits >>> 1)) |> ignore
        | _ -> ()
