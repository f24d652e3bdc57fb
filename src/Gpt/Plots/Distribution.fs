namespace Gpt

/// The distribution of the next token, as the model gives it and after each stage that the choice goes through.
[<RequireQualifiedAccess>]
module Distribution =

    /// The `top` tokens that are the most likely before any stage, and what is left for all others, as rows of a table with a
    /// column a stage. `name` is the text of a token; all stages have a probability for each token.
    let table (top: int) (name: int -> string) (stages: (string * float[]) list) : BarTable =
        let shown =
            match stages with
            | [] -> []
            | (_, first) :: _ ->
                // A stable order, so that ties do not hang on the sort.
                List.init first.Length id |> List.sortBy (fun token -> -first[token]) |> List.truncate top

        let total = stages |> List.tryHead |> Option.map (snd >> Array.length) |> Option.defaultValue 0
        let others = total - shown.Length

        let column (probabilities: float[]) = [
            let own = shown |> List.map (Array.get probabilities)
            yield! own

            if others > 0 then
                let isShown = set shown

                probabilities
                |> Seq.indexed
                |> Seq.filter (fun (token, _) -> not (isShown.Contains token))
                |> Seq.sumBy snd
        ]

        {
            Rows = [
                for token in shown do
                    Svg.token (name token)
                if others > 0 then
                    $"{others} others"
            ]
            Columns = stages |> List.map (fun (stage, probabilities) -> stage, column probabilities)
            Full = Some 1.0
            Decimals = 4
        }

    /// The table as an SVG picture, under the text that the token follows.
    let svg (prompt: string) (table: BarTable) : string =
        let width = BarTable.width table + 40.0 |> max 420.0
        let stages = table.Columns |> List.map fst |> String.concat ", "

        Svg.picture
            width
            (BarTable.height table + 84.0)
            "The next token"
            $"The probabilities of the next token after \"{prompt}\", as the model gives them and after each stage: {stages}."
            [
                Svg.label "head" "start" 20.0 30.0 "The next token"
                Svg.label "soft" "start" 20.0 50.0 (Panel.clip (width - 40.0) $"after {Svg.token prompt}")
                // The model's own column stands out from what is made of it.
                yield! BarTable.draw 20.0 66.0 (fun column -> if column = 0 then 5 else 0) table
            ]
