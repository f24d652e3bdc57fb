using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Sums, maxima and minima of contiguous floats.
/// </summary>
/// <remarks>
/// <para>The order of additions is fixed by the sizes and the register width, not by the threads. A block of 64
/// registers is summed in four (so that an addition need not wait for the one before); the sums of blocks are added in double precision.
/// A lane adds 16 numbers: errors grow with that, not with n.</para>
/// <para>A whole array is cut into at most <see cref="MaxParts"/> parts, whose results lie on the stack.</para>
/// </remarks>
internal static unsafe partial class Reduce
{
    private const int MaxParts = 256;

    /// <summary>The sum; 0 for n = 0.</summary>
    internal static float Sum(long n, float* x) => (float)Whole<SumFold>(n, x);

    /// <summary>The sum of squares; 0 for n = 0.</summary>
    internal static double SumSquares(long n, float* x) => Whole<SquaresFold>(n, x);

    /// <summary>The largest element, NaN if there is one; -infinity for n = 0.</summary>
    internal static float Max(long n, float* x) => (float)Whole<MaxFold>(n, x);

    /// <summary>The smallest element, NaN if there is one; infinity for n = 0.</summary>
    internal static float Min(long n, float* x) => (float)Whole<MinFold>(n, x);

    /// <summary>y_r = sum over c of x_rc: x [rows, cols], y [rows].</summary>
    internal static void SumRows(long rows, long cols, float* x, float* y) => Rows<SumFold>(rows, cols, x, y);

    /// <summary>y_r = the largest of x_rc: x [rows, cols], y [rows].</summary>
    internal static void MaxRows(long rows, long cols, float* x, float* y) => Rows<MaxFold>(rows, cols, x, y);

    /// <summary>y_r = the smallest of x_rc: x [rows, cols], y [rows].</summary>
    internal static void MinRows(long rows, long cols, float* x, float* y) => Rows<MinFold>(rows, cols, x, y);

    private static double Whole<TFold>(long n, float* x)
        where TFold : struct, IFold
    {
        var part = Math.Max(Elementwise.Grain, (n + MaxParts - 1) / MaxParts);
        var parts = (n + part - 1) / part;
        var results = stackalloc double[MaxParts];
        var job = new PartJob<TFold> { N = n, Part = part, X = x, Results = results };
        Vec.For(parts, 1, ref job);
        var total = TFold.Empty;
        for (var i = 0; i < parts; i++)
            total = TFold.Join(total, results[i]);
        return total;
    }

    private static void Rows<TFold>(long rows, long cols, float* x, float* y)
        where TFold : struct, IFold
    {
        if (rows < 8 && cols >= 4 * Elementwise.Grain)
        {
            for (var r = 0L; r < rows; r++)
                y[r] = (float)Whole<TFold>(cols, x + (r * cols));
            return;
        }
        var job = new RowsJob<TFold> { Cols = cols, X = x, Y = y };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    private struct PartJob<TFold> : IVecJob
        where TFold : struct, IFold
    {
        internal long N, Part;
        internal float* X;
        internal double* Results;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var p = start; p < end; p++)
                Results[p] = Range<TFold, V>(Math.Min(Part, N - (p * Part)), X + (p * Part));
        }
    }

    private struct RowsJob<TFold> : IVecJob
        where TFold : struct, IFold
    {
        internal long Cols;
        internal float* X, Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
                Y[r] = (float)Range<TFold, V>(Cols, X + (r * Cols));
        }
    }

    /// <summary>The sum of one row, on this thread.</summary>
    internal static double SumRow<V>(long n, float* x)
        where V : struct, IVec<V> => Range<SumFold, V>(n, x);

    private static double Range<TFold, V>(long n, float* x)
        where TFold : struct, IFold
        where V : struct, IVec<V>
    {
        var total = TFold.Empty;
        for (var i = 0L; i < n; i += 64 * V.Count)
            total = TFold.Join(total, OneBlock<TFold, V>((int)Math.Min(64 * V.Count, n - i), x + i));
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float OneBlock<TFold, V>(int n, float* x)
        where TFold : struct, IFold
        where V : struct, IVec<V>
    {
        V a = V.Of((float)TFold.Empty), b = a, c = a, d = a;
        var i = 0;
        for (; i + (4 * V.Count) <= n; i += 4 * V.Count)
        {
            a = TFold.Add(a, V.Load(x + i));
            b = TFold.Add(b, V.Load(x + i + V.Count));
            c = TFold.Add(c, V.Load(x + i + (2 * V.Count)));
            d = TFold.Add(d, V.Load(x + i + (3 * V.Count)));
        }
        for (; i + V.Count <= n; i += V.Count)
            a = TFold.Add(a, V.Load(x + i));
        if (i < n)
            b = V.Select(V.First(n - i), TFold.Add(b, V.Load(x + i, n - i)), b);
        return TFold.Lanes(TFold.Merge(TFold.Merge(a, b), TFold.Merge(c, d)));
    }

    /// <summary>A sum-like operation: how an element is taken in, how two registers and two results are joined.</summary>
    private interface IFold
    {
        static abstract double Empty { get; }
        static abstract double Join(double a, double b);
        static abstract V Add<V>(V total, V x)
            where V : struct, IVec<V>;
        static abstract V Merge<V>(V a, V b)
            where V : struct, IVec<V>;
        static abstract float Lanes<V>(V a)
            where V : struct, IVec<V>;
    }

    private readonly struct SumFold : IFold
    {
        public static double Empty => 0;

        public static double Join(double a, double b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Add<V>(V total, V x)
            where V : struct, IVec<V> => total + x;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Merge<V>(V a, V b)
            where V : struct, IVec<V> => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Lanes<V>(V a)
            where V : struct, IVec<V> => a.Sum();
    }

    private readonly struct SquaresFold : IFold
    {
        public static double Empty => 0;

        public static double Join(double a, double b) => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Add<V>(V total, V x)
            where V : struct, IVec<V> => V.Fma(x, x, total);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Merge<V>(V a, V b)
            where V : struct, IVec<V> => a + b;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Lanes<V>(V a)
            where V : struct, IVec<V> => a.Sum();
    }

    private readonly struct MaxFold : IFold
    {
        public static double Empty => double.NegativeInfinity;

        public static double Join(double a, double b) => Math.Max(a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Add<V>(V total, V x)
            where V : struct, IVec<V> => V.MaxOrNaN(total, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Merge<V>(V a, V b)
            where V : struct, IVec<V> => V.MaxOrNaN(a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Lanes<V>(V a)
            where V : struct, IVec<V> => a.MaxOrNaN();
    }

    private readonly struct MinFold : IFold
    {
        public static double Empty => double.PositiveInfinity;

        public static double Join(double a, double b) => Math.Min(a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Add<V>(V total, V x)
            where V : struct, IVec<V> => V.MinOrNaN(total, x);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Merge<V>(V a, V b)
            where V : struct, IVec<V> => V.MinOrNaN(a, b);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static float Lanes<V>(V a)
            where V : struct, IVec<V> => -(-a).MaxOrNaN();
    }
}
