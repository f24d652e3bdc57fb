using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>y_i = op(x_i), written once over the register width.</summary>
internal interface IUnaryOp
{
    static abstract V Apply<V>(V x)
        where V : struct, IVec<V>;
}

/// <summary>y_i = op(a_i, b_i), written once over the register width.</summary>
internal interface IBinaryOp
{
    static abstract V Apply<V>(V a, V b)
        where V : struct, IVec<V>;
}

/// <summary>
/// Element by element: y_i = op(x_i) and y_i = op(a_i, b_i) over contiguous floats. y may be one of the inputs, but must not overlap
/// one otherwise. The ops are in ElementwiseUnary.cs and ElementwiseBinary.cs.
/// </summary>
/// <remarks>
/// Ranges of <see cref="Grain"/> elements at least go to a thread: 64 KiB of output, which takes longer than waking a thread does.
/// An element's result does not depend on n nor on its place.
/// </remarks>
internal static unsafe partial class Elementwise
{
    /// <summary>The least number of elements worth a thread.</summary>
    internal const long Grain = 16 * 1024;

    /// <summary>y_i = op(x_i), i &lt; n.</summary>
    internal static void Unary<TOp>(long n, float* x, float* y)
        where TOp : struct, IUnaryOp
    {
        var job = new UnaryJob<TOp> { X = x, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y_i = op(a_i, b_i), i &lt; n.</summary>
    internal static void Binary<TOp>(long n, float* a, float* b, float* y)
        where TOp : struct, IBinaryOp
    {
        var job = new BinaryJob<TOp> { A = a, B = b, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y_i = op(a_i, s), i &lt; n.</summary>
    internal static void BinaryScalar<TOp>(long n, float* a, float s, float* y)
        where TOp : struct, IBinaryOp
    {
        var job = new ScalarJob<TOp> { A = a, S = s, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y_rc = op(a_rc, b_c): a and y [rows, cols], b [cols] for every row.</summary>
    internal static void BinaryRows<TOp>(long rows, long cols, float* a, float* b, float* y)
        where TOp : struct, IBinaryOp
    {
        var job = new RowsJob<TOp> { Cols = cols, A = a, B = b, Y = y };
        Vec.For(rows, RowGrain(cols), ref job);
    }

    /// <summary>y_rc = op(a_rc, b_r): a and y [rows, cols], b [rows], one for each row.</summary>
    internal static void BinaryCols<TOp>(long rows, long cols, float* a, float* b, float* y)
        where TOp : struct, IBinaryOp
    {
        var job = new ColsJob<TOp> { Cols = cols, A = a, B = b, Y = y };
        Vec.For(rows, RowGrain(cols), ref job);
    }

    /// <summary>The rows of cols elements that make up <see cref="Grain"/>.</summary>
    internal static long RowGrain(long cols) => Math.Max(1, Grain / Math.Max(1, cols));

    private struct UnaryJob<TOp> : IVecJob
        where TOp : struct, IUnaryOp
    {
        internal float* X, Y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            float* x = X, y = Y;
            var i = start;
            for (; i + V.Count <= end; i += V.Count)
                TOp.Apply(V.Load(x + i)).Store(y + i);
            var rest = (int)(end - i);
            if (rest > 0)
                TOp.Apply(V.Load(x + i, rest)).Store(y + i, rest);
        }
    }

    private struct BinaryJob<TOp> : IVecJob
        where TOp : struct, IBinaryOp
    {
        internal float* A, B, Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V> => Row<TOp, V>(end - start, A + start, B + start, Y + start);
    }

    private struct ScalarJob<TOp> : IVecJob
        where TOp : struct, IBinaryOp
    {
        internal float* A, Y;
        internal float S;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V> => RowScalar<TOp, V>(end - start, A + start, S, Y + start);
    }

    private struct RowsJob<TOp> : IVecJob
        where TOp : struct, IBinaryOp
    {
        internal long Cols;
        internal float* A, B, Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
                Row<TOp, V>(Cols, A + (r * Cols), B, Y + (r * Cols));
        }
    }

    private struct ColsJob<TOp> : IVecJob
        where TOp : struct, IBinaryOp
    {
        internal long Cols;
        internal float* A, B, Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
                RowScalar<TOp, V>(Cols, A + (r * Cols), B[r], Y + (r * Cols));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Row<TOp, V>(long n, float* a, float* b, float* y)
        where TOp : struct, IBinaryOp
        where V : struct, IVec<V>
    {
        long i = 0;
        for (; i + V.Count <= n; i += V.Count)
            TOp.Apply(V.Load(a + i), V.Load(b + i)).Store(y + i);
        var rest = (int)(n - i);
        if (rest > 0)
            TOp.Apply(V.Load(a + i, rest), V.Load(b + i, rest)).Store(y + i, rest);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void RowScalar<TOp, V>(long n, float* a, float s, float* y)
        where TOp : struct, IBinaryOp
        where V : struct, IVec<V>
    {
        var b = V.Of(s);
        long i = 0;
        for (; i + V.Count <= n; i += V.Count)
            TOp.Apply(V.Load(a + i), b).Store(y + i);
        var rest = (int)(n - i);
        if (rest > 0)
            TOp.Apply(V.Load(a + i, rest), b).Store(y + i, rest);
    }

    /// <summary>
    /// y_i = a_i where the byte c_i is not 0, b_i elsewhere; a or b may be one number for all. Does whole registers: how many elements
    /// they had is returned.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static long Select<V>(long n, byte* c, float* a, bool oneA, float* b, bool oneB, float* y)
        where V : struct, IVec<V>
    {
        if (n < V.Count)
            return 0;
        V first = oneA ? V.Of(*a) : V.Load(a), second = oneB ? V.Of(*b) : V.Load(b);
        long i = 0;
        while (true)
        {
            V.Select(V.LoadMask(c + i), first, second).Store(y + i);
            i += V.Count;
            if (i + V.Count > n)
                return i;
            first = oneA ? first : V.Load(a + i);
            second = oneB ? second : V.Load(b + i);
        }
    }
}
