namespace Gpt.Cli

open System
open System.CommandLine
open System.IO
open System.Text
open Spectre.Console
open Spectre.Console.Rendering
open Gpt

/// Pictures as files and as characters.
[<RequireQualifiedAccess>]
module Pictures =

    /// The option of commands that can leave a picture.
    let svg () : Option<string> =
        Options.optional "--svg" "file for a picture of the answer, as SVG" |> Options.notEmpty

    /// The folder and the name of a picture, or why a path is none for a picture.
    let place (path: string) : Result<string * string, string> =
        let whole = Path.GetFullPath path

        match Path.GetDirectoryName whole, Path.GetFileName whole with
        | null, _
        | _, ""
        | _, null -> Error $"{path} is no name for a picture; give a file such as picture.svg"
        | _ when Directory.Exists whole -> Error $"{path} is a folder; give a file such as picture.svg"
        | folder, name -> Ok(folder, name)

    /// Writes a picture under its own name when all of it is there. The error is one sentence.
    let write (path: string) (picture: string) : Result<unit, string> =
        place path
        |> Result.bind (fun (folder, name) ->
            try
                SafeFiles.writeAll folder [ name, (fun file -> file.Write(Encoding.UTF8.GetBytes picture)) ]
                Ok()
            with
            | :? IOException
            | :? UnauthorizedAccessException as e -> Error $"{path} cannot be written: {e.Message}")

    /// Writes the picture that an option asks for, if it does; what it shows is computed only then.
    let writeFor (parsed: ParseResult) (option: Option<string>) (picture: unit -> string) : Result<unit, Problem> =
        match Options.given parsed option with
        | None -> Ok()
        | Some path ->
            write path (picture ()) |> Result.map (fun () -> Screen.note $"picture: {path}") |> Problem.failed

    // The terminal's own colours, which its owner can read.
    let private colours = [ Color.Grey; Color.Blue; Color.Yellow ]

    /// A row of cells as text with a colour for each series.
    let private row (cells: ChartCell list) : IRenderable =
        let paragraph = Paragraph()

        // One piece for each run of a colour.
        let rec pieces (cells: ChartCell list) =
            match cells with
            | [] -> ()
            | first :: _ ->
                let own = cells |> List.takeWhile (fun cell -> cell.Series = first.Series)
                let text = String(own |> List.map _.Glyph |> Array.ofList)

                let style =
                    match first.Series with
                    | Some series -> Style(foreground = colours[series % colours.Length])
                    | None -> Style.Plain

                paragraph.Append(text, style) |> ignore
                pieces (List.skip own.Length cells)

        pieces cells
        paragraph

    /// The loss curve for a terminal: `width` characters wide at most and `height` rows high, the legend above it.
    let lossChart (width: int) (height: int) (curve: LossCurve) : IRenderable =
        let series = LossCurve.series (2 * width) curve

        let legend =
            series
            |> List.mapi (fun number (name, _) -> [
                { Glyph = '━'; Series = Some number }
                for glyph in $" {name}   " do
                    { Glyph = glyph; Series = None }
            ])
            |> List.concat

        let lines = TextChart.lines width (height - 1) (Axis.ofCounts [ 0; curve.Steps ]) (List.map snd series)
        Rows(legend :: lines |> List.map row)

    let private bar (width: int) (status: Gpt.Cli.Status) : IRenderable =
        let share = float status.Step / float status.Steps
        BreakdownChart().HideTags().Width(width).AddItem("", share, Color.Green).AddItem("", 1.0 - share, Color.Grey)

    /// A training run in progress, in a terminal of this width and height: the curve, and how far it has come.
    let training (width: int) (height: int) (status: Gpt.Cli.Status) : IRenderable =
        let wide = min 110 (width - 1)

        // Two lines below it and one of room, or a low terminal would scroll at each change.
        Rows [ lossChart wide (Math.Clamp(height - 4, 7, 18)) status.Curve; bar wide status ]

    /// A table of bars as lines of text, a block of lines for each column.
    let barLines (width: int) (table: BarTable) : string list =
        let labels = table.Rows |> List.map (Svg.cut 24)
        let label = labels |> List.map String.length |> List.fold max 1

        [
            for name, column in table.Columns do
                let texts = column |> List.map (BarTable.text table column)
                let number = texts |> List.map String.length |> List.fold max 1
                let bar = max 10 (min 40 (width - label - number - 6))
                Svg.cut width name

                for (row, value), text in List.zip (List.zip labels column) texts do
                    let drawn = TextChart.bar bar (BarTable.share table column value)
                    $"  {row.PadRight label} {drawn.PadRight bar} {text.PadLeft number}"

                ""
        ]
