namespace Gpt

open System
open TorchSharp

/// How far the rows are when their next token is to be chosen, which is known before the tokens that stand there are.
type Moment = {
    /// How many new tokens there are already.
    Produced: int
    /// How many may come, the one to be chosen among them.
    Left: int
    /// Each row's generator, before it is drawn from for this token.
    Rngs: Rng[]
}

/// What stands before the next token of each row when it is to be chosen.
type Turn = {
    /// The text so far of each row, prompt and new tokens, at most the last context of it.
    Texts: History
    /// How far the rows are.
    Moment: Moment
}

/// A stage that remembers something of each row: what it does now, and what it becomes.
type Memory = {
    /// From what stands before the token and logits (B, V), to warped logits (B, V).
    Warp: Turn -> Tensor -> Tensor
    /// The stage after each row took, in that turn, the token of this id out of the logits (B, V) that all stages left.
    After: Turn -> Tensor -> int[] -> Memory
    /// The stage for the rows of these numbers, in this order: rows may be dropped, moved and doubled.
    Keep: int[] -> Memory
    /// For each row, whether its text is complete, so that nothing may follow.
    IsComplete: bool[]
}

/// One step of what is done to logits (B, V) before a token is picked from them. With stages of the first three kinds alone, a GPU
/// picks tokens without being asked for them one by one (see `GenerationOptions.Block`).
type Stage =
    /// It looks at nothing but the logits.
    | Warp of (Tensor -> Tensor)
    /// It looks at how far the rows are.
    | Time of (Moment -> Tensor -> Tensor)
    /// It looks at how often each token stands in each text, or among its last `window` tokens, at least 0: it takes the counts,
    /// float32 (B, V), then the logits.
    | Count of window: int option * warp: (Tensor -> Tensor -> Tensor)
    /// It looks at what has been said.
    | Look of (Turn -> Tensor -> Tensor)
    /// It remembers. It is given for one row; `Sampling.keep` makes more of it.
    | Remember of Memory

