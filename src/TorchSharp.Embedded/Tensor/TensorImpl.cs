using System.Runtime.CompilerServices;

namespace TorchSharp;

/// <summary>
/// What a tensor is: storage, shape, strides, element type, and its place in the recorded graph. Public
/// <see cref="Tensor"/> handles share it; the engine works on it without handles, so nothing of the engine's own
/// appears in dispose scopes or in the live count.
/// </summary>
/// <remarks>
/// Ownership, everywhere in the engine: a method that returns a TensorImpl gives the caller one reference, arguments
/// are borrowed; exceptions to this say so. What an exception leaves behind is brought back by the storage's finalizer.
/// </remarks>
internal sealed unsafe class TensorImpl
{
    /// <summary>The first element's place in the storage, in elements.</summary>
    internal readonly long Offset;

    /// <summary>Sizes and strides in elements. Shared between tensors: never written after construction.</summary>
    internal readonly long[] Sizes;

    internal readonly long[] Strides;
    internal readonly long Count;
    internal readonly ScalarType Dtype;
    internal readonly bool IsContiguous;

    /// <summary>Whether operations on this tensor are recorded.</summary>
    internal bool RequiresGrad;

    /// <summary>The operation that made it; null for a leaf.</summary>
    internal Node? GradFn;

    /// <summary>Which of <see cref="GradFn"/>'s results it is.</summary>
    internal int ResultIndex;

    /// <summary>The gradient slot of a leaf, or of a tensor that retains its gradient. The tensor owns it.</summary>
    internal TensorImpl? Grad;

    /// <summary>The tensor of which this is a view by an operation, and that tensor's history when the view was made.</summary>
    internal TensorImpl? ViewBase;

    internal int ViewBaseHistory;

    /// <summary>Whether a recorded operation has changed the tensor in place since this view of it was made.</summary>
    internal bool IsOutdatedView => ViewBase is { } whole && whole.History != ViewBaseHistory;

    /// <summary>How often recorded operations have changed this tensor in place.</summary>
    internal int History;

    private Storage? storage;
    private int references = 1;
    private int holds = 1;

    private TensorImpl(Storage storage, long offset, long[] shape, long[] strides, long count, ScalarType dtype, bool contiguous)
    {
        if (shape.Length > Shape.MaxDimensions)
            throw new ArgumentException($"{shape.Length} dimensions are more than the {Shape.MaxDimensions} that the embedded engine has");
        this.storage = storage;
        Offset = offset;
        Sizes = shape;
        Strides = strides;
        Count = count;
        Dtype = dtype;
        IsContiguous = contiguous;
    }

    /// <summary>A new tensor with arbitrary content. The shape is kept, not copied.</summary>
    internal static TensorImpl Empty(long[] shape, ScalarType dtype, string operation = "empty")
    {
        var count = Shape.Count(shape, operation);
        return Empty(shape, Shape.RowMajor(shape), count, dtype);
    }

    /// <summary>A new tensor of the same shape as <paramref name="like"/>, contiguous, with arbitrary content.</summary>
    internal static TensorImpl EmptyLike(TensorImpl like, ScalarType dtype) =>
        Empty(like.Sizes, like.IsContiguous ? like.Strides : Shape.RowMajor(like.Sizes), like.Count, dtype);

    internal static TensorImpl EmptyLike(TensorImpl like) => EmptyLike(like, like.Dtype);

    private static TensorImpl Empty(long[] shape, long[] strides, long count, ScalarType dtype)
    {
        var size = Dtypes.Size(dtype);
        if (count > long.MaxValue / 16)
            throw new OutOfMemoryException($"A tensor of shape {Shape.Text(shape)} is too large.");
        return new TensorImpl(StoragePool.Rent(count * size), 0, shape, strides, count, dtype, true);
    }

