namespace Gpt

/// Scale and shift of a LayerNorm, shape (C) each.
type NormParams<'T> = {
    /// The scale, 1 at first.
    Weight: 'T
    /// The shift, 0 at first.
    Bias: 'T
}

/// A dense layer y = x Wᵀ + b: weight (out, in), bias (out).
type LinearParams<'T> = {
    /// (out, in)
    Weight: 'T
    /// What the rows of the weight are multiplied by, (out), where it is kept in int8.
    Scale: 'T option
    /// (out)
    Bias: 'T
}

/// Causal self-attention: one layer that makes queries, keys and values (3C, C), and one after the heads (C, C).
type AttentionParams<'T> = {
    /// What makes queries, keys and values of the input, one behind the other: (3C, C).
    QueryKeyValue: LinearParams<'T>
    /// What brings the heads' results together: (C, C).
    Output: LinearParams<'T>
}

/// The feed-forward half of a block: up (F, C) and down (C, F), F the feed-forward width.
type FeedForwardParams<'T> = {
    /// Before the nonlinearity, (F, C).
    Up: LinearParams<'T>
    /// After it, (C, F).
    Down: LinearParams<'T>
}

/// One block: a norm before each half.
type BlockParams<'T> = {
    /// Before the attention.
    AttentionNorm: NormParams<'T>
    /// The first half of the block.
    Attention: AttentionParams<'T>
    /// Before the feed-forward half.
    FeedForwardNorm: NormParams<'T>
    /// The second half.
    FeedForward: FeedForwardParams<'T>
}

/// Everything a GPT learns. 'T is a tensor in a model, a shape in a listing, a name in a table.
type Params<'T> = {
    /// (V, C). It also makes the logits where the head is tied to it.
    TokenEmbedding: 'T
    /// What its rows are multiplied by, (V), where it is kept in int8.
    TokenEmbeddingScale: 'T option
    /// (context, C)
    PositionEmbedding: 'T
    /// One a layer, the first layer first.
    Blocks: BlockParams<'T>[]
    /// Before the head.
    FinalNorm: NormParams<'T>
    /// (V, C), what makes the logits where the head is not tied to the token embedding.
    Head: 'T option
    /// What the head's rows are multiplied by, (V), where it is kept in int8.
    HeadScale: 'T option
}

[<RequireQualifiedAccess>]
module Params =

    /// Builds the record by asking `source` for each parameter by its name and shape, and `scaleOf` for the scale of a matrix
    /// that has one by the matrix's name. This is the one place where names (GPT-2's) and shapes are written;
    /// initialization, checkpoints and listings are all sources.
    let internal buildScaled
        (scaleOf: string -> 'T option)
        (config: GptConfig)
        (source: string -> int64 list -> 'T)
        : Params<'T> =
        let channels, hidden = int64 config.Dim, int64 config.FeedForward

        let norm name : NormParams<'T> = {
            Weight = source $"{name}.weight" [ channels ]
            Bias = source $"{name}.bias" [ channels ]
        }

        let linear name inputs outputs : LinearParams<'T> = {
            Weight = source $"{name}.weight" [ outputs; inputs ]
            Scale = scaleOf $"{name}.weight"
            Bias = source $"{name}.bias" [ outputs ]
        }

        let block i : BlockParams<'T> = {
            AttentionNorm = norm $"h.{i}.ln_1"
            Attention = {
                QueryKeyValue = linear $"h.{i}.attn.c_attn" channels (3L * channels)
                Output = linear $"h.{i}.attn.c_proj" channels channels
            }
            FeedForwardNorm = norm $"h.{i}.ln_2"
            FeedForward = {
                Up = linear $"h.{i}.mlp.c_fc" channels hidden
                Down = linear $"h.{i}.mlp.c_proj" hidden channels
            }
        }

        let table = [ int64 config.VocabSize; channels ]

        {
            TokenEmbedding = source "wte.weight" table
            TokenEmbeddingScale = scaleOf "wte.weight"
            PositionEmbedding = source "wpe.weight" [ int64 config.Context; channels ]
            Blocks = Array.init config.Layers block
            FinalNorm = norm "ln_f"
            Head =
                if config.TiedHead then
                    None
                else
                    Some(source "lm_head.weight" table)
            HeadScale = if config.TiedHead then None else scaleOf "lm_head.weight"
        }

    /// Builds the record of a model without scales by asking `source` for each parameter by its name and shape.
    let build (config: GptConfig) (source: string -> int64 list -> 'T) : Params<'T> =
        buildScaled (fun _ -> None) config source

    /// Every parameter's name and shape, in the order of `build`.
    let shapes (config: GptConfig) : (string * int64 list) list =
        let listing = ResizeArray()
        build config (fun name shape -> listing.Add(name, shape)) |> ignore
        List.ofSeq listing

    /// The number of numbers a model of this configuration learns (tied weights counted once).
    let count (config: GptConfig) : int64 = shapes config |> List.sumBy (snd >> List.fold (*) 1L)
