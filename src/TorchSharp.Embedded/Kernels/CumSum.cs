using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>
/// Running sums of rows: y_i = x_0 + ... + x_i, added in double precision. x, y [rows, cols].
/// </summary>
/// <remarks>
/// <para>A row is cut into chunks of <see cref="Chunk"/>. Inside a chunk the sums start at 0; the sum of all chunks before is added at the
/// end: y_i = base + s_i, and the next base is the last of these. So only one addition a chunk has to wait for the one before, and four
/// chunks are summed side by side in the lanes of one register.</para>
/// <para>The order of additions depends on the place in the row alone: not on the register width, the threads or what follows. Sums of
/// numbers that are not negative never go down, and a zero leaves the sum as it is.</para>
/// </remarks>
internal static unsafe class CumSum
{
    /// <summary>Elements summed from 0.</summary>
    internal const int Chunk = 8;

    private const int Side = 4;

    /// <summary>y may be x.</summary>
    internal static void Forward(long rows, long cols, float* x, float* y)
    {
        var job = new Job { Cols = cols, X = x, Y = y };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>The same sums of n numbers that lie step apart, from <paramref name="before"/> on; also the twin of the fast way.</summary>
    internal static void Strided(long n, long step, double before, float* x, float* y)
    {
        for (var first = 0L; first < n; first += Chunk)
        {
            var (sum, total) = (0.0, before);
            for (var i = first; i < Math.Min(n, first + Chunk); i++)
            {
                sum += x[i * step];
                total = before + sum;
                y[i * step] = (float)total;
            }
            before = total;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Row(long n, float* x, float* y)
    {
        var before = 0.0;
        var i = 0L;
        for (; i + (Side * Chunk) <= n; i += Side * Chunk)
        {
            if (AllZero(x + i))
            {
                // As most of a sampler's row is: the sum stays.
                var sum = Vector256.Create((float)before);
                sum.Store(y + i);
                sum.Store(y + i + 8);
                sum.Store(y + i + 16);
                sum.Store(y + i + 24);
                continue;
            }
            Turn(x + i, out var a, out var b, out var c, out var d);
            Turn(x + i + 4, out var e, out var f, out var g, out var h);
            b += a;
            c += b;
            d += c;
            e += d;
            f += e;
            g += f;
            h += g;
            var second = before + h.GetElement(0);
            var third = second + h.GetElement(1);
            var fourth = third + h.GetElement(2);
            var starts = Vector256.Create(before, second, third, fourth);
            before = fourth + h.GetElement(3);
            TurnBack(starts + a, starts + b, starts + c, starts + d, y + i);
            TurnBack(starts + e, starts + f, starts + g, starts + h, y + i + 4);
        }
        Strided(n - i, 1, before, x + i, y + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AllZero(float* x)
    {
        var any = Vector256.Load(x) | Vector256.Load(x + 8) | Vector256.Load(x + 16) | Vector256.Load(x + 24);
        return Vector256.EqualsAll(any.AsInt32(), Vector256<int>.Zero);
    }

    /// <summary>Four numbers of each of four chunks; register k holds number k of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(
        float* x, out Vector256<double> a, out Vector256<double> b, out Vector256<double> c, out Vector256<double> d)
    {
        Turn(
            Vector128.Load(x), Vector128.Load(x + Chunk), Vector128.Load(x + (2 * Chunk)), Vector128.Load(x + (3 * Chunk)),
            out var p, out var q, out var r, out var s);
        (a, b, c, d) = (Wide(p), Wide(q), Wide(r), Wide(s));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TurnBack(Vector256<double> a, Vector256<double> b, Vector256<double> c, Vector256<double> d, float* y)
    {
        Turn(Narrow(a), Narrow(b), Narrow(c), Narrow(d), out var p, out var q, out var r, out var s);
        p.Store(y);
        q.Store(y + Chunk);
        r.Store(y + (2 * Chunk));
        s.Store(y + (3 * Chunk));
    }

    /// <summary>Rows to columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Turn(
        Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d,
        out Vector128<float> p, out Vector128<float> q, out Vector128<float> r, out Vector128<float> s)
    {
        Vector128<float> even = Simd.ZipLow(a, c), odd = Simd.ZipLow(b, d);
        (p, q) = (Simd.ZipLow(even, odd), Simd.ZipHigh(even, odd));
        (even, odd) = (Simd.ZipHigh(a, c), Simd.ZipHigh(b, d));
        (r, s) = (Simd.ZipLow(even, odd), Simd.ZipHigh(even, odd));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<double> Wide(Vector128<float> x)
    {
        if (Avx.IsSupported)
            return Avx.ConvertToVector256Double(x);
        var (low, high) = Vector128.Widen(x);
        return Vector256.Create(low, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Narrow(Vector256<double> x) =>
        Avx.IsSupported ? Avx.ConvertToVector128Single(x) : Vector128.Narrow(x.GetLower(), x.GetUpper());

    private struct Job : IVecJob
    {
        internal long Cols;
        internal float* X, Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
                Row(Cols, X + (r * Cols), Y + (r * Cols));
        }
    }
}
