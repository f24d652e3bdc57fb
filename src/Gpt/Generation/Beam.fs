namespace Gpt

open System
open TorchSharp

/// Beam search: the most likely texts as a whole, where greedy choice takes the most likely token each time. The steps are
/// those of Hugging Face transformers: at each one, twice as many continuations as beams are looked at; those that end are
/// kept when they are among the first, the best that do not end run on. Stages work on log-probabilities, which are
/// not normalized again before they are added up.
[<RequireQualifiedAccess>]
module Beam =

    /// A text that may still grow.
    type private Running = {
        /// New tokens, the newest first.
        Tokens: int list
        /// The sum of their log-probabilities as the stages left them.
        Sum: float
    }

    /// Beams that search together.
    type private Group = {
        /// Best first, at most one a beam, each a row of the decoder.
        Running: Running list
        /// The best texts that have ended, best first, at most one a beam.
        Ended: Hypothesis list
        /// What the stages remember of the running texts.
        Sampling: Sampling
        Rng: Rng
    }

    /// A continuation: which running text of the group, by which token, to which sum.
    [<Struct>]
    type private Continuation = { Parent: int; Token: int; Sum: float }

    let private width (options: BeamOptions) = options.Beams / options.Groups

    let private score (options: BeamOptions) (sum: float) (length: int) = sum / float length ** options.LengthPenalty

    /// The continuations that are looked at, best first; scores (rows, V) are sums with each token added. Twice as many as
    /// beams, or one more for each further end token: those that end never leave a beam without a successor.
    let private continuations (options: BeamOptions) (rng: Rng) (scores: Tensor) : struct (Continuation[] * Rng) =
        let vocab = int scores.shape[1]
        let count = min (max 2 (1 + options.EndTokens.Length) * width options) (int (scores.numel ()))
        let flat = scores.reshape (1L, -1L)

        let struct (places, rng) =
            if options.Sample then
                Choose.withoutReplacement count rng flat
            else
                let struct (_, places) = flat.topk (count, -1)
                struct (places, rng)

        let continuation (place: int64) (sum: float32) = {
            Parent = int place / vocab
            Token = int place % vocab
            Sum = float sum
        }

        let all =
            Array.map2 continuation (Tensors.toIds places) (flat.gather (1L, places) |> Tensors.toFloats)
            |> Array.filter (fun continuation -> continuation.Sum > -infinity)

        // Drawn ones come in the order of drawing.
        struct ((if options.Sample then
                     Array.sortByDescending _.Sum all
                 else
                     all),
                rng)

    /// Whether no running text is worth going on with, `length` new tokens being there.
    let private isOver (options: BeamOptions) (length: int) (running: Running list) (ended: Hypothesis list) : bool =
        let reach =
            if options.EarlyStopping = WhenImpossible && options.LengthPenalty > 0.0 then
                options.MaxNewTokens
            else
                length

        match running with
        | [] -> true
        | _ when ended.Length < width options -> false
        | _ when options.EarlyStopping = AtOnce -> true
        | best :: _ -> not (score options best.Sum reach > (List.last ended).Score)

    /// A group after the continuations (and what the stages remember of each) were looked at, and those that run on, as
    /// numbers in the list of continuations.
    let private select
        options
        length
        (group: Group)
        (all: Continuation[])
        (sampling: Sampling)
        : struct (Group * int[]) =
        let reasons =
            all
            |> Array.mapi (fun i continuation ->
                if List.contains continuation.Token options.EndTokens then
                    Some EndToken
                elif Sampling.isComplete i sampling then
                    Some Complete
                elif length = options.MaxNewTokens then
                    Some Length
                else
                    None)

        let tokens i = all[i].Token :: group.Running[all[i].Parent].Tokens

        let ended = [
            for i in 0 .. min (width options) all.Length - 1 do
                match reasons[i] with
                | None -> ()
                | Some reason -> {
                    Tokens = tokens i |> List.rev |> Array.ofList
                    Score = score options all[i].Sum length
                    Finish = reason
                  }
        ]

        // The sort is stable: of equals the earlier one stays.
        let ended =
            group.Ended @ ended
            |> List.sortWith (fun a b -> compare b.Score a.Score)
            |> List.truncate (width options)

        let goingOn =
            [| 0 .. all.Length - 1 |]
            |> Array.filter (fun i -> reasons[i].IsNone)
            |> Array.truncate (width options)

        let running = [ for i in goingOn -> { Tokens = tokens i; Sum = all[i].Sum } ]

        if isOver options length running ended then
            struct ({
                        group with
                            Running = []
                            Ended = ended
                    },
                    [||])
        else
            struct ({
                        group with
                            Running = running
                            Ended = ended
                            Sampling = Sampling.keep goingOn sampling
                    },
                    goingOn)

    /// Counts the tokens with which a group goes on, or would go on if there were room, into `taken`, float32 (1, V).
    let private count (options: BeamOptions) (all: Continuation[]) (taken: Tensor) : Tensor =
        let isEnd (continuation: Continuation) = List.contains continuation.Token options.EndTokens
        let tokens = all |> Array.filter (isEnd >> not) |> Array.truncate (width options) |> Array.map _.Token
        let shape = [ 1L; tokens.LongLength ]
        let places = Tensors.ofIds taken.device shape (Array.map int64 tokens)
        taken.scatter_add (1L, places, Tensors.ofFloats taken.device shape (Array.create tokens.Length 1.0f))

    /// One step of one group. `logs` (rows, V) are its rows' log-probabilities, `taken` (1, V) how often earlier groups have just
    /// taken each token. Gives the group after it, parents and tokens of its rows, and what has been taken now.
    let private stepGroup options (turn: Turn) (logs: Tensor) (taken: Tensor) (group: Group) =
        let warped = Sampling.warp turn group.Sampling logs
        Logits.checkNumbers warped

        let sums =
            group.Running
            |> List.map (fun running -> float32 running.Sum)
            |> Array.ofList
            |> Tensors.ofFloats logs.device [ logs.shape[0]; 1L ]

        let scores = warped.add(sums).sub(taken.mul (Tensors.scalar options.DiversityPenalty))
        let struct (all, rng) = continuations options group.Rng scores
        let parents, tokens = all |> Array.map _.Parent, all |> Array.map _.Token
        let sampling = Sampling.follow turn parents warped tokens group.Sampling

        let struct (after, goingOn) =
            select options (turn.Moment.Produced + 1) { group with Rng = rng } all sampling

        let ofRows (values: int[]) = goingOn |> Array.map (Array.get values)
        struct (after, ofRows parents, ofRows tokens, count options all taken)

    /// One step of all groups, one after the other.
    let private step (options: BeamOptions) (produced: int) (decoder: Decoder) (groups: Group list) : Group list =
        Tensors.freeing (fun () ->
            Tensors.noGrad (fun () ->
                let texts = decoder.Texts
                let logs = torch.nn.functional.log_softmax (decoder.Next(), -1L)
                let mutable taken = Tensors.zeros logs.device [ 1L; logs.shape[1] ]
                let mutable first = 0
                let parents, tokens = ResizeArray<int>(), ResizeArray<int>()

                let after = [
                    for group in groups do
                        let rows = group.Running.Length

                        if rows = 0 then
                            group
                        else
                            let turn = {
                                Texts = Array.sub texts first rows
                                Moment = {
                                    Produced = produced
                                    Left = options.MaxNewTokens - produced
                                    Rngs = Array.init rows (fun row -> Rng.split (uint64 row) group.Rng)
                                }
                            }

                            let own = logs.narrow (0L, int64 first, int64 rows)
                            let struct (after, from, ids, counted) = stepGroup options turn own taken group
                            parents.AddRange(from |> Seq.map ((+) first))
                            tokens.AddRange ids
                            first <- first + rows
                            taken <- counted
                            after
                ]

                if parents.Count > 0 then
                    decoder.Keep(parents.ToArray())
                    decoder.Add(tokens.ToArray())

                after))

    /// The groups after each step.
    let private steps
        (options: BeamOptions)
        (stages: Stage list)
        (rng: Rng)
        (model: Model)
        (prompt: int[])
        : Group list seq =
        seq {
            use decoder = Decoder.Start(model, [| prompt |], options.MaxNewTokens)
            decoder.Read()
            decoder.Keep(Array.zeroCreate options.Groups)

            let sampling =
                { Stages = stages; Pick = Best } |> Rows.withMinimum options.MinNewTokens options.EndTokens

            let mutable groups = [
                for number in 0 .. options.Groups - 1 ->
                    {
                        Running = [ { Tokens = []; Sum = 0.0 } ]
                        Ended = []
                        Sampling = sampling
                        Rng = Rng.split (uint64 number) rng
                    }
            ]

            let mutable produced = 0

            while groups |> List.exists (fun group -> not group.Running.IsEmpty) do
                groups <- step options produced decoder groups
                produced <- produced + 1
                yield groups
        }

    /// The best texts of all groups, best first.
    let private best (options: BeamOptions) (groups: Group list) : Hypothesis list =
        match groups |> List.collect _.Ended |> List.sortWith (fun a b -> compare b.Score a.Score) with
        | [] -> invalidOp "The stages rule out every continuation of every beam; at least one must be left."
        | ended -> List.truncate options.Return ended

    let private require (model: Model) (options: BeamOptions) (prompt: int[]) : unit =
        Decoder.Require(model, [| prompt |])

        match BeamOptions.validate model.Config.VocabSize options with
        | Ok _ -> ()
        | Error sentence -> invalidArg (nameof options) sentence

    /// The best continuations of a prompt, best first. `stages` change the log-probabilities of each step; the generator
    /// is used only where continuations are drawn.
    /// Raises ArgumentException for options that cannot be met, a prompt that `Generate.stream` would refuse and logits that hold
    /// NaN or +inf, and InvalidOperationException when the stages leave nothing to go on with.
    let search (options: BeamOptions) (stages: Stage list) (rng: Rng) (model: Model) (prompt: int[]) : Hypothesis list =
        require model options prompt
        steps options stages rng model prompt |> Seq.last |> best options

    /// The tokens of the best continuation, each as soon as all texts agree in it that may still win; the rest at the end.
    /// Lazy. Raises as `search` does.
    let stream (options: BeamOptions) (stages: Stage list) (rng: Rng) (model: Model) (prompt: int[]) : int seq =
        require model options prompt

        let agree (a: int[]) (b: int[]) : int[] = Array.truncate (a.AsSpan().CommonPrefixLength(ReadOnlySpan b)) a

        // What all texts begin with, if there are any left.
        let agreed (groups: Group list) : int[] option =
            [
                for group in groups do
                    yield! group.Ended |> Seq.map _.Tokens
                    yield! group.Running |> Seq.map (fun running -> running.Tokens |> List.rev |> Array.ofList)
            ]
            |> function
                | [] -> None
                | texts -> Some(List.reduce agree texts)

        seq {
            let mutable told = 0
            let mutable last = []

            for groups in steps options stages rng model prompt do
                last <- groups

                match agreed groups with
                | Some common ->
                    yield! Seq.skip told common
                    told <- common.Length
                | None -> ()

            yield! Seq.skip told (best options last |> List.head).Tokens
        }
