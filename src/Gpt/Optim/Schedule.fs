namespace Gpt

open System

/// The learning rate as a function of the step (the first step is 0).
type Schedule =
    /// The same rate at every step.
    | Constant of rate: float
    /// From `rate` down to `minimum` along half a cosine of `steps` steps, and up again after it: torch's
    /// CosineAnnealingLR (Loshchilov and Hutter 2016).
    | Cosine of rate: float * minimum: float * steps: int
    /// A linear rise to `rate` over `warmup` steps, half a cosine down to `minimum` at `steps`, and `minimum` after that:
    /// nanoGPT's schedule.
    | WarmupCosine of rate: float * minimum: float * warmup: int * steps: int

[<RequireQualifiedAccess>]
module Schedule =

    let private halfCosine (rate: float) (minimum: float) (share: float) =
        minimum + 0.5 * (rate - minimum) * (1.0 + cos (Math.PI * share))

    /// The learning rate of a step.
    let rate (schedule: Schedule) (step: int) : float =
        match schedule with
        | Constant rate -> rate
        | Cosine(rate, minimum, steps) -> halfCosine rate minimum (float step / float steps)
        | WarmupCosine(rate, _, warmup, _) when step < warmup -> rate * float (step + 1) / float (warmup + 1)
        | WarmupCosine(_, minimum, _, steps) when step > steps -> minimum
        | WarmupCosine(rate, minimum, warmup, steps) ->
            halfCosine rate minimum (float (step - warmup) / float (max 1 (steps - warmup)))

    /// The schedule itself when every number in it can be used; else one sentence that names the number.
    let validate (schedule: Schedule) : Result<Schedule, string> =
        let rates, steps =
            match schedule with
            | Constant rate -> [ "learning rate", rate ], []
            | Cosine(rate, minimum, steps) ->
                [ "learning rate", rate; "minimum learning rate", minimum ], [ "steps", steps, 1 ]
            | WarmupCosine(rate, minimum, warmup, steps) ->
                [ "learning rate", rate; "minimum learning rate", minimum ],
                [ "warm-up steps", warmup, 0; "steps", steps, 1 ]

        let wrongRate = rates |> List.tryFind (fun (_, rate) -> not (rate >= 0.0 && rate < infinity))
        let wrongStep = steps |> List.tryFind (fun (_, count, least) -> count < least)

        match wrongRate, wrongStep with
        | Some(name, rate), _ -> Error $"the {name} is {rate}; it must be a finite number, at least 0"
        | None, Some(name, count, least) -> Error $"{name} is {count}; it must be at least {least}"
        | None, None -> Ok schedule
