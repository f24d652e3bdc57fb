using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Copies a strip of a matrix into a panel [k, width] in the order in which the tile reads it.
/// </summary>
/// <remarks>
/// Two strips exist: one whose panel rows lie in a row of the matrix (<see cref="Copy"/>: B as stored [k, n], A as stored [k, m]) and
/// one whose panel columns do (<see cref="Transpose"/>: A as stored [m, k], B as stored [n, k]). Panel columns behind the used ones are
/// filled with anything finite or not: the tile's results for them are thrown away.
/// </remarks>
internal static unsafe class GemmPack
{
    /// <summary>Transposition goes in blocks of this many k, so that the panel's part being written (at most 8 KB) stays in L1.</summary>
    private const long BlockK = 64;

    /// <summary>panel[p, r] = source[p * stride + r] for r &lt; used, 0 for used &lt;= r &lt; width. Width is even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Copy(float* source, long stride, long used, int width, long k, float* panel)
    {
        if (used < width)
        {
            for (; k > 0; k--, source += stride, panel += width)
            {
                long r = 0;
                for (; r < used; r++)
                    panel[r] = source[r];
                for (; r < width; r++)
                    panel[r] = 0;
            }
        }
        else if (width % 16 == 0)
        {
            for (; k > 0; k--, source += stride, panel += width)
                for (var r = 0; r < width; r += 16)
                    Vector512.Load(source + r).Store(panel + r);
        }
        else
        {
            for (; k > 0; k--, source += stride, panel += width)
            {
                var r = 0;
                for (; r + 4 <= width; r += 4)
                    Vector128.Load(source + r).Store(panel + r);
                if (r < width)
                    *(long*)(panel + r) = *(long*)(source + r);
            }
        }
    }

    /// <summary>
    /// panel[p, r] = source[r * stride + p] for r &lt; used; the columns behind repeat the last used one. Width is even.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Transpose(float* source, long stride, long used, int width, long k, float* panel)
    {
        for (long p0 = 0; p0 < k; p0 += BlockK)
        {
            var p1 = Math.Min(k, p0 + BlockK);
            for (var r = 0; r < width; r += 4)
            {
                var last = used - 1;
                var s0 = source + (Math.Min(r, last) * stride);
                var s1 = source + (Math.Min(r + 1, last) * stride);
                var s2 = source + (Math.Min(r + 2, last) * stride);
                var s3 = source + (Math.Min(r + 3, last) * stride);
                if (r + 4 <= width)
                    Four(s0, s1, s2, s3, p0, p1, panel + r, width);
                else
                    Two(s0, s1, p0, p1, panel + r, width);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Four(float* s0, float* s1, float* s2, float* s3, long p, long end, float* panel, int width)
    {
        for (; p + 4 <= end; p += 4)
        {
            var (v0, v1, v2, v3) = (Vector128.Load(s0 + p), Vector128.Load(s1 + p), Vector128.Load(s2 + p), Vector128.Load(s3 + p));
            var (l02, h02) = (Simd.ZipLow(v0, v2), Simd.ZipHigh(v0, v2));
            var (l13, h13) = (Simd.ZipLow(v1, v3), Simd.ZipHigh(v1, v3));
            var to = panel + (p * width);
            Simd.ZipLow(l02, l13).Store(to);
            Simd.ZipHigh(l02, l13).Store(to + width);
            Simd.ZipLow(h02, h13).Store(to + (2 * width));
            Simd.ZipHigh(h02, h13).Store(to + (3 * width));
        }
        for (; p < end; p++)
            Vector128.Create(s0[p], s1[p], s2[p], s3[p]).Store(panel + (p * width));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Two(float* s0, float* s1, long p, long end, float* panel, int width)
    {
        for (; p < end; p++)
        {
            panel[p * width] = s0[p];
            panel[(p * width) + 1] = s1[p];
        }
    }
}
