namespace Gpt

open TorchSharp

/// The whole model as functions: embeddings, blocks, head.
[<RequireQualifiedAccess>]
module Transformer =

    /// Feed-forward half: up, nonlinearity, down, dropout; (B, T, C) to (B, T, C).
    let private feedForward mode config (weights: FeedForwardParams<Tensor>) (x: Tensor) : Tensor =
        x
        |> Layers.linear weights.Up
        |> Layers.activate config.Activation
        |> Layers.linear weights.Down
        |> Layers.dropout (Layers.rate mode config)

    /// One pre-norm block: x + attention(norm x), then x + feedForward(norm x).
    let private block mode config cache layer (weights: BlockParams<Tensor>) (x: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let norm = Layers.norm config.NormEpsilon

            let x =
                x.add (x |> norm weights.AttentionNorm |> Attention.forward mode config cache layer weights.Attention)

            x.add (x |> norm weights.FeedForwardNorm |> feedForward mode config weights.FeedForward))

    /// Token and position embeddings of ids (B, T) that stand behind `past` tokens: (B, T, C).
    let private embed mode (model: Model) (past: int) (ids: Tensor) : Tensor =
        let batch, time = ids.shape[0], ids.shape[1]
        let tokens = model.Params.TokenEmbedding.index_select (0L, ids.reshape -1L)
        let positions = model.Params.PositionEmbedding.narrow (0L, int64 past, time)

        tokens.view(batch, time, -1L).add positions |> Layers.dropout (Layers.rate mode model.Config)

    let private requireRoom (model: Model) (past: int) (ids: Tensor) =
        let total = past + int ids.shape[1]

        if total > model.Config.Context then
            invalidArg (nameof ids) $"{total} tokens do not fit into the model's context of {model.Config.Context}"

    let private run mode (model: Model) (cache: KvCache option) (ids: Tensor) : Tensor =
        let past = cache |> Option.map _.Length |> Option.defaultValue 0
        requireRoom model past ids
        Layers.seedDropout mode model.Config

        ((embed mode model past ids, 0), model.Params.Blocks)
        ||> Array.fold (fun (x, layer) weights -> block mode model.Config cache layer weights x, layer + 1)
        |> fst
        |> Layers.norm model.Config.NormEpsilon model.Params.FinalNorm

    /// The hidden states after the final norm, (B, T, C), of token ids (B, T).
    let hidden (mode: Mode) (model: Model) (ids: Tensor) : Tensor = run mode model None ids

    /// Logits (…, V) of hidden states (…, C): the head is the token embedding, used again.
    let head (model: Model) (x: Tensor) : Tensor = torch.nn.functional.linear (x, model.Params.TokenEmbedding)

    /// Logits (B, T, V) of token ids (B, T), T at most the context: at each position, of the token that comes next.
    /// Raises ArgumentException when T is larger.
    let forward (mode: Mode) (model: Model) (ids: Tensor) : Tensor =
        Tensors.scoped (fun () -> hidden mode model ids |> head model)

    /// Feeds ids (B, T) behind what the cache holds. Gives the logits (B, V) of the token after the last one, and the cache
    /// with the new tokens in it (the same buffers, filled further). Never drops values; records no graph.
    /// Raises ArgumentException when the cache has no room for T tokens.
    let extend (model: Model) (cache: KvCache) (ids: Tensor) : Tensor * KvCache =
        let logits =
            Tensors.noGrad (fun () ->
                Tensors.scoped (fun () ->
                    let x = run Eval model (Some cache) ids
                    x.select (1L, ids.shape[1] - 1L) |> head model))

        logits, KvCache.advance (int ids.shape[1]) cache
