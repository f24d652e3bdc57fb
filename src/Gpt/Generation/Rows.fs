namespace Gpt

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
            Sampling.behind (Time(fun moment -> Biases.minimumLength least endTokens moment.Produced)) sampling

    /// What a row's reader makes of a token: the text to show, whether a stop text has come, the reader after it.
    let private read (row: Row) (id: int) : struct (string * bool * TextStream option) =
        match row.Reader with
        | None -> struct ("", false, None)
        | Some reader ->
            let struct (text, stopped, next) = TextStream.push reader id
            struct (text, stopped, Some next)

    /// What is told of the tokens that rows have taken, the `produced`th of each, and the rows after them. `sampling` is what
    /// the tokens have made of it.
    let tell (options: GenerationOptions) produced (sampling: Sampling) (rows: Row[]) (tokens: Picked[]) =
        let finish row stopped =
            if stopped then
                Some StopText
            elif List.contains tokens[row].Id options.EndTokens then
                Some EndToken
            elif Sampling.isComplete row sampling then
                Some Complete
            elif produced = options.MaxNewTokens then
                Some Length
            else
                None

        rows
        |> Array.mapi (fun i row ->
            let token = tokens[i]
            let struct (text, stopped, reader) = read row token.Id
            let finish = finish i stopped

            let held =
                match finish, reader with
                | Some reason, Some reader when reason <> StopText -> TextStream.flush reader
                | _ -> ""

            {
                Row = row.Number
                Id = token.Id
                LogProbability = token.LogProbability
                Alternatives = token.Alternatives
                Text = text + held
                Finish = finish
            },
            { row with Reader = reader })
        |> Array.unzip
