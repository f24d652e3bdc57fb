namespace Gpt

open TorchSharp

/// How wrong predictions are.
[<RequireQualifiedAccess>]
module Loss =

    /// The mean negative log-likelihood in nats of targets (B, T) under logits (B, T, V): a tensor with one element.
    let crossEntropy (logits: Tensor) (targets: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            torch.nn.functional.cross_entropy (logits.view (-1L, logits.shape[2]), targets.reshape -1L))

    /// e to the loss: how many equally likely tokens the model hesitates between.
    let perplexity (loss: float) : float = exp loss
