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

    /// One pre-norm block, number `layer` from 0: x + attention(norm x), then x + feedForward(norm x); (B, T, C) to (B, T, C).
    let internal block mode config placement layer (weights: BlockParams<Tensor>) (x: Tensor) : Tensor =
        Layers.seedDropout mode config (layer + 1)

        Tensors.scoped (fun () ->
            let norm = Layers.norm config.NormEpsilon

            let x =
                x.add (
                    x |> norm weights.AttentionNorm |> Attention.forward mode config placement layer weights.Attention
                )

            x.add (x |> norm weights.FeedForwardNorm |> feedForward mode config weights.FeedForward))

    /// Token and position embeddings of ids (B, T): (B, T, C).
    let internal embed mode (model: Model) (placement: Placement option) (ids: Tensor) : Tensor =
        Layers.seedDropout mode model.Config 0

        let tokens = Layers.rows model.Params.TokenEmbedding model.Params.TokenEmbeddingScale (ids.reshape -1L)

        let table = model.Params.PositionEmbedding

        let positions =
            match placement with
            | None -> table.narrow (0L, 0L, ids.shape[1])
            | Some placement -> Placement.embed table placement

        tokens.view(ids.shape[0], ids.shape[1], -1L).add positions
        |> Layers.dropout (Layers.rate mode model.Config)

    let private requireRoom (most: int) (what: string) (past: int) (ids: Tensor) =
        let total = past + int ids.shape[1]

        if total > most then
            invalidArg (nameof ids) $"{total} tokens do not fit into {what} of {most}"

    /// Raises ArgumentException when ids (B, T) are longer than the model's context.
    let internal requireContext (model: Model) (ids: Tensor) : unit =
        requireRoom model.Config.Context "the model's context" 0 ids

    /// The norm after the last block.
    let internal finish (model: Model) (x: Tensor) : Tensor =
        Layers.norm model.Config.NormEpsilon model.Params.FinalNorm x

    let private run mode (model: Model) (placement: Placement option) (ids: Tensor) : Tensor =
        ((embed mode model placement ids, 0), model.Params.Blocks)
        ||> Array.fold (fun (x, layer) weights -> block mode model.Config placement layer weights x, layer + 1)
        |> fst
        |> finish model

    /// The hidden states after the final norm, (B, T, C), of token ids (B, T).
    let hidden (mode: Mode) (model: Model) (ids: Tensor) : Tensor =
        requireContext model ids
        run mode model None ids

    /// Logits (…, V) of hidden states (…, C): the head is the token embedding, used again, or a matrix of its own.
    let head (model: Model) (x: Tensor) : Tensor =
        match model.Params.Head with
        | Some own -> Layers.project own model.Params.HeadScale None x
        | None -> Layers.project model.Params.TokenEmbedding model.Params.TokenEmbeddingScale None x

    /// Logits (B, T, V) of token ids (B, T), T at most the context: at each position, of the token that comes next.
    /// Raises ArgumentException when T is larger.
    let forward (mode: Mode) (model: Model) (ids: Tensor) : Tensor =
        Tensors.scoped (fun () -> hidden mode model ids |> head model)

    let private requireRoomBehind (cache: KvCache) (ids: Tensor) =
        requireRoom (KvCache.capacity cache) "the cache's capacity" (KvCache.longest cache) ids

    let private pass (part: Tensor -> Tensor) (model: Model) (cache: KvCache) (ids: Tensor) : Tensor =
        let placement () = Placement.plan (int ids.shape[1]) cache

        Tensors.noGrad (fun () ->
            Tensors.scoped (fun () -> run Eval model (Some(placement ())) ids |> part |> head model))

    /// Feeds ids (B, T) behind what each row of the cache holds. Gives the logits (B, T, V), at each position those of the
    /// token that comes next, and the cache with the new tokens in it (the same buffers, filled further). Never drops
    /// values; records no graph. Raises ArgumentException when the cache has no room for T tokens in each row.
    let extendAll (model: Model) (cache: KvCache) (ids: Tensor) : Tensor * KvCache =
        requireRoomBehind cache ids
        pass id model cache ids, KvCache.advance (int ids.shape[1]) cache

    /// `extendAll`, with the logits (B, V) of the token after the last one alone.
    let extend (model: Model) (cache: KvCache) (ids: Tensor) : Tensor * KvCache =
        requireRoomBehind cache ids

        let logits =
            match Fused.oneToken model cache ids with
            | Some logits -> logits
            | None -> pass (fun x -> x.select (1L, ids.shape[1] - 1L)) model cache ids

        logits, KvCache.advance (int ids.shape[1]) cache
