namespace Gpt

/// Scale and shift of a LayerNorm, shape (C) each.
type NormParams<'T> = { Weight: 'T; Bias: 'T }

/// A dense layer y = x Wᵀ + b: weight (out, in), bias (out).
type LinearParams<'T> = {
    Weight: 'T
    /// What the rows of the weight are multiplied by, (out), where it is kept in int8.
    Scale: 'T option
    Bias: 'T
}

/// Causal self-attention: one layer that makes queries, keys and values (3C, C), and one after the heads (C, C).
type AttentionParams<'T> = {
    QueryKeyValue: LinearParams<'T>
    Output: LinearParams<'T>
}

/// The feed-forward half of a block: up (F, C) and down (C, F), F the feed-forward width.
type FeedForwardParams<'T> = {
    Up: LinearParams<'T>
    Down: LinearParams<'T>
}

/// One block: a norm before each half.
type BlockParams<'T> = {
    AttentionNorm: NormParams<'T>
    Attention: AttentionParams<'T>
    FeedForwardNorm: NormParams<'T>
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
    Blocks: BlockParams<'T>[]
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
