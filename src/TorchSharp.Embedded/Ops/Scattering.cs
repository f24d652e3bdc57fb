using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Single elements along one axis by index: y[i][j] = x[index[i][j]][j] and the way back. Every index is checked.
/// </summary>
internal static unsafe class Scattering
{
    private enum Write
    {
        Set,
        Add,
    }

    /// <summary>The elements of x at the places of <paramref name="index"/> along the axis; index may be smaller elsewhere.</summary>
    internal static TensorImpl Gather(TensorImpl x, long dim, TensorImpl index)
    {
        var axis = Check("gather", x, dim, index);
        var y = TensorImpl.Empty(index.Sizes, x.Dtype);
        var places = Copy.Contiguous(index);
        switch (Dtypes.Size(x.Dtype))
        {
            case 4:
                Read((float*)x.Bytes, (float*)y.Bytes, x, axis, places);
                break;
            case 8:
                Read((long*)x.Bytes, (long*)y.Bytes, x, axis, places);
                break;
            case 2:
                Read((short*)x.Bytes, (short*)y.Bytes, x, axis, places);
                break;
            case 1:
                Read(x.Bytes, y.Bytes, x, axis, places);
                break;
            default:
                throw Dtypes.Unsupported(x.Dtype);
        }
        if (Graph.Records(x))
            RecordGather(y, x, axis, places);
        places.Release();
        return y;
    }

    /// <summary>Records y, elements of x that were found in another way, as gathered at the places.</summary>
    internal static void RecordGather(TensorImpl y, TensorImpl x, int axis, TensorImpl places) =>
        Graph.Record(y, new GatherNode(x.Sizes, axis, places), x);

    /// <summary>A copy of self with the elements of <paramref name="source"/> at the places of the index.</summary>
    internal static TensorImpl Scatter(TensorImpl self, long dim, TensorImpl index, TensorImpl source) =>
        Written("scatter", self, dim, index, source, Write.Set);

    /// <summary>A copy of self with the elements of <paramref name="source"/> added at the places of the index.</summary>
    internal static TensorImpl ScatterAdd(TensorImpl self, long dim, TensorImpl index, TensorImpl source) =>
        Written("scatter_add", self, dim, index, source, Write.Add);

    /// <summary>Writes into self.</summary>
    internal static void ScatterInPlace(TensorImpl self, long dim, TensorImpl index, TensorImpl source, bool add)
    {
        var operation = add ? "scatter_add_" : "scatter_";
        if (Graph.RecordsInPlace(operation, self, source))
        {
            InPlace.Record(self, former => Written(operation, former, dim, index, source, add ? Write.Add : Write.Set));
            return;
        }
        var axis = Check(operation, self, dim, index, source);
        // The checked places and the values must not change while self is written, which may be the index itself.
        var (apart, values) = (Copy.Apart(index, self), Copy.Apart(source, self));
        var places = Copy.Contiguous(apart);
        Into(self, axis, places, values, add ? Write.Add : Write.Set);
        self.Touch();
        places.Release();
        apart.Release();
        values.Release();
    }

    /// <summary>target += source at places that are known to be right.</summary>
    internal static void AddInto(TensorImpl target, int axis, TensorImpl places, TensorImpl source) =>
        Into(target, axis, places, source, Write.Add);

    private static TensorImpl Written(string operation, TensorImpl self, long dim, TensorImpl index, TensorImpl source, Write write)
    {
        var axis = Check(operation, self, dim, index, source);
        var y = Copy.Clone(self);
        var places = Copy.Contiguous(index);
        Into(y, axis, places, source, write);
        if (Graph.Records(self, source))
            Graph.Record(y, new ScatterNode(source.Sizes, axis, places, write), self, source);
        places.Release();
        return y;
    }

    private static int Check(string operation, TensorImpl x, long dim, TensorImpl index, TensorImpl? source = null)
    {
        var axis = Shape.Axis(dim, x.Rank, operation);
        if (index.Dtype != Dtypes.Long)
            throw new ArgumentException($"{operation}: the index must be int64, not {index}");
        if (source is not null && source.Dtype != x.Dtype)
            throw new ArgumentException($"{operation}: self {x} and source {source} must have one type");
        var fits = index.Rank == x.Rank && (source is null || source.Rank == x.Rank);
        for (var i = 0; fits && i < x.Rank; i++)
            fits = (i == axis || index.Sizes[i] <= x.Sizes[i]) && (source is null || index.Sizes[i] <= source.Sizes[i]);
        if (!fits && index.Count > 0)
            throw new ArgumentException(
                $"{operation}: index {index} does not fit {x}" + (source is null ? string.Empty : $" and source {source}"));
        var ids = Copy.Contiguous(index);
        try
        {
            Indexing.CheckRange(operation, ids, x.Rank == 0 ? 1 : x.Sizes[axis], x);
        }
        finally
        {
            ids.Release();
        }
        return axis;
    }

    /// <summary>Whether each row of the index belongs to a whole row of x, both rows lying in one piece: the usual case.</summary>
    private static bool ByRows(TensorImpl x, int axis, TensorImpl places) =>
        axis == x.Rank - 1 && x.IsContiguous && x.Sizes.AsSpan(0, axis).SequenceEqual(places.Sizes.AsSpan(0, axis));

