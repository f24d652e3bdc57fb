namespace Gpt

open System
open System.Globalization
open System.Text

/// A piece of a picture as SVG 1.1 has it.
[<RequireQualifiedAccess>]
type SvgNode =
    /// A name, attributes in their order, and what stands inside.
    | Element of name: string * attributes: (string * string) list * children: SvgNode list
    /// Text, escaped when it is written.
    | Text of string

/// Pictures as SVG text: elements, escaping, colours that follow the reader's light or dark setting. A picture is a pure
/// function of its data: the same data gives the same bytes. Left out: everything that the plots here do not draw.
[<RequireQualifiedAccess>]
module Svg =

    /// A coordinate: two decimals at most, no matter which culture is set.
    let number (value: float) : string = (Math.Round(value, 2) + 0.0).ToString("0.##", CultureInfo.InvariantCulture)

    /// The characters that XML 1.0 has; what it cannot hold, not even escaped, becomes U+FFFD.
    let private legal (rune: Rune) : Rune =
        match rune.Value with
        | 0x9
        | 0xA
        | 0xD -> rune
        | value when value < 0x20 || value = 0xFFFE || value = 0xFFFF -> Rune.ReplacementChar
        | _ -> rune

    /// Text as it may stand between tags and in attributes.
    let escape (text: string) : string =
        let builder = StringBuilder()

        // Lone surrogates come out of EnumerateRunes as U+FFFD.
        for rune in text.EnumerateRunes() do
            match (legal rune).Value with
            | 0x26 -> builder.Append "&amp;"
            | 0x3C -> builder.Append "&lt;"
            | 0x3E -> builder.Append "&gt;"
            | 0x22 -> builder.Append "&quot;"
            | value when value < 0x20 -> builder.Append("&#").Append(value).Append ';'
            | value -> builder.Append((Rune value).ToString())
            |> ignore

        builder.ToString()

    /// An element that holds others.
    let element (name: string) (attributes: (string * string) list) (children: SvgNode list) : SvgNode =
        SvgNode.Element(name, attributes, children)

    /// An element that holds text.
    let words (name: string) (attributes: (string * string) list) (text: string) : SvgNode =
        SvgNode.Element(name, attributes, [ SvgNode.Text text ])

    /// Text at a place; the class says size and colour, the anchor start, middle or end which end of it lies there.
    let label (style: string) (anchor: string) (x: float) (y: float) (text: string) : SvgNode =
        words "text" [ "class", style; "x", number x; "y", number y; "text-anchor", anchor ] text

    /// A straight line from one place to another.
    let line (style: string) (x1: float) (y1: float) (x2: float) (y2: float) : SvgNode =
        element "line" [
            "class", style
            "x1", number x1
            "y1", number y1
            "x2", number x2
            "y2", number y2
        ] []

    /// A rectangle with its upper left corner at a place; a negative size is drawn as 0.
    let rect (style: string) (x: float) (y: float) (width: float) (height: float) : SvgNode =
        element "rect" [
            "class", style
            "x", number x
            "y", number y
            "width", number (max 0.0 width)
            "height", number (max 0.0 height)
        ] []

    let rec private write (builder: StringBuilder) (node: SvgNode) : unit =
        match node with
        | SvgNode.Text text -> builder.Append(escape text) |> ignore
        | SvgNode.Element(name, attributes, children) ->
            builder.Append('<').Append name |> ignore

            for key, value in attributes do
                builder.Append(' ').Append(key).Append("=\"").Append(escape value).Append '"' |> ignore

            if children.IsEmpty then
                builder.Append "/>" |> ignore
            else
                builder.Append '>' |> ignore
                children |> List.iter (write builder)
                builder.Append("</").Append(name).Append '>' |> ignore

            builder.Append '\n' |> ignore

    /// How many series have a colour of their own; more begin again.
    let colours = 6

    /// The classes of a series' lines, whose number is counted from 0.
    let stroke (series: int) : string = $"stroke s{series % colours}"

    /// The classes of a series' bars.
    let fill (series: int) : string = $"fill s{series % colours}"

    // Okabe and Ito's palette, which colour-blind readers can tell apart, darkened for paper and lightened for a dark page.
    let private style =
        """
.gpt{--paper:#ffffff;--ink:#1f2328;--soft:#59636e;--grid:#d1d9e0;--s0:#0072b2;--s1:#c04f00;--s2:#00795a;--s3:#a4457e;--s4:#806600;--s5:#5b6770}
@media(prefers-color-scheme:dark){.gpt{--paper:#0d1117;--ink:#f0f6fc;--soft:#9da7b1;--grid:#30363d;--s0:#5cb8f0;--s1:#f79256;--s2:#3fcfa3;--s3:#e59ac6;--s4:#e3c558;--s5:#a9b4be}}
.gpt{background:var(--paper);max-width:100%;height:auto;font-family:system-ui,"Segoe UI","DejaVu Sans",sans-serif}
.gpt .paper{fill:var(--paper)}
.gpt text{fill:var(--ink);font-size:12px;white-space:pre}
.gpt text.head{font-size:16px;font-weight:600}
.gpt text.soft{fill:var(--soft)}
.gpt text.small{fill:var(--soft);font-size:10px}
.gpt .grid{stroke:var(--grid);stroke-width:1}
.gpt .axis{stroke:var(--soft);stroke-width:1}
.gpt .track{fill:var(--grid);fill-opacity:.45}
.gpt .s0{--own:var(--s0)}.gpt .s1{--own:var(--s1)}.gpt .s2{--own:var(--s2)}.gpt .s3{--own:var(--s3)}.gpt .s4{--own:var(--s4)}.gpt .s5{--own:var(--s5)}
.gpt .stroke{stroke:var(--own);stroke-width:2;fill:none;stroke-linejoin:round;stroke-linecap:round}
.gpt .faint{stroke-width:1.2;stroke-opacity:.8}
.gpt .fill{fill:var(--own)}
"""

    /// A whole picture of a width and height in pixels, which scales with the page: its title (shown as the heading by the
    /// plots themselves), a description for those who do not see it, and what it shows.
    let picture (width: float) (height: float) (title: string) (description: string) (content: SvgNode list) : string =
        let builder = StringBuilder()

        element
            "svg"
            [
                "xmlns", "http://www.w3.org/2000/svg"
                "class", "gpt"
                "role", "img"
                "width", number width
                "height", number height
                "viewBox", $"0 0 {number width} {number height}"
            ]
            ([
                words "title" [] title
                words "desc" [] description
                words "style" [] style
                rect "paper" 0.0 0.0 width height
             ]
             @ content)
        |> write builder

        builder.ToString()

    /// A text cut to `most` characters, the last of them … where something is missing.
    let cut (most: int) (text: string) : string =
        let runes = text.EnumerateRunes() |> Seq.map string |> List.ofSeq

        if runes.Length <= most then
            String.Concat runes
        else
            String.Concat(List.truncate (most - 1) runes) + "…"

    /// A token as it may stand in a picture or a line: line ends and tabs as escapes, spaces at its ends as ␣.
    let token (text: string) : string =
        let shown = text.Replace("\r", "\\r").Replace("\n", "\\n").Replace("\t", "\\t")
        let rest = shown.TrimStart ' '
        let inner = rest.TrimEnd ' '
        String('␣', shown.Length - rest.Length) + inner + String('␣', rest.Length - inner.Length)
