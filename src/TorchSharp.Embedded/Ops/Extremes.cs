using System.Numerics;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// The largest and the smallest, with their places: the first one where several are equal. NaN counts as the most
/// extreme of all, as in torch.
/// </summary>
internal static unsafe class Extremes
{
    /// <summary>The extreme of all elements; the gradient is shared by all that reach it, and by those that are NaN if it is.</summary>
    internal static TensorImpl Of(TensorImpl x, bool largest) => Along(x, [], false, largest, reachesNaN: true);

    /// <summary>
    /// The extremes along axes, all axes if none is named; the gradient is shared by all that reach it. NaN equals nothing, so that
    /// the gradient of an extreme that is NaN is NaN, as in torch.
    /// </summary>
    internal static TensorImpl Along(TensorImpl x, ReadOnlySpan<long> dims, bool keep, bool largest, bool reachesNaN = false)
    {
        var operation = largest ? "amax" : "amin";
        var axes = Axes.Of(x, dims, operation);
        if (x.Count == 0 && axes.Length == 0)
            throw new ArgumentException($"{operation}: there is no extreme of no elements: {x}");
        var input = x.Dtype == Dtypes.Bool ? Copy.As(Dtypes.Long, x) : Copy.Contiguous(x);
        var left = (long[])x.Sizes.Clone();
        while (axes.TakeLastGroup(left, out var outer, out var length, out var inner))
        {
            var y = TensorImpl.Empty((long[])left.Clone(), input.Dtype);
            var place = TensorImpl.Empty(y.Sizes, Dtypes.Long);
            Find(input, outer, length, inner, largest, y, place);
            place.Release();
            input.Release();
            input = y;
        }
        var sizes = axes.Result(keep);
        var view = input.View(sizes, Shape.RowMajor(sizes), input.Offset);
        input.Release();
        var result = x.Dtype == Dtypes.Bool ? Copy.As(Dtypes.Bool, view) : view.Storage == x.Storage ? Copy.Clone(view) : view.Share();
        view.Release();
        if (Graph.Records(x))
            Graph.Record(result, new SharedNode(x, result, axes, reachesNaN), x);
        return result;
    }

    /// <summary>The extremes along one axis and their places; the gradient goes to the place.</summary>
    internal static (TensorImpl Values, TensorImpl Indices) Dim(TensorImpl x, long dim, bool keep, bool largest)
    {
        var operation = largest ? "max" : "min";
        var axis = Shape.Axis(dim, x.Rank, operation);
        var kept = x.Rank == 0 ? Shape.Scalar : Shape.With(x.Sizes, axis, 1);
        var length = x.Rank == 0 ? 1 : x.Sizes[axis];
        if (length == 0)
            throw new ArgumentException($"{operation}: dimension {axis} of {x} has no elements");
        var input = x.Dtype == Dtypes.Bool ? Copy.As(Dtypes.Long, x) : Copy.Contiguous(x);
        var values = TensorImpl.Empty(kept, input.Dtype);
        var indices = TensorImpl.Empty(kept, Dtypes.Long);
        Find(input, Shape.Product(x.Sizes, 0, axis), length, Shape.Product(x.Sizes, axis + 1, x.Rank), largest, values, indices);
        input.Release();
        if (x.Dtype == Dtypes.Bool)
        {
            var truth = Copy.As(Dtypes.Bool, values);
            values.Release();
            values = truth;
        }
        if (Graph.Records(x))
            Graph.Record(values, new PlaceNode(x.Sizes, axis, indices), x);
        if (keep || x.Rank == 0)
            return (values, indices);
        return (WithoutAxis(values, axis), WithoutAxis(indices, axis));
    }

    /// <summary>The place of the extreme of all elements in row-major order, or along one axis.</summary>
    internal static TensorImpl Place(TensorImpl x, long? dim, bool keep, bool largest)
    {
        if (dim is null && x.Count == 0)
            throw new ArgumentException($"argmax: there is no extreme of no elements: {x}");
        if (x.Dtype == Dtypes.Bool)
            throw new ArgumentException($"argmax: defined for numbers, not for {x}");
        var detached = dim is null ? Views.Reshape(x, [-1], true, "argmax") : x.Share();
        var (values, indices) = Dim(detached, dim ?? 0, keep && dim is not null, largest);
        detached.Release();
        values.Release();
        return indices;
    }

    /// <summary>Whether any element is not zero.</summary>
    internal static bool Any(TensorImpl x)
    {
        var truth = Copy.As(Dtypes.Bool, x);
        var flat = Copy.Contiguous(truth);
        var any = false;
        for (long first = 0; first < flat.Count && !any; first += int.MaxValue)
            any = new ReadOnlySpan<byte>(flat.Bools + first, (int)Math.Min(int.MaxValue, flat.Count - first)).ContainsAnyExcept((byte)0);
        truth.Release();
        flat.Release();
        return any;
    }

