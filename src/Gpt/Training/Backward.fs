namespace Gpt

open TorchSharp

/// Forward, loss and backward, in two ways that give the same gradients.
[<RequireQualifiedAccess>]
module Backward =

    /// The mean loss of hidden states (B, T, C) after the last block.
    let private lossOf (model: Model) (targets: Tensor) (x: Tensor) : Tensor =
        let logits = Tensors.scoped (fun () -> x |> Transformer.finish model |> Transformer.head model)
        Loss.crossEntropy logits targets

    /// Adds the gradients of `share` times the loss to the leaves that it was computed from; gives the loss.
    let private walk (share: float) (loss: Tensor) : Tensor =
        if share = 1.0 then
            loss.backward ()
        else
            loss.mul(Tensors.scalar share).backward()

        loss.detach ()

    /// Adds the gradients of `share` times the mean loss of a batch to the model's parameters; gives the loss, with one element.
    /// Everything that the way forward computes is kept for the way back.
    let plain (mode: Mode) (share: float) (model: Model) (batch: Batch) : Tensor =
        Tensors.scoped (fun () ->
            walk share (Loss.crossEntropy (Transformer.forward mode model batch.Inputs) batch.Targets))

    /// The gradient of a leaf that the loss depends on.
    let private reached (leaf: Tensor) : Tensor =
        match Tensors.gradient leaf with
        | Some gradient -> gradient
        | None -> invalidOp "the walk back has not reached where it should"

    /// A leaf with the values of a tensor.
    let private leaf (x: Tensor) : Tensor =
        let leaf = x.detach ()
        leaf.requires_grad <- true
        leaf

    /// `plain`, keeping the inputs of the blocks alone: each block is computed once more on the way back, from its own input and
    /// with the same masks of dropout, so that what one block keeps is all that is there at a time.
    let recomputing (mode: Mode) (share: float) (model: Model) (batch: Batch) : Tensor =
        let blocks = model.Params.Blocks
        let block layer = Transformer.block mode model.Config None layer blocks[layer]

        /// The gradient of a block's input, of the gradient of its output.
        let back (gradient: Tensor) (layer: int, input: Tensor) : Tensor =
            use gradient = gradient
            use input = input

            Tensors.scoped (fun () ->
                let start = leaf input
                torch.autograd.backward ([| block layer start |], [| gradient |])
                reached start)

        Tensors.scoped (fun () ->
            Transformer.requireContext model batch.Inputs
            let embedded = Transformer.embed mode model None batch.Inputs

            // Recorded, as the second time, so that both compute the same bits; the record goes with the handle.
            let forget (x: Tensor) (layer: int) : Tensor = Tensors.scoped (fun () -> (block layer (leaf x)).detach())

            // The input of each block, and the output of the last.
            let inputs = List.scan forget (embedded.detach ()) [ 0 .. blocks.Length - 1 ]

            let last = leaf (List.last inputs)
            let loss = Tensors.scoped (fun () -> walk share (lossOf model batch.Targets last))

            let gradient =
                inputs |> List.truncate blocks.Length |> List.indexed |> List.rev |> List.fold back (reached last)

            // Where adapters alone are learned, the embeddings are not.
            if embedded.requires_grad then
                torch.autograd.backward ([| embedded |], [| gradient |])

            loss)