    private static void Read<T>(T* x, T* y, TensorImpl shape, int axis, TensorImpl places)
        where T : unmanaged
    {
        if (places.Count == 0)
            return; // it may have fewer axes
        if (ByRows(shape, axis, places))
        {
            var (length, count) = (shape.Sizes[axis], places.Sizes[axis]);
            var at = places.Longs;
            for (var left = places.Count; left > 0; left -= count, x += length, y += count, at += count)
            {
                for (long i = 0; i < count; i++)
                    y[i] = x[at[i]];
            }
            return;
        }
        var walk = new Walk(places.Sizes, shape.Strides, axis);
        var index = stackalloc long[Shape.MaxDimensions];
        var id = places.Longs;
        var stride = shape.Rank == 0 ? 0 : shape.Strides[axis];
        for (long i = 0; i < places.Count; i++)
        {
            y[i] = x[walk.Offset + (id[i] * stride)];
            walk.Next(index);
        }
    }

    private static void Into(TensorImpl target, int axis, TensorImpl places, TensorImpl source, Write write)
    {
        if (places.Count == 0)
            return; // it may have fewer axes
        var part = Shape.Same(source.Sizes, places.Sizes) ? source.Share() : source.View(places.Sizes, source.Strides, source.Offset);
        var values = Copy.Contiguous(part);
        part.Release();
        switch (target.Dtype)
        {
            case Dtypes.Float when write == Write.Add:
                Combine<float, Plus<float>>(target.Floats, values.Floats, target, axis, places);
                break;
            case Dtypes.Long when write == Write.Add:
                Combine<long, Plus<long>>(target.Longs, values.Longs, target, axis, places);
                break;
            case Dtypes.Bool when write == Write.Add:
                Combine<byte, Either>(target.Bools, values.Bools, target, axis, places);
                break;
            case Dtypes.Float:
                Combine<float, Latter<float>>(target.Floats, values.Floats, target, axis, places);
                break;
            case Dtypes.Long:
                Combine<long, Latter<long>>(target.Longs, values.Longs, target, axis, places);
                break;
            default:
                Combine<byte, Latter<byte>>(target.Bools, values.Bools, target, axis, places);
                break;
        }
        values.Release();
    }

    private static void Combine<T, TFn>(T* target, T* values, TensorImpl shape, int axis, TensorImpl places)
        where T : unmanaged
        where TFn : struct, IMap<T, T, T>
    {
        var at = places.Longs;
        if (ByRows(shape, axis, places))
        {
            var (length, count) = (shape.Sizes[axis], places.Sizes[axis]);
            for (var left = places.Count; left > 0; left -= count, target += length, values += count, at += count)
            {
                for (long i = 0; i < count; i++)
                    target[at[i]] = TFn.Apply(target[at[i]], values[i]);
            }
            return;
        }
        var walk = new Walk(places.Sizes, shape.Strides, axis);
        var index = stackalloc long[Shape.MaxDimensions];
        var stride = shape.Rank == 0 ? 0 : shape.Strides[axis];
        for (long i = 0; i < places.Count; i++)
        {
            var place = target + walk.Offset + (at[i] * stride);
            *place = TFn.Apply(*place, values[i]);
            walk.Next(index);
        }
    }

    private readonly struct Latter<T> : IMap<T, T, T>
    {
        public static T Apply(T a, T b) => b;
    }

    private readonly struct Plus<T> : IMap<T, T, T>
        where T : System.Numerics.INumber<T>
    {
        public static T Apply(T a, T b) => a + b;
    }

    /// <summary>The sum of truth values.</summary>
    private readonly struct Either : IMap<byte, byte, byte>
    {
        public static byte Apply(byte a, byte b) => (byte)(a | b);
    }

    /// <summary>Walks over the index in row-major order and knows the offset of the same place, index 0 along the axis.</summary>
    private struct Walk(long[] sizes, long[] strides, int axis)
    {
        internal long Offset;

        internal void Next(long* index)
        {
            for (var i = sizes.Length - 1; i >= 0; i--)
            {
                var stride = i == axis ? 0 : strides[i];
                Offset += stride;
                if (++index[i] < sizes[i])
                    return;
                Offset -= stride * sizes[i];
                index[i] = 0;
            }
        }
    }

    private sealed class GatherNode(long[] sizes, int axis, TensorImpl places) : Node
    {
        private Saved places = new(places);

        internal override void ReleaseSaved() => places.Release();

        protected override void Backward(TensorImpl gradient)
        {
            AddInto(Accumulator(0, sizes), axis, places.Get(this), gradient);
            gradient.Release();
        }
    }

    /// <summary>The gradient at the places goes to the source; self gets the rest, or all where source was added.</summary>
    private sealed class ScatterNode(long[] sourceSizes, int axis, TensorImpl places, Write write) : Node
    {
        private Saved places = new(places);

        internal override void ReleaseSaved() => places.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var where = places.Get(this);
            if (Needs(1))
                Give(1, AtPlaces(gradient, where));
            if (!Needs(0))
            {
                gradient.Release();
                return;
            }
            if (write == Write.Set)
            {
                gradient = gradient.MayOverwrite ? gradient : Copy.Owned(gradient);
                var zeros = Fill.Zeros(where.Sizes, Dtypes.Float);
                Into(gradient, axis, where, zeros, Write.Set);
                zeros.Release();
            }
            Give(0, gradient);
        }

        private TensorImpl AtPlaces(TensorImpl gradient, TensorImpl where)
        {
            var part = Gather(gradient, axis, where);
            if (Shape.Same(where.Sizes, sourceSizes))
                return part;
            var whole = Fill.Zeros(sourceSizes, Dtypes.Float);
            if (where.Count > 0)
            {
                var corner = whole.View(where.Sizes, whole.Strides, 0);
                Copy.Into(corner, part);
                corner.Release();
            }
            part.Release();
            return whole;
        }
    }
}
