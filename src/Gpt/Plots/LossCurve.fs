namespace Gpt

open System
open System.Globalization

/// The losses of a training run so far.
type LossCurve = {
    /// How many steps the run has in all.
    Steps: int
    /// The loss of each step, as (step, loss), by increasing step.
    Batches: (int * float) list
    /// The evaluations, as (step, training loss, validation loss).
    Evaluations: (int * float * float) list
    /// The learning rate, as (step, rate).
    Rates: (int * float) list
}

/// Training and validation loss over the steps, the learning rate beneath.
[<RequireQualifiedAccess>]
module LossCurve =

    let private width = 760.0
    let private height = 490.0

    /// At most `most` points: means of neighbours, each at the last of their steps. What is not finite is left out of a mean,
    /// and a mean of nothing is NaN, a gap.
    let thin (most: int) (points: (int * float) list) : (int * float) list =
        let size = (points.Length + most - 1) / most |> max 1

        points
        |> List.chunkBySize size
        |> List.map (fun chunk ->
            let finite = chunk |> List.map snd |> List.filter Double.IsFinite
            let scale = float finite.Length
            // Divided before they are added, so that large losses do not overflow.
            let mean =
                if finite.IsEmpty then
                    nan
                else
                    finite |> List.sumBy (fun loss -> loss / scale)

            fst (List.last chunk), mean)

    let private places (points: (int * float) list) = points |> List.map (fun (step, value) -> float step, value)

    let private fixed' (value: float) = value.ToString("0.0000", CultureInfo.InvariantCulture)

    /// What the curve says in one line.
    let private summary (curve: LossCurve) : string =
        match List.tryLast curve.Evaluations with
        | Some(step, training, validation) ->
            $"step {step} of {curve.Steps}: training {fixed' training}, validation {fixed' validation}"
        | None -> "not evaluated yet"

    /// The lines of the curve with their legends: each batch's loss, the training loss and the validation loss.
    let series (most: int) (curve: LossCurve) : (string * (float * float) list) list = [
        "batches", places (thin most curve.Batches)
        "training", curve.Evaluations |> List.map (fun (step, training, _) -> float step, training)
        "validation", curve.Evaluations |> List.map (fun (step, _, validation) -> float step, validation)
    ]

    /// The curve as an SVG picture.
    let svg (curve: LossCurve) : string =
        let series = series 400 curve
        let rates = places (thin 200 curve.Rates)
        let x = Axis.ofCounts [ 0; curve.Steps ]

        let panel top height (values: float seq) = {
            Left = 84.0
            Top = top
            Width = width - 116.0
            Height = height
            X = x
            Y = Axis.ofValues values
        }

        let losses = panel 96.0 210.0 (series |> Seq.collect snd |> Seq.map snd)
        let rate = panel 350.0 84.0 (Seq.append [ 0.0 ] (Seq.map snd rates))
        let batches, training, validation = Svg.stroke 5 + " faint", Svg.stroke 0, Svg.stroke 1

        Svg.picture
            width
            height
            "Loss"
            $"Training and validation loss over the steps of a training run, and its learning rate; {summary curve}."
            [
                Svg.label "head" "start" 20.0 30.0 "Loss"
                Svg.label "soft" "start" 20.0 50.0 (summary curve)
                yield!
                    Panel.legend (width - 330.0) 76.0 [
                        batches, "each batch"
                        training, "training"
                        validation, "validation"
                    ]
                yield! Panel.frame "" "nats a token" losses
                yield! Panel.line batches losses (snd series[0])
                yield! Panel.line training losses (snd series[1])
                yield! Panel.dots (Svg.fill 0) losses (snd series[1])
                yield! Panel.line validation losses (snd series[2])
                yield! Panel.dots (Svg.fill 1) losses (snd series[2])
                yield! Panel.frame "step" "learning rate" rate
                yield! Panel.line (Svg.stroke 2) rate rates
            ]
