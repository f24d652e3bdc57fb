namespace Gpt

open System
open TorchSharp

/// AdamW (Loshchilov and Hutter 2017) with clipping by the global norm.
type AdamWOptions = {
    /// How slowly the mean of the gradient forgets, in [0, 1).
    Beta1: float
    /// How slowly the mean of its square forgets, in [0, 1).
    Beta2: float
    /// Added to the root in the denominator. Positive.
    Epsilon: float
    /// How much of each matrix is taken off a step, times the learning rate. At least 0.
    WeightDecay: float
    /// The largest L2 norm the gradient may have; larger ones are scaled down. None: never.
    ClipNorm: float option
}

/// What AdamW carries from step to step. Both tensors are as long as the flat parameters.
type AdamWState = {
    /// The number of updates made.
    Step: int
    /// The running mean of the gradient.
    Mean: Tensor
    /// The running mean of the gradient's square.
    Square: Tensor
} with

    interface IDisposable with
        member state.Dispose() =
            state.Mean.Dispose()
            state.Square.Dispose()

/// AdamW as a chain of transforms, and the same in place on the flat parameters, which the training loop takes.
[<RequireQualifiedAccess>]
module AdamW =

    /// torch's defaults, with the article's decay 0.1 and clipping at 1.
    let defaults = {
        Beta1 = 0.9
        Beta2 = 0.999
        Epsilon = 1e-8
        WeightDecay = 0.1
        ClipNorm = Some 1.0
    }

    /// The options themselves, or a sentence that names the one that cannot be used.
    let validate (options: AdamWOptions) : Result<AdamWOptions, string> =
        let share name value =
            if value >= 0.0 && value < 1.0 then
                None
            else
                Some $"{name} is {value}; it must be at least 0 and below 1"

        let problem =
            [
                share "beta1" options.Beta1
                share "beta2" options.Beta2
                if not (options.Epsilon > 0.0 && options.Epsilon < infinity) then
                    Some $"epsilon is {options.Epsilon}; it must be positive and finite"
                if not (options.WeightDecay >= 0.0 && options.WeightDecay < infinity) then
                    Some $"weight decay is {options.WeightDecay}; it must be a finite number, at least 0"
                match options.ClipNorm with
                | Some limit when not (limit > 0.0) -> Some $"the clipping norm is {limit}; it must be positive"
                | _ -> None
            ]
            |> List.tryPick id

        match problem with
        | Some sentence -> Error sentence
        | None -> Ok options

    /// The definition: a chain of pure transforms.
    let chain (options: AdamWOptions) (schedule: Schedule) : Transform =
        Transform.chain [
            match options.ClipNorm with
            | Some limit -> Transforms.clipByGlobalNorm limit
            | None -> ()
            Transforms.scaleByAdam options.Beta1 options.Beta2 options.Epsilon
            Transforms.addDecayedWeights options.WeightDecay
            Transforms.scaleBySchedule schedule
        ]

    /// The state before the first step, for flat parameters.
    let init (parameters: Tensor) : AdamWState =
        let zeros () = parameters.zeros_like().DetachFromDisposeScope()

        {
            Step = 0
            Mean = zeros ()
            Square = zeros ()
        }

    /// The numbers of step `count`, the first being 1.
    let private factors (options: AdamWOptions) (rate: float) (count: int) : AdamWStep = {
        Beta1 = options.Beta1
        Beta2 = options.Beta2
        Epsilon = options.Epsilon
        RootScale = 1.0 / sqrt (1.0 - options.Beta2 ** float count)
        Keep = 1.0 - rate * options.WeightDecay
        Rate = rate / (1.0 - options.Beta1 ** float count)
    }

    /// `update`'s changes as TorchSharp's operators, each a pass over memory.
    let private oneByOne (step: AdamWStep) clip matrixCount (parameters: Tensor) (gradient: Tensor) mean square =
        let scalar = Tensors.scalar
        clip |> Option.iter (fun factor -> gradient.mul_ (factor: Tensor) |> ignore)
        (mean: Tensor).mul_(scalar step.Beta1).add_(gradient, scalar (1.0 - step.Beta1)) |> ignore

        (square: Tensor).mul_(scalar step.Beta2).addcmul_(gradient, gradient, scalar (1.0 - step.Beta2))
        |> ignore

        let root = square.sqrt().mul_(scalar step.RootScale).add_(scalar step.Epsilon)
        parameters.narrow(0L, 0L, matrixCount).mul_(scalar step.Keep) |> ignore
        parameters.addcdiv_ (mean, root, scalar -step.Rate) |> ignore

    /// The chain's in-place twin over P flat numbers: changes `parameters` (P) and the means in `state` (and may clip `gradient`,
    /// (P), in place), and gives the norm of the gradient before clipping, a tensor with one element, and the state after the
    /// step. `rate` is the learning rate; the first `matrixCount` parameters, 0 to P, decay. It makes no copy of what it changes
    /// and reads nothing back from the device. A property test holds it against `chain`.
    let update
        (options: AdamWOptions)
        (rate: float)
        (matrixCount: int64)
        (parameters: Tensor)
        (gradient: Tensor)
        state
        =
        let step = factors options rate (state.Step + 1)

        Tensors.noGrad (fun () ->
            Tensors.scoped (fun () ->
                let norm = gradient.norm ()
                let clip = options.ClipNorm |> Option.map (fun limit -> Transforms.clipFactor limit norm)

                if not (Fused.adamW step clip matrixCount parameters gradient state.Mean state.Square) then
                    oneByOne step clip matrixCount parameters gradient state.Mean state.Square

                norm)),
        { state with Step = state.Step + 1 }
