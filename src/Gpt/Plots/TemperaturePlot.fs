namespace Gpt

open System
open System.Globalization

/// What temperature does to a distribution: the article's figure, a bar chart for each temperature.
[<RequireQualifiedAccess>]
module TemperaturePlot =

    let private chartWidth = 190.0
    let private chartHeight = 200.0
    let private between = 22.0
    let private across = 5

    let private percent (share: float) = share.ToString("0.00", CultureInfo.InvariantCulture)

    let private bars (left: float) (top: float) (names: string list) (temperature: float) (shares: float list) = [
        let slot = chartWidth / float (max 1 names.Length)
        let best = shares |> List.filter Double.IsFinite |> List.fold max 0.0

        let heading = temperature.ToString("0.###", CultureInfo.InvariantCulture)
        Svg.label "" "start" left (top - 26.0) (Panel.clip chartWidth $"temperature {heading}")

        for share in [ 0.0; 0.25; 0.5; 0.75; 1.0 ] do
            let y = top + chartHeight * (1.0 - share)
            Svg.line (if share = 0.0 then "axis" else "grid") left y (left + chartWidth) y

        for place, (name, share) in List.indexed (List.zip names shares) do
            let share =
                if Double.IsFinite share then
                    Math.Clamp(share, 0.0, 1.0)
                else
                    0.0

            let x, height = left + slot * float place, chartHeight * share
            let middle = x + slot / 2.0
            // The article's figure shows the most likely token in a colour of its own.
            let style = Svg.fill (if share = best then 0 else 5)
            Svg.rect style (x + slot * 0.12) (top + chartHeight - height) (slot * 0.76) height

            if slot >= 32.0 then
                Svg.label "small" "middle" middle (top + chartHeight - height - 5.0) (percent share)

            if slot >= 14.0 || place % 2 = 0 then
                Svg.label "soft" "middle" middle (top + chartHeight + 17.0) (Svg.cut (int (slot / 8.0) |> max 1) name)
    ]

    /// The figure: the names of the tokens, and for each temperature the probabilities in the same order.
    let svg (names: string list) (rows: (float * float list) list) : string =
        let columns = min across (max 1 rows.Length)
        let width = 60.0 + float columns * (chartWidth + between)
        let rowHeight = chartHeight + 78.0
        let lines = (rows.Length + across - 1) / across |> max 1

        Svg.picture
            width
            (70.0 + float lines * rowHeight)
            "Temperature"
            "The probability of each token at several temperatures: the lower the temperature, the more the best token has."
            [
                Svg.label "head" "start" 20.0 30.0 "Temperature"
                Svg.label "soft" "start" 20.0 50.0 "softmax(logits / temperature)"

                for place, (temperature, shares) in List.indexed rows do
                    let top = 112.0 + rowHeight * float (place / across)
                    let left = 50.0 + (chartWidth + between) * float (place % across)

                    if place % across = 0 then
                        for share in [ 0.0; 0.5; 1.0 ] do
                            let y = top + chartHeight * (1.0 - share) + 4.0
                            Svg.label "soft" "end" (left - 8.0) y (share.ToString("0.0", CultureInfo.InvariantCulture))

                    yield! bars left top names temperature shares
            ]
