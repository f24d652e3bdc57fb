using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Choosing element by element: where, masked_fill, clamp, tril and triu.</summary>
internal static unsafe class Selection
{
    /// <summary>x where the condition holds, y elsewhere; all three broadcast, types mix.</summary>
    internal static TensorImpl Where(TensorImpl condition, TensorImpl x, TensorImpl y)
    {
        if (condition.Dtype != Dtypes.Bool)
            throw new ArgumentException($"where: the condition must be bool, not {condition}");
        var dtype = Dtypes.Promote(x.Dtype, y.Dtype);
        var sizes = Shape.Broadcast(Shape.Broadcast(x.Sizes, y.Sizes, "where"), condition.Sizes, "where");
        var (a, b) = (Copy.As(dtype, x), Copy.As(dtype, y));
        var result = TensorImpl.Empty(sizes, dtype);
        Choose(result, condition, a, b);
        a.Release();
        b.Release();
        if (Graph.Records(x, y))
        {
            var node = new WhereNode(condition, x.Sizes, y.Sizes);
            Graph.Record(result, node, x, y);
        }
        return result;
    }

    /// <summary>value where the mask holds, x elsewhere; the mask broadcasts to x.</summary>
    internal static TensorImpl MaskedFill(TensorImpl x, TensorImpl mask, Scalar value)
    {
        if (mask.Dtype != Dtypes.Bool)
            throw new ArgumentException($"masked_fill: the mask must be bool, not {mask}");
        var one = Fill.OfScalar(value, x.Dtype, "masked_fill");
        var y = Where(mask, one, x);
        one.Release();
        return y;
    }

    /// <summary>max(min, min(x, max)); a bound that is null does nothing.</summary>
    internal static TensorImpl Clamp(TensorImpl x, Scalar? min, Scalar? max, string operation)
    {
        if (min is null && max is null)
            throw new ArgumentException($"{operation}: at least one of min and max must be given");
        if (x.Dtype == Dtypes.Bool && (min ?? max)!.Kind == Dtypes.Bool && (max ?? min)!.Kind == Dtypes.Bool)
            throw new ArgumentException($"{operation}: defined for numbers, not for {x}");
        var y = min is null ? x.Share() : Mixed.Scalar<MaxOp, Choice.Larger, Arithmetic.Or>(x, min);
        if (max is not null)
        {
            var cut = Mixed.Scalar<MinOp, Choice.Smaller, Arithmetic.And>(y, max);
            y.Release();
            y = cut;
        }
        if (Graph.Records(x))
            Graph.Record(y, new ClampNode(x, min?.Float ?? float.NegativeInfinity, max?.Float ?? float.PositiveInfinity), x);
        return y;
    }

    /// <summary>
    /// Matrices with zeros above (<paramref name="lower"/>) or below the diagonal number <paramref name="diagonal"/>.
    /// </summary>
    internal static TensorImpl Triangle(TensorImpl x, long diagonal, bool lower)
    {
        var operation = lower ? "tril" : "triu";
        if (x.Rank < 2)
            throw new ArgumentException($"{operation}: expected matrices, got {x}");
        var y = Copy.Clone(x);
        var (rows, columns) = (x.Sizes[^2], x.Sizes[^1]);
        var size = Dtypes.Size(x.Dtype);
        var data = y.Bytes;
        for (long row = 0; row < (columns == 0 ? 0 : x.Count / columns); row++)
        {
            var edge = ((Int128)(row % rows) + diagonal) + (lower ? 1 : 0);
            var cut = (long)Int128.Clamp(edge, 0, columns);
            var (first, last) = lower ? (cut, columns) : (0, cut);
            new Span<byte>(data + (((row * columns) + first) * size), checked((int)((last - first) * size))).Clear();
        }
        if (Graph.Records(x))
            Graph.Record(y, new TriangleNode(diagonal, lower), x);
        return y;
    }

    private static void Choose(TensorImpl y, TensorImpl condition, TensorImpl a, TensorImpl b)
    {
        StridedLoop.Plan(out var loop, y.Sizes, y, a, b, condition);
        switch (Dtypes.Size(y.Dtype))
        {
            case 4:
                var floats = new ChooseBody<float> { Y = y.Floats, A = a.Floats, B = b.Floats, C = condition.Bools };
                loop.Run(ref floats);
                break;
            case 8:
                var longs = new ChooseBody<long> { Y = y.Longs, A = a.Longs, B = b.Longs, C = condition.Bools };
                loop.Run(ref longs);
                break;
            default:
                var bools = new ChooseBody<byte> { Y = y.Bools, A = a.Bools, B = b.Bools, C = condition.Bools };
                loop.Run(ref bools);
                break;
        }
    }

    private struct ChooseBody<T> : IRowBody
        where T : unmanaged
    {
        internal T* Y, A, B;
        internal byte* C;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            T* y = Y + offset[0], a = A + offset[1], b = B + offset[2];
            var c = C + offset[3];
            long i = 0;
            if (sizeof(T) == sizeof(float) && stride[0] == 1 && stride[3] == 1 && (stride[1] | stride[2]) is 0 or 1)
                i = Elementwise.Select<V>(count, c, (float*)a, stride[1] == 0, (float*)b, stride[2] == 0, (float*)y);
            for (; i < count; i++)
                y[i * stride[0]] = c[i * stride[3]] != 0 ? a[i * stride[1]] : b[i * stride[2]];
        }
    }

    /// <summary>The gradient goes to x where the condition holds, to y elsewhere.</summary>
    private sealed class WhereNode(TensorImpl condition, long[] xSizes, long[] ySizes) : Node
    {
        private Saved condition = new(condition);

        internal override void ReleaseSaved() => condition.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var choice = condition.Get(this);
            var zero = Fill.OfScalar(0f, Dtypes.Float);
            if (Needs(0))
                Give(0, Sums.To(Where(choice, gradient, zero), xSizes));
            if (Needs(1))
                Give(1, Sums.To(Where(choice, zero, gradient), ySizes));
            zero.Release();
            gradient.Release();
        }
    }

    /// <summary>The gradient passes where x lies within the bounds, ends included.</summary>
    private sealed class ClampNode(TensorImpl x, float min, float max) : Node
    {
        private Saved x = new(x);

        internal override void ReleaseSaved() => x.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var input = x.Get(this);
            var low = Pointwise.Scalar<NotBelowOp>(input, min);
            var high = Pointwise.Scalar<NotAboveOp>(input, max);
            Give(0, Pointwise.Reuse<MulOp>(Pointwise.Reuse<MulOp>(low, high), gradient));
            high.Release();
            gradient.Release();
        }
    }

    /// <summary>1 where a &gt;= b, else 0.</summary>
    private readonly struct NotBelowOp : IBinaryOp
    {
        public static V Apply<V>(V a, V b)
            where V : struct, IVec<V> => V.LessOrEqual(b, a) & V.Of(1f);
    }

    /// <summary>1 where a &lt;= b, else 0.</summary>
    private readonly struct NotAboveOp : IBinaryOp
    {
        public static V Apply<V>(V a, V b)
            where V : struct, IVec<V> => V.LessOrEqual(a, b) & V.Of(1f);
    }

    private sealed class TriangleNode(long diagonal, bool lower) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            Give(0, Triangle(gradient, diagonal, lower));
            gradient.Release();
        }
    }
}
