namespace Gpt

open System

/// What each token looks at: the weights that attention mixes the values by, which the model itself never holds in memory.
/// Computed again here, for one text, by the plain formula: softmax(q kᵀ × scale), with what comes later ruled out.
[<RequireQualifiedAccess>]
module AttentionWeights =

    /// The normalized input (1, T, C) of a layer's attention: what a model gives that ends before that layer and whose final
    /// norm is the layer's first.
    let private inputOf (model: Model) (layer: int) (ids: Tensor) : Tensor =
        let parameters = model.Params

        let upTo = {
            model with
                Params = {
                    parameters with
                        Blocks = Array.take layer parameters.Blocks
                        FinalNorm = parameters.Blocks[layer].AttentionNorm
                }
        }

        Transformer.hidden Eval upTo ids

    /// 0 where a query may look, -inf where it may not, (T, T).
    let private mask (device: TorchSharp.torch.Device) (time: int) : Tensor =
        Array.init (time * time) (fun place -> if place % time > place / time then -infinityf else 0.0f)
        |> Tensors.ofFloats device [ int64 time; int64 time ]

    /// The weights (H, T, T) of a layer, of its normalized input x (1, T, C).
    let private weights (config: GptConfig) (layer: int) (parameters: AttentionParams<Tensor>) (x: Tensor) : Tensor =
        let time, heads, width = x.shape[1], int64 config.Heads, int64 (GptConfig.headDim config)

        let split (part: Tensor) = part.reshape(time, heads, width).transpose(0L, 1L).contiguous()
        let projected = (Layers.linear parameters.QueryKeyValue x).chunk(3L, -1L)
        let q, k = split projected[0], split projected[1]

        q
            .bmm(k.transpose (1L, 2L))
            .mul(Tensors.scalar (GptConfig.attentionScale config layer))
            .add(mask x.device (int time))
            .softmax(-1L)

    /// The weights of each layer and head for token ids: [layer][head][query][key], each in 0 to 1. A query's weights sum to 1,
    /// and those of later keys are 0. Raises ArgumentOutOfRangeException unless there are 1 to the context of ids.
    let ofTokens (model: Model) (ids: int[]) : float[][][][] =
        let config = model.Config
        let room = $"1 to the context, {config.Context}"
        Argument.require (ids.Length >= 1 && ids.Length <= config.Context) "the number of ids" ids.Length room

        Array.init config.Layers (fun layer ->
            Tensors.noGrad (fun () ->
                Tensors.freeing (fun () ->
                    Array.map int64 ids
                    |> Tensors.ofIds (Model.device model) [ 1L; ids.LongLength ]
                    |> inputOf model layer
                    |> weights config layer model.Params.Blocks[layer].Attention
                    |> Tensors.toFloats
                    |> Array.map float
                    |> Array.chunkBySize ids.Length
                    |> Array.chunkBySize ids.Length)))
