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

    /// Which keys a query may see when `past` tokens stand before the `count` new ones: true at (i, j) where j <= past + i.
    /// Needed only there: with no past the mask is the plain triangle, and a single query sees all.
    let private causalMask (device: torch.Device) (past: int) (count: int) : Tensor =
        let keys = Tensors.range device 0L (int64 (past + count))
        let queries = (Tensors.range device (int64 past) (int64 (past + count))).unsqueeze 1L
        keys.le queries

    /// softmax(q kᵀ / √D) v over the past and the new tokens; q (B, H, T, D), k and v (B, H, past + T, D).
    let private look (dropout: float) (past: int) (q: Tensor) (k: Tensor) (v: Tensor) : Tensor =
        let count = int q.shape[2]

        if past = 0 then
            torch.nn.functional.scaled_dot_product_attention (q, k, v, p = dropout, is_casual = true)
        elif count = 1 then
            torch.nn.functional.scaled_dot_product_attention (q, k, v, p = dropout)
        else
            let mask = causalMask q.device past count
            torch.nn.functional.scaled_dot_product_attention (q, k, v, attn_mask = mask, p = dropout)

    /// Attention of layer `layer` over x (B, T, C), behind the tokens of `cache` if there is one.
    let forward
        mode
        config
        (cache: KvCache option)
        (layer: int)
        (weights: AttentionParams<Tensor>)
        (x: Tensor)
        : Tensor =
        let heads =
            (Layers.linear weights.QueryKeyValue x).chunk(3L, -1L) |> Array.map (splitHeads config.Heads)

        let q, k, v = heads[0], heads[1], heads[2]
        let rate = Layers.rate mode config

        match cache with
        | None -> look rate 0 q k v
        | Some cache ->
            let struct (k, v) = KvCache.append layer k v cache
            look rate cache.Length q k v
        |> joinHeads
        |> Layers.linear weights.Output
