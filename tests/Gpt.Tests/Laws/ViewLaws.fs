/// Any chain of views shows the right elements, every operator gives the same on a chain of views as on a copy, and gradients
/// come back through the chain to the right places.
module Gpt.Tests.ViewLaws

open Expecto
open FsCheck.FSharp
open TorchSharp
open Gpt.Tests.Indexing
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

/// One view of another; numbers are taken modulo what the shape at hand allows, so that every chain is valid.
type Step =
    | Transpose of int * int
    | Rotate
    | Narrow of axis: int * start: int * length: int
    | Select of axis: int * index: int
    | Unsqueeze of int
    | Expand of int
    | Merge of int
    | Divide of axis: int * by: int

let private modulo (n: int) (length: int) = (abs (n % length) + length) % length

let private swap i j (items: 'T[]) =
    items
    |> Array.mapi (fun at item ->
        if at = i then items[j]
        elif at = j then items[i]
        else item)

/// A step on the engine's tensor and on the model; None where the shape does not allow it.
let private apply (step: Step) (tensor: Tensor, view: View) : (Tensor * View) option =
    let shape = view.Shape
    let rank = shape.Length
    let axisOf n = modulo n rank

    match step with
    | _ when rank = 0 -> None
    | Transpose(a, b) ->
        let i, j = axisOf a, axisOf b
        Some(tensor.transpose (int64 i, int64 j), reindex (swap i j shape) (swap i j) view)
    | Rotate ->
        let rotate (items: 'T[]) = Array.append items[1..] items[..0]
        let back (items: 'T[]) = Array.append items[rank - 1 ..] items[.. rank - 2]
        Some(tensor.permute (rotate [| for axis in 0 .. rank - 1 -> int64 axis |]), reindex (rotate shape) back view)
    | Narrow(a, s, l) ->
        let axis = axisOf a
        let start = modulo s (int shape[axis])
        let length = 1 + modulo l (int shape[axis] - start)
        let narrowed = Array.updateAt axis (int64 length) shape
        let source (index: int[]) = Array.updateAt axis (index[axis] + start) index
        Some(tensor.narrow (int64 axis, int64 start, int64 length), reindex narrowed source view)
    | Select(a, i) ->
        let axis = axisOf a
        let at = modulo i (int shape[axis])
        Some(tensor.select (int64 axis, int64 at), reindex (Array.removeAt axis shape) (Array.insertAt axis at) view)
    | Unsqueeze a when rank < 5 ->
        let axis = modulo a (rank + 1)
        Some(tensor.unsqueeze (int64 axis), reindex (Array.insertAt axis 1L shape) (Array.removeAt axis) view)
    | Expand a when shape[axisOf a] = 1L ->
        let axis = axisOf a
        let expanded = Array.updateAt axis 3L shape
        Some(tensor.expand expanded, reindex expanded (Array.updateAt axis 0) view)
    | Merge a when rank > 1 ->
        let axis = modulo a (rank - 1)
        let merged = shape |> Array.updateAt axis (shape[axis] * shape[axis + 1]) |> Array.removeAt (axis + 1)
        Some(tensor.reshape merged, regroup merged view)
    | Divide(a, b) when rank < 5 ->
        let axis = axisOf a
        let divisors = [ 1L .. shape[axis] ] |> List.filter (fun d -> shape[axis] % d = 0L)
        let outer = divisors[modulo b divisors.Length]
        let divided = shape |> Array.updateAt axis outer |> Array.insertAt (axis + 1) (shape[axis] / outer)
        Some(tensor.reshape divided, regroup divided view)
    | Unsqueeze _
    | Expand _
    | Merge _
    | Divide _ -> None

let private applyAll (steps: Step list) start =
    List.fold (fun state step -> apply step state |> Option.defaultValue state) start steps

/// Operators whose kernels must mind strides: elementwise, along rows, across rows, products, copies.
let private operators: (string * (Tensor -> Tensor)) list =
    let last (t: Tensor) = t.shape[t.shape.Length - 1]
    let row (t: Tensor) = ofFloats [| last t |] (uniform -1.0 1.0 (int (last t)) 11)
    let square (t: Tensor) = ofFloats [| last t; last t |] (uniform -1.0 1.0 (int (last t * last t)) 12)

    [
        "contiguous", _.contiguous()
        "clone", _.clone()
        "tanh", _.tanh()
        "add a row", (fun t -> t.add (row t))
        "multiply by itself", (fun t -> t.mul t)
        "sum of all", (fun t -> t.sum().reshape 1L)
        "sum over the first axis", (fun t -> t.sum ([| 0L |], true))
        "mean over the last axis", (fun t -> t.mean ([| -1L |], true))
        "softmax over the last axis", (fun t -> t.softmax -1L)
        "softmax over the first axis", (fun t -> t.softmax 0L)
        "layer norm", (fun t -> torch.nn.functional.layer_norm (t, [| last t |], row t, row t, 0.1))
        "gelu", (fun t -> torch.nn.functional.gelu (t, Modules.GELU.Approximate.tanh))
        "linear", (fun t -> torch.nn.functional.linear (t, square t, row t))
        "matrix product", (fun t -> t.matmul (square t))
        "cat with itself", (fun t -> torch.cat ([| t; t.tanh () |], 0L))
        "index select", (fun t -> t.index_select (0L, ofWhole [| 2L |] [| t.shape[0] - 1L; 0L |]))
        "reshape to a line", (fun t -> t.reshape -1L)
    ]

let private chains = both samples (ArbMap.defaults |> ArbMap.arbitrary<Step list>)

let private shows =
    law 1000 "a chain of views shows the elements that the model says" chains (fun (sample, steps) ->
        let original = numbers sample
        let tensor, view = applyAll steps (ofFloats sample.Shape original, Indexing.original sample.Shape)
        Fixtures.expectClose exact "view" (toNArray tensor) (reals view.Shape (read original view)))

/// Operator on the view against operator on a contiguous copy: values, and gradients of the original.
/// A few roundings are left to kernels that treat strided data by other code, and to sums two roundings of all they add up.
let private sameOnCopies (name, operator: Tensor -> Tensor) =
    law 100 name chains (fun (sample, steps) ->
        let original = numbers sample
        let stored = leaf (ofFloats sample.Shape original)
        let tensor, view = applyAll steps (stored, Indexing.original sample.Shape)

        if view.Shape.Length > 0 then
            let copy = leaf (ofFloats view.Shape (read original view))
            let onView, onCopy = operator tensor, operator copy
            let added = floatsOf copy |> Array.sumBy (abs >> float)
            let close = tolerance (2e-6 + 1e-7 * added) 2e-6
            Fixtures.expectClose close "values" (toNArray onView) (toNArray onCopy)

            let weights = ofFloats onCopy.shape (uniform -1.0 1.0 (size onCopy.shape) (sample.Seed + 1))
            onView.mul(weights).sum().backward()
            onCopy.mul(weights).sum().backward()
            let expected = gather original.Length (floats (gradientOf copy)) view

            Fixtures.expectClose
                (tolerance (2e-5 + 1e-7 * added) 1e-5)
                "gradient"
                (gradientOf stored)
                (reals sample.Shape expected))

let tests =
    testList "views" [
        shows
        testList "operators see no difference between a view and a copy" (List.map sameOnCopies operators)
    ]
