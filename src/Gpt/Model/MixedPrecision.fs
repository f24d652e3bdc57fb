namespace Gpt

open TorchSharp

/// What the dense layers of a training step compute in. What is learned is float32 always.
[<RequireQualifiedAccess>]
type Precision =
    /// 24 significant bits throughout.
    | Float32
    /// The upper half of a float32: its range with 8 significant bits, and half the memory. GPUs multiply in it many times
    /// faster; the embedded engine computes the same numbers by widening, which is no faster than float32.
    | BFloat16

[<RequireQualifiedAccess>]
module Precision =

    /// Reads `float32` or `bfloat16`. The error is one sentence that says what would be right.
    let parse (text: string) : Result<Precision, string> =
        match text with
        | "float32" -> Ok Precision.Float32
        | "bfloat16" -> Ok Precision.BFloat16
        | "float16" ->
            Error
                "dtype float16: its smallest number is 6e-8, which the gradients of a GPT go below, so that it would need its loss scaled; bfloat16 has float32's range and is as fast"
        | _ -> Error $"dtype {text}: training knows float32 and bfloat16"

    /// The name that `parse` reads.
    let name (precision: Precision) : string =
        match precision with
        | Precision.Float32 -> "float32"
        | Precision.BFloat16 -> "bfloat16"

/// A forward pass in bfloat16 without autocast, which TorchSharp has not (Micikevicius et al. 2017; Kalamkar et al. 2019): the
/// dense layers, attention and the head multiply rounded weights by rounded activations. The embeddings, the norms, the
/// stream between the blocks, softmax and loss are float32, and so is every weight that is learned: the rounded ones are a
/// copy, made anew for each pass. `Layers.linear` sees by the type of its parameters what it computes in.
[<RequireQualifiedAccess>]
module MixedPrecision =

    let private bfloat16 = torch.ScalarType.BFloat16

    /// The parameters of a pass: `full`, in float32, but for the dense layers and the head, which are `low`'s. The token embedding
    /// of `low` is the head where the head is tied: its tokens are looked up in float32.
    let private merge (full: Params<Tensor>) (low: Params<Tensor>) : Params<Tensor> = {
        full with
            Head = Some(Option.defaultValue low.TokenEmbedding low.Head)
            Blocks =
                (full.Blocks, low.Blocks)
                ||> Array.map2 (fun full low -> {
                    full with
                        Attention = low.Attention
                        FeedForward = low.FeedForward
                })
    }

    /// The parameters of a pass of a model, in the current dispose scope, by one conversion of all its numbers. With them come
    /// the rounded parameters, in the order of `Model.Named`: leaves, whose gradients are to be added to the model's own; those
    /// that no layer uses get none.
    let ofModel (model: Model) : Params<Tensor> * Tensor list =
        let views = Tensors.noGrad (fun () -> Model.scopedViewsOf model.Config (model.Flat.to_type bfloat16))

        for _, view in views do
            view.requires_grad <- true

        let byName = Map.ofList views
        merge model.Params (Params.build model.Config (fun name _ -> byName[name])), List.map snd views

    /// The same for parameters that are computed: each is converted by itself, and gradients pass the conversion.
    let ofParams (full: Params<Tensor>) : Params<Tensor> =
        let rounded (layer: LinearParams<Tensor>) = {
            layer with
                Weight = layer.Weight.to_type bfloat16
                Bias = layer.Bias.to_type bfloat16
        }

        let block (block: BlockParams<Tensor>) = {
            block with
                Attention = {
                    QueryKeyValue = rounded block.Attention.QueryKeyValue
                    Output = rounded block.Attention.Output
                }
                FeedForward = {
                    Up = rounded block.FeedForward.Up
                    Down = rounded block.FeedForward.Down
                }
        }

        let head = full.Head |> Option.defaultValue full.TokenEmbedding

        {
            full with
                Head = Some(head.to_type bfloat16)
                Blocks = Array.map block full.Blocks
        }
