using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Softmax of rows: y = e^(x - max) / sum e^(x - max), or its logarithm y = x - max - ln sum e^(x - max). x, y, dy, dx [rows, cols].
/// </summary>
/// <remarks>
/// Backward: dx = y (dy - sum y dy); for the logarithm dx = dy - e^y sum dy. A row of -infinity only gives NaN, as torch does; single
/// entries of -infinity give exactly 0. Sums go by blocks of <see cref="Block"/> elements in registers, the blocks in double precision.
/// </remarks>
internal static unsafe class Softmax
{
    private const int Block = 4096;

    /// <summary>y may be x.</summary>
    internal static void Forward(long rows, long cols, float* x, float* y, bool log)
    {
        var job = new ForwardJob { Cols = cols, X = x, Y = y, Log = log };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>y is what <see cref="Forward"/> gave; dx may be dy.</summary>
    internal static void Backward(long rows, long cols, float* y, float* dy, float* dx, bool log)
    {
        var job = new BackwardJob { Cols = cols, Y = y, Dy = dy, Dx = dx, Log = log };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>The largest of n floats; -infinity for n = 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static float Largest<V>(long n, float* x)
        where V : struct, IVec<V>
    {
        V a = V.Of(float.NegativeInfinity), b = a;
        var i = 0L;
        for (; i + (2 * V.Count) <= n; i += 2 * V.Count)
        {
            a = V.Max(a, V.Load(x + i));
            b = V.Max(b, V.Load(x + i + V.Count));
        }
        for (; i < n; i += V.Count)
        {
            var rest = (int)Math.Min(V.Count, n - i);
            a = V.Select(V.First(rest), V.Max(a, V.Load(x + i, rest)), a);
        }
        return V.Max(a, b).Max();
    }

    /// <summary>The sum of e^(x - top) over n floats; the terms go to y unless it is null.</summary>
    internal static double SumExp<V>(long n, float* x, float top, float* y)
        where V : struct, IVec<V>
    {
        var total = 0.0;
        for (var i = 0L; i < n; i += Block)
            total += SumExpBlock<V>((int)Math.Min(Block, n - i), x + i, top, y == null ? null : y + i);
        return total;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float SumExpBlock<V>(int n, float* x, float top, float* y)
        where V : struct, IVec<V>
    {
        V sum = V.Of(0f), t = V.Of(top), low = V.Of(MathOps.BelowAll);
        var i = 0;
        for (; i + V.Count <= n; i += V.Count)
        {
            var d = V.Load(x + i) - t;
            if (V.LessOrEqual(d, low).Bits() == (uint)((1UL << V.Count) - 1))
            {
                // Ruled out, as most of a sampler's row is.
                if (y != null)
                    V.Of(0f).Store(y + i);
                continue;
            }
            var e = MathOps.ExpDown(d);
            sum += e;
            if (y != null)
                e.Store(y + i);
        }
        if (i < n)
        {
            var e = MathOps.ExpDown(V.Load(x + i, n - i) - t) & V.First(n - i);
            sum += e;
            if (y != null)
                e.Store(y + i, n - i);
        }
        return sum.Sum();
    }

    private struct ForwardJob : IVecJob
    {
        internal long Cols;
        internal float* X, Y;
        internal bool Log;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
            {
                float* x = X + (r * Cols), y = Y + (r * Cols);
                var top = Largest<V>(Cols, x);
                var sum = SumExp<V>(Cols, x, top, Log ? null : y);
                if (Log)
                    Elementwise.RowScalar<SubOp, V>(Cols, x, top, y); // in two steps: x - top is exact where it matters
                if (Log)
                    Elementwise.RowScalar<SubOp, V>(Cols, y, (float)Math.Log(sum), y);
                else
                    Elementwise.RowScalar<MulOp, V>(Cols, y, (float)(1 / sum), y);
            }
        }
    }

    private struct BackwardJob : IVecJob
    {
        internal long Cols;
        internal float* Y, Dy, Dx;
        internal bool Log;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
            {
                var at = r * Cols;
                if (Log)
                    LogRow<V>(Cols, Y + at, Dy + at, Dx + at);
                else
                    Row<V>(Cols, Y + at, Dy + at, Dx + at);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void Row<V>(long n, float* y, float* dy, float* dx)
            where V : struct, IVec<V>
        {
            var total = 0.0;
            for (var block = 0L; block < n; block += Block)
            {
                var sum = V.Of(0f);
                var last = Math.Min(n, block + Block);
                var i = block;
                for (; i + V.Count <= last; i += V.Count)
                    sum = V.Fma(V.Load(y + i), V.Load(dy + i), sum);
                if (i < last)
                    sum = V.Fma(V.Load(y + i, (int)(last - i)), V.Load(dy + i, (int)(last - i)), sum);
                total += sum.Sum();
            }
            var s = V.Of((float)total);
            var k = 0L;
            for (; k + V.Count <= n; k += V.Count)
                (V.Load(y + k) * (V.Load(dy + k) - s)).Store(dx + k);
            var rest = (int)(n - k);
            if (rest > 0)
                (V.Load(y + k, rest) * (V.Load(dy + k, rest) - s)).Store(dx + k, rest);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void LogRow<V>(long n, float* y, float* dy, float* dx)
            where V : struct, IVec<V>
        {
            var s = V.Of((float)-Reduce.SumRow<V>(n, dy));
            var k = 0L;
            for (; k + V.Count <= n; k += V.Count)
                V.Fma(MathOps.ExpDown(V.Load(y + k)), s, V.Load(dy + k)).Store(dx + k);
            var rest = (int)(n - k);
            if (rest > 0)
                V.Fma(MathOps.ExpDown(V.Load(y + k, rest)), s, V.Load(dy + k, rest)).Store(dx + k, rest);
        }
    }
}
