namespace Gpt

open System
open System.Collections.Generic
open TorchSharp

/// Tokens that a device picks one after the other, each behind the one before it, without being asked in between.
type private Block = {
    /// What is told of them, see `Report`: a step after the other, in each all rows that there were at the launch.
    Told: Fetch
    /// Their ids, int64 (B, steps), of the rows of now; -1 where the logits were not fit to pick from.
    Ids: Tensor
    /// How many rows there were at the launch.
    Width: int
    /// Which of them the rows of now were.
    Columns: int[]
}

/// The next tokens of the rows of decoders, picked and read in blocks: while one block is read, the one after it is under way. It
/// stands for the plain way, token by token, where no stage has to know a token itself, and picks what that would pick.
/// The first block has one token, so that nobody waits for the first, each of the next twice as many, up to `most`.
/// `logits` asks each of the decoders for its own, and gives the model's and what guidance makes of them; `lookback` is what the
/// sampling asks for.
type internal Flight
    private
    (
        options: GenerationOptions,
        sampling: Sampling,
        lookback: int,
        most: int,
        decoders: Decoder list,
        logits: (Decoder -> Tensor) -> struct (Tensor * Tensor)
    ) =
    let device = Model.device decoders.Head.Model

    /// Tokens that have been read and not been taken, one for each row.
    let landed = Queue<Picked[]>()
    let mutable flying: Block option = None
    let mutable size = 1

    let steps (block: Block) : int = int block.Ids.shape[1]

    /// How many tokens of each row have been picked and not been taken.
    let waiting () : int = landed.Count + (flying |> Option.map steps |> Option.defaultValue 0)

    let free (block: Block) : unit =
        (block.Told :> IDisposable).Dispose()
        block.Ids.Dispose()

    let drop () : unit =
        landed.Clear()
        flying |> Option.iter free
        flying <- None
        decoders |> List.iter _.Unread(1)

    let after (rng: Rng) : Rng =
        let struct (_, after) = Rng.uniform rng
        after

    /// For each row its generators before each of `steps` tokens behind those that are waiting.
    let generators (steps: int) (rngs: Rng[]) : Rng[][] =
        let past = waiting ()

        let ahead (rng: Rng) =
            match sampling.Pick with
            | Best -> Array.create steps rng
            | Draw ->
                Seq.unfold (fun rng -> Some(rng, after rng)) rng
                |> Seq.skip past
                |> Seq.truncate steps
                |> Array.ofSeq

        rngs |> Array.map ahead

    /// How the token of each step is picked out of warped logits.
    let chooser (rngs: Rng[][]) : int -> Tensor -> Tensor =
        let share (rng: Rng) =
            let struct (number, _) = Rng.uniform rng
            number

        match sampling.Pick with
        | Best -> fun _ -> Choose.greedy
        | Draw ->
            let shape = [ rngs.LongLength; rngs[0].LongLength; 1L ]
            let shares = rngs |> Array.collect (Array.map share) |> Choose.shares device shape
            fun step -> Choose.atShares (shares.select (1L, int64 step))

    /// The tokens (B) picked from warped logits (B, V), -1 where `Logits.check` would complain.
    let pickFrom (choose: Tensor -> Tensor) (warped: Tensor) : Tensor = choose warped |> Logits.orUnfit warped

    /// Row i becomes what row `rows[i]` was, in int64 (B, T).
    let keep (rows: int[]) (ids: Tensor) : Tensor =
        Tensors.scoped (fun () ->
            let rows = Tensors.ofIds device [ rows.LongLength ] (Array.map int64 rows)
            ids.index_select (0L, rows))

    /// What the stages look at behind some tokens more.
    let behind (ids: Tensor) (recent: Tensor) : Tensor =
        if lookback = 0 then
            recent
        else
            let recent = torch.cat ([| recent; ids |], 1L)
            recent.narrow (1L, recent.shape[1] - int64 lookback, int64 lookback)

    /// What the stages look at: the last tokens of the texts and of those that are waiting.
    let recent () : Tensor =
        let texts = Histories.recent device lookback decoders.Head.Texts
        flying |> Option.fold (fun texts block -> behind block.Ids texts) texts

    /// Lets the device pick the tokens behind those that are waiting, all of which are in the block that flies, if there is one: as
    /// many as the texts, of `produced` new tokens, and the context have room for.
    let launch (produced: int) (rngs: Rng[]) : Block option =
        let produced = produced + waiting ()
        let left = options.MaxNewTokens - produced

        match List.min (size :: left :: (decoders |> List.map _.Room)) with
        | steps when steps < 1 -> None
        | steps ->
            size <- min most (2 * size)

            Tensors.freeing (fun () ->
                Tensors.noGrad (fun () ->
                    let rngs = generators steps rngs
                    let choose = chooser rngs

                    let step (told: Tensor list, last: Tensor option, recent: Tensor) (index: int) =
                        let next (decoder: Decoder) =
                            match last with
                            | Some ids -> decoder.NextAfter(ids.clamp_min (Tensors.wholeScalar 0L))
                            | None -> decoder.Next()

                        let moment = {
                            Produced = produced + index
                            Left = left - index
                            Rngs = rngs |> Array.map (Array.item index)
                        }

                        let now =
                            Tensors.scoped (fun () ->
                                let struct (own, logits) = logits next

                                Sampling.warpBehind moment recent sampling logits
                                |> pickFrom (choose index)
                                |> Report.ask options own)

                        let ids = (Report.ids now).unsqueeze 1L
                        now :: told, Some ids, behind ids recent

                    let last = flying |> Option.map (fun block -> block.Ids.narrow (1L, block.Ids.shape[1] - 1L, 1L))
                    let told, _, _ = (([], last, recent ()), seq { 0 .. steps - 1 }) ||> Seq.fold step
                    let told = torch.stack (List.rev told)

                    Some {
                        Told = Fetch.Start told
                        Ids = (Report.ids told).transpose(0L, 1L).DetachFromDisposeScope()
                        Width = rngs.Length
                        Columns = Array.init rngs.Length id
                    }))

    let land (block: Block) : unit =
        let told = block.Told.Wait()

        for step in 0 .. steps block - 1 do
            let token column = Report.read options told (step * block.Width + column)
            landed.Enqueue(block.Columns |> Array.map token)

        free block

    /// Where the options and the sampling allow it: the decoders are the caller's, who says how their logits become those of the
    /// next tokens.
    static member TryStart(options: GenerationOptions, sampling, decoders: Decoder list, logits) : Flight option =
        let model = decoders.Head.Model
        let usual = if Device.isCpu (Model.device model) then 1 else 8
        let most = options.Block |> Option.defaultValue usual

        if most > 1 then
            Sampling.lookback model.Config.Context sampling
            |> Option.map (fun lookback -> new Flight(options, sampling, lookback, most, decoders, logits))
        else
            None

    /// The next token of each row behind `produced` new ones, and the generators after it: `rngs` are those before it. None where
    /// the plain way has to be gone: the context is full, or a token cannot be picked. The caller puts the tokens behind the texts.
    member _.Take(produced: int, rngs: Rng[]) : (Picked[] * Rng[]) option =
        if waiting () = 0 then
            flying <- launch produced rngs

        if landed.Count = 0 then
            flying
            |> Option.iter (fun block ->
                flying <- launch produced rngs
                land block)

        match landed.TryDequeue() with
        | true, tokens when tokens |> Array.exists (fun token -> token.Id < 0) ->
            drop ()
            None
        | true, tokens -> Some(tokens, (if sampling.Pick = Draw then Array.map after rngs else rngs))
        | _ -> None

    /// Row i becomes what row `rows[i]` was.
    member _.Keep(rows: int[]) : unit =
        let pick (values: 'a[]) = rows |> Array.map (Array.get values)

        for _ in 1 .. landed.Count do
            landed.Enqueue(pick (landed.Dequeue()))

        flying <-
            flying
            |> Option.map (fun block ->
                use ids = block.Ids

                {
                    block with
                        Ids = (keep rows ids).DetachFromDisposeScope()
                        Columns = pick block.Columns
                })

    interface IDisposable with
        /// Leaves the decoders with the texts they have.
        member _.Dispose() = drop ()
