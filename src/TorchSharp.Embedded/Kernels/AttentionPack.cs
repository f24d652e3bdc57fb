using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

// Copies between the caller's strided rows and the padded blocks that the tiles work on. Rows are copied even where they could be used in
// place: rows a multiple of 4 KiB apart would fall on the same few lines of the first cache.
internal static unsafe partial class Attention
{
    /// <summary>Copies rows of D floats to rows of ld floats, and clears what is between D and ld and the rows up to filled.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void PackRows<V>(long rows, int filled, long width, float* x, long stride, float* y, int ld)
        where V : struct, IVec<V>
    {
        for (var r = 0L; r < rows; r++, x += stride, y += ld)
        {
            var i = 0L;
            for (; i + V.Count <= width; i += V.Count)
                V.Load(x + i).Store(y + i);
            if (i < width)
                V.Load(x + i, (int)(width - i)).Store(y + i);
        }
        for (var i = 0L; i < (filled - rows) * ld; i += V.Count)
            V.Of(0f).Store(y + i);
    }

    /// <summary>y[c, r] = factor x[r, c]: rows [0, rows) of x become columns of y; columns up to QueryBlock are cleared.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Transpose(int rows, long cols, float* x, long stride, float factor, float* y)
    {
        var r = 0;
        for (; r + 4 <= rows && Sse.IsSupported; r += 4)
        {
            float* x0 = x + (r * stride), x1 = x0 + stride, x2 = x1 + stride, x3 = x2 + stride;
            var c = 0L;
            for (; c + 4 <= cols; c += 4)
            {
                var f = Vector128.Create(factor);
                Vector128<float> a = Vector128.Load(x0 + c) * f, b = Vector128.Load(x1 + c) * f;
                Vector128<float> d = Vector128.Load(x2 + c) * f, e = Vector128.Load(x3 + c) * f;
                Vector128<float> ab = Sse.UnpackLow(a, b), de = Sse.UnpackLow(d, e);
                Vector128<float> ab2 = Sse.UnpackHigh(a, b), de2 = Sse.UnpackHigh(d, e);
                var to = y + (c * QueryBlock) + r;
                Sse.MoveLowToHigh(ab, de).Store(to);
                Sse.MoveHighToLow(de, ab).Store(to + QueryBlock);
                Sse.MoveLowToHigh(ab2, de2).Store(to + (2 * QueryBlock));
                Sse.MoveHighToLow(de2, ab2).Store(to + (3 * QueryBlock));
            }
            for (; c < cols; c++)
            {
                var to = y + (c * QueryBlock) + r;
                (to[0], to[1], to[2], to[3]) = (x0[c] * factor, x1[c] * factor, x2[c] * factor, x3[c] * factor);
            }
        }
        for (; r < QueryBlock; r++)
            for (var c = 0L; c < cols; c++)
                y[(c * QueryBlock) + r] = r < rows ? x[(r * stride) + c] * factor : 0;
    }

    /// <summary>
    /// Asks for rows [first, last) of a head, while something else is computed: they are far apart, the machine does not foresee them,
    /// and waiting for them would cost as much as half the arithmetic.
    /// </summary>
    private static void Prefetch(in AttentionShape s, float* x, in AttentionStrides strides, long head, long first, long last)
    {
        var (width, step) = (s.D, strides.Time);
        x += Offset(strides, s.H, head) + (first * step);
        for (var row = first; row < last; row++, x += step)
            for (var i = 0L; i < width; i += 16)
                Simd.PrefetchL2(x + i);
    }

    /// <summary>Rows of y = factor x (+ y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ScaleRows<V>(
        int rows, long width, float factor, float* x, long strideX, float* y, long strideY, bool accumulate)
        where V : struct, IVec<V>
    {
        for (var r = 0; r < rows; r++, x += strideX, y += strideY)
            Scale<V>(width, factor, x, y, accumulate);
    }

    /// <summary>y = factor x (+ y).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale<V>(long n, float factor, float* x, float* y, bool accumulate)
        where V : struct, IVec<V>
    {
        var f = V.Of(factor);
        var i = 0L;
        for (; i + V.Count <= n; i += V.Count)
            (accumulate ? V.Fma(V.Load(x + i), f, V.Load(y + i)) : V.Load(x + i) * f).Store(y + i);
        var rest = (int)(n - i);
        if (rest > 0)
            (accumulate ? V.Fma(V.Load(x + i, rest), f, V.Load(y + i, rest)) : V.Load(x + i, rest) * f).Store(y + i, rest);
    }

    /// <summary>x . y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Dot<V>(long n, float* x, float* y)
        where V : struct, IVec<V>
    {
        var sum = V.Of(0f);
        var i = 0L;
        for (; i + V.Count <= n; i += V.Count)
            sum = V.Fma(V.Load(x + i), V.Load(y + i), sum);
        if (i < n)
            sum = V.Fma(V.Load(x + i, (int)(n - i)), V.Load(y + i, (int)(n - i)), sum);
        return sum.Sum();
    }
}
