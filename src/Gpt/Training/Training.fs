namespace Gpt

open System

/// How a model is trained.
type TrainingOptions = {
    /// The number of optimizer steps, at least 1.
    Steps: int
    /// How many windows a step sees, at least 1.
    BatchSize: int
    /// T, the length of a window: at least 1 and at most the model's context.
    WindowLength: int
    /// The learning rate of each step.
    Schedule: Schedule
    /// What AdamW does with gradient and rate.
    Optimizer: AdamWOptions
    /// A `Stepped` event comes after every so many steps, at least 1. Its loss is the mean over them.
    ReportEvery: int
    /// An `Evaluated` event comes after every so many steps, and after the last, at least 1.
    EvaluateEvery: int
    /// How many batches each split is judged by, at least 1.
    EvaluationBatches: int
    /// Decides the batches, the dropout masks and the windows of the evaluation.
    Seed: uint64
}

/// What happened in a training run.
type TrainingEvent =
    /// `Loss` is the mean training loss since the last report, `GradientNorm` the last step's, before clipping.
    | Stepped of Loss: float * GradientNorm: float * LearningRate: float
    /// Losses on fixed windows of both splits, without dropout.
    | Evaluated of TrainingLoss: float * ValidationLoss: float

/// An event and the run it happened in. `State` is the live run: look, evaluate, save or generate from it now; the next
/// step changes it in place, and the end of the enumeration disposes it. `Model.copy` keeps what it holds.
type TrainingReport = {
    /// What happened.
    Event: TrainingEvent
    /// The run after it.
    State: TrainingState
}

/// Training is a lazy sequence of reports: the caller logs, saves, draws and stops with `Seq` functions.
[<RequireQualifiedAccess>]
module Training =

    /// The options themselves, or one sentence that names the one that cannot be used with a model of this configuration.
    let validate (config: GptConfig) (options: TrainingOptions) : Result<TrainingOptions, string> =
        let counts = [
            "steps", options.Steps
            "batch", options.BatchSize
            "window length", options.WindowLength
            "report interval", options.ReportEvery
            "evaluation interval", options.EvaluateEvery
            "evaluation batches", options.EvaluationBatches
        ]

        match counts |> List.tryFind (fun (_, value) -> value < 1) with
        | Some(name, value) -> Error $"{name} is {value}; it must be at least 1"
        | None when options.WindowLength > config.Context ->
            Error $"window length is {options.WindowLength}; it must be at most the model's context {config.Context}"
        | None ->
            Schedule.validate options.Schedule
            |> Result.bind (fun _ -> AdamW.validate options.Optimizer)
            |> Result.map (fun _ -> options)

    /// Independent generators for the three things that chance decides.
    let private generators (options: TrainingOptions) =
        let rng = Rng.ofSeed options.Seed
        Rng.splitNamed "batches" rng, Rng.splitNamed "dropout" rng, Rng.splitNamed "evaluation" rng

    let private evaluate (options: TrainingOptions) (corpus: Corpus) (rng: Rng) (state: TrainingState) =
        let lossOf split =
            let tokens = Corpus.part split corpus
            Evaluation.loss state.Model tokens options.WindowLength options.BatchSize options.EvaluationBatches rng

        {
            Event = Evaluated(lossOf Training, lossOf Validation)
            State = state
        }

    /// One step with everything that is random in it decided by (seed, step).
    let private step (options: TrainingOptions) (corpus: Corpus) (state: TrainingState) =
        let batches, masks, _ = generators options
        let own rng = Rng.split (uint64 state.Step) rng

        Tensors.freeing (fun () ->
            let device = Model.device state.Model
            let batch = Batches.draw device options.BatchSize options.WindowLength corpus.Training (own batches)
            let rate = Schedule.rate options.Schedule state.Step
            let struct (state, loss, norm) = Step.advance options.Optimizer rate (Train(own masks)) batch state
            struct (state, loss.DetachFromDisposeScope(), norm.DetachFromDisposeScope()))

    /// The running total of losses stays on the device until a report reads it.
    let private add (loss: Tensor) (total: Tensor) = Tensors.freeing (fun () -> total.add_ loss |> ignore)

    let private takeOut (total: Tensor) : float =
        Tensors.freeing (fun () ->
            let value = Tensors.item total
            total.zero_ () |> ignore
            value)

    let private runFrom options corpus (config: GptConfig) (start: unit -> TrainingState) : TrainingReport seq =
        seq {
            match validate config options with
            | Error sentence -> invalidArg (nameof options) sentence
            | Ok _ -> ()

            let _, _, windows = generators options
            let mutable state = start ()

            use _disposing = {
                new IDisposable with
                    member _.Dispose() = (state :> IDisposable).Dispose()
            }

            use total = (Tensors.zeros (Model.device state.Model) [ 1L ]).DetachFromDisposeScope()
            let mutable counted = 0

            if state.Step = 0 then
                yield evaluate options corpus windows state

            while state.Step < options.Steps do
                let struct (next, loss, norm) = step options corpus state
                use loss = loss
                use norm = norm
                state <- next
                add loss total
                counted <- counted + 1
                let last = state.Step = options.Steps

                if last || state.Step % options.ReportEvery = 0 then
                    let mean = takeOut total / float counted
                    let rate = Schedule.rate options.Schedule (state.Step - 1)
                    counted <- 0

                    yield {
                        Event = Stepped(mean, Tensors.item norm, rate)
                        State = state
                    }

                if last || state.Step % options.EvaluateEvery = 0 then
                    yield evaluate options corpus windows state
        }

    /// Trains a copy of `model` on a corpus: nothing happens before the first report is asked for, and enumerating twice gives
    /// the same run twice. An `Evaluated` report comes first, before any step.
    /// Raises ArgumentException at the first report when `validate` would refuse the options.
    let run (options: TrainingOptions) (corpus: Corpus) (model: Model) : TrainingReport seq =
        runFrom options corpus model.Config (fun () -> Step.start model)

    /// The same with a copy of adapters, which alone is trained: `State.Adaptation` has them, `State.Model` is the model merged with
    /// them. `model` must not be disposed while the reports are enumerated.
    /// Raises ArgumentException, too, when the adapters were made for a model of other sizes.
    let runAdapters (options: TrainingOptions) (corpus: Corpus) (lora: Lora) (model: Model) : TrainingReport seq =
        runFrom options corpus model.Config (fun () -> Step.startAdapters lora model)

    /// Goes on with a run that was kept between two steps (`Step.copy`, `TrainingCheckpoint`): the reports that `run` gives after
    /// that step, when it was kept at a report; from a run without steps all of them. Trains a copy of `state`.
    /// Raises ArgumentException at the first report when `validate` would refuse the options.
    let resume (options: TrainingOptions) (corpus: Corpus) (state: TrainingState) : TrainingReport seq =
        runFrom options corpus state.Model.Config (fun () -> Step.copy state)
