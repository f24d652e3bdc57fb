/// Plain arrays with a shape: what a test holds of a tensor, and how two of them are compared.
/// Nothing here knows TorchSharp, so that the numbers a test expects never pass through the engine under test.
module Gpt.Tests.NArray

open System

/// The numbers of a tensor, row-major.
type Values =
    | Reals of float32[]
    | Whole of int64[]

type NArray = { Shape: int64[]; Values: Values }

/// |got - want| <= Absolute + Relative * |want|, for every element.
type Tolerance = { Absolute: float; Relative: float }

/// Every element exactly as expected.
let exact = { Absolute = 0.0; Relative = 0.0 }

let tolerance absolute relative = {
    Absolute = absolute
    Relative = relative
}

/// The number of elements of a shape; 1 for a scalar.
let size (shape: int64[]) = int (Array.fold (*) 1L shape)

let reals shape values = { Shape = shape; Values = Reals values }

let whole shape values = { Shape = shape; Values = Whole values }

/// The real numbers of an array; fails on indices.
let floats (a: NArray) =
    match a.Values with
    | Reals values -> values
    | Whole _ -> failwith "real numbers were expected, the array holds whole ones"

/// The position of a flat index, for messages: 7 in [2; 5] is [1, 2].
let position (shape: int64[]) (flat: int) =
    let step (rest, index) (length: int64) = rest / int length, rest % int length :: index

    let _, index = Array.fold step (flat, []) (Array.rev shape)
    String.Join(", ", index) |> sprintf "[%s]"

let private showShape (shape: int64[]) = String.Join(", ", shape) |> sprintf "[%s]"

/// By how many tolerances an element is off: at most 1 is close, infinity where nothing could excuse it.
let private distance tolerance (got: float32) (want: float32) =
    if got = want then
        0.0
    elif not (Single.IsFinite got && Single.IsFinite want) then
        infinity
    else
        let gap = abs (float got - float want)
        let allowed = tolerance.Absolute + tolerance.Relative * abs (float want)
        if allowed > 0.0 then gap / allowed else infinity

/// The first of the elements that are off by most, as (its flat index, by how many tolerances); None for no elements.
let private worst tolerance (got: float32[]) (want: float32[]) =
    match Array.map2 (distance tolerance) got want with
    | [||] -> None
    | distances -> distances |> Array.indexed |> Array.maxBy snd |> Some

/// None if the arrays have one shape and agree within the tolerance (indices always exactly), else what is wrong.
let difference tolerance (got: NArray) (want: NArray) =
    if got.Shape <> want.Shape then
        Some $"shape {showShape got.Shape}, expected {showShape want.Shape}"
    else
        match got.Values, want.Values with
        | Reals g, Reals w ->
            match worst tolerance g w with
            | Some(at, off) when not (off <= 1.0) ->
                Some $"{g[at]:R} at {position want.Shape at}, expected {w[at]:R}: off by {off:G4} tolerances, the worst"
            | _ -> None
        | Whole g, Whole w ->
            Array.map2 (<>) g w
            |> Array.tryFindIndex id
            |> Option.map (fun at -> $"{g[at]} at {position want.Shape at}, expected {w[at]}")
        | Reals _, Whole _ -> Some "real numbers, expected whole ones"
        | Whole _, Reals _ -> Some "whole numbers, expected real ones"
