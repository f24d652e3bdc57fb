namespace Gpt

open System
open TorchSharp

/// Causal self-attention (Vaswani et al. 2017; the article's `CausalSelfAttention`): every token looks at itself and at
/// what came before it, in H subspaces at once.
[<RequireQualifiedAccess>]
module Attention =

    /// (B, T, C) to (B, H, T, D).
    let private splitHeads (heads: int) (x: Tensor) : Tensor =
        x.view(x.shape[0], x.shape[1], int64 heads, x.shape[2] / int64 heads).transpose(1L, 2L)

    /// (B, H, T, D) to (B, T, C).
    let private joinHeads (x: Tensor) : Tensor =
        x.transpose(1L, 2L).reshape(x.shape[0], x.shape[2], x.shape[1] * x.shape[3])

    /// The queries (B, H, T, D) of a layer, scaled so that TorchSharp's attention, which divides the scores by √D and can be
    /// told nothing else, gives what the configuration asks for; as a rule they stay what they are.
    let private scaleQueries (config: GptConfig) (layer: int) (q: Tensor) : Tensor =
        if config.ScaleAttention && not config.ScaleByLayer then
            q
        else
            let undoing = sqrt (float (GptConfig.headDim config))
            q.mul (Tensors.scalar (undoing * GptConfig.attentionScale config layer))

    /// softmax(q kᵀ / √D) v; q (B, H, T, D), k and v (B, H, S, D). A mask says what each query sees; without one, queries that
    /// are as many as the keys see what came before them, and a single query sees all.
    let private look (dropout: float) (mask: Tensor option) (q: Tensor) (k: Tensor) (v: Tensor) : Tensor =
        match mask with
        | Some mask -> torch.nn.functional.scaled_dot_product_attention (q, k, v, attn_mask = mask, p = dropout)
        | None ->
            let causal = q.shape[2] = k.shape[2]
            torch.nn.functional.scaled_dot_product_attention (q, k, v, p = dropout, is_casual = causal)

    /// Attention of layer `layer` over x (B, T, C), behind the tokens of a cache if there is one.
    let forward
        mode
        config
        (placement: Placement option)
        (layer: int)
        (weights: AttentionParams<Tensor>)
        (x: Tensor)
        : Tensor =
        let heads =
            (Layers.linear weights.QueryKeyValue x).chunk(3L, -1L) |> Array.map (splitHeads config.Heads)

        let q, k, v = scaleQueries config layer heads[0], heads[1], heads[2]
        let rate = Layers.rate mode config

        match placement with
        | None -> look rate None q k v
        | Some placement ->
            let struct (k, v) = Placement.append layer k v placement
            look rate placement.Mask q k v
        |> joinHeads
        |> Layers.linear weights.Output
