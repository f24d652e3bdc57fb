namespace Gpt

open System
open System.Text

/// A plot area in a picture: a rectangle with an axis along its bottom and one along its left side.
type Panel = {
    /// Of the rectangle, in the picture's units, as all four.
    Left: float
    /// Of the rectangle; the picture's y grows downwards.
    Top: float
    /// Of the rectangle.
    Width: float
    /// Of the rectangle.
    Height: float
    /// Along the bottom.
    X: Axis
    /// Along the left side, upwards.
    Y: Axis
}

[<RequireQualifiedAccess>]
module Panel =

    /// Whether a character is as wide as it is high: Hangul, from U+2E80 on the scripts of East Asia, and signs such as 😀.
    let private isWide (rune: Rune) : bool = rune.Value >= 0x1100 && rune.Value < 0x1200 || rune.Value >= 0x2E80

    /// What a character takes at most of a label's width, as a share of the font's size: there is no font to measure.
    let private characterWidth (rune: Rune) : float = if isWide rune then 1.0 else 0.65

    /// The width that a text of this many pixels' height is given room for.
    let textWidth (size: float) (text: string) : float = size * Seq.sumBy characterWidth (text.EnumerateRunes())

    /// A text cut to a width, for 12 pixels' height.
    let clip (width: float) (text: string) : string =
        let ends = text.EnumerateRunes() |> Seq.scan (fun at rune -> at + 12.0 * characterWidth rune) 0.0
        let most = ends |> Seq.tail |> Seq.takeWhile (fun at -> at <= width) |> Seq.length
        Svg.cut most text

    /// Where a number of the lower axis lies in the picture, from its left edge.
    let x (panel: Panel) (value: float) : float = panel.Left + panel.Width * Axis.place panel.X value

    /// Where a number of the left axis lies in the picture, from its top edge.
    let y (panel: Panel) (value: float) : float = panel.Top + panel.Height * (1.0 - Axis.place panel.Y value)

    /// The ticks of the lower axis that have room for a label: all, or every second, third …
    let private labelled (panel: Panel) : float list =
        let ticks = panel.X.Ticks
        let widest = ticks |> List.map (Axis.label panel.X >> textWidth 12.0) |> List.max
        let distance = panel.Width / float (ticks.Length - 1)
        let every = int (Math.Ceiling((widest + 8.0) / distance)) |> max 1
        ticks |> List.indexed |> List.filter (fun (i, _) -> i % every = 0) |> List.map snd

    /// Grid lines, axes, tick labels, what the left axis says above it and what the lower one says below it.
    let frame (xTitle: string) (yTitle: string) (panel: Panel) : SvgNode list =
        let right, bottom = panel.Left + panel.Width, panel.Top + panel.Height

        [
            for tick in panel.Y.Ticks do
                Svg.line "grid" panel.Left (y panel tick) right (y panel tick)
                Svg.label "soft" "end" (panel.Left - 8.0) (y panel tick + 4.0) (Axis.label panel.Y tick)
            Svg.line "axis" panel.Left bottom right bottom
            Svg.label "soft" "start" panel.Left (panel.Top - 10.0) yTitle
            if xTitle <> "" then
                for tick in labelled panel do
                    Svg.line "axis" (x panel tick) bottom (x panel tick) (bottom + 4.0)
                    Svg.label "soft" "middle" (x panel tick) (bottom + 18.0) (Axis.label panel.X tick)

                Svg.label "soft" "middle" (panel.Left + panel.Width / 2.0) (bottom + 36.0) xTitle
        ]

    /// The runs of points whose coordinates are both finite: a line has a gap where a number is missing.
    let private runs (points: (float * float) list) : (float * float) list list =
        let isDrawn (x, y) = Double.IsFinite x && Double.IsFinite y

        (points, [ [] ])
        ||> List.foldBack (fun point runs ->
            match runs with
            | current :: rest when isDrawn point -> (point :: current) :: rest
            | [] :: _ -> runs
            | _ -> [] :: runs)
        |> List.filter (List.isEmpty >> not)

    let private dot (style: string) (panel: Panel) (radius: float) (px, py) : SvgNode =
        Svg.element "circle" [
            "class", style
            "cx", Svg.number (x panel px)
            "cy", Svg.number (y panel py)
            "r", Svg.number radius
        ] []

    /// A line through points, by increasing x; a point alone is a dot.
    let line (style: string) (panel: Panel) (points: (float * float) list) : SvgNode list =
        runs points
        |> List.map (fun run ->
            match run with
            | [ point ] -> dot style panel 1.0 point
            | run ->
                let places = run |> List.map (fun (px, py) -> $"{Svg.number (x panel px)},{Svg.number (y panel py)}")
                Svg.element "polyline" [ "class", style; "points", String.concat " " places ] [])

    /// A dot at each point that has one.
    let dots (style: string) (panel: Panel) (points: (float * float) list) : SvgNode list =
        runs points |> List.concat |> List.map (dot style panel 3.0)

    /// A legend in one row from a place on: a dash and a name each.
    let legend (left: float) (y: float) (entries: (string * string) list) : SvgNode list =
        (left, entries)
        ||> List.mapFold (fun at (style, name) ->
            let entry = [
                Svg.line style at (y - 4.0) (at + 18.0) (y - 4.0)
                Svg.label "" "start" (at + 24.0) y name
            ]

            entry, at + 24.0 + textWidth 12.0 name + 16.0)
        |> fst
        |> List.concat
