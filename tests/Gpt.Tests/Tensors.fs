/// Between plain arrays and tensors of the engine under test; TorchSharp's overloads of `tensor` are met here, once.
module Gpt.Tests.Tensors

open TorchSharp
open Gpt.Tests.NArray

type Tensor = torch.Tensor

let ofFloats (shape: int64[]) (values: float32[]) : Tensor = torch.tensor(values).reshape shape

let ofWhole (shape: int64[]) (values: int64[]) : Tensor =
    torch.tensor(values, dtype = torch.ScalarType.Int64).reshape shape

let ofBools (shape: int64[]) (values: bool[]) : Tensor = torch.tensor(values).reshape shape

let ofNArray (a: NArray) : Tensor =
    match a.Values with
    | Reals values -> ofFloats a.Shape values
    | Whole values -> ofWhole a.Shape values

/// TorchSharp's accessor cannot read a tensor of no elements.
let private elements<'T when 'T: unmanaged and 'T: struct and 'T: (new: unit -> 'T) and 'T :> System.ValueType>
    (t: Tensor)
    : 'T[] =
    if t.numel () = 0L then
        [||]
    else
        t.detach().contiguous().data<'T>().ToArray()

/// The elements of a float32 tensor, row-major whatever its strides.
let floatsOf (t: Tensor) : float32[] = elements<float32> t

/// The elements of an int64 tensor, row-major.
let wholeOf (t: Tensor) : int64[] = elements<int64> t

/// A float32 or int64 tensor as an array.
let toNArray (t: Tensor) : NArray =
    if t.dtype = torch.ScalarType.Int64 then
        whole t.shape (wholeOf t)
    else
        reals t.shape (floatsOf t)

/// A number as TorchSharp wants it beside a tensor.
let scalar (value: float) : Scalar = value.ToScalar()

/// Whether the engine gives the same bits for the same numbers, wherever in memory they lie. The embedded engine promises it;
/// libtorch does not: the order of its sums hangs on the alignment of the buffers.
let repeatsItself = (typeof<Tensor>.Assembly.GetName().Name = "TorchSharp.Embedded")

/// Runs a computation in a dispose scope of its own: nothing that it makes outlives it, so it must hand back plain values.
let scoped (work: unit -> 'T) : 'T =
    use _scope = torch.NewDisposeScope()
    work ()

/// A tensor that a gradient is wanted for.
let leaf (t: Tensor) : Tensor = t.requires_grad_ true

/// The gradient that a leaf has received; zeros if none reached it.
let gradientOf (t: Tensor) : NArray =
    match t.grad with
    | null -> reals t.shape (Array.zeroCreate (size t.shape))
    | gradient -> toNArray gradient
