using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// A product on one thread, by packed panels: the loops around <see cref="GemmTile{L, TV}"/>.
/// </summary>
/// <remarks>
/// <code>
/// for each block of columns jc, NC wide            C is written a block of columns at a time
///   for each block of the inner axis pc, KC deep
///     pack B[pc, jc]                               KC x NC: stays in L2
///     for each strip of rows ic, 12 or 6 high
///       pack A[ic, pc]                             KC x 12: stays in L1
///       for each panel of the packed B             streams from L2 to the registers
///         tile
/// </code>
/// The order of the loops is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the part of
/// A and B exchanged, because our tile is a row of vectors and not a column. A strip of A is packed when it is needed and is still in L1
/// when the tiles read it; it is packed again for every block of columns, which costs 1 part in NC / 8.
/// </remarks>
internal static unsafe class GemmBlock<L, TV>
    where L : ILanes<TV>
    where TV : struct
{
    /// <summary>12 x 384 floats are 18 KB of the 32 KB of L1; 384 steps make the loads and stores of C 1 in 400.</summary>
    private const long MaxKC = 384;

    /// <summary>384 x 384 floats are 576 KB, a good half of an L2 of 1 MB.</summary>
    private const long MaxNC = 384;

    /// <summary>Runs the product, K &gt; 0, on the calling thread.</summary>
    [SkipLocalsInit]
    internal static void Run(in GemmProduct g)
    {
        var (tileRows, tileColumns) = (GemmTile<L, TV>.Rows, GemmTile<L, TV>.Columns);
        var kc = Even(g.K, MaxKC, 4);
        var nc = Even(g.N, MaxNC, tileColumns);
        var panelB = GemmScratch.Panels(kc * (nc + tileRows));
        var panelA = panelB + (kc * nc);
        for (long jc = 0; jc < g.N; jc += nc)
        {
            var columns = Math.Min(nc, g.N - jc);
            for (long pc = 0; pc < g.K; pc += kc)
            {
                var depth = Math.Min(kc, g.K - pc);
                for (long j = 0; j < columns; j += tileColumns)
                {
                    var used = Math.Min(tileColumns, columns - j);
                    Pack(!g.TransB, g.AtB(pc, jc + j), g.Ldb, used, GemmTile<L, TV>.ColumnsFor(used), depth, panelB + (j * depth));
                }
                var accumulate = g.Accumulate || pc > 0;
                var bias = pc == 0 && g.Bias != null ? g.Bias + jc : null;
                for (long ic = 0; ic < g.M; ic += tileRows)
                {
                    var rows = Math.Min(tileRows, g.M - ic);
                    Pack(g.TransA, g.AtA(ic, pc), g.Lda, rows, GemmTile<L, TV>.RowsFor(rows), depth, panelA);
                    for (long j = 0; j < columns; j += tileColumns)
                    {
                        GemmTile<L, TV>.Run(depth, panelA, panelB + (j * depth), g.C + (ic * g.Ldc) + jc + j, g.Ldc, rows,
                            Math.Min(tileColumns, columns - j), bias == null ? null : bias + j, accumulate);
                    }
                }
            }
        }
    }

    private static void Pack(bool contiguous, float* source, long stride, long used, int width, long k, float* panel)
    {
        if (contiguous)
            GemmPack.Copy(source, stride, used, width, k, panel);
        else
            GemmPack.Transpose(source, stride, used, width, k, panel);
    }

    /// <summary>The block size, a multiple of unit, that cuts the length into the fewest blocks of at most max, all about as long.</summary>
    private static long Even(long length, long max, long unit)
    {
        var blocks = (length + max - 1) / max;
        return ((length + (blocks * unit) - 1) / (blocks * unit)) * unit;
    }
}
