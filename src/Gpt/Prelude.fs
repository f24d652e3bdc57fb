namespace Gpt

open System
open System.Runtime.InteropServices
open System.Threading
open TorchSharp

/// A TorchSharp tensor. Shapes in this library are written in one alphabet of axes:
/// B batch, T time, C channels (the model's width), H heads, D head width, V vocabulary.
type Tensor = torch.Tensor

/// TorchSharp's awkward spots, met once: overloads that F# cannot choose between, nullable arguments,
/// reading values back, and dispose scopes as functions.
[<RequireQualifiedAccess>]
module Tensors =

    /// The scalars that were made last. libtorch's die by a finalizer, which may run while a call still reads the number it was
    /// given, for the call holds a bare pointer: this holds them until long after.
    let private recentScalars: Scalar[] = Array.zeroCreate 4096

    let mutable private scalarCount = 0

    let private held (scalar: Scalar) : Scalar =
        recentScalars[Interlocked.Increment &scalarCount &&& (recentScalars.Length - 1)] <- scalar
        scalar

    /// A number as TorchSharp's Scalar. (A float converts implicitly to both Scalar and Tensor, so F# must be told.)
    let scalar (value: float) : Scalar = held (Scalar.op_Implicit value)

    /// A whole number as TorchSharp's Scalar, which leaves whole tensors whole.
    let wholeScalar (value: int64) : Scalar = held (Scalar.op_Implicit value)

    /// A copy on a device. It is not waited for: what is done with it there is done after it has come.
    let private sent (device: torch.Device) (tensor: Tensor) : Tensor =
        tensor.``to`` (device, copy = true, non_blocking = true)

    /// A float32 tensor of the given shape on a device, copied from `values` in row-major order.
    let ofFloats (device: torch.Device) (shape: int64 list) (values: float32[]) : Tensor =
        use onCpu = torch.tensor (values, Nullable torch.ScalarType.Float32)
        use shaped = onCpu.reshape (List.toArray shape)
        sent device shaped

    let private idsOnCpu (shape: int64 list) (values: int64[]) : Tensor =
        use onCpu = torch.tensor (dataArray = values, dtype = Nullable torch.ScalarType.Int64)
        onCpu.reshape (List.toArray shape)

    /// An int64 tensor of the given shape on a device, copied from `values` in row-major order.
    let ofIds (device: torch.Device) (shape: int64 list) (values: int64[]) : Tensor =
        use shaped = idsOnCpu shape values
        sent device shaped

    /// `ofIds`, on a GPU out of memory that stays where it is, from which it copies by itself while the processor goes on.
    let ofIdsAhead (device: torch.Device) (shape: int64 list) (values: int64[]) : Tensor =
        if device.``type`` = DeviceType.CUDA then
            use shaped = idsOnCpu shape values
            use pinned = shaped.pin_memory ()
            sent device pinned
        else
            ofIds device shape values

    /// A float32 tensor of zeros.
    let zeros (device: torch.Device) (shape: int64 list) : Tensor =
        torch.zeros (List.toArray shape, Nullable torch.ScalarType.Float32, device)

    /// A float32 tensor that holds anything: for one who writes all of it.
    let empty (device: torch.Device) (shape: int64 list) : Tensor =
        torch.empty (List.toArray shape, Nullable torch.ScalarType.Float32, device)

    /// A tensor of some type that holds anything: for one who writes all of it.
    let emptyOf (dtype: torch.ScalarType) (device: torch.Device) (shape: int64 list) : Tensor =
        torch.empty (List.toArray shape, Nullable dtype, device)

    /// The int64 numbers `first`, `first + 1` … `stop - 1`, shape (stop - first).
    let range (device: torch.Device) (first: int64) (stop: int64) : Tensor =
        torch.arange (wholeScalar first, wholeScalar stop, Nullable torch.ScalarType.Int64, device = device)

    /// The memory of a contiguous float32 tensor on the CPU, in row-major order: to read or write in place what a managed
    /// array would have to be made for. Valid until the tensor is freed.
    let span (onCpu: Tensor) : Span<float32> = MemoryMarshal.Cast<byte, float32> onCpu.bytes

    let mutable private readCount = 0L

    let internal countRead () : unit = Interlocked.Increment &readCount |> ignore

    let private counting (tensor: Tensor) : Tensor =
        countRead ()
        tensor

    /// How often this process has read a tensor back so far. Each time it waits until the device has done all it was told, so
    /// a training step reads nothing. All that the library reads comes through the functions below and `Fetch`, which count.
    let reads () : int64 = Interlocked.Read &readCount

    /// The tensor in the processor's memory: itself, in another handle, if it is there, else a copy. Waits for the device.
    let onCpu (tensor: Tensor) : Tensor = (counting tensor).cpu()

    /// The values of a float32 tensor in row-major order, whatever its strides and its device. Waits for the device.
    let toFloats (tensor: Tensor) : float32[] =
        use detached = tensor.detach ()
        use onCpu = onCpu detached
        onCpu.data<float32>().ToArray()

    /// The values of an int64 tensor in row-major order, whatever its strides and its device. Waits for the device.
    let toIds (tensor: Tensor) : int64[] =
        use onCpu = onCpu tensor
        onCpu.data<int64>().ToArray()

    /// The one value of a float32 tensor with one element. Waits for the device.
    let item (tensor: Tensor) : float = float ((counting tensor).item<float32>())

    /// The one value of an int64 tensor with one element. Waits for the device.
    let itemId (tensor: Tensor) : int = int ((counting tensor).item<int64>())

    /// The one value of a tensor of truth values with one element. Waits for the device.
    let isTrue (tensor: Tensor) : bool = (counting tensor).item<bool>()

    /// The gradient that walks back have left at a leaf, if any has reached it.
    let gradient (leaf: Tensor) : Tensor option = Option.ofObj leaf.grad

    /// Runs `make` in a dispose scope of its own: every tensor made inside is freed but the result.
    let scoped (make: unit -> Tensor) : Tensor =
        use scope = torch.NewDisposeScope()
        let result = make ()
        scope.MoveToOuter result

    /// Runs `work` in a dispose scope of its own; every tensor made inside is freed.
    let freeing (work: unit -> 'a) : 'a =
        use _scope = torch.NewDisposeScope()
        work ()

    /// Runs `work` without recording a graph.
    let noGrad (work: unit -> 'a) : 'a =
        use _guard = torch.no_grad ()
        work ()

/// What functions that take numbers from a caller say about those they cannot use.
[<RequireQualifiedAccess>]
module internal Argument =

    /// Raises ArgumentOutOfRangeException with the name, the value and the allowed range unless `isRight`.
    let require (isRight: bool) (name: string) (value: obj) (range: string) : unit =
        if not isRight then
            raise (ArgumentOutOfRangeException(name, value, $"{name} is {value}; it must be {range}."))
