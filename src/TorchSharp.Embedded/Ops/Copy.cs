using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Copies between any layouts and element types.</summary>
internal static unsafe partial class Copy
{
    /// <summary>
    /// Writes <paramref name="source"/>, broadcast and converted, over <paramref name="target"/>. The two may overlap.
    /// </summary>
    internal static void Into(TensorImpl target, TensorImpl source)
    {
        if (!Shape.Same(target.Sizes, source.Sizes) && !Shape.BroadcastsTo(source.Sizes, target.Sizes))
            throw new ArgumentException(
                $"copy_: shape {Shape.Text(source.Sizes)} does not broadcast to {Shape.Text(target.Sizes)}");
        if (target.Count == 0)
            return;
        if (Overlap(target, source))
        {
            var apart = Clone(source);
            Into(target, apart);
            apart.Release();
        }
        else if (target.Dtype != source.Dtype)
        {
            Convert(target, source);
        }
        else if (target.IsContiguous && source.IsContiguous && target.Count == source.Count)
        {
            Flat(target.Count * Dtypes.Size(target.Dtype), source.Bytes, target.Bytes);
        }
        else
        {
            Strided(target, source);
        }
    }

    /// <summary>A new contiguous tensor with the same values.</summary>
    internal static TensorImpl Clone(TensorImpl source)
    {
        var copy = TensorImpl.EmptyLike(source);
        Into(copy, source);
        return copy;
    }

    /// <summary>A contiguous tensor of its own in place of one that may be shared; gives up <paramref name="owned"/>.</summary>
    internal static TensorImpl Owned(TensorImpl owned)
    {
        var copy = Clone(owned);
        owned.Release();
        return copy;
    }

    /// <summary>The tensor itself, one more reference, if it is contiguous; else a contiguous copy.</summary>
    internal static TensorImpl Contiguous(TensorImpl tensor) => tensor.IsContiguous ? tensor.Share() : Clone(tensor);

    /// <summary>Contiguous, in place of <paramref name="owned"/>, which is given up.</summary>
    internal static TensorImpl OwnedContiguous(TensorImpl owned) => owned.IsContiguous ? owned : Owned(owned);

    /// <summary>
    /// An operand in the type that an operation computes in: the tensor itself, one more reference, if it has the type; else a
    /// converted copy.
    /// </summary>
    internal static TensorImpl As(ScalarType dtype, TensorImpl tensor)
    {
        if (Dtypes.IsNarrow(tensor.Dtype))
            throw Dtypes.StoredOnly(tensor.Dtype);
        return tensor.Dtype == dtype ? tensor.Share() : Converted(dtype, tensor);
    }

    /// <summary>The tensor itself, one more reference, or as float32 if its type is for storing alone.</summary>
    internal static TensorImpl Computable(TensorImpl tensor) =>
        Dtypes.IsNarrow(tensor.Dtype) ? Converted(Dtypes.Float, tensor) : tensor.Share();

    /// <summary>A copy in another type.</summary>
    internal static TensorImpl Converted(ScalarType dtype, TensorImpl tensor)
    {
        var copy = TensorImpl.EmptyLike(tensor, dtype);
        Into(copy, tensor);
        return copy;
    }

    /// <summary>The tensor itself, one more reference, if writing to <paramref name="target"/> cannot change it; else a copy.</summary>
    internal static TensorImpl Apart(TensorImpl tensor, TensorImpl target) =>
        Overlap(tensor, target) ? Clone(tensor) : tensor.Share();

    /// <summary>Whether the two share storage and the spans from first to last element have a part in common.</summary>
    internal static bool Overlap(TensorImpl a, TensorImpl b) =>
        a.Storage == b.Storage && a.Offset <= b.Offset + Extent(b) && b.Offset <= a.Offset + Extent(a);

    private static long Extent(TensorImpl tensor)
    {
        var extent = 0L;
        for (var i = 0; i < tensor.Rank; i++)
            extent += (tensor.Sizes[i] - 1) * tensor.Strides[i];
        return extent;
    }

    private static void Flat(long bytes, byte* source, byte* target)
    {
        var job = new FlatJob { Source = source, Target = target };
        Vec.For(bytes, Elementwise.Grain * sizeof(float), ref job);
    }

    private static void Strided(TensorImpl target, TensorImpl source)
    {
        StridedLoop.Plan(out var loop, target.Sizes, target, source);
        switch (Dtypes.Size(target.Dtype))
        {
            case 4:
                Strided((float*)target.Bytes, (float*)source.Bytes, ref loop);
                break;
            case 2:
                Strided((short*)target.Bytes, (short*)source.Bytes, ref loop);
                break;
            case 8:
                Strided((long*)target.Bytes, (long*)source.Bytes, ref loop);
                break;
            default:
                Strided(target.Bytes, source.Bytes, ref loop);
                break;
        }
    }

    private static void Strided<T>(T* target, T* source, ref StridedLoop loop)
        where T : unmanaged
    {
        if (TransposedAxis(ref loop) is >= 0 and var axis)
        {
            Transpose(target, source, ref loop, axis);
            return;
        }
        var body = new CopyBody<T> { Target = target, Source = source };
        loop.Run(ref body);
    }

    private struct FlatJob : IVecJob
    {
        internal byte* Source, Target;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V> => Buffer.MemoryCopy(Source + start, Target + start, end - start, end - start);
    }

    private struct CopyBody<T> : IRowBody
        where T : unmanaged
    {
        internal T* Target, Source;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            T* y = Target + offset[0], x = Source + offset[1];
            long dy = stride[0], dx = stride[1];
            if (dy == 1 && dx == 1)
                Buffer.MemoryCopy(x, y, count * sizeof(T), count * sizeof(T));
            else if (dy == 1 && dx == 0 && count <= int.MaxValue)
                new Span<T>(y, (int)count).Fill(*x);
            else
                for (long i = 0; i < count; i++)
                    y[i * dy] = x[i * dx];
        }
    }
}
