namespace Gpt

#if EMBEDDED
open TorchSharp
open TorchSharp.Kernels
#endif

/// One new token a row through the whole model at once, where the engine can: the embedded engine has such a pass, libtorch
/// has not. The one file that knows which engine it is compiled for. The numbers are those of `Transformer`, bit for bit.
[<RequireQualifiedAccess>]
module internal OneToken =

#if EMBEDDED
    let private norm (weights: NormParams<Tensor>) = NormTensors(weights.Weight, weights.Bias)

    let private dense (weights: LinearParams<Tensor>) =
        DenseTensors(weights.Weight, Option.toObj weights.Scale, weights.Bias)

    let private block (cache: KvCache) (layer: int) (weights: BlockParams<Tensor>) =
        BlockTensors(
            norm weights.AttentionNorm,
            dense weights.Attention.QueryKeyValue,
            dense weights.Attention.Output,
            norm weights.FeedForwardNorm,
            dense weights.FeedForward.Up,
            dense weights.FeedForward.Down,
            cache.Keys[layer],
            cache.Values[layer]
        )

    let private nonlinearity (activation: Activation) =
        match activation with
        | Gelu -> Nonlinearity.Gelu
        | GeluTanh -> Nonlinearity.GeluTanh
        | Relu -> Nonlinearity.Relu

    let private isUsual (config: GptConfig) = config.ScaleAttention && not config.ScaleByLayer

    /// The logits (B, V) of ids (B, 1), whose keys and values are written behind each row of the cache; nothing where another
    /// way has to be taken.
    let logits (model: Model) (cache: KvCache) (ids: Tensor) : Tensor option =
        let config, weights = model.Config, model.Params

        if ids.shape[1] <> 1L || ids.shape[0] > int64 TorchSharp.OneToken.MostRows || not (isUsual config) then
            None
        else
            let table = DenseTensors(weights.TokenEmbedding, Option.toObj weights.TokenEmbeddingScale, null)

            let head =
                match weights.Head with
                | Some head -> DenseTensors(head, Option.toObj weights.HeadScale, null)
                | None -> table

            TorchSharp.OneToken.Logits(
                Array.mapi (block cache) weights.Blocks,
                table,
                weights.PositionEmbedding,
                norm weights.FinalNorm,
                head,
                config.Heads,
                config.NormEpsilon,
                nonlinearity config.Activation,
                ids,
                cache.Lengths
            )
            |> Option.ofObj
#else
    let logits (_model: Model) (_cache: KvCache) (_ids: Tensor) : Tensor option = None
#endif