[<RequireQualifiedAccess>]
module Stage =

    /// A stage that remembers a value for each row: `start` at first; `warp` reads all rows' values, `after` replaces them when
    /// tokens have been taken out of the logits that all stages left, `isComplete` says which end a text.
    let remember
        (start: 'state)
        (warp: 'state[] -> Turn -> Tensor -> Tensor)
        (after: 'state[] -> Turn -> Tensor -> int[] -> 'state[])
        (isComplete: 'state -> bool)
        : Stage =
        let rec holding (states: 'state[]) : Memory = {
            Warp = warp states
            After = fun turn logits ids -> holding (after states turn logits ids)
            Keep = fun rows -> holding (rows |> Array.map (Array.get states))
            IsComplete = states |> Array.map isComplete
        }

        Remember(holding [| start |])

    /// XTC with a coin for each token of each row, split off the row's generator by the token's number: the same whatever rows
    /// stand beside it and however far its generator has been drawn from. Raises as `Warpers.xtc` does.
    let xtc (probability: float) (threshold: float) : Stage =
        let warp = Warpers.xtc probability threshold

        Time(fun moment logits ->
            let warpRow row rng =
                let coin = Rng.splitNamed "xtc" rng |> Rng.split (uint64 moment.Produced)
                let struct (warped, _) = warp coin (logits.narrow (0L, int64 row, 1L))
                warped

            torch.cat (Array.mapi warpRow moment.Rngs, 0L))

    /// Mirostat 2: each row's bound follows what has been said.
    let mirostat (options: Mirostat) : Stage =
        remember
            (Mirostat.start options 1 |> Array.head)
            (fun bounds _ -> Mirostat.warp bounds)
            (fun bounds _ warped ids ->
                use ids = Tensors.ofIds warped.device [ ids.LongLength ] (Array.map int64 ids)
                Mirostat.observe options bounds warped ids)
            (fun _ -> false)

    /// A constraint: each row's state follows its tokens. Where a loop has an end, it is steered so that the text is complete
    /// by then, if that can be; a text that is complete and cannot go on, or not within what is left, ends there.
    let constrained (constraint': Constraint) : Stage =
        // Steering takes the way to an end of every state; who asks for no end does not pay for it.
        let isEndless left = left > Int32.MaxValue / 2

        let warp (states: struct (ConstraintState * int)[]) (turn: Turn) =
            let states = states |> Array.map (fun struct (state, _) -> state)

            if isEndless turn.Moment.Left then
                Constraint.warp constraint' states
            else
                Constraint.warpWithin turn.Moment.Left constraint' states

        let after (states: struct (ConstraintState * int)[]) (turn: Turn) _ (ids: int[]) =
            Array.map2
                (fun struct (state, _) id -> struct (Constraint.advance constraint' state id, turn.Moment.Left - 1))
                states
                ids

        let isComplete struct (state, left) =
            if isEndless left then
                Constraint.isFinished constraint' state
            else
                Constraint.isFinishedWithin left constraint' state

        remember struct (Constraint.start constraint', Int32.MaxValue) warp after isComplete

    /// What a stage does to logits (B, V).
    let apply (turn: Turn) (stage: Stage) : Tensor -> Tensor =
        match stage with
        | Warp warp -> warp
        | Time warp -> warp turn.Moment
        | Count(window, warp) ->
            let texts = window |> Option.fold (fun texts count -> Penalties.last count texts) turn.Texts
            fun logits -> Tensors.scoped (fun () -> warp (Histories.counted texts logits) logits)
        | Look warp -> warp turn
        | Remember memory -> memory.Warp turn

    let internal mapMemory (change: Memory -> Memory) (stage: Stage) : Stage =
        match stage with
        | Remember memory -> Remember(change memory)
        | stage -> stage

/// How a token is picked from what all stages have left.
type Pick =
    /// The most likely one; see `Choose.greedy`.
    | Best
    /// A draw by each row's own generator; see `Choose.sampleRows`.
    | Draw

/// How the next token is found: what is done to the logits, one stage after the other, then how one is picked.
type Sampling = {
    /// What is done to the logits, in this order.
    Stages: Stage list
    /// How a token is picked from what they leave.
    Pick: Pick
}

[<RequireQualifiedAccess>]
module Sampling =

    /// Always the most likely token.
    let greedy: Sampling = { Stages = []; Pick = Best }

    /// A draw from the distribution that a warper leaves: `Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)`.
    let random (warp: Tensor -> Tensor) : Sampling = { Stages = [ Warp warp ]; Pick = Draw }

    /// The same sampling behind a stage of any kind.
    let behind (stage: Stage) (sampling: Sampling) : Sampling = {
        sampling with
            Stages = stage :: sampling.Stages
    }

    /// The same sampling behind a warper that looks at the text so far:
    /// `Sampling.greedy |> Sampling.after (Penalties.repetition 1.2)`. The history holds the prompt and what has been
    /// generated, at most the last context of it.
    let after (warp: History -> Tensor -> Tensor) (sampling: Sampling) : Sampling =
        behind (Look(fun turn -> warp turn.Texts)) sampling

    /// How many tokens of each text the device has to know for the stages, `context` where they look at all; None where a stage has
    /// to know them itself.
    let internal lookback (context: int) (sampling: Sampling) : int option =
        let farther (most: int option) stage =
            match stage with
            | Warp _
            | Time _ -> most
            | Count(window, _) -> most |> Option.map (window |> Option.defaultValue context |> min context |> max)
            | Look _
            | Remember _ -> None

        List.fold farther (Some 0) sampling.Stages

    /// What all stages together make of logits (B, V) behind texts whose last tokens the device knows: ids, int64 (B, T), as many as
    /// `lookback` asks for, -1 in front of a shorter text.
    let internal warpBehind (moment: Moment) (recent: Tensor) (sampling: Sampling) (logits: Tensor) : Tensor =
        let last (window: int option) =
            let width = window |> Option.fold (fun width -> int64 >> min width) recent.shape[1]
            recent.narrow (1L, recent.shape[1] - width, width)

        let apply (logits: Tensor) stage =
            match stage with
            | Warp warp -> warp logits
            | Time warp -> warp moment logits
            | Count(window, warp) -> warp (Histories.countedOf logits.shape[1] (last window)) logits
            | Look _
            | Remember _ -> invalidOp "The device does not know what this stage looks at."

        Tensors.scoped (fun () -> (logits.alias (), sampling.Stages) ||> List.fold apply)

    /// What all stages together make of logits (B, V).
    let warp (turn: Turn) (sampling: Sampling) (logits: Tensor) : Tensor =
        match sampling.Stages with
        | [] -> logits.alias ()
        | stages ->
            Tensors.scoped (fun () ->
                (logits.alias (), stages) ||> List.fold (fun logits stage -> Stage.apply turn stage logits))

    /// Picks a token a row from warped logits (B, V): ids, int64 (B), and the generators that come after.
    let pick (rngs: Rng[]) (warped: Tensor) (sampling: Sampling) : struct (Tensor * Rng[]) =
        match sampling.Pick with
        | Best -> struct (Choose.greedy warped, rngs)
        | Draw -> Choose.sampleRows rngs warped

    /// The sampling after each row took a token, in that turn, out of the logits that `warp` left.
    let advance (turn: Turn) (warped: Tensor) (ids: int[]) (sampling: Sampling) : Sampling = {
        sampling with
            Stages = sampling.Stages |> List.map (Stage.mapMemory (fun memory -> memory.After turn warped ids))
    }

    /// The sampling for the rows of these numbers, in this order.
    let keep (rows: int[]) (sampling: Sampling) : Sampling = {
        sampling with
            Stages = sampling.Stages |> List.map (Stage.mapMemory (fun memory -> memory.Keep rows))
    }

    /// The sampling for rows that follow rows `parents` of the warped logits (B, V), each by the token of this id.
    let follow (turn: Turn) (parents: int[]) (warped: Tensor) (ids: int[]) (sampling: Sampling) : Sampling =
        if sampling.Stages |> List.exists _.IsRemember then
            use order = Tensors.ofIds warped.device [ parents.LongLength ] (Array.map int64 parents)
            use taken = warped.index_select (0L, order)
            keep parents sampling |> advance turn taken ids
        else
            sampling

    /// Whether some stage says that the text of a row is complete.
    let isComplete (row: int) (sampling: Sampling) : bool =
        sampling.Stages
        |> List.exists (fun stage ->
            match stage with
            | Remember memory -> memory.IsComplete[row]
            | _ -> false)
