namespace Gpt

open System

/// One pass of the model: the tokens it brought, and how the guesses fared.
type SpeculativeRound = {
    /// At least one.
    Tokens: GeneratedToken list
    /// How many tokens had been guessed.
    Drafted: int
    /// How many of them stand.
    Accepted: int
}

/// Speculative decoding (Leviathan, Kalman, Matias 2023; Chen et al. 2023): guessed tokens are read by the model in one pass, and
/// as many of them stand as the model might have said itself. Greedy text is the same token for token; drawn text has the
/// same distribution, whatever the guesses are, but is another one for the same generator.
[<RequireQualifiedAccess>]
module Speculative =

    /// Guesses, and with each the distribution it was drawn from, softmax (1, V); None is one that gives all to the guess.
    type private Draft = {
        Ids: int[]
        Shares: Tensor option[]
        Rng: Rng
    }

    /// What followed the last occurrence of the text's last tokens, as many of these as can be found, before its end.
    let private lookUp (longest: int) (count: int) (text: ReadOnlySpan<int>) : int[] =
        let mutable found = [||]
        let mutable size = min longest (text.Length - 1)

        while found.Length = 0 && size > 0 do
            let run = text.Slice(text.Length - size)
            let start = text.Slice(0, text.Length - 1).LastIndexOf run

            if start >= 0 then
                let after = start + size
                found <- text.Slice(after, min count (text.Length - after)).ToArray()

            size <- size - 1

        found

    /// The text a drafter goes by and what it has to go on.
    type private State = {
        Row: Row
        Sampling: Sampling
        Produced: int
    }

    let private turnAt (options: GenerationOptions) (state: State) (texts: History) : Turn = {
        Texts = texts
        Moment = {
            Produced = state.Produced
            Left = options.MaxNewTokens - state.Produced
            Rngs = [| state.Row.Rng |]
        }
    }

    /// Guesses by a model, up to `count`, which is left with the guesses in its text. It stops where a text ends, and where its
    /// logits are not fit to pick from: what comes there, the target alone says.
    let private draftBy (drafter: Decoder) options (count: int) (state: State) : Draft =
        let rec guess (draft: Draft) (state: State) : Draft =
            let isOver =
                draft.Ids.Length >= count
                || Sampling.isComplete 0 state.Sampling
                || Array.tryLast draft.Ids |> Option.exists (fun id -> List.contains id options.EndTokens)

            if isOver then
                draft
            else
                let turn = turnAt options state drafter.Texts
                let warped = Sampling.warp turn state.Sampling (drafter.Next())
                let struct (picked, rngs) = Sampling.pick [| draft.Rng |] warped state.Sampling

                match Tensors.itemId (Logits.orUnfit warped picked) with
                | -1 -> draft
                | id ->
                    drafter.Add [| id |]

                    guess
                        {
                            Ids = Array.append draft.Ids [| id |]
                            Shares = Array.append draft.Shares [| Some(warped.softmax -1L) |]
                            Rng = rngs[0]
                        }
                        {
                            state with
                                Sampling = Sampling.advance turn warped [| id |] state.Sampling
                                Produced = state.Produced + 1
                        }

        guess
            {
                Ids = [||]
                Shares = [||]
                Rng = state.Row.Rng
            }
            state

    let private shareOf (id: int) (shares: Tensor) : float = Tensors.item (shares.narrow (1L, int64 id, 1L))

    /// The token that comes, out of the logits (1, V) that the stages left, and whether it is the guess.
    let private decide
        (pick: Pick)
        (rng: Rng)
        (warped: Tensor)
        (guess: (int * Tensor option) option)
        : struct (int * bool * Rng) =
        let drawFrom (rng: Rng) (logits: Tensor) =
            let struct (ids, rng) = Choose.sample rng logits
            struct (Tensors.itemId ids, rng)

        match pick, guess with
        | Best, _ ->
            let id = Tensors.itemId (Choose.greedy warped)
            struct (id, guess |> Option.exists (fun (guessed, _) -> guessed = id), rng)
        | Draw, None ->
            let struct (id, rng) = drawFrom rng warped
            struct (id, false, rng)
        | Draw, Some(guessed, drafted) ->
            let shares = warped.softmax -1L
            let draftedShare = drafted |> Option.map (shareOf guessed) |> Option.defaultValue 1.0
            let struct (coin, rng) = Rng.uniform rng

            if coin * draftedShare < shareOf guessed shares then
                struct (guessed, true, rng)
            else
                let left =
                    match drafted with
                    | Some drafted -> shares.sub(drafted).clamp_min(Tensors.scalar 0.0)
                    | None ->
                        let place = Tensors.ofIds shares.device [ 1L; 1L ] [| int64 guessed |]
                        shares.scatter (1L, place, Tensors.zeros shares.device [ 1L; 1L ])

                // Where rounding has left nothing, the two distributions are the same.
                let none = Tensors.item (left.sum ()) = 0.0
                let struct (id, rng) = drawFrom rng (if none then warped else left.log ())
                struct (id, false, rng)

    /// One pass: guesses, what the model says to them, and the state after the tokens that came of it.
    let private round
        (options: GenerationOptions)
        (speculation: SpeculativeOptions)
        (target: Decoder)
        drafter
        (state: State)
        =
        let count = min speculation.DraftTokens (options.MaxNewTokens - state.Produced - 1)

        let draft =
            match drafter, speculation.Drafter with
            | Some drafter, _ -> draftBy drafter options count state
            | None, PromptLookup longest ->
                let ids = lookUp longest count target.Texts[0].Span

                {
                    Ids = ids
                    Shares = Array.create ids.Length None
                    Rng = state.Row.Rng
                }
            | None, DraftModel _ -> invalidOp "A draft model has a decoder."

        let logits = target.Ahead draft.Ids
        let read = int logits.shape[0] - 1
        let tokens = ResizeArray<GeneratedToken>()

        let mutable state = {
            state with
                Row = { state.Row with Rng = draft.Rng }
        }

        let mutable accepted = 0
        let mutable guessing = true

        while guessing do
            let place = tokens.Count
            let own = logits.narrow (0L, int64 place, 1L)
            let turn = turnAt options state target.Texts
            let warped = Sampling.warp turn state.Sampling own
            Logits.check warped

            let guess =
                if place < read then
                    Some(draft.Ids[place], draft.Shares[place])
                else
                    None

            let struct (id, stands, rng) = decide state.Sampling.Pick state.Row.Rng warped guess
            let sampling = Sampling.advance turn warped [| id |] state.Sampling

            let picked = Tensors.ofIds own.device [ 1L ] [| int64 id |] |> Report.now options own

            let told, rows =
                Rows.tell options (state.Produced + 1) sampling [| { state.Row with Rng = rng } |] picked

            tokens.Add told[0]

            state <- {
                Row = rows[0]
                Sampling = sampling
                Produced = state.Produced + 1
            }

            guessing <- stands && told[0].Finish.IsNone

            if stands then accepted <- accepted + 1 else target.Unread 0

            target.Add [| id |]

        target.Unread 0

        // The drafter's text becomes the target's.
        drafter
        |> Option.iter (fun (drafter: Decoder) ->
            drafter.Rewind(draft.Ids.Length - accepted)

            if tokens.Count > accepted then
                drafter.Add [| tokens[tokens.Count - 1].Id |])

        {
            Tokens = List.ofSeq tokens
            Drafted = draft.Ids.Length
            Accepted = accepted
        },
        state

    /// Continues a prompt, as `Generate.stream` does, a round at a time. Lazy, and the same every time it is enumerated.
    /// A draft model whose context is shorter than the prompt goes by the prompt's end.
    /// Raises ArgumentException for options that cannot be met (guidance is one: it is not supported here), a prompt
    /// that `Generate.stream` would refuse.
    let rounds
        (speculation: SpeculativeOptions)
        (options: GenerationOptions)
        (sampling: Sampling)
        (rng: Rng)
        (model: Model)
        (prompt: int[])
        : SpeculativeRound seq =
        let options = GenerationOptions.require model.Config.VocabSize options
        Decoder.Require(model, [| prompt |])

        match SpeculativeOptions.validate model speculation with
        | Ok _ -> ()
        | Error sentence -> invalidArg (nameof speculation) sentence

        if options.Guidance.IsSome then
            invalidArg (nameof options) "Guidance is set; speculative decoding does not support it."

        seq {
            use target = Decoder.Start(model, [| prompt |], options.MaxNewTokens)

            let drafter =
                match speculation.Drafter with
                | DraftModel draft ->
                    // Its context may be shorter than the target's.
                    Some(Decoder.Start(draft, [| Generate.lastContext draft prompt |], options.MaxNewTokens))
                | PromptLookup _ -> None

            use _ = Option.toObj drafter

            let mutable state = {
                Row = (Rows.start options [| rng |])[0]
                Sampling = Rows.withMinimum options.MinNewTokens options.EndTokens sampling
                Produced = 0
            }

            let mutable over = false

            while not over do
                let round =
                    Tensors.freeing (fun () ->
                        Tensors.noGrad (fun () ->
                            let round, after = round options speculation target drafter state
                            state <- after
                            round))

                over <- (List.last round.Tokens).Finish.IsSome
                yield round
        }

    /// The share of guessed tokens that stood; 0 when nothing was guessed.
    let acceptanceRate (rounds: SpeculativeRound seq) : float =
        let drafted, accepted =
            ((0, 0), rounds)
            ||> Seq.fold (fun (drafted, accepted) round -> drafted + round.Drafted, accepted + round.Accepted)

        if drafted = 0 then 0.0 else float accepted / float drafted
