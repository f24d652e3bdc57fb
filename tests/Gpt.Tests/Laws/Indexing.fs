/// A tensor library's views in twenty lines: which element of the original each element of a view is.
/// The second interpreter that the engine's views, broadcasting and their gradients are held against.
module Gpt.Tests.Indexing

open Gpt.Tests.NArray

/// Row-major: At[i] is the flat index in the original of the i-th element of the view.
type View = { Shape: int64[]; At: int[] }

/// An index into a shape from a flat one.
let unflatten (shape: int64[]) (flat: int) : int[] =
    let index = Array.zeroCreate shape.Length
    let mutable rest = flat

    for axis in shape.Length - 1 .. -1 .. 0 do
        index[axis] <- rest % int shape[axis]
        rest <- rest / int shape[axis]

    index

/// The flat index of an index into a shape.
let flatten (shape: int64[]) (index: int[]) =
    Array.fold2 (fun at (length: int64) i -> at * int length + i) 0 shape index

/// The view that is the original.
let original (shape: int64[]) = {
    Shape = shape
    At = Array.init (size shape) id
}

/// A view of a view: `source` gives for an index of the new shape the index in the old one.
let reindex (shape: int64[]) (source: int[] -> int[]) (view: View) = {
    Shape = shape
    At = Array.init (size shape) (fun flat -> view.At[flatten view.Shape (source (unflatten shape flat))])
}

/// The same elements in the same order under another shape.
let regroup (shape: int64[]) (view: View) = { view with Shape = shape }

/// What the view shows of an original.
let read (original: 'T[]) (view: View) = Array.map (Array.get original) view.At

/// The gradient of the original from that of the view: each element receives the sum of all places that show it.
let gather (count: int) (gradient: float32[]) (view: View) =
    let sums = Array.zeroCreate<float> count
    Array.iter2 (fun at (g: float32) -> sums[at] <- sums[at] + float g) view.At gradient
    Array.map float32 sums

/// The shape that two operands broadcast to: axis by axis from the right the longer one, a missing axis being one.
let broadcastShape (x: int64[]) (y: int64[]) =
    let rank = max x.Length y.Length
    let pad (shape: int64[]) = Array.append (Array.create (rank - shape.Length) 1L) shape
    Array.map2 max (pad x) (pad y)

/// The original shown under a larger shape, repeated along axes of length one and along new axes in front.
let broadcast (target: int64[]) (shape: int64[]) =
    let front = target.Length - shape.Length
    let source (index: int[]) = Array.mapi (fun i (length: int64) -> if length = 1L then 0 else index[front + i]) shape
    reindex target source (original shape)
