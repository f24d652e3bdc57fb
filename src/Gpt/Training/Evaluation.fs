namespace Gpt

open TorchSharp

/// What a model is worth on text.
[<RequireQualifiedAccess>]
module Evaluation =

    /// The mean loss (nats a token) over `batches` batches of `size` windows drawn by a generator from a source: the same
    /// generator, the same windows, so that two models are compared on equal text. A batch is computed in `parts` equal parts, one
    /// after the other, in the memory of one. The device is waited for once.
    /// Raises ArgumentOutOfRangeException for `parts` below 1 or that do not divide `size`, ArgumentException for windows (`context`)
    /// longer than the model's context.
    let lossOf
        (model: Model)
        (source: TokenSource)
        (context: int)
        (size: int)
        (parts: int)
        (batches: int)
        (rng: Rng)
        : float =
        let lossOfPart (batch: Batch) =
            Tensors.scoped (fun () -> Loss.crossEntropy (Transformer.forward Eval model batch.Inputs) batch.Targets)

        let loss (index: int) =
            Tensors.scoped (fun () ->
                let own = Rng.split (uint64 index) rng

                match
                    Batches.drawFrom (Model.device model) size context source own
                    |> Batches.parts parts
                    |> List.map lossOfPart
                with
                | [ loss ] -> loss
                | losses -> (torch.stack losses).mean())

        Tensors.noGrad (fun () ->
            Tensors.freeing (fun () ->
                Array.init batches loss |> torch.stack |> Tensors.toFloats |> Array.averageBy float))

    /// `lossOf` tokens in managed memory, a batch at a time.
    let loss (model: Model) (tokens: int[]) (context: int) (size: int) (batches: int) (rng: Rng) : float =
        lossOf model (TokenSource.Managed tokens) context size 1 batches rng
