namespace Gpt

open System
open System.Collections.Generic

/// Tokens that a device picks one after the other, each behind the one before it, without being asked in between.
type private Block = {
    /// Their ids, a step after the other, each of all rows that there were at the launch; -1 where the logits were not fit to pick
    /// from.
    Ids: Fetch
    /// How many tokens of each row.
    Steps: int
    /// How many rows there were at the launch.
    Width: int
    /// Which of them the rows of now were.
    Columns: int[]
}

/// The next tokens of a decoder's rows, picked and read in blocks: while one block is read, the one after it is under way. It stands
/// for the plain way, token by token, where stages look at nothing but logits, and picks what that would pick.
/// The first block has one token, so that nobody waits for the first, each of the next twice as many, up to `most`.
type internal Flight private (warp: Tensor -> Tensor, pick: Pick, most: int, decoder: Decoder) =
    /// Tokens that have been read and not been taken, an id for each row.
    let landed = Queue<int[]>()
    let mutable flying: Block option = None
    /// The newest token of each row, int64 (B, 1), when the device alone knows it.
    let mutable front: Tensor option = None
    let mutable size = 1

    /// How many tokens of each row have been picked and not been taken.
    let waiting () : int = landed.Count + (flying |> Option.map _.Steps |> Option.defaultValue 0)

    let setFront (ids: Tensor option) : unit =
        front |> Option.iter _.Dispose()
        front <- ids |> Option.map _.DetachFromDisposeScope()

    let drop () : unit =
        landed.Clear()
        flying |> Option.iter (fun block -> (block.Ids :> IDisposable).Dispose())
        flying <- None
        setFront None
        decoder.Unread 1

    /// The shares at which the rows draw `steps` tokens behind those that are waiting, (steps, B, 1).
    let shares (steps: int) (rngs: Rng[]) : Tensor =
        let past = waiting ()

        let drawn =
            rngs
            |> Array.map (fun rng ->
                let struct (numbers, _) = Rng.uniforms (past + steps) rng
                numbers)

        Array.init (steps * rngs.Length) (fun i -> drawn[i % rngs.Length][past + i / rngs.Length])
        |> Choose.shares (Model.device decoder.Model) [ int64 steps; rngs.LongLength; 1L ]

    /// How the token of each step is picked out of warped logits.
    let chooser (steps: int) (rngs: Rng[]) : int -> Tensor -> Tensor =
        match pick with
        | Best -> fun _ -> Choose.greedy
        | Draw ->
            let shares = shares steps rngs
            fun step -> Choose.atShares (shares.select (0L, int64 step))

    /// The tokens (B) picked from logits (B, V), -1 where `Logits.check` would complain.
    let pickFrom (choose: Tensor -> Tensor) (logits: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let warped = warp logits
            let unfit = warped.amax([| 1L |], false).isfinite().logical_not()
            (choose warped).masked_fill(unfit, Tensors.wholeScalar -1L))

    /// Picked tokens (B) as what the decoder reads next.
    let asNext (picked: Tensor) : Tensor = picked.clamp_min(Tensors.wholeScalar 0L).unsqueeze -1L

    /// Lets the device pick the tokens behind those that are waiting, at most so many that `left` are picked in all, and as many as
    /// the context has room for.
    let launch (left: int) (rngs: Rng[]) : Block option =
        match List.min [ size; left - waiting (); decoder.Room ] with
        | steps when steps < 1 -> None
        | steps ->
            size <- min most (2 * size)

            Tensors.freeing (fun () ->
                Tensors.noGrad (fun () ->
                    let choose = chooser steps rngs

                    let step (picked: Tensor list, last: Tensor option) (index: int) =
                        let picked' =
                            Tensors.scoped (fun () ->
                                last
                                |> Option.map decoder.NextAfter
                                |> Option.defaultWith decoder.Next
                                |> pickFrom (choose index))

                        picked' :: picked, Some(asNext picked')

                    let picked, last = (([], front), seq { 0 .. steps - 1 }) ||> Seq.fold step
                    setFront last

                    Some {
                        Ids = Fetch.Start(TorchSharp.torch.stack (List.rev picked))
                        Steps = steps
                        Width = rngs.Length
                        Columns = Array.init rngs.Length id
                    }))

    let land (block: Block) : unit =
        use ids = block.Ids
        let ids = ids.Wait()

        for step in 0 .. block.Steps - 1 do
            landed.Enqueue(block.Columns |> Array.map (fun column -> int ids[step * block.Width + column]))

    /// Where the options and the sampling allow it. The decoder is the caller's.
    static member TryStart(options: GenerationOptions, sampling: Sampling, decoder: Decoder) : Flight option =
        let usual = if Device.isCpu (Model.device decoder.Model) then 1 else 8
        let most = options.Block |> Option.defaultValue usual

        if most > 1 && options.LogProbabilities.IsNone && options.Guidance.IsNone then
            Sampling.ofLogitsAlone sampling
            |> Option.map (fun warp -> new Flight(warp, sampling.Pick, most, decoder))
        else
            None

    /// The next token of each row, at most `left` of which may come, and the generators after it: `rngs` are those before it. None
    /// where the plain way has to be gone: the context is full, or a token cannot be picked. The caller puts the tokens behind the
    /// texts.
    member _.Take(left: int, rngs: Rng[]) : (int[] * Rng[]) option =
        if waiting () = 0 then
            setFront None
            flying <- launch left rngs

        if landed.Count = 0 then
            flying
            |> Option.iter (fun block ->
                flying <- launch left rngs
                land block)

        match landed.TryDequeue() with
        | true, ids when Array.contains -1 ids ->
            drop ()
            None
        | true, ids ->
            let after (rng: Rng) =
                let struct (_, after) = Rng.uniform rng
                after

            Some(ids, (if pick = Draw then Array.map after rngs else rngs))
        | _ -> None

    /// Row i becomes what row `rows[i]` was.
    member _.Keep(rows: int[]) : unit =
        let pick (values: int[]) = rows |> Array.map (Array.get values)

        for _ in 1 .. landed.Count do
            landed.Enqueue(pick (landed.Dequeue()))

        flying <-
            flying
            |> Option.map (fun block -> {
                block with
                    Columns = pick block.Columns
            })

        front
        |> Option.iter (fun ids ->
            Tensors.freeing (fun () ->
                let rows = Tensors.ofIds ids.device [ rows.LongLength ] (Array.map int64 rows)
                setFront (Some(ids.index_select (0L, rows)))))

    interface IDisposable with
        /// Leaves the decoder with the texts it has.
        member _.Dispose() = drop ()
