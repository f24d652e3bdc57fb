/// The ways in which the same numbers can lie in memory. Every operator must give the same for all of them, and its gradient
/// must come back in the same order.
module Gpt.Tests.Layout

open Gpt.Tests.NArray
open Gpt.Tests.Tensors

type Layout = {
    Name: string
    /// The array to store so that the view of it shows the array given.
    Store: NArray -> NArray
    /// The view, of a tensor with the stored numbers, that has the given shape.
    View: int64[] -> Tensor -> Tensor
}

let private rearrange (shape: int64[]) (source: int -> int option) (a: NArray) =
    let pick (values: 'T[]) (otherwise: 'T) =
        Array.init (size shape) (source >> Option.map (Array.get values) >> Option.defaultValue otherwise)

    match a.Values with
    | Reals values -> reals shape (pick values 777f)
    | Whole values -> whole shape (pick values 0L)

let contiguous = {
    Name = "contiguous"
    Store = id
    View = fun _ stored -> stored
}

/// Stored with the axes in reverse order and viewed through a permutation.
let permuted =
    let reversed (shape: int64[]) = [| for axis in shape.Length - 1 .. -1 .. 0 -> int64 axis |]

    let store (a: NArray) =
        let stored = Array.rev a.Shape

        let source (flat: int) =
            let folder (rest, index) (length: int64) = rest / int length, rest % int length :: index
            let _, index = Array.fold folder (flat, []) (Array.rev stored)
            List.fold2 (fun at (length: int64) i -> at * int length + i) 0 (List.ofArray a.Shape) (List.rev index)

        rearrange stored (source >> Some) a

    {
        Name = "permuted"
        Store = store
        View = fun shape stored -> stored.permute (reversed shape)
    }

/// A column band of a matrix with other numbers on both sides, as q, k and v are within one projection.
let band =
    let store (a: NArray) =
        match List.ofArray (Array.rev a.Shape) with
        | [] -> a
        | last :: _ ->
            let width = int last + 3
            let shape = Array.append a.Shape[.. a.Shape.Length - 2] [| int64 width |]

            let source flat =
                let row, column = flat / width, flat % width - 1

                if column >= 0 && column < int last then
                    Some(row * int last + column)
                else
                    None

            rearrange shape source a

    let view (shape: int64[]) (stored: Tensor) =
        if shape.Length = 0 then
            stored
        else
            stored.narrow (-1L, 1L, shape[shape.Length - 1])

    {
        Name = "band"
        Store = store
        View = view
    }

let all = [ contiguous; permuted; band ]
