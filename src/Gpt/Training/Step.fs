namespace Gpt

open System
open TorchSharp

/// Adapters that are trained, and the model that they adapt: the caller's, which stays as it is.
type Adaptation = {
    /// What is trained.
    Lora: Lora
    /// What it adapts.
    Base: Model
}

/// A training run between two steps. Its tensors are changed in place by `Step.advance`; dispose it to free them.
type TrainingState = {
    /// The model as the steps have left it; with adapters, merged with them.
    Model: Model
    /// What is trained in place of the model's own parameters, if anything is.
    Adaptation: Adaptation option
    /// The gradient of everything that is trained, flat like `Model.Flat` or the adapters' `Flat`; the `.grad` of each parameter
    /// is a view of it.
    Gradient: Tensor
    /// The views of `Gradient` by the parameters' names.
    GradientViews: (string * Tensor) list
    /// The running means of the gradient, and the number of steps.
    Optimizer: AdamWState
    /// The number of steps made.
    Step: int
} with

    interface IDisposable with
        member state.Dispose() =
            (state.Model :> IDisposable).Dispose()

            match state.Adaptation with
            | Some adaptation -> (adaptation.Lora :> IDisposable).Dispose()
            | None -> ()

            (state.Optimizer :> IDisposable).Dispose()

            for _, view in state.GradientViews do
                view.Dispose()

            state.Gradient.Dispose()

/// One optimizer step.
[<RequireQualifiedAccess>]
module Step =

    /// A run between two steps whose parameters lie in `flat`, cut into `named` by `cut`.
    let private startOver model adaptation (flat: Tensor) (named: (string * Tensor) list) cut : TrainingState =
        let gradient = flat.zeros_like().DetachFromDisposeScope()
        let views: (string * Tensor) list = cut gradient

        for (_, parameter), (_, view) in List.zip named views do
            parameter.requires_grad <- true
            parameter.grad <- view

        {
            Model = model
            Adaptation = adaptation
            Gradient = gradient
            GradientViews = views
            Optimizer = AdamW.init flat
            Step = 0
        }

    /// A run that begins at a copy of `model`. Raises ArgumentException when its weights are not float32.
    let start (model: Model) : TrainingState =
        Model.requireFloat32 "training" model

        Tensors.freeing (fun () ->
            let model = Model.copy model
            startOver model None model.Flat model.Named (Model.viewsOf model.Config))

    /// A run that trains a copy of `lora` alone. `model` is read at every step and must not be disposed before the run.
    /// Raises ArgumentException when the adapters were made for a model of other sizes, or its weights are not float32.
    let startAdapters (lora: Lora) (model: Model) : TrainingState =
        Tensors.freeing (fun () ->
            let merged = Lora.merge lora model
            let lora = Lora.copy lora
            let cut = Model.cut (Lora.shapes lora.Config lora.Options)
            startOver merged (Some { Lora = lora; Base = model }) lora.Flat lora.Named cut)

    /// The same run, sharing no memory: both go on alike. With adapters, the model that they adapt is the same one.
    let copy (state: TrainingState) : TrainingState =
        let fresh =
            match state.Adaptation with
            | None -> start state.Model
            | Some adaptation -> startAdapters adaptation.Lora adaptation.Base

        Tensors.noGrad (fun () ->
            fresh.Optimizer.Mean.copy_ state.Optimizer.Mean |> ignore
            fresh.Optimizer.Square.copy_ state.Optimizer.Square |> ignore)

        {
            fresh with
                Optimizer = {
                    fresh.Optimizer with
                        Step = state.Optimizer.Step
                }
                Step = state.Step
        }

    /// The model whose loss is differentiated: with adapters, one whose adapted weights are computed from them.
    let private differentiable (state: TrainingState) : Model =
        match state.Adaptation with
        | None -> state.Model
        | Some adaptation -> {
            adaptation.Base with
                Params = Lora.apply adaptation.Lora adaptation.Base
          }

    /// One pass over a part of a step's windows in bfloat16: a walk back leaves the gradients of the rounded parameters at them,
    /// which are added to those of the parameters.
    let private walkRounded walk (state: TrainingState) : Tensor =
        match state.Adaptation with
        | Some _ ->
            let model = differentiable state

            walk {
                model with
                    Params = MixedPrecision.ofParams model.Params
            }
        | None ->
            let parameters, rounded = MixedPrecision.ofModel state.Model
            let loss: Tensor = walk { state.Model with Params = parameters }

            Tensors.noGrad (fun () ->
                for leaf, (_, view) in List.zip rounded state.GradientViews do
                    Tensors.gradient leaf |> Option.iter (view.add_ >> ignore))

            loss

    /// The windows of a step in equal parts, each with a generator of its own where dropout draws.
    let private parts (count: int) (mode: Mode) (batch: Batch) : (Mode * Batch) list =
        Batches.parts count batch
        |> List.mapi (fun index part ->
            match mode with
            | Train rng when count > 1 -> Train(Rng.split (uint64 index) rng), part
            | mode -> mode, part)

    /// Forward, loss, backward: fills the flat gradient and gives the loss, a tensor with one element. Reads nothing back.
    /// Raises ArgumentException when `StepOptions.validate` would refuse the options.
    let differentiate (options: StepOptions) (mode: Mode) (batch: Batch) (state: TrainingState) : Tensor =
        match StepOptions.validate (int batch.Inputs.shape[0]) options with
        | Error sentence -> invalidArg (nameof options) sentence
        | Ok _ -> ()

        let share = 1.0 / float options.Parts

        let backward =
            if options.Recompute then
                Backward.recomputing
            else
                Backward.plain

        state.Gradient.zero_ () |> ignore

        let lossOf (mode, batch) =
            Tensors.scoped (fun () ->
                let walk model = backward mode share model batch

                match options.Precision with
                | Precision.Float32 -> walk (differentiable state)
                | Precision.BFloat16 -> walkRounded walk state)

        Tensors.scoped (fun () ->
            match parts options.Parts mode batch |> List.map lossOf with
            | [ loss ] -> loss
            | losses -> (torch.stack losses).mean())

    /// One step on a batch: the state after it, the loss before it and the gradient's norm before clipping (both tensors
    /// with one element, left on the device: nothing is read back). All else that the step makes is freed.
    /// Raises ArgumentException when `StepOptions.validate` would refuse the step's options.
    let advance
        (step: StepOptions)
        (options: AdamWOptions)
        (rate: float)
        (mode: Mode)
        (batch: Batch)
        (state: TrainingState)
        =
        let loss = differentiate step mode batch state

        let flat, matrixCount =
            match state.Adaptation with
            | None -> state.Model.Flat, state.Model.MatrixCount
            | Some adaptation -> adaptation.Lora.Flat, adaptation.Lora.Flat.numel ()

        let norm, optimizer = AdamW.update options rate matrixCount flat state.Gradient state.Optimizer

        match state.Adaptation with
        | None -> ()
        | Some adaptation -> Lora.mergeInto state.Model adaptation.Lora adaptation.Base

        struct ({
                    state with
                        Optimizer = optimizer
                        Step = state.Step + 1
                },
                loss,
                norm)
