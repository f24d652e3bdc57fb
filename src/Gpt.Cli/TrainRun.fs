namespace Gpt.Cli

open System
open System.Diagnostics
open Gpt

/// Where a training run starts: a model, or a run that was saved.
type TrainStart =
    | Fresh of Model
    | Saved of TrainingState

    member start.Model =
        match start with
        | Fresh model -> model
        | Saved state -> state.Model

    interface IDisposable with
        member start.Dispose() =
            match start with
            | Fresh model -> (model :> IDisposable).Dispose()
            | Saved state -> (state :> IDisposable).Dispose()

/// What a training run carries from report to report, and at its end.
type TrainProgress = {
    Rows: LossRow list
    /// A copy of the model at the last evaluation, or where the run was interrupted.
    Kept: Model
    /// A copy of the adapters at the same step, where they alone are trained; none before the first report.
    KeptAdapters: Lora option
    /// The step of the run that was saved last, or why it could not be; before any the step at which the training started.
    Saved: Result<int, string>
    /// The points of the loss curve, the newest first, and the losses since the newest.
    Points: (int * float) list
    Recent: float list
    /// Whether the loss curve was written when it was drawn last.
    IsDrawn: bool
    /// Time spent on steps alone, evaluations left out, up to the last report.
    Training: TimeSpan
    /// When the last report was made.
    Last: TimeSpan
}

