namespace Gpt

open System
open TorchSharp

/// What one row was continued with.
type Completion = {
    Tokens: int[]
    /// What may be shown of it, when a reader was given.
    Text: string
    /// ln of the probability that the model gave each token, when asked for.
    LogProbabilities: float[]
    Finish: FinishReason
}

/// Text, one token at a time.
[<RequireQualifiedAccess>]
module Generate =

    /// What belongs to one row from token to token.
    type private Row = {
        /// The number of its prompt.
        Number: int
        Rng: Rng
        Reader: TextStream option
    }

    /// The rows that are still being written.
    type private Batch = {
        Rows: Row[]
        Sampling: Sampling
        Produced: int
    }

    /// ln p of the picked tokens under the model's logits (B, V), and the best `count` ones of each row.
    let private report (count: int) (picked: Tensor) (logits: Tensor) : struct (float[] * Candidate list[]) =
        let logs = torch.nn.functional.log_softmax (logits, -1L)
        let own = logs.gather(1L, picked.unsqueeze 1L) |> Tensors.toFloats |> Array.map float

        let candidates =
            if count = 0 then
                Array.replicate own.Length []
            else
                let struct (best, ids) = logs.topk (count, -1)

                Array.map2
                    (fun (id: int64) (value: float32) -> {
                        Id = int id
                        LogProbability = float value
                    })
                    (Tensors.toIds ids)
                    (Tensors.toFloats best)
                |> Array.chunkBySize count
                |> Array.map List.ofArray

        struct (own, candidates)

    /// The logits (B, V) of the next tokens, led away from the guide's texts.
    let private nextLogits (options: GenerationOptions) (decoder: Decoder) (guide: Decoder option) : Tensor =
        match options.Guidance, guide with
        | Some _, Some guide -> (guide.Next()).add (decoder.Next())
        | _ -> decoder.Next()

    /// What a row's reader makes of a token: the text to show, whether a stop text has come, the reader after it.
    let private read (row: Row) (id: int) : struct (string * bool * TextStream option) =
        match row.Reader with
        | None -> struct ("", false, None)
        | Some reader ->
            let struct (text, stopped, next) = TextStream.push reader id
            struct (text, stopped, Some next)

    /// Why a row ends with a token, if it does. `batch` is what the token made of it.
    let private finish (options: GenerationOptions) (batch: Batch) (row: int) (id: int) stopped : FinishReason option =
        if stopped then Some StopText
        elif List.contains id options.EndTokens then Some EndToken
        elif Sampling.isComplete row batch.Sampling then Some Complete
        elif batch.Produced = options.MaxNewTokens then Some Length
        else None

    /// One token for every row, and the batch that comes after, rows that ended still in it.
    let private next (options: GenerationOptions) (decoder: Decoder) (guide: Decoder option) (batch: Batch) =
        Tensors.noGrad (fun () ->
            let turn = {
                Texts = decoder.Texts
                Produced = batch.Produced
                Left = options.MaxNewTokens - batch.Produced
                Rngs = batch.Rows |> Array.map _.Rng
            }

            let logits = nextLogits options decoder guide
            let warped = Sampling.warp turn batch.Sampling logits
            Logits.check warped
            let struct (picked, rngs) = Sampling.pick turn.Rngs warped batch.Sampling
            let ids = Tensors.toIds picked |> Array.map int
            let texts = Array.map2 read batch.Rows ids

            let after = {
                Rows =
                    Array.map3
                        (fun row rng (struct (_, _, reader)) -> { row with Rng = rng; Reader = reader })
                        batch.Rows
                        rngs
                        texts
                Sampling = Sampling.advance warped ids batch.Sampling
                Produced = batch.Produced + 1
            }

            let struct (own, candidates) =
                match options.LogProbabilities with
                | Some count -> report count picked logits
                | None -> struct ([||], [||])

            let token row (struct (text, stopped, reader)) =
                let finish = finish options after row ids[row] stopped

                {
                    Row = batch.Rows[row].Number
                    Id = ids[row]
                    LogProbability = Array.tryItem row own
                    Alternatives = Array.tryItem row candidates |> Option.defaultValue []
                    Text =
                        match finish, reader with
                        | Some reason, Some reader when reason <> StopText -> text + TextStream.flush reader
                        | _ -> text
                    Finish = finish
                }

            struct (Array.mapi token texts, after))

    /// Puts the picked tokens behind the texts and leaves out the rows that ended.
    let private goOn (decoders: Decoder list) (tokens: GeneratedToken[]) (batch: Batch) : Batch =
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
            {
                batch with
                    Rows = left |> Array.map (Array.get batch.Rows)
                    Sampling = Sampling.keep left batch.Sampling
            }

    /// Continues the rows of a decoder until all have ended. The decoder is the caller's, who disposes it.
    let internal run (options: GenerationOptions) (sampling: Sampling) (rngs: Rng[]) (decoder: Decoder) : GeneratedToken seq =
        seq {
            let guides =
                options.Guidance
                |> Option.map (fun guidance ->
                    Decoder.Start(decoder.Model, Array.replicate rngs.Length guidance.Prompt, options.MaxNewTokens))

            use _ =
                { new IDisposable with
                    member _.Dispose() = guides |> Option.iter (fun guide -> (guide :> IDisposable).Dispose())
                }

            let tooEarly = Look(fun turn -> Biases.minimumLength options.MinNewTokens options.EndTokens turn.Produced)

            let mutable batch = {
                Rows =
                    rngs
                    |> Array.mapi (fun number rng -> {
                        Number = number
                        Rng = rng
                        Reader = options.Reader
                    })
                Sampling =
                    (if options.MinNewTokens = 0 then
                         sampling
                     else
                         Sampling.behind tooEarly sampling)
                    |> Sampling.keep (Array.zeroCreate rngs.Length)
                Produced = 0
            }

            while batch.Rows.Length > 0 do
                let tokens =
                    Tensors.freeing (fun () ->
                        let struct (tokens, after) = next options decoder guides batch
                        batch <- goOn (decoder :: Option.toList guides) tokens after
                        tokens)

                yield! tokens
        }

    /// Continues prompts side by side, each with a generator of its own: row for row the tokens that each would get alone.
    /// Lazy, and the same every time it is enumerated; the tokens of a step come in the order of the prompts. A text
    /// longer than the context goes on from its last half (see `Decoder`).
    /// Raises ArgumentException for options that cannot be met, an empty prompt or an id outside the vocabulary.
    let batch
        (options: GenerationOptions)
        (sampling: Sampling)
        (model: Model)
        (prompts: (Rng * int[]) list)
        : GeneratedToken seq =
        let options = GenerationOptions.require model.Config.VocabSize options
        let rngs, prompts = prompts |> Array.ofList |> Array.unzip
        Decoder.Require(model, prompts)

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
        let options = GenerationOptions.require model.Config.VocabSize options
        Argument.require (count >= 1) (nameof count) count "at least 1"
        Decoder.Require(model, [| prompt |])

        seq {
            use decoder = Decoder.Start(model, [| prompt |], options.MaxNewTokens)
            decoder.Read()
            decoder.Keep(Array.zeroCreate count)
            yield! run options sampling (Array.init count (fun i -> Rng.split (uint64 i) rng)) decoder
        }

    /// The tokens that follow a prompt, without end: the caller takes as many as are wanted.
    let tokens (sampling: Sampling) (rng: Rng) (model: Model) (prompt: int[]) : int seq =
        stream GenerationOptions.defaults sampling rng model prompt |> Seq.map _.Id

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
