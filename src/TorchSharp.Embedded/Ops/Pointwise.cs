using System.Runtime.CompilerServices;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Vector kernels over float32 tensors of any layout. Contiguous operands of one shape go to the flat kernels; the rest
/// goes row by row, and only rows with gaps are gathered into a small buffer first. Nothing here is recorded.
/// </summary>
internal static unsafe class Pointwise
{
    /// <summary>op(x) as a new tensor.</summary>
    internal static TensorImpl Unary<TOp>(TensorImpl x)
        where TOp : struct, IUnaryOp
    {
        var y = TensorImpl.EmptyLike(x);
        UnaryInto<TOp>(y, x);
        return y;
    }

    /// <summary>y = op(x), of one shape; y may be x.</summary>
    internal static void UnaryInto<TOp>(TensorImpl y, TensorImpl x)
        where TOp : struct, IUnaryOp
    {
        if (y.IsContiguous && x.IsContiguous)
        {
            Elementwise.Unary<TOp>(y.Count, x.Floats, y.Floats);
            return;
        }
        var flat = y.IsContiguous ? y.Share() : TensorImpl.EmptyLike(y);
        Copy.Into(flat, x);
        Elementwise.Unary<TOp>(flat.Count, flat.Floats, flat.Floats);
        if (flat != y)
            Copy.Into(y, flat);
        flat.Release();
    }

    /// <summary>op(a, b), broadcast, as a new tensor.</summary>
    internal static TensorImpl Binary<TOp>(string operation, TensorImpl a, TensorImpl b)
        where TOp : struct, IBinaryOp
    {
        if (a.IsContiguous && b.IsContiguous && Shape.Same(a.Sizes, b.Sizes))
        {
            var same = TensorImpl.EmptyLike(a);
            Elementwise.Binary<TOp>(a.Count, a.Floats, b.Floats, same.Floats);
            return same;
        }
        var y = TensorImpl.Empty(Shape.Broadcast(a.Sizes, b.Sizes, operation), Dtypes.Float);
        BinaryInto<TOp>(y, a, b);
        return y;
    }

    /// <summary>y = op(a, b), both broadcast to y; y may be one of them.</summary>
    internal static void BinaryInto<TOp>(TensorImpl y, TensorImpl a, TensorImpl b)
        where TOp : struct, IBinaryOp
    {
        StridedLoop.Plan(out var loop, y.Sizes, y, a, b);
        var body = new BinaryBody<TOp> { Y = y.Floats, A = a.Floats, B = b.Floats };
        loop.Run(ref body);
    }

    /// <summary>op(a, b) in the memory of <paramref name="owned"/> if nobody else sees it; gives up <paramref name="owned"/>.</summary>
    internal static TensorImpl Reuse<TOp>(TensorImpl owned, TensorImpl b)
        where TOp : struct, IBinaryOp
    {
        if (owned.MayOverwrite && Shape.BroadcastsTo(b.Sizes, owned.Sizes))
        {
            BinaryInto<TOp>(owned, owned, b);
            return owned;
        }
        var y = Binary<TOp>("backward", owned, b);
        owned.Release();
        return y;
    }

    /// <summary>op(a, s) as a new tensor.</summary>
    internal static TensorImpl Scalar<TOp>(TensorImpl a, float s)
        where TOp : struct, IBinaryOp
    {
        var y = TensorImpl.EmptyLike(a);
        ScalarInto<TOp>(y, a, s);
        return y;
    }

    /// <summary>y = op(a, s), of one shape; y may be a.</summary>
    internal static void ScalarInto<TOp>(TensorImpl y, TensorImpl a, float s)
        where TOp : struct, IBinaryOp
    {
        if (y.IsContiguous && a.IsContiguous)
        {
            Elementwise.BinaryScalar<TOp>(y.Count, a.Floats, s, y.Floats);
            return;
        }
        var one = Fill.OfScalar(s, Dtypes.Float);
        BinaryInto<TOp>(y, a, one);
        one.Release();
    }

    /// <summary>op(a, s) in the memory of <paramref name="owned"/> if nobody else sees it; gives up <paramref name="owned"/>.</summary>
    internal static TensorImpl Reuse<TOp>(TensorImpl owned, float s)
        where TOp : struct, IBinaryOp
    {
        var y = owned.MayOverwrite ? owned.Share() : TensorImpl.EmptyLike(owned);
        ScalarInto<TOp>(y, owned, s);
        owned.Release();
        return y;
    }

    /// <summary>y += x, x broadcast to y.</summary>
    internal static void AddInto(TensorImpl y, TensorImpl x) => BinaryInto<AddOp>(y, y, x);

    /// <summary>Operand 0 is y, 1 is a, 2 is b.</summary>
    private struct BinaryBody<TOp> : IRowBody
        where TOp : struct, IBinaryOp
    {
        private const int Piece = 256;

        internal float* Y, A, B;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            float* y = Y + offset[0], a = A + offset[1], b = B + offset[2];
            if (stride[0] != 1)
                Gaps<V>(count, y, a, b, stride);
            else if (stride[1] == 1 && stride[2] == 1)
                Elementwise.Row<TOp, V>(count, a, b, y);
            else if (stride[1] == 1 && stride[2] == 0)
                Elementwise.RowScalar<TOp, V>(count, a, *b, y);
            else if (stride[1] == 0 && stride[2] == 1)
                Elementwise.RowScalar<Swapped<TOp>, V>(count, b, *a, y);
            else
                Gaps<V>(count, y, a, b, stride);
        }

        [SkipLocalsInit]
        private static void Gaps<V>(long count, float* y, float* a, float* b, long* stride)
            where V : struct, IVec<V>
        {
            var left = stackalloc float[Piece];
            var right = stackalloc float[Piece];
            for (long first = 0; first < count; first += Piece)
            {
                var n = Math.Min(Piece, count - first);
                for (long i = 0; i < n; i++)
                    left[i] = a[(first + i) * stride[1]];
                for (long i = 0; i < n; i++)
                    right[i] = b[(first + i) * stride[2]];
                Elementwise.Row<TOp, V>(n, left, right, left);
                for (long i = 0; i < n; i++)
                    y[(first + i) * stride[0]] = left[i];
            }
        }
    }
}
