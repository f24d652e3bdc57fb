/// Pictures: whatever the data, well-formed XML that keeps inside itself.
module Gpt.Tests.PlotTests

open System
open System.Globalization
open System.Xml.Linq
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law

/// Ordinary numbers, and those that break plots.
let private anyNumber =
    Gen.frequency [
        5, Gen.choose (-1000, 1000) |> Gen.map (fun n -> float n / 37.0)
        3, Gen.elements [ 0.0; 1.0; -1.0; 1e-12; 3e5; 1e12; 7.000001; 7.0000010001 ]
        2,
        Gen.elements [
            nan
            infinity
            -infinity
            Double.MaxValue
            Double.MinValue
            Double.Epsilon
            1e-300
            -1e250
        ]
    ]

let private anyText =
    let piece =
        Gen.elements [
            "a"
            "Ω"
            "<"
            "&"
            ">"
            "\""
            "'"
            "\n"
            "\r"
            "\t"
            " "
            "\u0000"
            "\u001b"
            "\uFFFF"
            "\uD800"
            "😀"
            "]]>"
        ]

    Gen.choose (0, 30)
    |> Gen.bind (fun length -> Gen.listOfLength length piece)
    |> Gen.map String.Concat

let private listUpTo most item = Gen.choose (0, most) |> Gen.bind (fun length -> Gen.listOfLength length item)
let private numberLists = listUpTo 30 anyNumber |> Arb.fromGen

let private parse (svg: string) : XElement =
    match XDocument.Parse(svg).Root with
    | null -> failtest "no root"
    | root -> root

let private valueOf (node: XElement) (name: string) =
    match node.Attribute(XName.Get name) with
    | null -> ""
    | attribute -> attribute.Value

let private number (node: XElement) (name: string) = Double.Parse(valueOf node name, CultureInfo.InvariantCulture)

let private called (name: string) (root: XElement) =
    root.Descendants() |> Seq.filter (fun node -> node.Name.LocalName = name) |> List.ofSeq

/// What every picture must be: XML with a title and a description, all its shapes inside.
let private isSound (svg: string) =
    let root = parse svg
    let width, height = number root "width", number root "height"

    Expect.equal
        (valueOf root "viewBox")
        (String.concat " " [ "0 0"; valueOf root "width"; valueOf root "height" ])
        "scales"

    Expect.equal (List.length (called "title" root), List.length (called "desc" root)) (1, 1) "for those who do not see"
    Expect.stringContains svg "prefers-color-scheme:dark" "dark colours"

    let inside what low high x =
        Expect.isTrue (x >= low - 0.01 && x <= high + 0.01) $"{what} {x} outside {low} to {high}"

    for rect in called "rect" root do
        inside "left" 0.0 width (number rect "x")
        inside "right" 0.0 width (number rect "x" + number rect "width")
        inside "top" 0.0 height (number rect "y")
        inside "bottom" 0.0 height (number rect "y" + number rect "height")

    for text in called "text" root do
        inside "text" 0.0 width (number text "x")
        inside "text" 0.0 height (number text "y")

let private axisLaws =
    testList "axis" [
        law 2000 "ticks increase, are 2 to 10, and cover what is finite" numberLists (fun values ->
            let axis = Axis.ofValues values
            Expect.isTrue (axis.Ticks.Length >= 2 && axis.Ticks.Length <= 10) $"{axis.Ticks.Length} ticks"
            Expect.isTrue (List.pairwise axis.Ticks |> List.forall (fun (a, b) -> a < b)) "increasing"

            for value in values |> List.filter Double.IsFinite do
                let value = Math.Clamp(value, -1e300, 1e300)
                let room = 1e-5 * axis.Step
                Expect.isTrue (value >= Axis.low axis - room && value <= Axis.high axis + room) $"{value} is covered")

        law 2000 "every number has its place in 0 to 1, in order" numberLists (fun values ->
            let axis = Axis.ofValues values
            let finite = values |> List.filter Double.IsFinite |> List.sort
            let places = finite |> List.map (Axis.place axis)
            Expect.isTrue (places |> List.forall (fun place -> place >= 0.0 && place <= 1.0)) "inside"
            Expect.equal places (List.sort places) "in order")

        law 2000 "the labels of ticks differ" numberLists (fun values ->
            let axis = Axis.ofValues values
            let labels = axis.Ticks |> List.map (Axis.label axis)
            Expect.equal (List.distinct labels) labels "different")

        law 500 "the ticks of counts are whole" (both (within 0 5000) (within 0 5000)) (fun (a, b) ->
            Expect.isTrue ((Axis.ofCounts [ a; b ]).Ticks |> List.forall (fun tick -> tick = Math.Round tick)) "whole")

        testCase "examples" (fun () ->
            let labels values =
                let axis = Axis.ofValues values
                axis.Ticks |> List.map (Axis.label axis)

            Expect.equal (labels [ 1.6; 4.2 ]) [ "1"; "2"; "3"; "4"; "5" ] "losses"
            Expect.equal (labels [ 0.0; 0.002 ]) [ "0"; "0.0005"; "0.0010"; "0.0015"; "0.0020" ] "rates"
            Expect.equal (labels [ 0.0; 3e-5 ]) [ "0"; "1e-5"; "2e-5"; "3e-5" ] "small rates"
            Expect.equal (labels [ 0.0; 2000.0 ]) [ "0"; "500"; "1,000"; "1,500"; "2,000" ] "steps"
            Expect.equal (labels []) [ "0"; "0.2"; "0.4"; "0.6"; "0.8"; "1.0" ] "nothing")
    ]

