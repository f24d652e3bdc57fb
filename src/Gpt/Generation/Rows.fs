namespace Gpt

open TorchSharp

/// What belongs to one text from token to token.
type internal Row = {
    /// The number of its prompt.
    Number: int
    Rng: Rng
    Reader: TextStream option
}

/// What all loops of generation do with the tokens they have picked.
[<RequireQualifiedAccess>]
module internal Rows =

    /// A row for each generator.
    let start (options: GenerationOptions) (rngs: Rng[]) : Row[] =
        rngs
        |> Array.mapi (fun number rng -> {
            Number = number
            Rng = rng
            Reader = options.Reader
        })

    /// The stage that keeps end tokens away while a text is too short, before those of a sampling.
    let withMinimum (least: int) (endTokens: int list) (sampling: Sampling) : Sampling =
        if least = 0 || endTokens.IsEmpty then
            sampling
        else
            Sampling.behind (Look(fun turn -> Biases.minimumLength least endTokens turn.Produced)) sampling

    /// ln p of the picked tokens, int64 (B), under the model's logits (B, V), and the best `count` ones of each row.
    let private report (count: int) (ids: int[]) (logits: Tensor) : struct (float[] * Candidate list[]) =
        let logs = torch.nn.functional.log_softmax (logits, -1L)
        let picked = Tensors.ofIds logits.device [ ids.LongLength; 1L ] (Array.map int64 ids)
        let own = logs.gather (1L, picked) |> Tensors.toFloats |> Array.map float

        let candidate (id: int64) (value: float32) = {
            Id = int id
            LogProbability = float value
        }

        let candidates =
            if count = 0 then
                Array.replicate own.Length []
            else
                let struct (best, places) = logs.topk (count, -1)

                Array.map2 candidate (Tensors.toIds places) (Tensors.toFloats best)
                |> Array.chunkBySize count
                |> Array.map List.ofArray

        struct (own, candidates)

    /// What a row's reader makes of a token: the text to show, whether a stop text has come, the reader after it.
    let private read (row: Row) (id: int) : struct (string * bool * TextStream option) =
        match row.Reader with
        | None -> struct ("", false, None)
        | Some reader ->
            let struct (text, stopped, next) = TextStream.push reader id
            struct (text, stopped, Some next)

    /// What is told of the tokens that rows have taken, the `produced`th of each, and the rows after them. `sampling` is what
    /// the tokens have made of it, `logits` (B, V) are the model's own; without them no log-probability is told.
    let tell
        (options: GenerationOptions)
        produced
        (sampling: Sampling)
        (logits: Tensor option)
        (rows: Row[])
        (ids: int[])
        =
        let struct (own, candidates) =
            match options.LogProbabilities, logits with
            | Some count, Some logits -> report count ids logits
            | _ -> struct ([||], [||])

        let finish row stopped =
            if stopped then
                Some StopText
            elif List.contains ids[row] options.EndTokens then
                Some EndToken
            elif Sampling.isComplete row sampling then
                Some Complete
            elif produced = options.MaxNewTokens then
                Some Length
            else
                None

        rows
        |> Array.mapi (fun i row ->
            let struct (text, stopped, reader) = read row ids[i]
            let finish = finish i stopped

            let held =
                match finish, reader with
                | Some reason, Some reader when reason <> StopText -> TextStream.flush reader
                | _ -> ""

            {
                Row = row.Number
                Id = ids[i]
                LogProbability = Array.tryItem i own
                Alternatives = Array.tryItem i candidates |> Option.defaultValue []
                Text = text + held
                Finish = finish
            },
            { row with Reader = reader })
        |> Array.unzip