    /// <summary>Another look at the same storage. The caller has checked that all elements lie inside it.</summary>
    internal TensorImpl View(long[] shape, long[] strides, long offset)
    {
        var count = Shape.Product(shape, 0, shape.Length);
        var view = new TensorImpl(Storage, offset, shape, strides, count, Dtype, Shape.IsRowMajor(shape, strides));
        Storage.AddReference();
        return view;
    }

    /// <summary>The block of memory, which views share.</summary>
    /// <exception cref="ObjectDisposedException">Nobody holds the tensor any more.</exception>
    internal Storage Storage =>
        storage ?? throw new ObjectDisposedException(nameof(Tensor), "The storage of this tensor was given back.");

    /// <summary>The same elements without the graph.</summary>
    internal TensorImpl Alias()
    {
        Storage.AddReference();
        return new TensorImpl(Storage, Offset, Sizes, Strides, Count, Dtype, IsContiguous);
    }

    /// <summary>One more reference to the same tensor; to a dead one whose elements a saved value holds, too.</summary>
    internal TensorImpl Share()
    {
        if (Interlocked.Increment(ref references) == 1)
            Hold(); // which Release gives up, not what the saved value holds
        return this;
    }

    /// <summary>Gives up one reference; the last gives up the storage, the gradient and the graph behind.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref references) != 0)
            return;
        LetGo();
        Grad?.Release();
        Grad = null;
        GradFn?.Release();
        GradFn = null;
    }

    /// <summary>Keeps the elements for a saved value, whatever becomes of the tensor.</summary>
    internal void Hold() => Interlocked.Increment(ref holds);

    /// <summary>
    /// Gives up the elements. The last to do so forgets the storage: it may go to another tensor, and a dead one that is
    /// still reachable must not keep it alive.
    /// </summary>
    internal void LetGo()
    {
        if (Interlocked.Decrement(ref holds) == 0)
            Interlocked.Exchange(ref storage, null)!.Release();
    }

    internal bool IsLive => Volatile.Read(ref references) > 0;

    internal int Rank => Sizes.Length;

    /// <summary>True when nobody else can see the elements, which lie row-major: they may be overwritten.</summary>
    internal bool MayOverwrite => IsContiguous && Volatile.Read(ref references) == 1 && IsHeldOnce;

    /// <summary>True when there is one holder of the elements: the tensor, or a saved value whose tensor is gone.</summary>
    internal bool IsHeldOnce => Volatile.Read(ref holds) == 1 && Storage.IsUnshared;

    internal bool IsLeaf => GradFn is null;

    /// <summary>Whether several elements are one place in memory.</summary>
    internal bool IsExpanded
    {
        get
        {
            for (var i = 0; i < Rank; i++)
            {
                if (Strides[i] == 0 && Sizes[i] > 1)
                    return true;
            }
            return false;
        }
    }

    /// <summary>Counts a write in place.</summary>
    internal void Touch() => Storage.Version++;

    /// <summary>The first element as float32.</summary>
    internal float* Floats => (float*)Pointer(ScalarType.Float32, sizeof(float));

    /// <summary>The first element as int64.</summary>
    internal long* Longs => (long*)Pointer(ScalarType.Int64, sizeof(long));

    /// <summary>The first element as a boolean byte, 0 or 1.</summary>
    internal byte* Bools => (byte*)Pointer(ScalarType.Bool, 1);

    /// <summary>The first element, whatever its type.</summary>
    internal byte* Bytes => (byte*)Pointer(Dtype, Dtypes.Size(Dtype));

    internal T* Data<T>() where T : unmanaged => (T*)Pointer(Dtypes.Of<T>(), Unsafe.SizeOf<T>());

    private void* Pointer(ScalarType dtype, int size)
    {
        if (dtype != Dtype)
            throw new ArgumentException($"expected a tensor of {dtype}, not of {Dtype}");
        ThreadState.Current.Hold(this);
        return Storage.Data + (Offset * size);
    }

    /// <summary>Float32 [2, 3] as in messages.</summary>
    public override string ToString() => $"{Dtype} {Shape.Text(Sizes)}";
}
