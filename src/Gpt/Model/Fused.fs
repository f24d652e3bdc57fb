namespace Gpt

#if EMBEDDED
open TorchSharp
open TorchSharp.Kernels
#endif

/// The numbers of one AdamW step, the same for every element.
type internal AdamWStep = {
    Beta1: float
    Beta2: float
    Epsilon: float
    /// One over the root of the bias of the mean square.
    RootScale: float
    /// The share of a matrix that decay leaves.
    Keep: float
    /// The rate over the bias of the mean.
    Rate: float
}

/// Many operators in one pass over the data, where the engine can: the embedded engine has these passes, libtorch has not.
/// The one file that knows which engine it is compiled for. The numbers are those of the operators, bit for bit.
[<RequireQualifiedAccess>]
module internal Fused =

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

    /// `Transformer`'s logits (B, V) of ids (B, 1), whose keys and values are written behind each row of the cache; nothing where another
    /// way has to be taken.
    let oneToken (model: Model) (cache: KvCache) (ids: Tensor) : Tensor option =
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

    /// `AdamW.update`'s changes, but for the gradient, which stays unclipped: it is multiplied by `clip` as it is read. False,
    /// and nothing is changed, where the tensors do not lie flat in memory.
    let adamW (step: AdamWStep) (clip: Tensor option) (matrixCount: int64) parameters gradient mean square : bool =
        TorchSharp.AdamW.Update(
            TorchSharp.Kernels.AdamWNumbers(
                step.Beta1,
                step.Beta2,
                float32 step.Epsilon,
                float32 step.RootScale,
                float32 step.Keep,
                float32 step.Rate
            ),
            matrixCount,
            Option.toObj clip,
            gradient,
            mean,
            square,
            parameters
        )
#else
    let oneToken (_model: Model) (_cache: KvCache) (_ids: Tensor) : Tensor option = None

    let adamW (_: AdamWStep) (_: Tensor option) (_: int64) (_: Tensor) (_: Tensor) (_: Tensor) (_: Tensor) : bool =
        false
#endif
