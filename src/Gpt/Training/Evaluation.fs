namespace Gpt

/// What a model is worth on text.
[<RequireQualifiedAccess>]
module Evaluation =

    /// The mean loss (nats a token) over `batches` batches of `size` windows drawn by a generator: the same generator, the
    /// same windows, so that two models are compared on equal text.
    let loss (model: Model) (tokens: int[]) (context: int) (size: int) (batches: int) (rng: Rng) : float =
        let lossOf (index: int) =
            Tensors.freeing (fun () ->
                let batch = Batches.draw (Model.device model) size context tokens (Rng.split (uint64 index) rng)
                Tensors.item (Loss.crossEntropy (Transformer.forward Eval model batch.Inputs) batch.Targets))

        Tensors.noGrad (fun () -> Seq.init batches lossOf |> Seq.average)
