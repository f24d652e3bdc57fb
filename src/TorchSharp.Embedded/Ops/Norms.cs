using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Reductions made of others: norm, variance, logsumexp, counting, running sums.</summary>
internal static unsafe class Norms
{
    /// <summary>The Euclidean length of all elements, summed in double precision.</summary>
    internal static TensorImpl Length(TensorImpl x)
    {
        RequireReals("norm", x);
        var flat = Copy.Contiguous(x);
        var y = TensorImpl.Empty(Shape.Scalar, Dtypes.Float);
        *y.Floats = (float)Math.Sqrt(Reduce.SumSquares(flat.Count, flat.Floats));
        flat.Release();
        if (Graph.Records(x))
            Graph.Record(y, new LengthNode(x, y, default, whole: true), x);
        return y;
    }

    /// <summary>The Euclidean lengths along one axis.</summary>
    internal static TensorImpl Length(TensorImpl x, long dim, bool keep)
    {
        RequireReals("norm", x);
        var axes = Axes.Of(x, [dim], "norm");
        var squares = Pointwise.Unary<SquareOp>(x);
        var sums = Sums.Along(squares, axes, keep);
        squares.Release();
        Pointwise.UnaryInto<SqrtOp>(sums, sums);
        if (Graph.Records(x))
            Graph.Record(sums, new LengthNode(x, sums, axes, whole: false), x);
        return sums;
    }

    /// <summary>
    /// The sum of |x|^p to the power 1 / p, for p = 0 how many elements are not 0; recorded through its parts. Without an axis: of all
    /// elements.
    /// </summary>
    internal static TensorImpl General(TensorImpl x, float p, long? dim, bool keep)
    {
        RequireReals("norm", x);
        if (p == 2)
            return dim is { } axis ? Length(x, axis, keep) : Length(x);
        var size = Unary.Abs(x);
        ReadOnlySpan<long> dims = dim is { } named ? [named] : [];
        TensorImpl result;
        if (float.IsInfinity(p))
        {
            result = Extremes.Along(size, dims, keep, p > 0);
        }
        else
        {
            var power = p == 0 ? NotZero(size) : Power.Pow(size, p);
            var sum = Sums.Sum(power, dims, keep, null);
            result = p is 0 or 1 ? sum.Share() : Power.Pow(sum, 1.0 / p);
            power.Release();
            sum.Release();
        }
        size.Release();
        return result;
    }

    /// <summary>1 where x is not 0, else 0; the gradient is 0.</summary>
    private static TensorImpl NotZero(TensorImpl x)
    {
        var ones = Power.Pow(x, 0.0);
        var zero = Comparison.With(Comparison.Eq, x, 0f);
        var y = Selection.MaskedFill(ones, zero, 0f);
        ones.Release();
        zero.Release();
        return y;
    }

    /// <summary>
    /// The mean square distance from the mean, divided by n - 1 if unbiased, NaN where that is less than 1; recorded through its parts.
    /// </summary>
    internal static TensorImpl Variance(TensorImpl x, ReadOnlySpan<long> dims, bool unbiased, bool keep, ScalarType? dtype)
    {
        if (dtype is { } asked && asked != Dtypes.Float)
            throw new ArgumentException($"var: gives reals, not {asked}");
        RequireReals("var", x);
        var axes = Axes.Of(x, dims, "var");
        var mean = Sums.Mean(x, dims, true, null);
        var distance = Arithmetic.Sub(x, mean);
        var square = Unary.Square(distance);
        var sum = Sums.Sum(square, dims, keep, null);
        var y = Arithmetic.Div(sum, (double)Math.Max(0, axes.Length - (unbiased ? 1 : 0)));
        mean.Release();
        distance.Release();
        square.Release();
        sum.Release();
        return y;
    }

    /// <summary>The root of <see cref="Variance"/>.</summary>
    internal static TensorImpl Deviation(TensorImpl x, ReadOnlySpan<long> dims, bool unbiased, bool keep, ScalarType? dtype)
    {
        var variance = Variance(x, dims, unbiased, keep, dtype);
        var y = Unary.Deviation(variance);
        variance.Release();
        return y;
    }

