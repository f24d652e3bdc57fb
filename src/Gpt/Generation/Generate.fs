namespace Gpt

/// What one row was continued with.
type Completion = {
    /// The new tokens, an end token included.
    Tokens: int[]
    /// What may be shown of it, when a reader was given.
    Text: string
    /// ln of the probability that the model gave each token, when asked for.
    LogProbabilities: float[]
    /// Why it ended.
    Finish: FinishReason
}

/// Text, one token at a time.
[<RequireQualifiedAccess>]
module Generate =

    /// The rows that are still being written.
    type private Batch = {
        Rows: Row[]
        Sampling: Sampling
        Produced: int
    }

    /// The logits (B, V) of the next tokens: the model's own, those of the decoder, and these led away from those of the guide.
    let private logitsOf (options: GenerationOptions) (decoder: Decoder) (guide: Decoder option) =
        fun (next: Decoder -> Tensor) ->
            match options.Guidance, guide with
            | Some guidance, Some guide ->
                let others, own = next guide, next decoder
                struct (own, Warpers.guidance guidance.Scale others own)
            | _ ->
                let own = next decoder
                struct (own, own)

    /// What is told of one token of every row, and the batch that comes after, rows that ended still in it.
    let private told (options: GenerationOptions) sampling (tokens: Picked[]) (rngs: Rng[]) (batch: Batch) =
        let rows = Array.map2 (fun (row: Row) rng -> { row with Rng = rng }) batch.Rows rngs
        let tokens, rows = Rows.tell options (batch.Produced + 1) sampling rows tokens

        tokens,
        {
            Rows = rows
            Sampling = sampling
            Produced = batch.Produced + 1
        }

    /// One token for every row, picked and read at once.
    let private next
        (options: GenerationOptions)
        (texts: History)
        (struct (own, logits): struct (Tensor * Tensor))
        (batch: Batch)
        =
        let turn = {
            Texts = texts
            Moment = {
                Produced = batch.Produced
                Left = options.MaxNewTokens - batch.Produced
                Rngs = batch.Rows |> Array.map _.Rng
            }
        }

        let warped = Sampling.warp turn batch.Sampling logits
        Logits.check warped
        let struct (picked, rngs) = Sampling.pick turn.Moment.Rngs warped batch.Sampling
        let tokens = Report.now options own picked
        let sampling = Sampling.advance turn warped (tokens |> Array.map _.Id) batch.Sampling
        told options sampling tokens rngs batch

    /// One token for every row out of a block, where there is one.
    let private nextInFlight (options: GenerationOptions) (flight: Flight) (batch: Batch) =
        flight.Take(batch.Produced, batch.Rows |> Array.map _.Rng)
        |> Option.map (fun (tokens, rngs) -> told options batch.Sampling tokens rngs batch)

    /// Puts the picked tokens behind the texts and leaves out the rows that ended.
    let private goOn
        (decoders: Decoder list)
        (flight: Flight option)
        (tokens: GeneratedToken[])
        (batch: Batch)
        : Batch =
        let left = [|
            for i in 0 .. tokens.Length - 1 do
                if tokens[i].Finish.IsNone then
                    i
        |]

        for decoder in decoders do
            decoder.Add(tokens |> Array.map _.Id)

            if left.Length > 0 then
                decoder.Keep left

        if left.Length = tokens.Length then
            batch
        else
            flight |> Option.iter (fun flight -> flight.Keep left)

            {
                batch with
                    Rows = left |> Array.map (Array.get batch.Rows)
                    Sampling = Sampling.keep left batch.Sampling
            }

    /// Continues the rows of a decoder until all have ended. The decoder is the caller's, who disposes it.
    let internal run
        (options: GenerationOptions)
        (sampling: Sampling)
        (rngs: Rng[])
        (decoder: Decoder)
        : GeneratedToken seq =
        seq {
            let guide =
                options.Guidance
                |> Option.map (fun guidance ->
                    Decoder.Start(decoder.Model, Array.replicate rngs.Length guidance.Prompt, options.MaxNewTokens))

            use _ = guide |> Option.toObj
            let decoders = decoder :: Option.toList guide

            let mutable batch = {
                Rows = Rows.start options rngs
                Sampling =
                    sampling
                    |> Rows.withMinimum options.MinNewTokens options.EndTokens
                    |> Sampling.keep (Array.zeroCreate rngs.Length)
                Produced = 0
            }

            let logits = logitsOf options decoder guide
            let flight = Flight.TryStart(options, batch.Sampling, decoders, logits)
            use _ = Option.toObj flight

            while batch.Rows.Length > 0 do
                let tokens =
                    Tensors.freeing (fun () ->
                        Tensors.noGrad (fun () ->
                            let tokens, after =
                                flight
                                |> Option.bind (fun flight -> nextInFlight options flight batch)
                                |> Option.defaultWith (fun () -> next options decoder.Texts (logits _.Next()) batch)

                            batch <- goOn decoders flight tokens after
                            tokens))

                yield! tokens
        }

    /// The options themselves. Raises ArgumentException where a model cannot continue prompts by them.
    let internal require (options: GenerationOptions) (model: Model) (prompts: int[][]) : GenerationOptions =
        let options = GenerationOptions.require model.Config.VocabSize options
        Decoder.Require(model, prompts)
        let context = model.Config.Context

        match options.Guidance with
        | Some guidance when guidance.Prompt.Length > context ->
            invalidArg
                (nameof options)
                $"The guidance prompt has {guidance.Prompt.Length} tokens; it must have at most {context}, the model's context."
        | _ -> options

    /// Continues prompts side by side, each with a generator of its own: row for row the tokens that each would get alone. On
    /// the embedded engine that holds to the last bit for up to 128 prompts; libtorch rounds by the number of rows.
    /// Lazy, and the same every time it is enumerated; the tokens of a step come in the order of the prompts. A text
    /// longer than the context goes on from its last half (see `Decoder`).
    /// Where no stage is a `Look` or a `Remember`, a GPU picks tokens in blocks (see `GenerationOptions.Block`): they come up to two
    /// blocks late, and what it picks behind the end of a text is lost.
    /// Raises ArgumentException for options that cannot be met, and for a prompt that is empty, longer than the context
    /// (`lastContext` cuts it), or holds an id outside the vocabulary; a guidance prompt over the context is one, too.
    let batch
        (options: GenerationOptions)
        (sampling: Sampling)
        (model: Model)
        (prompts: (Rng * int[]) list)
        : GeneratedToken seq =
        let rngs, prompts = prompts |> Array.ofList |> Array.unzip
        let options = require options model prompts

        seq {
            use decoder = Decoder.Start(model, prompts, options.MaxNewTokens)
            yield! run options sampling rngs decoder
        }

    /// Continues one prompt: `batch` with a single row.
    let stream (options: GenerationOptions) (sampling: Sampling) (rng: Rng) (model: Model) (prompt: int[]) =
        batch options sampling model [ rng, prompt ]

    /// Continues one prompt `count` times, row i with generator `Rng.split i rng`. The prompt is read once.
    /// Raises as `batch` does, and ArgumentOutOfRangeException for a `count` below 1.
    let samples
        (options: GenerationOptions)
        (sampling: Sampling)
        (rng: Rng)
        (count: int)
        (model: Model)
        (prompt: int[])
        : GeneratedToken seq =
        Argument.require (count >= 1) (nameof count) count "at least 1"
        let options = require options model [| prompt |]

        seq {
            use decoder = Decoder.Start(model, [| prompt |], options.MaxNewTokens)
            decoder.Read()
            decoder.Keep(Array.zeroCreate count)
            yield! run options sampling (Array.init count (fun i -> Rng.split (uint64 i) rng)) decoder
        }

    /// The tokens that follow a prompt, without end: the caller takes as many as are wanted.
    let tokens (sampling: Sampling) (rng: Rng) (model: Model) (prompt: int[]) : int seq =
        stream GenerationOptions.defaults sampling rng model prompt |> Seq.map _.Id

    /// The end of a text that a model can read: its last context of tokens, or all of it.
    let lastContext (model: Model) (text: int[]) : int[] = Array.skip (max 0 (text.Length - model.Config.Context)) text

    /// All of a stream, gathered by rows, in the order of the prompts. A row that the caller stopped has the reason `Length`.
    let collect (tokens: GeneratedToken seq) : Completion[] =
        let completion (_, tokens: GeneratedToken seq) = {
            Tokens = [| for token in tokens -> token.Id |]
            Text = tokens |> Seq.map _.Text |> String.concat ""
            LogProbabilities = tokens |> Seq.choose _.LogProbability |> Seq.toArray
            Finish = (Seq.last tokens).Finish |> Option.defaultValue Length
        }

        tokens |> Seq.groupBy _.Row |> Seq.sortBy fst |> Seq.map completion |> Seq.toArray

    /// The text of the `count` tokens that follow a prompt. The error is the tokenizer's, when it cannot encode the prompt.
    let text
        (sampling: Sampling)
        (rng: Rng)
        (count: int)
        (tokenizer: Tokenizer)
        (model: Model)
        (prompt: string)
        : Result<string, string> =
        if prompt = "" then
            Error "the prompt is empty; it must hold at least one character"
        else
            Tokenizer.encode tokenizer prompt
            |> Result.map (tokens sampling rng model >> Seq.truncate count >> Tokenizer.decode tokenizer)
