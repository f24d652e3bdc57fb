namespace Gpt

open System
open System.Globalization

/// Where numbers lie along an edge of a plot: round ticks at even distances, from the first, at or below all numbers, to the
/// last, at or above them.
type Axis = {
    /// Increasing, 3 to 7 of them.
    Ticks: float list
    /// The distance between two ticks: 1, 2 or 5 times a power of ten.
    Step: float
}

[<RequireQualifiedAccess>]
module Axis =

    // Beyond these the differences of numbers would overflow, or vanish.
    let private largest = 1e300
    let private smallest = 1e-290

    /// The least of 1, 2 and 5 times powers of ten that is not below `raw`.
    let private niceAbove (raw: float) : float =
        let power = Math.Pow(10.0, Math.Floor(Math.Log10 raw))

        [ 1.0; 2.0; 5.0; 10.0 ]
        |> List.map ((*) power)
        |> List.find (fun step -> step >= raw * (1.0 - 1e-9))

    /// A range that has an inside: one number, or numbers that agree to six digits, get some room on both sides.
    let private widen (low: float) (high: float) : float * float =
        let size = max (abs low) (abs high)

        if size < smallest then
            0.0, 1.0
        elif low = high then
            low - 0.1 * size, high + 0.1 * size
        elif high - low < 1e-6 * size then
            low - 1e-6 * size, high + 1e-6 * size
        else
            low, high

    /// The axis of some numbers whose ticks are no closer than `least`.
    let private make (least: float) (values: float seq) : Axis =
        let finite =
            values
            |> Seq.filter Double.IsFinite
            |> Seq.map (fun value -> Math.Clamp(value, -largest, largest))
            |> Array.ofSeq

        let low, high =
            if finite.Length = 0 then
                0.0, 1.0
            else
                widen (Array.min finite) (Array.max finite)

        let step = max least (niceAbove ((high - low) / 5.0))
        let first = Math.Floor(low / step + 1e-6)
        let last = max (first + 2.0) (Math.Ceiling(high / step - 1e-6))

        {
            Ticks = [ for i in 0.0 .. last - first -> (first + i) * step ]
            Step = step
        }

    /// The axis of any numbers. Numbers that are not finite are left out, those beyond ±1e300 are taken for that, and without
    /// any the axis goes from 0 to 1.
    let ofValues (values: float seq) : Axis = make 0.0 values

    /// The axis of whole numbers, whose ticks are whole too.
    let ofCounts (counts: int seq) : Axis = make 1.0 (counts |> Seq.map float)

    /// The first tick.
    let low (axis: Axis) : float = List.head axis.Ticks

    /// The last tick.
    let high (axis: Axis) : float = List.last axis.Ticks

    /// Where a finite number lies, from 0 at the first tick to 1 at the last; a number beyond them lies at the end.
    let place (axis: Axis) (value: float) : float =
        let share = (value - low axis) / (high axis - low axis)
        Math.Clamp(share, 0.0, 1.0)

    /// The decimals that tell ticks apart.
    let private decimals (step: float) = max 0 (int (Math.Ceiling(-Math.Log10 step - 1e-9)))

    /// What stands at a tick: as many decimals as ticks need to differ, powers of ten for the very large and the very small.
    let label (axis: Axis) (tick: float) : string =
        let size = axis.Ticks |> List.map abs |> List.max

        if abs tick < axis.Step / 2.0 then
            "0"
        elif size >= 1e7 || size < 1e-3 then
            let digits = int (Math.Round(Math.Log10(size / axis.Step) + 0.5)) |> min 9
            tick.ToString("0." + String('#', digits) + "e0", CultureInfo.InvariantCulture)
        else
            tick.ToString($"N{decimals axis.Step}", CultureInfo.InvariantCulture)
