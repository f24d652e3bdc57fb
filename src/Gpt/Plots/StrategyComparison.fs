namespace Gpt

/// Several ways to write from one prompt, held side by side.
[<RequireQualifiedAccess>]
module StrategyComparison =

    /// The comparison as an SVG picture: tables of bars, each under a heading.
    let svg (prompt: string) (tables: (string * BarTable) list) : string =
        let width = tables |> List.map (fun (_, table) -> BarTable.width table + 40.0) |> List.fold max 420.0
        let heights = tables |> List.map (fun (_, table) -> BarTable.height table + 34.0)
        let tops = heights |> List.scan (+) 72.0

        Svg.picture
            width
            (72.0 + List.sum heights)
            "Strategies"
            $"Texts written by several strategies after \"{prompt}\", compared by numbers."
            [
                Svg.label "head" "start" 20.0 30.0 "Strategies"
                Svg.label "soft" "start" 20.0 50.0 (Panel.clip (width - 40.0) $"after {Svg.token prompt}")

                for (heading, table), top in List.zip tables (List.truncate tables.Length tops) do
                    Svg.label "soft" "start" 20.0 (top + 14.0) (Panel.clip (width - 40.0) heading)
                    yield! BarTable.draw 20.0 (top + 20.0) id table
            ]