/// The training loop as a person sees it: a line or a drawing every few steps, an end when Ctrl-C asks for it.
[<RequireQualifiedAccess>]
module TrainRun =

    /// How many points a curve has at most: a long run must not draw all its steps again and again.
    let private most = 1000

    /// The loss curve so far.
    let curve (plan: TrainPlan) (progress: TrainProgress) : LossCurve =
        let reached = progress.Points |> List.tryHead |> Option.map fst |> Option.defaultValue 0

        {
            Steps = plan.Training.Steps
            Batches = List.rev progress.Points
            Evaluations = progress.Rows |> List.map (fun row -> row.Step, row.Training, row.Validation)
            Rates = [
                for step in 1 .. max 1 (plan.Training.Steps / 200) .. reached ->
                    step, Schedule.rate plan.Training.Schedule (step - 1)
            ]
        }

    let private addPoint (plan: TrainPlan) (step: int) (loss: float) (progress: TrainProgress) : TrainProgress =
        let recent = loss :: progress.Recent

        if recent.Length >= (plan.Training.Steps + most - 1) / most then
            {
                progress with
                    Points = (step, List.average recent) :: progress.Points
                    Recent = []
            }
        else
            { progress with Recent = recent }

    /// Draws the curve again. What cannot be written is said, and no reason to lose a training run.
    let private plot (plan: TrainPlan) (progress: TrainProgress) : TrainProgress =
        match Pictures.write plan.Plot (LossCurve.svg (curve plan progress)) with
        | Ok() -> { progress with IsDrawn = true }
        | Error sentence ->
            Screen.note sentence
            { progress with IsDrawn = false }

    /// The step at which the training started.
    let private begun (plan: TrainPlan) : int = plan.Resumed |> Option.map _.Run.Step |> Option.defaultValue 0

    let private statusOf (plan: TrainPlan) (step: int) (loss: float) (progress: TrainProgress) : Status =
        let made = float (step - begun plan)
        let secondsPerStep = progress.Training.TotalSeconds / made

        {
            Step = step
            Steps = plan.Training.Steps
            Loss = loss
            Rate = Schedule.rate plan.Training.Schedule (step - 1)
            TokensPerSecond = float (plan.Training.BatchSize * plan.Training.WindowLength) / secondsPerStep
            Left = progress.Last / made * float (plan.Training.Steps - step)
            Rows = progress.Rows
            Curve = curve plan progress
        }

    let private keep (state: TrainingState) (progress: TrainProgress) : TrainProgress =
        (progress.Kept :> IDisposable).Dispose()
        progress.KeptAdapters |> Option.iter (fun lora -> (lora :> IDisposable).Dispose())

        {
            progress with
                Kept = Model.copy state.Model
                KeptAdapters = state.Adaptation |> Option.map (fun adaptation -> Lora.copy adaptation.Lora)
        }

    /// The items up to the first that `isLast` holds for, that one too.
    let private takeThrough (isLast: 'a -> bool) (items: 'a seq) : 'a seq =
        seq {
            use items = items.GetEnumerator()
            let mutable more = items.MoveNext()

            while more do
                yield items.Current
                more <- not (isLast items.Current) && items.MoveNext()
        }

    /// The training that the plan asks for: the rest of a run, or one of the whole model or of fresh adapters.
    let private moments (plan: TrainPlan) (start: TrainStart) : TrainingMoment seq =
        match start, plan.From |> Option.bind _.Lora with
        | Saved state, _ -> Training.everyStepTaking plan.Training plan.Corpus state
        | Fresh model, None -> Training.everyStep plan.Training plan.Corpus model
        | Fresh model, Some options ->
            seq {
                let rng = Rng.ofSeed plan.Training.Seed |> Rng.splitNamed "adapters"
                use lora = Lora.init plan.Device model.Config options rng
                yield! Training.everyStepOfAdapters plan.Training plan.Corpus lora model
            }

    let private stateOf (moment: TrainingMoment) : TrainingState =
        match moment with
        | Made state -> state
        | Reported report -> report.State

    /// Saves the run. What cannot be written is said, at once or at the end, and no reason to end the training.
    let private save (plan: TrainPlan) (state: TrainingState) (isLast: bool) (progress: TrainProgress) : TrainProgress =
        let saved =
            TrainingCheckpoint.trySave plan.Out plan.Tokenizer plan.Training plan.Corpus state
            |> Result.map (fun () -> state.Step)

        match saved with
        | Error sentence when not isLast && state.Step < plan.Training.Steps -> Screen.note sentence
        | _ -> ()

        { progress with Saved = saved }

    /// Whether the plan asks for the run to be saved at the end of a step, which is the last of the training or not.
    let private isSaved (plan: TrainPlan) (moment: TrainingMoment) (isLast: bool) : bool =
        let step = (stateOf moment).Step

        match plan.SaveEvery with
        | None -> false
        | Some _ when isLast || step = plan.Training.Steps -> true
        | Some every -> step > 0 && step % every = 0

    /// Runs the training to its end, or to the step at which it is interrupted, and gives what it carried.
    let follow (plan: TrainPlan) (interruption: Interruption) (start: TrainStart) : TrainProgress =
        let clock = Stopwatch.StartNew()

        let stepped show (loss: float) (losses: float[]) (step: int) (progress: TrainProgress) =
            let now = clock.Elapsed

            let progress =
                (progress, Array.indexed losses)
                ||> Array.fold (fun progress (i, loss) -> addPoint plan (step - losses.Length + 1 + i) loss progress)

            let progress = {
                progress with
                    Training = progress.Training + now - progress.Last
                    Last = now
            }

            show (statusOf plan step loss progress)
            progress

        let evaluated (training: float) (validation: float) (state: TrainingState) (progress: TrainProgress) =
            let row = {
                Step = state.Step
                Training = training
                Validation = validation
            }

            let progress = {
                keep state progress with
                    Rows = progress.Rows @ [ row ]
            }

            // There is nothing to see before the first step.
            let progress = if state.Step > 0 then plot plan progress else progress
            { progress with Last = clock.Elapsed }

        let onMoment show (progress: TrainProgress) (moment: TrainingMoment, isLast: bool) =
            let progress =
                match moment with
                | Made _ -> progress
                | Reported report ->
                    match report.Event with
                    | Stepped(loss, _, _) -> stepped show loss report.Losses report.Step progress
                    | Evaluated(training, validation) -> evaluated training validation report.State progress

            let progress =
                if Training.endsStep plan.Training moment && isSaved plan moment isLast then
                    save plan (stateOf moment) isLast progress
                else
                    progress

            // Ctrl-C: what was learned so far is kept, and drawn.
            if isLast && (stateOf moment).Step > 0 then
                plot plan progress |> keep (stateOf moment)
            else
                progress

        let first = {
            Rows = []
            Kept = Model.copy start.Model
            KeptAdapters = None
            Saved = Ok(begun plan)
            Points = []
            Recent = []
            IsDrawn = false
            Training = TimeSpan.Zero
            Last = TimeSpan.Zero
        }

        Screen.follow Pictures.training (fun show ->
            moments plan start
            |> Seq.map (fun moment -> moment, Training.endsStep plan.Training moment && interruption.Asked())
            |> takeThrough snd
            |> Seq.fold (onMoment show) first)
