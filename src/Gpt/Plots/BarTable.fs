namespace Gpt

open System
open System.Globalization

/// Numbers by rows and columns, each shown as a bar and as itself: what the distributions and the comparisons are made of.
type BarTable = {
    /// What is at the left of each row.
    Rows: string list
    /// A heading and a number a row.
    Columns: (string * float list) list
    /// The number that fills a bar's track; without it each column's largest does.
    Full: float option
    /// Decimals of the numbers.
    Decimals: int
}

[<RequireQualifiedAccess>]
module BarTable =

    let private rowHeight = 22.0
    let private cellWidth = 190.0
    let private gap = 26.0
    let private headHeight = 30.0

    /// The room for a number: the sign, the digits and the point, or powers of ten.
    let private numberWidth = 64.0

    /// A number as it is shown: a column of whole numbers without decimals.
    let text (table: BarTable) (column: float list) (value: float) : string =
        let decimals =
            if List.forall Double.IsInteger column then
                0
            else
                table.Decimals

        if Double.IsNaN value then
            "–"
        elif value = 0.0 then
            // What is ruled out, beside what is rounded to as much.
            "0"
        elif Double.IsInfinity value || abs value >= 1e5 then
            value.ToString("0.##e0", CultureInfo.InvariantCulture)
        else
            value.ToString($"F{decimals}", CultureInfo.InvariantCulture)

    let private labelWidth (table: BarTable) =
        "" :: table.Rows |> List.map (Panel.textWidth 12.0) |> List.max |> max 20.0 |> min 220.0

    /// How many blocks of columns stand one below the other, and how many columns side by side: as even as they can be.
    let private blocks (table: BarTable) = max 1 ((table.Columns.Length + 3) / 4)
    let private across (table: BarTable) = max 1 ((table.Columns.Length + blocks table - 1) / blocks table)
    let private blockHeight (table: BarTable) = headHeight + rowHeight * float table.Rows.Length + 18.0

    /// The width that a table takes.
    let width (table: BarTable) : float = labelWidth table + 12.0 + float (across table) * (cellWidth + gap) - gap

    /// The height that a table takes.
    let height (table: BarTable) : float = float (blocks table) * blockHeight table

    /// How much of its track a number fills, 0 to 1: its size over the largest of its column, or over `Full`.
    let share (table: BarTable) (column: float list) (value: float) : float =
        let sizes = column |> List.map abs |> List.filter Double.IsFinite
        let full = table.Full |> Option.defaultWith (fun () -> List.fold max 0.0 sizes)

        if Double.IsFinite value && full > 0.0 then
            min 1.0 (abs value / full)
        else
            0.0

    let private cell (table: BarTable) (series: int) (column: float list) (x: float) (y: float) (value: float) = [
        let track = cellWidth - numberWidth
        Svg.rect "track" x (y + 4.0) track (rowHeight - 8.0)
        Svg.rect (Svg.fill series) x (y + 4.0) (track * share table column value) (rowHeight - 8.0)
        Svg.label "soft" "end" (x + cellWidth) (y + 15.5) (text table column value)
    ]

    /// The table with its upper left corner at a place; each column has the series' colour that `colour` gives its number.
    let draw (left: float) (top: float) (colour: int -> int) (table: BarTable) : SvgNode list =
        let labels = labelWidth table
        let blockTop block = top + float block * blockHeight table
        let rowTop block row = blockTop block + headHeight + rowHeight * float row

        [
            for block, columns in table.Columns |> List.indexed |> List.chunkBySize (across table) |> List.indexed do
                for row, name in List.indexed table.Rows do
                    Svg.label "" "end" (left + labels) (rowTop block row + 15.5) (Panel.clip 220.0 name)

                for place, (column, (name, values)) in List.indexed columns do
                    let x = left + labels + 12.0 + float place * (cellWidth + gap)
                    Svg.label "" "start" x (blockTop block + 20.0) (Panel.clip cellWidth name)

                    for row, value in List.indexed values do
                        yield! cell table (colour column) values x (rowTop block row) value
        ]
