using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// The products inside a tile. All have the form C (+)= A B where B and C have contiguous rows of registers and elements of A are
// broadcast: a_rk lies at a[r * rowStep + k * step], so A may be transposed at no cost. A group is 8 rows by 2 registers where there are
// 32 registers (16 sums hide the latency of the multiplier), 4 by 2 where there are 16.
internal static unsafe partial class Attention
{
    /// <summary>The rows of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int GroupRows<V>()
        where V : struct, IVec<V> => V.Count == 16 ? 8 : 4;

    /// <summary>C (+)= A B for one group of rows; width = columns of B and C, a multiple of the register.</summary>
    private static void Group<V>(
        int width, int depth, float* a, int rowStep, int step, float* b, int ldb, float* c, int ldc, bool accumulate)
        where V : struct, IVec<V>
    {
        var column = 0;
        for (; column + (2 * V.Count) <= width; column += 2 * V.Count)
        {
            if (V.Count == 16)
                Tile8x2<V>(depth, a, rowStep, step, b + column, ldb, c + column, ldc, accumulate);
            else
                Tile4x2<V>(depth, a, rowStep, step, b + column, ldb, c + column, ldc, accumulate);
        }
        if (column == width)
            return;
        for (var row = 0; row < GroupRows<V>(); row += 4)
            Tile4x1<V>(depth, a + (row * rowStep), rowStep, step, b + column, ldb, c + (row * ldc) + column, ldc, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Tile8x2<V>(
        int depth, float* a, int rowStep, int step, float* b, int ldb, float* c, int ldc, bool accumulate)
        where V : struct, IVec<V>
    {
        V a0 = V.Of(0f), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
        V e0 = a0, e1 = a0, f0 = a0, f1 = a0, g0 = a0, g1 = a0, h0 = a0, h1 = a0;
        if (accumulate)
        {
            var from = c;
            (a0, a1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (b0, b1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (c0, c1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (d0, d1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (e0, e1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (f0, f1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (g0, g1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (h0, h1) = (V.Load(from), V.Load(from + V.Count));
        }
        float* p0 = a, p1 = p0 + rowStep, p2 = p1 + rowStep, p3 = p2 + rowStep;
        float* p4 = p3 + rowStep, p5 = p4 + rowStep, p6 = p5 + rowStep, p7 = p6 + rowStep;
        for (nint k = 0, last = (nint)depth * step; k < last; k += step, b += ldb)
        {
            V x = V.Load(b), y = V.Load(b + V.Count), t;
            t = V.Of(p0[k]);
            (a0, a1) = (V.Fma(t, x, a0), V.Fma(t, y, a1));
            t = V.Of(p1[k]);
            (b0, b1) = (V.Fma(t, x, b0), V.Fma(t, y, b1));
            t = V.Of(p2[k]);
            (c0, c1) = (V.Fma(t, x, c0), V.Fma(t, y, c1));
            t = V.Of(p3[k]);
            (d0, d1) = (V.Fma(t, x, d0), V.Fma(t, y, d1));
            t = V.Of(p4[k]);
            (e0, e1) = (V.Fma(t, x, e0), V.Fma(t, y, e1));
            t = V.Of(p5[k]);
            (f0, f1) = (V.Fma(t, x, f0), V.Fma(t, y, f1));
            t = V.Of(p6[k]);
            (g0, g1) = (V.Fma(t, x, g0), V.Fma(t, y, g1));
            t = V.Of(p7[k]);
            (h0, h1) = (V.Fma(t, x, h0), V.Fma(t, y, h1));
        }
        StorePair(a0, a1, c);
        StorePair(b0, b1, c + ldc);
        StorePair(c0, c1, c + (2 * ldc));
        StorePair(d0, d1, c + (3 * ldc));
        StorePair(e0, e1, c + (4 * ldc));
        StorePair(f0, f1, c + (5 * ldc));
        StorePair(g0, g1, c + (6 * ldc));
        StorePair(h0, h1, c + (7 * ldc));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Tile4x2<V>(
        int depth, float* a, int rowStep, int step, float* b, int ldb, float* c, int ldc, bool accumulate)
        where V : struct, IVec<V>
    {
        V a0 = V.Of(0f), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
        if (accumulate)
        {
            var from = c;
            (a0, a1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (b0, b1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (c0, c1) = (V.Load(from), V.Load(from + V.Count));
            from += ldc;
            (d0, d1) = (V.Load(from), V.Load(from + V.Count));
        }
        float* p0 = a, p1 = p0 + rowStep, p2 = p1 + rowStep, p3 = p2 + rowStep;
        for (nint k = 0, last = (nint)depth * step; k < last; k += step, b += ldb)
        {
            V x = V.Load(b), y = V.Load(b + V.Count), t;
            t = V.Of(p0[k]);
            (a0, a1) = (V.Fma(t, x, a0), V.Fma(t, y, a1));
            t = V.Of(p1[k]);
            (b0, b1) = (V.Fma(t, x, b0), V.Fma(t, y, b1));
            t = V.Of(p2[k]);
            (c0, c1) = (V.Fma(t, x, c0), V.Fma(t, y, c1));
            t = V.Of(p3[k]);
            (d0, d1) = (V.Fma(t, x, d0), V.Fma(t, y, d1));
        }
        StorePair(a0, a1, c);
        StorePair(b0, b1, c + ldc);
        StorePair(c0, c1, c + (2 * ldc));
        StorePair(d0, d1, c + (3 * ldc));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Tile4x1<V>(
        int depth, float* a, int rowStep, int step, float* b, int ldb, float* c, int ldc, bool accumulate)
        where V : struct, IVec<V>
    {
        V a0 = V.Of(0f), b0 = a0, c0 = a0, d0 = a0;
        if (accumulate)
        {
            var from = c;
            a0 = V.Load(from);
            from += ldc;
            b0 = V.Load(from);
            from += ldc;
            c0 = V.Load(from);
            from += ldc;
            d0 = V.Load(from);
        }
        float* p0 = a, p1 = p0 + rowStep, p2 = p1 + rowStep, p3 = p2 + rowStep;
        for (nint k = 0, last = (nint)depth * step; k < last; k += step, b += ldb)
        {
            V x = V.Load(b);
            a0 = V.Fma(V.Of(p0[k]), x, a0);
            b0 = V.Fma(V.Of(p1[k]), x, b0);
            c0 = V.Fma(V.Of(p2[k]), x, c0);
            d0 = V.Fma(V.Of(p3[k]), x, d0);
        }
        a0.Store(c);
        b0.Store(c + ldc);
        c0.Store(c + (2 * ldc));
        d0.Store(c + (3 * ldc));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StorePair<V>(V x, V y, float* p)
        where V : struct, IVec<V>
    {
        x.Store(p);
        y.Store(p + V.Count);
    }
}