    /// <summary>ln of the sum of e^x along one axis.</summary>
    internal static TensorImpl LogSumExp(TensorImpl x, long dim, bool keep)
    {
        RequireReals("logsumexp", x);
        TensorImpl top;
        using (torch.no_grad())
        {
            var extreme = Extremes.Along(x, [dim], true, largest: true);
            var finite = Comparison.IsFinite(extreme);
            var zero = Fill.OfScalar(0f, Dtypes.Float);
            top = Selection.Where(finite, extreme, zero); // infinities: e^(inf - inf) would be NaN
            extreme.Release();
            finite.Release();
            zero.Release();
        }
        var below = Arithmetic.Sub(x, top);
        var exp = Unary.Exp(below);
        var sum = Sums.Sum(exp, [dim], true, null);
        var log = Unary.Log(sum);
        var y = Arithmetic.Add(log, top);
        foreach (var temporary in (ReadOnlySpan<TensorImpl>)[top, below, exp, sum, log])
            temporary.Release();
        if (keep)
            return y;
        var squeezed = x.Rank == 0 ? y.Share() : Views.Squeeze(y, dim);
        y.Release();
        return squeezed;
    }

    /// <summary>How many elements are not zero, along axes or of all.</summary>
    internal static TensorImpl CountNonzero(TensorImpl x, ReadOnlySpan<long> dims)
    {
        var truth = Copy.As(Dtypes.Bool, x);
        var y = Sums.Sum(truth, dims, false, null);
        truth.Release();
        return y;
    }

    /// <summary>The running sums along one axis, added in double precision.</summary>
    internal static TensorImpl RunningSum(TensorImpl x, long dim, ScalarType? dtype)
    {
        var target = dtype is { } asked ? Dtypes.Checked(asked) : x.Dtype == Dtypes.Float ? Dtypes.Float : Dtypes.Long;
        var axis = Shape.Axis(dim, x.Rank, "cumsum");
        var input = Casting.To(target, x);
        var y = Running(input, axis, backwards: false);
        if (Graph.Records(input))
            Graph.Record(y, new CumSumNode(axis), input);
        input.Release();
        return y;
    }

    private static TensorImpl Running(TensorImpl x, int axis, bool backwards)
    {
        var flat = Copy.Contiguous(x);
        var y = TensorImpl.EmptyLike(flat);
        var length = x.Rank == 0 ? 1 : x.Sizes[axis];
        var inner = x.Rank == 0 ? 1 : Shape.Product(x.Sizes, axis + 1, x.Rank);
        var rows = length == 0 || inner == 0 ? 0 : x.Count / length / inner;
        if (x.Dtype == Dtypes.Float && inner == 1 && !backwards)
            CumSum.Forward(rows, length, flat.Floats, y.Floats);
        else
            Strided(flat, y, rows, length, inner, backwards);
        flat.Release();
        return y;
    }

    private static void Strided(TensorImpl x, TensorImpl y, long rows, long length, long inner, bool backwards)
    {
        var (first, step) = backwards ? ((length - 1) * inner, -inner) : (0, inner);
        for (long row = 0; row < rows * inner; row++)
        {
            var at = (row / inner * length * inner) + (row % inner) + first;
            if (x.Dtype == Dtypes.Float)
                CumSum.Strided(length, step, 0, x.Floats + at, y.Floats + at);
            else
                Longs(x.Longs + at, y.Longs + at, length, step);
        }
    }

    private static void Longs(long* x, long* y, long length, long step)
    {
        var sum = 0L;
        for (long i = 0; i < length; i++)
            y[i * step] = sum += x[i * step];
    }

    private static void RequireReals(string operation, TensorImpl x)
    {
        if (x.Dtype != Dtypes.Float)
            throw new ArgumentException($"{operation}: defined for reals, not for {x}");
    }

    /// <summary>y = |x|: dx = g x / y, 0 where y is 0.</summary>
    private sealed class LengthNode(TensorImpl x, TensorImpl y, Axes axes, bool whole) : Node
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
            var scale = Pointwise.Reuse<QuotientOrZeroOp>(gradient, y.Get(this));
            if (!whole)
                scale = axes.Spread(scale);
            Give(0, Pointwise.Binary<MulOp>("backward", x.Get(this), scale));
            scale.Release();
        }
    }

    /// <summary>a / b, 0 where b is 0.</summary>
    private readonly struct QuotientOrZeroOp : IBinaryOp
    {
        public static V Apply<V>(V a, V b)
            where V : struct, IVec<V> => V.Select(V.Equal(b, V.Of(0f)), V.Of(0f), a / b);
    }

    private sealed class CumSumNode(int axis) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            Give(0, Running(gradient, axis, backwards: true));
            gradient.Release();
        }
    }
}
