namespace Gpt

open System

/// A character of a chart and the series it shows, if it shows one: who prints it gives each series a colour.
type ChartCell = {
    /// What is printed.
    Glyph: char
    /// The number of the series it shows, counted from 0; None for axes and space.
    Series: int option
}

/// Charts out of characters, for a terminal. Rows of cells, each no wider than was asked for.
[<RequireQualifiedAccess>]
module TextChart =

    /// The bits of a braille character's dots, by row and column: U+2800 and the sum of them is the character.
    let private bits = array2D [ [ 0x01; 0x08 ]; [ 0x02; 0x10 ]; [ 0x04; 0x20 ]; [ 0x40; 0x80 ] ]

    /// The dots on the straight line between two, ends included.
    let private between (x1: int, y1: int) (x2: int, y2: int) : (int * int) list =
        let count = max (abs (x2 - x1)) (abs (y2 - y1))

        [
            for i in 0..count do
                let share = if count = 0 then 0.0 else float i / float count

                int (Math.Round(float x1 + share * float (x2 - x1))),
                int (Math.Round(float y1 + share * float (y2 - y1)))
        ]

    let private plain (text: string) : ChartCell list =
        text |> Seq.map (fun glyph -> { Glyph = glyph; Series = None }) |> List.ofSeq

    /// What a series fills of a canvas of braille cells, `wide` × `high` of them: the bits of each cell.
    let private fill (wide: int) (high: int) (x: Axis) (y: Axis) (points: (float * float) list) : int[,] =
        let canvas = Array2D.zeroCreate high wide

        let dot (px, py) =
            int (Math.Round(Axis.place x px * float (2 * wide - 1))),
            int (Math.Round((1.0 - Axis.place y py) * float (4 * high - 1)))

        let mark (dx, dy) = canvas[dy / 4, dx / 2] <- canvas[dy / 4, dx / 2] ||| bits[dy % 4, dx % 2]

        let isDrawn (px, py) = Double.IsFinite px && Double.IsFinite py

        for point in List.filter isDrawn points do
            mark (dot point)

        for first, second in List.pairwise points do
            // A number that is missing leaves a gap.
            if isDrawn first && isDrawn second then
                between (dot first) (dot second) |> List.iter mark

        canvas

    /// Lines through points, drawn in braille dots, in `height` rows of at most `width` cells (30 and 5 at least): ticks at the
    /// left, the lower axis with its ends beneath. Where series cross, the later one has the cell.
    let lines (width: int) (height: int) (x: Axis) (series: (float * float) list list) : ChartCell list list =
        let width, height = max 30 width, max 5 height
        let y = series |> Seq.concat |> Seq.map snd |> Axis.ofValues
        let labels = y.Ticks |> List.map (fun tick -> tick, Axis.label y tick)
        let margin = labels |> List.map (snd >> String.length) |> List.max |> min 12
        let wide, high = width - margin - 2, height - 2
        let canvases = series |> List.map (fill wide high x y)
        let rowOf tick = int (Math.Round((1.0 - Axis.place y tick) * float (high - 1)))
        let byRow = labels |> List.map (fun (tick, label) -> rowOf tick, label) |> Map.ofList

        let cell row column =
            let seen = canvases |> List.indexed |> List.filter (fun (_, canvas) -> canvas[row, column] <> 0)

            match List.tryLast seen with
            | None -> { Glyph = ' '; Series = None }
            | Some(number, canvas) -> {
                Glyph = char (0x2800 + canvas[row, column])
                Series = Some number
              }

        let first, last = Axis.label x (Axis.low x), Axis.label x (Axis.high x)
        let ends = first + last.PadLeft(max (last.Length + 1) (wide - first.Length))

        [
            for row in 0 .. high - 1 do
                let label = Map.tryFind row byRow |> Option.defaultValue ""
                let edge = if label = "" then '│' else '┤'

                plain ((Svg.cut margin label).PadLeft margin + string edge)
                @ [ for column in 0 .. wide - 1 -> cell row column ]
            plain (String(' ', margin) + "└" + String('─', wide))
            plain (String(' ', margin + 1) + Svg.cut wide ends)
        ]

    /// A bar of up to `width` characters, in eighths of one, for a share in 0 to 1; what is not a number has none.
    let bar (width: int) (share: float) : string =
        if Double.IsFinite share then
            let eighths = int (Math.Round(Math.Clamp(share, 0.0, 1.0) * 8.0 * float width))

            let part =
                if eighths % 8 = 0 then
                    ""
                else
                    "▏▎▍▌▋▊▉".Substring(eighths % 8 - 1, 1)

            String('█', eighths / 8) + part
        else
            ""

    /// A heat map's rows for weights in 0 to 1, no more than `width` characters wide: two characters a cell where there is
    /// room, else one; where there are more columns than that, neighbours share a character, which shows the largest.
    let shades (width: int) (weights: float[][]) : string list =
        let columns = weights |> Array.map Array.length |> Array.fold max 0
        let repeat = if 2 * columns <= width then 2 else 1
        let size = (columns * repeat + width - 1) / max 1 width |> max 1
        let glyphs = " ░▒▓█"

        let glyph weight =
            if Double.IsFinite weight then
                glyphs[int (Math.Round(4.0 * sqrt (Math.Clamp(weight, 0.0, 1.0))))]
            else
                ' '

        [
            for row in weights ->
                row
                |> Array.chunkBySize size
                |> Array.map (fun shared -> String(glyph (Array.fold max 0.0 shared), repeat))
                |> String.Concat
        ]