let private curves =
    gen {
        let! steps = Gen.choose (0, 3000)
        let! batches = listUpTo 900 anyNumber
        let! evaluations = listUpTo 12 (Gen.zip anyNumber anyNumber)
        let! rates = listUpTo 20 anyNumber

        return {
            Steps = steps
            Batches = batches |> List.mapi (fun i loss -> i + 1, loss)
            Evaluations = evaluations |> List.mapi (fun i (training, validation) -> 10 * i, training, validation)
            Rates = rates |> List.mapi (fun i rate -> i + 1, rate)
        }
    }
    |> Arb.fromGen

let private lossLaws =
    testList "loss curve" [
        law 300 "any numbers make a sound picture, its lines inside the plot" curves (fun curve ->
            let svg = LossCurve.svg curve
            isSound svg

            for line in called "polyline" (parse svg) do
                for point in (valueOf line "points").Split ' ' do
                    match point.Split ',' with
                    | [| x; y |] ->
                        let x, y = float x, float y
                        Expect.isTrue (x >= 84.0 && x <= 728.0) $"{x}"
                        Expect.isTrue (y >= 96.0 && y <= 306.0 || y >= 350.0 && y <= 434.0) $"{y}"
                    | _ -> failtest $"\"{point}\" is no point")

        law 300 "the same data, the same bytes" curves (fun curve ->
            Expect.equal (LossCurve.svg { curve with Steps = curve.Steps }) (LossCurve.svg curve) "bytes")

        law 500 "thinning keeps the last step, the order and the mean" (within 1 40) (fun most ->
            let points = [ for step in 1..97 -> step, float (step * step % 13) ]
            let thin = LossCurve.thin most points
            Expect.isTrue (thin.Length <= most) "few"
            Expect.equal (fst (List.last thin)) 97 "last"
            Expect.equal (thin |> List.map fst |> List.sort) (List.map fst thin) "order"
            let low, high = points |> List.map snd |> List.min, points |> List.map snd |> List.max
            Expect.isTrue (thin |> List.forall (fun (_, mean) -> mean >= low && mean <= high)) "means")

        testCase "two losses that are missing leave a gap" (fun () ->
            let losses = [ 3.0; 2.5; nan; 2.0; 1.5; infinity; 1.0; 0.5 ]

            let curve = {
                Steps = 8
                Batches = losses |> List.mapi (fun i loss -> i + 1, loss)
                Evaluations = []
                Rates = []
            }

            Expect.equal (called "polyline" (parse (LossCurve.svg curve)) |> List.length) 3 "three pieces")
    ]

let private names = listUpTo 8 anyText

let private tableOf rows columns : Gen<BarTable> =
    gen {
        let! rows = rows
        let! columns = columns

        let! columns =
            columns
            |> List.map (fun name ->
                Gen.listOfLength (List.length rows) anyNumber |> Gen.map (fun values -> name, values))
            |> Gen.sequenceToList

        return {
            Rows = rows
            Columns = columns
            Full = None
            Decimals = 3
        }
    }

let private textOf (svg: string) = parse svg |> called "text" |> List.map _.Value

