using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Sums and means along axes. The order of additions is fixed by the shape.</summary>
internal static unsafe class Sums
{
    /// <summary>The sum along <paramref name="dims"/>, all axes if none is named; whole numbers and truth values give int64.</summary>
    internal static TensorImpl Sum(TensorImpl x, ReadOnlySpan<long> dims, bool keep, ScalarType? dtype)
    {
        var target = dtype is { } asked ? Dtypes.Checked(asked) : x.Dtype == Dtypes.Float ? Dtypes.Float : Dtypes.Long;
        var axes = Axes.Of(x, dims, "sum");
        var counts = x.Dtype == Dtypes.Bool && target == Dtypes.Long && axes.Length != 1; // true values need not become numbers first
        var input = counts ? x.Share() : Casting.To(target, x);
        var y = Along(input, axes, keep);
        if (Graph.Records(input))
            Graph.Record(y, new SumNode(axes, 1), input);
        input.Release();
        return y;
    }

    /// <summary>The mean of reals along <paramref name="dims"/>, all axes if none is named; NaN of nothing.</summary>
    internal static TensorImpl Mean(TensorImpl x, ReadOnlySpan<long> dims, bool keep, ScalarType? dtype)
    {
        if ((dtype ?? x.Dtype) != Dtypes.Float)
            throw new ArgumentException($"mean: only reals have a mean here, not {dtype ?? x.Dtype}; give type: float32");
        var axes = Axes.Of(x, dims, "mean");
        var input = Casting.To(Dtypes.Float, x);
        var y = Pointwise.Reuse<DivOp>(Along(input, axes, keep), axes.Length);
        if (Graph.Records(input))
            Graph.Record(y, new SumNode(axes, 1f / axes.Length), input);
        input.Release();
        return y;
    }

    /// <summary>
    /// A gradient of a broadcast operand, owned, in place of one of the broadcast shape: summed along the axes that
    /// <paramref name="sizes"/> lacks or has as 1.
    /// </summary>
    internal static TensorImpl To(TensorImpl gradient, long[] sizes)
    {
        if (Shape.Same(gradient.Sizes, sizes))
            return gradient;
        var y = Along(gradient, Axes.BroadcastFrom(sizes, gradient), keep: true);
        gradient.Release();
        if (y.Rank == sizes.Length)
            return y;
        var view = y.View(sizes, Shape.RowMajor(sizes), y.Offset);
        y.Release();
        return view;
    }

    /// <summary>The sum of a float32 or int64 tensor along axes; of a bool tensor along more than one element, as int64.</summary>
    internal static TensorImpl Along(TensorImpl x, Axes axes, bool keep)
    {
        var flat = Copy.Contiguous(x);
        var left = (long[])x.Sizes.Clone();
        while (axes.TakeLastGroup(left, out var outer, out var length, out var inner))
        {
            var y = TensorImpl.Empty((long[])left.Clone(), x.Dtype == Dtypes.Float ? Dtypes.Float : Dtypes.Long);
            if (y.Count == 0)
                outer = 0; // however long the other axes are
            if (flat.Dtype == Dtypes.Float)
                Floats(outer, length, inner, flat.Floats, y.Floats);
            else if (flat.Dtype == Dtypes.Bool)
                Bools(outer, length, inner, flat.Bools, y.Longs);
            else
                Longs(outer, length, inner, flat.Longs, y.Longs);
            flat.Release();
            flat = y;
        }
        var sizes = axes.Result(keep);
        var result = flat.View(sizes, Shape.RowMajor(sizes), flat.Offset);
        if (flat.Storage == x.Storage)
        {
            var copy = Copy.Clone(result);
            result.Release();
            result = copy;
        }
        flat.Release();
        return result;
    }

    private static void Floats(long outer, long length, long inner, float* x, float* y)
    {
        if (outer == 1 && inner == 1)
            *y = Reduce.Sum(length, x);
        else if (inner == 1)
            Reduce.SumRows(outer, length, x, y);
        else
            for (long i = 0; i < outer; i++)
                Reduce.SumCols(length, inner, x + (i * length * inner), y + (i * inner), accumulate: false);
    }

    private static void Bools(long outer, long length, long inner, byte* x, long* y)
    {
        for (long i = 0; i < outer; i++, x += length * inner, y += inner)
        {
            if (inner == 1)
            {
                *y = Compare.CountTrue(length, x);
                continue;
            }
            for (long c = 0; c < inner; c++)
                y[c] = 0;
            for (long r = 0; r < length; r++)
            {
                for (long c = 0; c < inner; c++)
                    y[c] += x[(r * inner) + c];
            }
        }
    }

    private static void Longs(long outer, long length, long inner, long* x, long* y)
    {
        for (long i = 0; i < outer; i++, x += length * inner, y += inner)
        {
            for (long c = 0; c < inner; c++)
                y[c] = 0;
            for (long r = 0; r < length; r++)
            {
                for (long c = 0; c < inner; c++)
                    y[c] += x[(r * inner) + c];
            }
        }
    }

    /// <summary>y = scale times the sum: every element of the input gets scale g.</summary>
    private sealed class SumNode(Axes axes, float scale) : Node
    {
        protected override void Backward(TensorImpl gradient) =>
            Give(0, axes.Spread(scale == 1 ? gradient : Pointwise.Reuse<MulOp>(gradient, scale)));
    }
}
