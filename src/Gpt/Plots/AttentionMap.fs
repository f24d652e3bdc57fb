namespace Gpt

open System
open System.Text

/// What one head of one layer looks at.
type AttentionMap = {
    /// Counted from 0.
    Layer: int
    /// Counted from 0.
    Head: int
    /// A row a token, T by T: how much it looks at each; 0 for what comes after it.
    Weights: float[][]
}

/// Attention as heat maps: a row is the token that looks, a column the token that is looked at; the stronger the colour, the more.
[<RequireQualifiedAccess>]
module AttentionMaps =

    /// Shades between nothing and all of it.
    let private shades = 12

    /// The shade of a weight, 0 to 12. The square root shows small weights, of which a long text has nothing else.
    let shade (weight: float) : int =
        if Double.IsFinite weight then
            int (Math.Round(float shades * sqrt (Math.Clamp(weight, 0.0, 1.0))))
        else
            0

    /// One path a shade instead of one rectangle a cell: a hundredth of the bytes.
    let private cells (left: float) (top: float) (size: float) (weights: float[][]) : SvgNode list =
        let paths = Array.init (shades + 1) (fun _ -> StringBuilder())
        let side = Svg.number size

        weights
        |> Array.iteri (fun row line ->
            line
            |> Array.iteri (fun column weight ->
                let x, y = Svg.number (left + size * float column), Svg.number (top + size * float row)
                paths[shade weight].Append $"M{x} {y}h{side}v{side}h-{side}z" |> ignore))

        [
            for level in 1..shades do
                if paths[level].Length > 0 then
                    Svg.element "path" [
                        "class", Svg.fill 0
                        "fill-opacity", Svg.number (float level / float shades)
                        "shape-rendering", "crispEdges"
                        "d", paths[level].ToString()
                    ] []
        ]

    /// One map with the tokens along its sides.
    let private labelled (left: float) (top: float) (size: float) (tokens: string list) (map: AttentionMap) = [
        let side = size * float tokens.Length
        Svg.rect "track" left top side side
        yield! cells left top size map.Weights

        for place, token in List.indexed tokens do
            let middle = size * (float place + 0.5)
            Svg.label "soft" "end" (left - 6.0) (top + middle + 4.0) token
            let x, y = Svg.number (left + middle + 4.0), Svg.number (top - 6.0)

            Svg.words "text" [ "class", "soft"; "x", x; "y", y; "transform", $"rotate(-90 {x} {y})" ] token
    ]

    let private one (prompt: string) (tokens: string list) (map: AttentionMap) : string =
        let tokens = tokens |> List.map (Svg.token >> Svg.cut 14)
        let labels = tokens |> List.map (Panel.textWidth 12.0) |> List.fold max 20.0
        let size = Math.Clamp(560.0 / float (max 1 tokens.Length), 15.0, 40.0)
        let left, top = 30.0 + labels, 76.0 + labels
        let side = size * float tokens.Length

        Svg.picture
            (max 420.0 (left + side + 30.0))
            (top + side + 30.0)
            "Attention"
            $"What each token of \"{prompt}\" looks at in head {map.Head} of layer {map.Layer}: rows look at columns."
            [
                Svg.label "head" "start" 20.0 30.0 $"Attention, layer {map.Layer}, head {map.Head}"
                Svg.label "soft" "start" 20.0 50.0 "each row looks at the columns: the stronger the colour, the more"
                yield! labelled left top size tokens map
            ]

    let private grid (prompt: string) (tokens: string list) (maps: AttentionMap list) : string =
        let layers = maps |> List.map _.Layer |> List.distinct |> List.sort
        let heads = maps |> List.map _.Head |> List.distinct |> List.sort
        let side = Math.Clamp(900.0 / float heads.Length - 14.0, 60.0, 200.0)
        let left, top = 84.0, 96.0
        let size = side / float (max 1 tokens.Length)
        let place (numbers: int list) number = float (List.findIndex ((=) number) numbers) * (side + 14.0)

        Svg.picture
            (max 420.0 (left + float heads.Length * (side + 14.0) + 10.0))
            (top + float layers.Length * (side + 14.0) + 10.0)
            "Attention"
            $"What each token of \"{prompt}\" looks at, a map for each layer and head: rows look at columns."
            [
                Svg.label "head" "start" 20.0 30.0 "Attention"
                Svg.label "soft" "start" 20.0 50.0 (Panel.clip 640.0 $"of {Svg.token prompt}")

                for head in heads do
                    Svg.label "soft" "middle" (left + place heads head + side / 2.0) (top - 10.0) $"head {head}"

                for layer in layers do
                    Svg.label "soft" "end" (left - 10.0) (top + place layers layer + side / 2.0 + 4.0) $"layer {layer}"

                for map in maps do
                    let x, y = left + place heads map.Head, top + place layers map.Layer
                    Svg.rect "track" x y side side
                    yield! cells x y size map.Weights
            ]

    /// The maps as an SVG picture: one with the tokens along its sides, or several as a grid of layers and heads. Each map has
    /// as many rows and columns as there are tokens.
    let svg (prompt: string) (tokens: string list) (maps: AttentionMap list) : string =
        match maps with
        | [ map ] -> one prompt tokens map
        | maps -> grid prompt tokens maps
