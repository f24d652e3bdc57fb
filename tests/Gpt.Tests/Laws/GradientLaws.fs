/// Gradients of random compositions of smooth operators: linear in the function, and equal to central differences.
module Gpt.Tests.GradientLaws

open Expecto
open FsCheck.FSharp
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

/// Operators that keep a [rows, columns] shape and have moderate derivatives of every order for inputs of a few units.
/// Layer norm has a large eps, for that of a nearly constant row bends too sharply for any finite step.
let private operators: (string * (int -> Tensor -> Tensor))[] =
    let like (t: Tensor) low high seed = ofFloats t.shape (uniform low high (size t.shape) seed)
    let columns (t: Tensor) = t.shape[1]

    let linear seed (t: Tensor) =
        let n = columns t
        let weight = uniform -1.0 1.0 (int (n * n)) seed |> Array.map (fun w -> w / sqrt (float32 n))

        torch.nn.functional.linear (
            t,
            ofFloats [| n; n |] weight,
            ofFloats [| n |] (uniform -1.0 1.0 (int n) (seed + 1))
        )

    let attention _ (t: Tensor) =
        let heads = t.reshape (1L, 1L, t.shape[0], columns t)
        torch.nn.functional.scaled_dot_product_attention(heads, heads, heads, is_casual = true).reshape t.shape

    let swapped _ (t: Tensor) =
        let half = columns t / 2L
        torch.cat ([| t.narrow (1L, half, columns t - half); t.narrow (1L, 0L, half) |], 1L)

    [|
        "tanh", fun _ t -> t.tanh ()
        "sigmoid", fun _ t -> t.sigmoid ()
        "gelu", fun _ t -> torch.nn.functional.gelu (t, Modules.GELU.Approximate.none)
        "gelu by tanh", fun _ t -> torch.nn.functional.gelu (t, Modules.GELU.Approximate.tanh)
        "softmax", fun _ t -> t.softmax -1L
        "log_softmax", fun _ t -> t.log_softmax -1L
        "layer norm", fun _ t -> torch.nn.functional.layer_norm (t, [| columns t |], eps = 0.5)
        "exp", fun _ t -> t.tanh().exp()
        "log", fun _ t -> t.mul(t).add(scalar 1.0).log()
        "square root", fun _ t -> t.mul(t).add(scalar 1.0).sqrt()
        "quotient", fun seed t -> (like t -1.0 1.0 seed).div(t.mul(t).add(scalar 1.0))
        "product", fun seed t -> t.mul (like t -1.0 1.0 seed)
        "difference", fun seed t -> (like t -1.0 1.0 seed).sub t
        "power", fun _ t -> t.sigmoid().add(scalar 0.5).pow(scalar 1.5)
        "row sums", fun _ t -> t.add(t.mean ([| -1L |], true)).mul(scalar 0.5)
        "column sums", fun _ t -> t.sub (t.mean ([| 0L |], true))
        "linear", linear
        "attention", attention
        "swapped halves", swapped
    |]

/// A composition is a list of operators, applied from the left; numbers are taken modulo the number of operators.
let private compose (steps: int list) (seed: int) (x: Tensor) =
    let apply (t: Tensor, seed) step =
        let _, operator = operators[step % operators.Length]
        operator seed t, seed + 10

    List.fold apply (x, seed) steps |> fst

let private nameOf steps = steps |> List.map (fun step -> fst operators[step % operators.Length]) |> String.concat ", "

let private compositions =
    let steps = Gen.choose (0, operators.Length - 1) |> Gen.listOf |> Gen.map (List.truncate 4)
    let shrink (steps: int list) = Seq.init steps.Length (fun i -> List.removeAt i steps)
    Arb.fromGenShrink (steps, shrink)

let private grids = samplesUpTo [ 5; 6 ]

let private weightsFor (sample: Sample) = uniform -1.0 1.0 (size sample.Shape) (sample.Seed + 5)

let private gradientAt (sample: Sample) (f: Tensor -> Tensor) =
    let x = leaf (ofFloats sample.Shape (numbers sample))
    (f x).mul(ofFloats sample.Shape (weightsFor sample)).sum().backward()
    floats (gradientOf x)

let private pairs = both grids (both compositions compositions)

let private sumOfFunctions =
    law 200 "the gradient of a sum is the sum of gradients" pairs (fun (sample, (one, two)) ->
        let f, g = compose one sample.Seed, compose two (sample.Seed + 1000)
        let together = gradientAt sample (fun x -> (f x).add(g x))
        let apart = Array.map2 (+) (gradientAt sample f) (gradientAt sample g)

        Fixtures.expectClose (tolerance 1e-5 1e-5) "gradient" (reals sample.Shape together) (reals sample.Shape apart))

let private accumulates =
    law 100 "going back twice adds up" (both grids compositions) (fun (sample, steps) ->
        let x = leaf (ofFloats sample.Shape (numbers sample))
        let weights = ofFloats sample.Shape (weightsFor sample)

        for _ in 1..2 do
            (compose steps sample.Seed x).mul(weights).sum().backward()

        let twice = gradientAt sample (compose steps sample.Seed) |> Array.map (fun g -> 2f * g)
        Fixtures.expectClose (tolerance 1e-5 1e-5) "gradient" (gradientOf x) (reals sample.Shape twice))

/// The slope of the weighted sum of f along a direction of length one, from four evaluations: the fourth-order formula
/// (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h, whose own error is of order h^4.
/// Sums are taken in double precision, so that what remains is the rounding of the outputs: a few 1e-7 each, divided by h.
let private slope (sample: Sample) (direction: float[]) (f: Tensor -> Tensor) =
    let weights = weightsFor sample
    let x = numbers sample

    let loss step =
        let moved = Array.map2 (fun (v: float32) d -> float32 (float v + step * d)) x direction

        Array.fold2
            (fun sum (w: float32) (y: float32) -> sum + float w * float y)
            0.0
            weights
            (floatsOf (f (ofFloats sample.Shape moved)))

    let h = 1.0 / 16.0
    (8.0 * (loss h - loss -h) - (loss (2.0 * h) - loss (-2.0 * h))) / (12.0 * h)

let private expectSlope (sample: Sample) steps =
    let f = compose steps sample.Seed
    let gradient = gradientAt sample f
    let raw = uniform -1.0 1.0 gradient.Length (sample.Seed + 6) |> Array.map float
    let length = sqrt (Array.sumBy (fun d -> d * d) raw)
    let direction = raw |> Array.map (fun d -> d / length)
    let wanted = Array.fold2 (fun sum (g: float32) d -> sum + float g * d) 0.0 gradient direction
    let got = slope sample direction f
    Fixtures.expectBelow 3e-4 (abs (got - wanted)) $"{nameOf steps}: slope {got}, gradient {wanted}"

let private centralDifferences =
    testList "gradients are the slopes of central differences" [
        law 300 "of compositions" (both grids compositions) (fun (sample, steps) -> expectSlope sample steps)

        for at in 0 .. operators.Length - 1 do
            law 20 $"of {fst operators[at]}" grids (fun sample -> expectSlope sample [ at ])
    ]

let tests = testList "gradients" [ sumOfFunctions; accumulates; centralDifferences ]
