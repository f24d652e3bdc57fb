namespace Gpt

open TorchSharp

/// What a step holds for each token of a part, in numbers of four bytes.
type internal TokenMemory = {
    /// What one block keeps for the way back.
    Block: int64
    /// What is held beside what the blocks keep when the last block has been computed.
    Forward: int64
    /// The same at the height of a block's way back.
    Back: int64
    /// The same at the height of the loss.
    Loss: int64
    /// What the embedding keeps where it is trained.
    Embedding: int64
}

/// Predictions for one token, from sizes alone. C is the width, F the feed-forward width, H the heads, T the tokens of a window, V the
/// vocabulary. In float32 a block keeps
///
///     8 C + 2 F + H + 4
///
/// numbers: the input of both norms and their results (4 C), queries, keys and values (3 C), what attention mixes (C) and the
/// logarithm of each head's sum (H), both sides of the nonlinearity (2 F), each norm's mean and root (4). In bfloat16 libtorch keeps
/// 5 C + F + H + 4; the embedded engine, which widens, 9 C + 2 F + H + 4.
///
/// With dropout libtorch's attention on a processor is no longer one fused operator: it computes in float32 and keeps the
/// softmax, the mask and their product (3 H T), and each mask is as large as what it drops (C). On a GPU attention stays fused and keeps
/// a seed; a mask is one byte for each number. The embedded engine makes its masks anew.
///
/// The numbers for libtorch on a processor were found by counting what it allocates; those for a GPU with dropout follow from
/// PyTorch's sources (`native_dropout`, the fused attentions) and have not been measured.
[<RequireQualifiedAccess>]
module internal TokenMemory =

    /// Whether a step is computed by the embedded engine.
    let isEmbedded = Device.engine = "embedded"

    /// Whether dropout takes attention on a device apart.
    let isAttentionApart (device: torch.Device) (config: GptConfig) : bool =
        config.Dropout > 0.0 && not isEmbedded && Device.isCpu device

    /// The scores of all heads for one token of a window.
    let scores (config: GptConfig) (length: int) : int64 = int64 config.Heads * int64 length

    let private withoutDropout (config: GptConfig) (precision: Precision) : TokenMemory =
        let c, f, v = int64 config.Dim, int64 config.FeedForward, int64 config.VocabSize
        let statistics = int64 config.Heads + 4L

        match precision with
        | Precision.Float32 -> {
            Block = 8L * c + 2L * f + statistics
            Forward = 4L * c
            Back = max (4L * c) (c + f) + v
            // libtorch's walk back has the logarithms of the softmax and the gradients of both beside the logits.
            Loss = if isEmbedded then 2L * v + 3L * c else 4L * v + 2L * c
            Embedding = 0L
          }
        | Precision.BFloat16 when isEmbedded -> {
            Block = 9L * c + 2L * f + statistics
            Forward = 11L * c / 2L + f
            Back = 9L * c + f + v
            Loss = 2L * v + 7L * c
            Embedding = 0L
          }
        | Precision.BFloat16 -> {
            Block = 5L * c + f + statistics
            Forward = 6L * c
            Back = 2L * c + f / 2L + v
            Loss = 4L * v + 2L * c
            Embedding = 0L
          }

    /// What a step in windows of `length` tokens holds for each, on a device.
    let predict device (config: GptConfig) (precision: Precision) (length: int) : TokenMemory =
        let c, f = int64 config.Dim, int64 config.FeedForward
        let plain = withoutDropout config precision

        if config.Dropout = 0.0 then
            plain
        elif isEmbedded then
            {
                plain with
                    Forward = plain.Forward + 2L * c
                    Back = plain.Back + c
            }
        elif not (isAttentionApart device config) then
            {
                plain with
                    Block = plain.Block + c / 4L
                    Forward = plain.Forward + 2L * c
                    Back = plain.Back + c
                    Embedding = c / 4L
            }
        else
            let scores = scores config length

            // In bfloat16 queries, keys and values are widened, too, and the mask of the block is narrow.
            let kept, held =
                match precision with
                | Precision.Float32 -> c, 6L * c
                | Precision.BFloat16 -> 2L * c, 7L * c / 2L

            {
                plain with
                    Block = plain.Block + 3L * scores + kept
                    Forward = plain.Forward + held
                    // Attention's own way back comes when the feed-forward half has been left.
                    Back = max (plain.Back + c) (scores - 2L * f)
                    Embedding = c
            }