    /// <summary>Whether any, or every, element is not zero, along one axis or of all.</summary>
    internal static TensorImpl Truth(TensorImpl x, long? dim, bool keep, bool any)
    {
        var truth = Copy.As(Dtypes.Bool, x);
        var length = dim is { } named && x.Rank > 0 ? x.Sizes[Shape.Axis(named, x.Rank, "any")] : x.Count;
        TensorImpl result;
        if (dim is null && truth.IsContiguous)
        {
            var count = Compare.CountTrue(truth.Count, truth.Bools);
            result = Fill.Full(Shape.Scalar, Dtypes.Bool, any ? count > 0 : count == truth.Count);
        }
        else if (length == 0)
        {
            var axes = dim is { } d ? Axes.Of(x, [d], "any") : Axes.Of(x, [], "any");
            result = Fill.Full(axes.Result(keep), Dtypes.Bool, !any);
        }
        else
        {
            result = Along(truth, dim is { } one ? [one] : [], keep, any);
        }
        truth.Release();
        return result;
    }

    private static TensorImpl WithoutAxis(TensorImpl owned, int axis)
    {
        var view = Views.Squeeze(owned, axis);
        owned.Release();
        view.ViewBase = null;
        return view;
    }

    private static void Find(
        TensorImpl x, long outer, long length, long inner, bool largest, TensorImpl values, TensorImpl indices)
    {
        if (values.Count == 0)
            return; // however long the other axes are
        if (x.Dtype == Dtypes.Float && inner == 1)
        {
            if (largest)
                Reduce.MaxRows(outer, length, x.Floats, values.Floats);
            else
                Reduce.MinRows(outer, length, x.Floats, values.Floats);
            var job = new SearchJob { X = x.Floats, Y = values.Floats, Places = indices.Longs, Length = length };
            Vec.For(outer, Elementwise.RowGrain(length), ref job);
        }
        else if (x.Dtype == Dtypes.Float)
        {
            Scan(x.Floats, outer, length, inner, largest, values.Floats, indices.Longs);
        }
        else
        {
            Scan(x.Longs, outer, length, inner, largest, values.Longs, indices.Longs);
        }
    }

    private static void Scan<T>(T* x, long outer, long length, long inner, bool largest, T* values, long* indices)
        where T : unmanaged, INumber<T>
    {
        for (long o = 0; o < outer; o++, x += length * inner, values += inner, indices += inner)
        {
            for (long c = 0; c < inner; c++)
                (values[c], indices[c]) = (x[c], 0);
            for (long r = 1; r < length; r++)
            {
                for (long c = 0; c < inner; c++)
                {
                    var (value, best) = (x[(r * inner) + c], values[c]);
                    var better = largest ? value > best : value < best;
                    if (better || (T.IsNaN(value) && !T.IsNaN(best)))
                        (values[c], indices[c]) = (value, r);
                }
            }
        }
    }

    /// <summary>Where in each row the value stands first.</summary>
    private struct SearchJob : IVecJob
    {
        internal float* X, Y;
        internal long* Places;
        internal long Length;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var row = start; row < end; row++)
                Places[row] = float.IsNaN(Y[row]) ? FirstNaN(X + (row * Length)) : Compare.First<V>(Length, X + (row * Length), Y[row]);
        }

        private static long FirstNaN(float* x)
        {
            var i = 0L;
            while (!float.IsNaN(x[i]))
                i++;
            return i;
        }
    }

    /// <summary>Every element that reaches the extreme gets an equal share of the gradient.</summary>
    private sealed class SharedNode(TensorImpl x, TensorImpl y, Axes axes, bool reachesNaN) : Node
    {
        private Saved x = new(x);
        private Saved y = new(y);

        internal override void ReleaseSaved()
        {
            x.Release();
            y.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var input = x.Get(this);
            var extreme = axes.Spread(y.Get(this).Share());
            var reached = reachesNaN && float.IsNaN(*extreme.Floats) ? Comparison.IsNan(input) : Comparison.Eq(input, extreme);
            var share = Copy.As(Dtypes.Float, reached);
            var shares = Sums.Along(share, axes, keep: true);
            share = Pointwise.Reuse<DivOp>(share, shares);
            var spread = axes.Spread(gradient);
            Give(0, Pointwise.Reuse<MulOp>(share, spread));
            spread.Release();
            shares.Release();
            reached.Release();
            extreme.Release();
        }
    }

    /// <summary>The gradient goes to the places along the axis.</summary>
    private sealed class PlaceNode(long[] sizes, int axis, TensorImpl indices) : Node
    {
        private Saved indices = new(indices);

        internal override void ReleaseSaved() => indices.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var places = indices.Get(this);
            var whole = Fill.Zeros(sizes, Dtypes.Float);
            Scattering.AddInto(whole, axis, places, gradient);
            Give(0, whole);
            gradient.Release();
        }
    }
}
