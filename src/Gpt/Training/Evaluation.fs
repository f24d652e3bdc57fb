namespace Gpt

open TorchSharp

/// What a model is worth on text.
[<RequireQualifiedAccess>]
module Evaluation =

    /// The mean loss (nats a token) over `batches` batches of `size` windows drawn by a generator from a source: the same
    /// generator, the same windows, so that two models are compared on equal text. The device is waited for once.
    let lossOf (model: Model) (source: TokenSource) (context: int) (size: int) (batches: int) (rng: Rng) : float =
        let loss (index: int) =
            Tensors.scoped (fun () ->
                let own = Rng.split (uint64 index) rng
                let batch = Batches.drawFrom (Model.device model) size context source own
                Loss.crossEntropy (Transformer.forward Eval model batch.Inputs) batch.Targets)

        Tensors.noGrad (fun () ->
            Tensors.freeing (fun () ->
                Array.init batches loss |> torch.stack |> Tensors.toFloats |> Array.averageBy float))

    /// `lossOf` tokens in managed memory.
    let loss (model: Model) (tokens: int[]) (context: int) (size: int) (batches: int) (rng: Rng) : float =
        lossOf model (TokenSource.Managed tokens) context size batches rng
