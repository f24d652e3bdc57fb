using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Whole slices along one axis by index: index_select, and writing or adding them. Every index is checked.</summary>
internal static unsafe class Indexing
{
    /// <summary>The slices of x along the axis that <paramref name="index"/> names. The gradient adds them back.</summary>
    internal static TensorImpl Select(TensorImpl x, long dim, TensorImpl index)
    {
        var axis = Shape.Axis(dim, x.Rank, "index_select");
        var length = x.Rank == 0 ? 1 : x.Sizes[axis];
        var ids = CheckedIndex("index_select", index, length, x);
        if (x.Rank == 0 && ids.Count != 1)
            throw new ArgumentException($"index_select: a tensor without dimensions takes one index, not {index}");
        var input = Copy.Contiguous(x);
        var y = TensorImpl.Empty(x.Rank == 0 ? Shape.Scalar : Shape.With(x.Sizes, axis, ids.Count), x.Dtype);
        Gather(input, axis, length, ids, y);
        input.Release();
        if (Graph.Records(x))
            Graph.Record(y, new SelectNode(x.Sizes, axis, ids), x);
        ids.Release();
        return y;
    }

    /// <summary>self[index_i] += alpha source_i along the axis, i in order.</summary>
    internal static TensorImpl Add(TensorImpl self, long dim, TensorImpl index, TensorImpl source, Scalar alpha)
    {
        var (axis, ids) = CheckedWrite("index_add", self, dim, index, source);
        var y = Copy.Clone(self);
        if (self.Dtype == Dtypes.Float)
        {
            var scaled = alpha.Double == 1 ? source.Share() : Pointwise.Scalar<MulOp>(source, alpha.Float);
            AddInto(y, axis, ids, scaled);
            scaled.Release();
        }
        else
        {
            EachSlice(y, axis, ids, source, (target, part) =>
            {
                var sum = Arithmetic.Add(target, part, alpha);
                Copy.Into(target, sum);
                sum.Release();
            });
        }
        if (Graph.Records(self, source))
            Graph.Record(y, new AddNode(axis, ids, alpha), self, source);
        ids.Release();
        return y;
    }

    /// <summary>self[index_i] = source_i along the axis, i in order.</summary>
    internal static TensorImpl Put(TensorImpl self, long dim, TensorImpl index, TensorImpl source)
    {
        var (axis, ids) = CheckedWrite("index_copy", self, dim, index, source);
        var y = Copy.Clone(self);
        EachSlice(y, axis, ids, source, Copy.Into);
        if (Graph.Records(self, source))
            Graph.Record(y, new PutNode(axis, ids), self, source);
        ids.Release();
        return y;
    }

    /// <summary>As <see cref="Put"/>, into self.</summary>
    internal static void PutInPlace(TensorImpl self, long dim, TensorImpl index, TensorImpl source)
    {
        if (Graph.RecordsInPlace("index_copy_", self, source))
        {
            InPlace.Record(self, former => Put(former, dim, index, source));
            return;
        }
        var (axis, ids) = CheckedWrite("index_copy_", self, dim, index, source);
        // The checked index and the values must not change while self is written, which may be the index itself.
        var (places, values) = (Copy.Apart(ids, self), Copy.Apart(source, self));
        EachSlice(self, axis, places, values, Copy.Into);
        self.Touch();
        ids.Release();
        places.Release();
        values.Release();
    }

    /// <summary>As <see cref="Add"/>, into self.</summary>
    internal static void AddInPlace(TensorImpl self, long dim, TensorImpl index, TensorImpl source, Scalar alpha)
    {
        if (self.Dtype != Dtypes.Float || alpha.Double != 1 || Graph.Records(self, source))
        {
            InPlace.By("index_add_", self, null, s => Add(s, dim, index, source, alpha));
            return;
        }
        _ = Graph.RecordsInPlace("index_add_", self, source);
        var (axis, ids) = CheckedWrite("index_add_", self, dim, index, source);
        var values = Copy.Apart(source, self);
        AddInto(self, axis, ids, values);
        self.Touch();
        ids.Release();
        values.Release();
    }

    /// <summary>Contiguous whole numbers in [0, length), or an error that names the first that is not.</summary>
    internal static TensorImpl CheckedIndex(string operation, TensorImpl index, long length, TensorImpl x)
    {
        if (index.Dtype != Dtypes.Long)
            throw new ArgumentException($"{operation}: the index must be int64, not {index}");
        if (index.Rank > 1)
            throw new ArgumentException($"{operation}: the index must have one dimension, not be {index}");
        var ids = Copy.Contiguous(index);
        CheckRange(operation, ids, length, x);
        return ids;
    }