let private otherLaws =
    testList "other plots" [
        law
            300
            "a comparison of anything is sound"
            (Arb.fromGen (Gen.zip anyText (listUpTo 3 (Gen.zip anyText (tableOf names names)))))
            (fun (prompt, tables) -> isSound (StrategyComparison.svg prompt tables))

        law 300 "a table's bars fill at most their track" (Arb.fromGen (tableOf names names)) (fun table ->
            for _, column in table.Columns do
                for value in column do
                    let share = BarTable.share table column value
                    Expect.isTrue (share >= 0.0 && share <= 1.0) $"{share}")

        law
            300
            "a temperature figure of anything is sound"
            (Arb.fromGen (Gen.zip names (listUpTo 7 anyNumber)))
            (fun (names, temperatures) ->
                let shares = List.mapi (fun i _ -> if i % 3 = 0 then 1.0 else nan) names
                isSound (TemperaturePlot.svg names (temperatures |> List.map (fun temperature -> temperature, shares))))

        law
            300
            "an attention map of anything is sound"
            (Arb.fromGen (Gen.zip3 anyText names (Gen.choose (0, 4))))
            (fun (prompt, tokens, count) ->
                let weights =
                    Array.init tokens.Length (fun q -> Array.init tokens.Length (fun k -> if k > q then 0.0 else nan))

                [
                    for i in 0..count ->
                        {
                            Layer = i / 2
                            Head = i % 2
                            Weights = weights
                        }
                ]
                |> AttentionMaps.svg prompt tokens
                |> isSound)

        law 500 "a distribution keeps all its mass, in the rows and the others" (within 1 20) (fun top ->
            let stage t =
                Array.init 12 (fun i -> exp (-float i / t)) |> fun e -> Array.map (fun x -> x / Array.sum e) e

            let table = Distribution.table top string [ "the model", stage 3.0; "colder", stage 1.0 ]
            Expect.equal table.Rows.Length (if top >= 12 then 12 else top + 1) "rows"

            for name, column in table.Columns do
                Expect.floatClose Accuracy.high (List.sum column) 1.0 name

            isSound (Distribution.svg "a <prompt>" table))

        testCase "the article's figure names its tokens and shows its numbers" (fun () ->
            let words = textOf (TemperaturePlot.svg [ "A"; "B" ] [ 1.0, [ 0.7; 0.3 ]; 0.5, [ 0.84; 0.16 ] ])

            for word in [ "temperature 1"; "temperature 0.5"; "A"; "B"; "0.70"; "0.16" ] do
                Expect.contains words word "shown")

        testCase "markup in data is text in the picture" (fun () ->
            let svg = Distribution.svg "</svg>&\n" (Distribution.table 2 (fun _ -> "<b>") [ "a&b", [| 0.5; 0.5 |] ])
            let words = textOf svg
            Expect.contains words "<b>" "token"
            Expect.contains words "a&b" "stage"
            Expect.contains words "after </svg>&\\n" "prompt")

        testCase "spaces and line ends of tokens can be seen" (fun () ->
            Expect.equal
                (List.map Svg.token [ " the"; "\n"; "  "; "a b "; "" ])
                [ "␣the"; "\\n"; "␣␣"; "a b␣"; "" ]
                "shown")

        law
            500
            "a text that is cut has no more characters than allowed"
            (both (Arb.fromGen anyText) (within 1 20))
            (fun (text, most) -> Expect.isTrue (Seq.length ((Svg.cut most text).EnumerateRunes()) <= most) "short")
    ]

let private text (row: ChartCell list) = row |> List.map _.Glyph |> Array.ofList |> String

let private characterLaws =
    testList "characters" [
        law
            300
            "a chart is as high as asked and no wider"
            (both (Arb.fromGen (Gen.zip (Gen.choose (30, 140)) (Gen.choose (5, 30)))) curves)
            (fun ((width, height), curve) ->
                let rows =
                    TextChart.lines
                        width
                        height
                        (Axis.ofCounts [ 0; curve.Steps ])
                        (LossCurve.series 200 curve |> List.map snd)

                Expect.equal rows.Length height "rows"
                Expect.isTrue (rows |> List.forall (fun row -> row.Length <= width)) "width")

        law 500 "a heat map is no wider than asked" (both (within 1 100) (within 0 60)) (fun (width, count) ->
            let weights =
                Array.init count (fun q -> Array.init count (fun k -> if k > q then 0.0 else 1.0 / float (q + 1)))

            let rows = TextChart.shades width weights
            Expect.equal rows.Length count "a row a token"
            Expect.isTrue (rows |> List.forall (fun row -> row.Length <= width)) "width")

        law
            500
            "a bar grows with its share and fills its width at 1"
            (both (within 0 100) (within 1 60))
            (fun (percent, width) ->
                let bar = TextChart.bar width (float percent / 100.0)
                Expect.isTrue (bar.Length <= width) "width"
                Expect.equal (TextChart.bar width 1.0) (String('█', width)) "full"
                Expect.equal (TextChart.bar width nan) "" "not a number")

        testCase "a falling line, drawn" (fun () ->
            let rows =
                TextChart.lines 30 6 (Axis.ofCounts [ 0; 2 ]) [ [ 0.0, 2.0; 1.0, 1.0; 2.0, 0.0 ] ] |> List.map text

            Expect.equal
                (rows |> List.map _.TrimEnd())
                [
                    "2.0┤⠉⠒⠢⠤⣀⡀"
                    "1.5┤     ⠈⠉⠒⠢⠤⣀⡀"
                    "1.0┤           ⠈⠉⠒⠒⠤⢄⣀⡀"
                    "  0┤                  ⠈⠉⠑⠒⠤⠤⣀"
                    "   └─────────────────────────"
                    "    0                       2"
                ]
                "drawing")
    ]

let private widths =
    testCase "a character that is as wide as it is high has room, and is cut where it has none" (fun () ->
        Expect.equal (Panel.textWidth 12.0 "日本") 24.0 "Han"
        Expect.equal (Panel.textWidth 10.0 "ab→") 19.5 "Latin and a sign"
        Expect.equal (Panel.clip 36.0 "日本語") "日本語" "three fit"
        Expect.equal (Panel.clip 35.9 "日本語") "日…" "three do not")

let tests = testList "plots" [ axisLaws; lossLaws; otherLaws; characterLaws; widths ]
