using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>
/// Copies strips of a matrix into panels [k, width] in the order in which the tile reads them.
/// </summary>
/// <remarks>
/// A panel's rows lie in the rows of the matrix (<see cref="Copy"/>: A stored [k, m], B stored [k, n]), or its columns do
/// (<see cref="Transpose"/>: A stored [m, k], B stored [n, k]). Panel columns behind the used ones hold anything: the tile's results for
/// them are thrown away. Both ask for memory some way ahead, because strips are too short for the hardware to see a stream.
/// </remarks>
internal static unsafe class GemmPack<L, TV>
    where L : ILanes<TV>
    where TV : struct
{
    /// <summary>Transposition goes in blocks of this many k: the part of the panel being written, at most 8 KB, stays in L1.</summary>
    private const long BlockK = 64;

    /// <summary>Rows between a row that is copied and the one that is asked for.</summary>
    private const long RowsAhead = 16;

    /// <summary>panel[p, r] = source[p * stride + r] for r &lt; used, 0 for used &lt;= r &lt; width. Width is even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Copy(float* source, long stride, long used, int width, long k, float* panel)
    {
        for (; k > 0; k--, source += stride, panel += width)
        {
            long r = 0;
            for (; r + 4 <= used; r += 4)
                Vector128.Load(source + r).Store(panel + r);
            for (; r < used; r++)
                panel[r] = source[r];
            for (; r < width; r++)
                panel[r] = 0;
        }
    }

    /// <summary>
    /// Whole panels of two vectors side by side: panel j / width, [p, r] = source[p * stride + j + r]. Columns is a multiple of the width;
    /// four panels are filled at a time, so that every row is read in long pieces.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void CopyPanels(float* source, long stride, long columns, long k, float* panels)
    {
        long width = 2 * L.Count;
        for (long j0 = 0; j0 < columns; j0 += 4 * width)
        {
            var end = Math.Min(columns, j0 + (4 * width));
            var from = source;
            var to = panels;
            for (long p = 0; p < k; p++, from += stride, to += width)
            {
                for (var j = j0; j < end; j += width)
                {
                    Simd.Prefetch(from + j + (RowsAhead * stride));
                    Simd.Prefetch(from + j + (RowsAhead * stride) + L.Count);
                    L.Store(L.Load(from + j), to + (j * k));
                    L.Store(L.Load(from + j + L.Count), to + (j * k) + L.Count);
                }
            }
        }
    }

    /// <summary>
    /// panel[p, r] = source[r * stride + p] for r &lt; used; the columns behind repeat the last used one. Width is even.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Transpose(float* source, long stride, long used, int width, long k, float* panel)
    {
        var last = used - 1;
        for (long p0 = 0; p0 < k; p0 += BlockK)
        {
            var p1 = Math.Min(k, p0 + BlockK);
            var p2 = Math.Min(k, p1 + BlockK);
            for (var r = 0; r < width; r += 4)
            {
                var s0 = source + (Math.Min(r, last) * stride);
                var s1 = source + (Math.Min(r + 1, last) * stride);
                var s2 = source + (Math.Min(r + 2, last) * stride);
                var s3 = source + (Math.Min(r + 3, last) * stride);
                for (var p = p1; p < p2; p += 16)
                {
                    Simd.Prefetch(s0 + p);
                    Simd.Prefetch(s1 + p);
                    Simd.Prefetch(s2 + p);
                    Simd.Prefetch(s3 + p);
                }
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