    /// <summary>Throws for the first of the contiguous <paramref name="ids"/> that is not in [0, length).</summary>
    internal static void CheckRange(string operation, TensorImpl ids, long length, TensorImpl x)
    {
        var data = ids.Longs;
        for (long i = 0; i < ids.Count; i++)
        {
            if ((ulong)data[i] >= (ulong)length)
                throw new ArgumentException($"{operation}: index {data[i]} is out of range [0, {length}) for {x}");
        }
    }

    private static void Gather(TensorImpl x, int axis, long length, TensorImpl ids, TensorImpl y)
    {
        if (y.Count == 0)
            return; // however long the other axes are
        var outer = Shape.Product(x.Sizes, 0, axis);
        var bytes = Shape.Product(x.Sizes, Math.Min(axis + 1, x.Rank), x.Rank) * Dtypes.Size(x.Dtype);
        if (x.Dtype == Dtypes.Float && outer == 1)
        {
            Embedding.Gather(ids.Count, bytes / sizeof(float), x.Floats, ids.Longs, y.Floats);
            return;
        }
        byte* from = x.Bytes, to = y.Bytes;
        var id = ids.Longs;
        for (long o = 0; o < outer; o++)
        {
            for (long i = 0; i < ids.Count; i++, to += bytes)
                Buffer.MemoryCopy(from + (((o * length) + id[i]) * bytes), to, bytes, bytes);
        }
    }

    /// <summary>target[ids_i] += source_i along the axis.</summary>
    private static void AddInto(TensorImpl target, int axis, TensorImpl ids, TensorImpl source)
    {
        if (target.IsContiguous && axis == 0 && target.Rank > 0)
        {
            var flat = Copy.Contiguous(source);
            var columns = target.Sizes[0] == 0 ? 0 : target.Count / target.Sizes[0];
            Embedding.ScatterAdd(ids.Count, columns, target.Sizes[0], flat.Floats, ids.Longs, target.Floats);
            flat.Release();
            return;
        }
        EachSlice(target, axis, ids, source, Pointwise.AddInto);
    }

    private static void EachSlice(
        TensorImpl target, int axis, TensorImpl ids, TensorImpl source, Action<TensorImpl, TensorImpl> action)
    {
        if (target.Rank == 0)
        {
            for (long i = 0; i < ids.Count; i++)
                action(target, source);
            return;
        }
        for (long i = 0; i < ids.Count; i++)
        {
            var to = new Views.Region(axis, ids.Longs[i], -1, 1).Of(target);
            var from = new Views.Region(axis, i, -1, 1).Of(source);
            action(to, from);
            to.Release();
            from.Release();
        }
    }

    private static (int Axis, TensorImpl Ids) CheckedWrite(
        string operation, TensorImpl self, long dim, TensorImpl index, TensorImpl source)
    {
        var axis = Shape.Axis(dim, self.Rank, operation);
        if (self.Dtype != source.Dtype)
            throw new ArgumentException($"{operation}: self {self} and source {source} must have one type");
        var expected = self.Rank == 0 ? Shape.Scalar : Shape.With(self.Sizes, axis, index.Count);
        if (!Shape.Same(expected, source.Sizes))
            throw new ArgumentException(
                $"{operation}: source must be {Shape.Text(expected)} for self {self} and {index.Count} indices, not {source}");
        return (axis, CheckedIndex(operation, index, self.Rank == 0 ? 1 : self.Sizes[axis], self));
    }

    /// <summary>dx[ids_i] += g_i, straight into a gradient that exists.</summary>
    private sealed class SelectNode(long[] sizes, int axis, TensorImpl ids) : Node
    {
        private Saved ids = new(ids);

        internal override void ReleaseSaved() => ids.Release();

        protected override void Backward(TensorImpl gradient)
        {
            AddInto(Accumulator(0, sizes), axis, ids.Get(this), gradient);
            gradient.Release();
        }
    }

    /// <summary>y = self with source added: the gradient passes, and source gets alpha times its slices.</summary>
    private sealed class AddNode(int axis, TensorImpl ids, Scalar alpha) : Node
    {
        private Saved ids = new(ids);

        internal override void ReleaseSaved() => ids.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var places = ids.Get(this);
            if (Needs(1))
                Give(1, Pointwise.Reuse<MulOp>(Select(gradient, axis, places), alpha.Float));
            if (Needs(0))
                Give(0, gradient);
            else
                gradient.Release();
        }
    }

    /// <summary>y = self with source in its place: the gradient's slices go to source, and are zero for self.</summary>
    private sealed class PutNode(int axis, TensorImpl ids) : Node
    {
        private Saved ids = new(ids);

        internal override void ReleaseSaved() => ids.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var places = ids.Get(this);
            if (Needs(1))
                Give(1, Select(gradient, axis, places));
            if (Needs(0))
            {
                var rest = Copy.Clone(gradient);
                EachSlice(rest, axis, places, rest, (slice, _) => Fill.Into(slice, 0));
                Give(0, rest);
            }
            gradient.Release();
        }
    }
}
