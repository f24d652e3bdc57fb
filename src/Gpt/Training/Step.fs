namespace Gpt

open System
open TorchSharp

/// A training run between two steps. Its tensors are changed in place by `Step.advance`; dispose it to free them.
type TrainingState = {
    Model: Model
    /// The gradient of every parameter, flat like `Model.Flat`; each parameter's `.grad` is a view of it.
    Gradient: Tensor
    GradientViews: (string * Tensor) list
    Optimizer: AdamWState
    /// The number of steps made.
    Step: int
} with

    interface IDisposable with
        member state.Dispose() =
            (state.Model :> IDisposable).Dispose()
            (state.Optimizer :> IDisposable).Dispose()

            for _, view in state.GradientViews do
                view.Dispose()

            state.Gradient.Dispose()

/// One optimizer step.
[<RequireQualifiedAccess>]
module Step =

    /// A run that begins at a copy of `model`.
    let start (model: Model) : TrainingState =
        Tensors.freeing (fun () ->
            let model = Model.copy model
            let gradient = model.Flat.zeros_like().DetachFromDisposeScope()
            let views = Model.viewsOf model.Config gradient

            for (_, parameter), (_, view) in List.zip model.Named views do
                parameter.requires_grad <- true
                parameter.grad <- view

            {
                Model = model
                Gradient = gradient
                GradientViews = views
                Optimizer = AdamW.init model.Flat
                Step = 0
            })

    /// Forward, loss, backward: fills the flat gradient and gives the loss, a tensor with one element.
    let differentiate (mode: Mode) (batch: Batch) (state: TrainingState) : Tensor =
        state.Gradient.zero_ () |> ignore

        Tensors.scoped (fun () ->
            let loss = Loss.crossEntropy (Transformer.forward mode state.Model batch.Inputs) batch.Targets
            loss.backward ()
            loss.detach ())

    /// One step on a batch: the state after it, the loss before it and the gradient's norm before clipping (both tensors
    /// with one element, left on the device). All else that the step makes is freed.
    let advance (options: AdamWOptions) (rate: float) (mode: Mode) (batch: Batch) (state: TrainingState) =
        let loss = differentiate mode batch state
        let model = state.Model

        let norm, optimizer =
            AdamW.update options rate model.MatrixCount model.Flat state.Gradient state.Optimizer

        struct ({
                    state with
                        Optimizer = optimizer
                        Step = state.Step + 1
                },
                loss,
                norm)
