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
    /// How a step is computed.
    Step: StepOptions
    /// A `Stepped` event comes after every so many steps, at least 1. Its loss is the mean over them. Between two of them
    /// nothing is read from the device, which is never waited for.
    ReportEvery: int
    /// Whether a `Stepped` event comes one step late, when the device is busy with that one: a GPU then never stands idle for a
    /// report. Where an evaluation follows, which waits for the device anyway, it comes at once. None is late where the device is
    /// not the processor, which gains nothing by it.
    ReportLate: bool option
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
    /// The number of steps after which it happened.
    Step: int
    /// The run after it, one step further where the event came late (`TrainingOptions.ReportLate`).
    State: TrainingState
    /// At a `Stepped` event, the loss of each step since the last one, in order; else none.
    Losses: float[]
}

/// What `Training.everyStep` tells of.
type TrainingMoment =
    /// A step was made, and there is nothing to tell of it.
    | Made of TrainingState
    /// A step after which losses were read, or an evaluation.
    | Reported of TrainingReport

/// Training is a lazy sequence of reports: the caller logs, saves, draws and stops with `Seq` functions.
[<RequireQualifiedAccess>]
module Training =

    /// A short run of `steps` steps, at least 1, to be changed by `with`: 16 windows of 64 tokens a step, a rate that rises to 2e-3
    /// over a twentieth of the steps and falls to 2e-4, `AdamW.defaults`, `StepOptions.plain`, a report every twentieth of the
    /// steps, an evaluation on 20 batches every tenth, seed 1337.
    let defaults (steps: int) : TrainingOptions = {
        Steps = steps
        BatchSize = 16
        WindowLength = 64
        Schedule = WarmupCosine(2e-3, 2e-4, steps / 20, steps)
        Optimizer = AdamW.defaults
        Step = StepOptions.plain
        ReportEvery = max 1 (steps / 20)
        ReportLate = None
        EvaluateEvery = max 1 (steps / 10)
        EvaluationBatches = 20
        Seed = 1337UL
    }

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
            |> Result.bind (fun _ -> StepOptions.validate options.BatchSize options.Step)
            |> Result.map (fun _ -> options)

    /// Whether `Stepped` events come one step late on a device (`ReportLate`).
    let isLate (device: TorchSharp.torch.Device) (options: TrainingOptions) : bool =
        options.ReportLate |> Option.defaultValue (not (Device.isCpu device))

    /// Whether an evaluation follows a step.
    let private isJudged (options: TrainingOptions) (step: int) : bool =
        step = options.Steps || step % options.EvaluateEvery = 0

    /// Independent generators for the three things that chance decides.
    let private generators (options: TrainingOptions) =
        let rng = Rng.ofSeed options.Seed
        Rng.splitNamed "batches" rng, Rng.splitNamed "dropout" rng, Rng.splitNamed "evaluation" rng

    /// Both parts of a corpus, where windows are cut from them.
    type private Sources = {
        Training: TokenSource
        Validation: TokenSource
    } with

        interface IDisposable with
            member sources.Dispose() =
                (sources.Training :> IDisposable).Dispose()
                (sources.Validation :> IDisposable).Dispose()

    let private sourcesOf device (corpus: Corpus) : Sources = {
        Training = Batches.source device corpus.Training
        Validation = Batches.source device corpus.Validation
    }

    let private evaluate (options: TrainingOptions) (sources: Sources) (rng: Rng) (state: TrainingState) =
        let lossOf source =
            Evaluation.lossOf
                state.Model
                source
                options.WindowLength
                options.BatchSize
                options.Step.Parts
                options.EvaluationBatches
                rng

        Reported {
            Event = Evaluated(lossOf sources.Training, lossOf sources.Validation)
            Step = state.Step
            State = state
            Losses = [||]
        }

    /// One step with everything that is random in it decided by (seed, step). Its loss and the norm of its gradient go into
    /// `numbers`, on the device: the loss at `place`, the norm at the end.
    let private step (options: TrainingOptions) (sources: Sources) (numbers: Tensor) place (state: TrainingState) =
        let batches, masks, _ = generators options
        let own rng = Rng.split (uint64 state.Step) rng

        Tensors.freeing (fun () ->
            let device = Model.device state.Model

            let batch =
                Batches.drawFrom device options.BatchSize options.WindowLength sources.Training (own batches)

            let rate = Schedule.rate options.Schedule state.Step

            let struct (state, loss, norm) =
                Step.advance options.Step options.Optimizer rate (Train(own masks)) batch state

            let keep (place: int64) (value: Tensor) = numbers.narrow(0L, place, 1L).copy_ value |> ignore

            keep (int64 place) loss
            keep (numbers.shape[0] - 1L) norm
            state)

    /// The report of `count` steps up to number `last`, whose losses and last norm have been asked for: here they are read, all at
    /// once.
    let private report (options: TrainingOptions) (state: TrainingState) (numbers: Fetch, count: int, last: int) =
        use numbers = numbers
        let values = numbers.Wait() |> Array.map float
        let losses = Array.truncate count values

        Reported {
            Event = Stepped(Array.average losses, Array.last values, Schedule.rate options.Schedule (last - 1))
            Step = last
            State = state
            Losses = losses
        }

    let private momentsFrom options corpus (config: GptConfig) (start: unit -> TrainingState) : TrainingMoment seq =
        seq {
            match validate config options with
            | Error sentence -> invalidArg (nameof options) sentence
            | Ok _ -> ()

            let _, _, windows = generators options
            let mutable state = start ()
            // The report that the next step brings.
            let mutable late: (Fetch * int * int) option = None

            use _disposing = {
                new IDisposable with
                    member _.Dispose() =
                        (state :> IDisposable).Dispose()
                        late |> Option.iter (fun (numbers, _, _) -> (numbers :> IDisposable).Dispose())
            }

            let device = Model.device state.Model
            let isLate = isLate device options
            use sources = sourcesOf device corpus
            let room = int64 (min options.ReportEvery options.Steps) + 1L
            use numbers = (Tensors.zeros device [ room ]).DetachFromDisposeScope()
            let mutable counted = 0

            if state.Step = 0 then
                yield evaluate options sources windows state

            while state.Step < options.Steps do
                state <- step options sources numbers counted state
                counted <- counted + 1
                let isLast = state.Step = options.Steps
                let isJudged = isJudged options state.Step
                let isReported = isLast || state.Step % options.ReportEvery = 0
                let before = late
                late <- None

                if isReported then
                    late <- Some(Fetch.Start numbers, counted, state.Step)
                    counted <- 0

                if before.IsNone && (late.IsNone || isLate && not isJudged) then
                    yield Made state

                match before with
                | Some asked -> yield report options state asked
                | None -> ()

                match late with
                | Some asked when isJudged || not isLate ->
                    late <- None
                    yield report options state asked
                | _ -> ()

                if isJudged then
                    yield evaluate options sources windows state
        }

    /// Whether a moment is the last that is told of its step, as one is of each: no evaluation follows. A run that is kept there
    /// (`Step.copy`, `TrainingCheckpoint`) and gone on with is the same run; only the loss of a `Stepped` report that was due is
    /// the mean over fewer steps, or is not told when it was late.
    let endsStep (options: TrainingOptions) (moment: TrainingMoment) : bool =
        match moment with
        | Reported { Event = Evaluated _ } -> true
        | Reported { State = state }
        | Made state -> not (isJudged options state.Step)

    /// The reports among the moments.
    let reports (moments: TrainingMoment seq) : TrainingReport seq =
        moments
        |> Seq.choose (fun moment ->
            match moment with
            | Reported report -> Some report
            | Made _ -> None)

    /// `run` with an item after every step, not only after those that are reported: where to stop, or to look at the state, at
    /// no cost.
    let everyStep (options: TrainingOptions) (corpus: Corpus) (model: Model) : TrainingMoment seq =
        momentsFrom options corpus model.Config (fun () -> Step.start model)

    /// `runAdapters` with an item after every step.
    let everyStepOfAdapters options corpus (lora: Lora) (model: Model) : TrainingMoment seq =
        momentsFrom options corpus model.Config (fun () -> Step.startAdapters lora model)

    /// `resume` with an item after every step.
    let everyStepAfter (options: TrainingOptions) (corpus: Corpus) (state: TrainingState) : TrainingMoment seq =
        momentsFrom options corpus state.Model.Config (fun () -> Step.copy state)

    /// `everyStepAfter` without the memory of a copy: trains `state` itself, which belongs to the sequence from its first item on
    /// and is freed at its end. To be enumerated once. Raises ArgumentException at the first item when `validate` would refuse
    /// the options; the state stays the caller's then.
    let everyStepTaking (options: TrainingOptions) (corpus: Corpus) (state: TrainingState) : TrainingMoment seq =
        momentsFrom options corpus state.Model.Config (fun () -> state)

    /// Trains a copy of `model` on a corpus: nothing happens before the first report is asked for, and enumerating twice gives
    /// the same run twice. An `Evaluated` report comes first, before any step.
    /// Raises ArgumentException at the first report when `validate` would refuse the options.
    let run (options: TrainingOptions) (corpus: Corpus) (model: Model) : TrainingReport seq =
        everyStep options corpus model |> reports

    /// The same with a copy of adapters, which alone is trained: `State.Adaptation` has them, `State.Model` is the model merged with
    /// them. `model` must not be disposed while the reports are enumerated.
    /// Raises ArgumentException, too, when the adapters were made for a model of other sizes.
    let runAdapters (options: TrainingOptions) (corpus: Corpus) (lora: Lora) (model: Model) : TrainingReport seq =
        everyStepOfAdapters options corpus lora model |> reports

    /// Goes on with a run that was kept between two steps (`Step.copy`, `TrainingCheckpoint`): the reports that `run` gives after
    /// that step, when it was kept at a report that did not come late; from a run without steps all of them. Trains a copy of
    /// `state`.
    /// Raises ArgumentException at the first report when `validate` would refuse the options.
    let resume (options: TrainingOptions) (corpus: Corpus) (state: TrainingState) : TrainingReport seq =
        everyStepAfter options corpus state |> reports
