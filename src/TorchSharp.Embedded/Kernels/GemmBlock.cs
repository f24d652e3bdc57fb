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
/// The order of the loops is that of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with the parts of
/// A and B exchanged, because our tile is a row of vectors and not a column. A strip of A is packed when it is needed and is still in L1
/// when the tiles read it. It is packed again for every block of columns, which costs 1 part in 60 of the time at 384 columns.
/// </remarks>
internal static unsafe class GemmBlock<L, TV>
    where L : ILanes<TV>
    where TV : struct
{
    /// <summary>12 x 384 floats are 18 KB of the 32 KB of L1; 384 steps make the loads and stores of C 1 in 400.</summary>
    private const long MaxDepth = 384;

    /// <summary>A packed block of B: 704 KB, 512 columns at most depths, to stay in an L2 of 1 MB beside what is asked for ahead.</summary>
    private const long MaxBlock = 704 * 1024 / sizeof(float);

    /// <summary>Runs the product, K &gt; 0, on the calling thread.</summary>
    internal static void Run(in GemmProduct g)
    {
        var (tileRows, tileColumns) = (GemmTile<L, TV>.Rows, GemmTile<L, TV>.Columns);
        var kc = Even(g.K, MaxDepth, 4);
        var nc = Even(g.N, MaxBlock / kc / tileColumns * tileColumns, tileColumns);
        var panelsB = GemmScratch.Panels(kc * (nc + tileRows));
        var panelA = panelsB + (kc * nc);
        var strips = (g.M + tileRows - 1) / tileRows;
        for (long jc = 0; jc < g.N; jc += nc)
        {
            var columns = Math.Min(nc, g.N - jc);
            var tiles = (columns + tileColumns - 1) / tileColumns;
            for (long pc = 0; pc < g.K; pc += kc)
            {
                var depth = Math.Min(kc, g.K - pc);
                PackB(g, pc, jc, depth, columns, panelsB);
                var accumulate = g.Accumulate || pc > 0;
                var bias = pc == 0 && g.Bias != null ? g.Bias + jc : null;
                var requests = tiles * ((depth + GemmAhead.Steps - 1) / GemmAhead.Steps);
                var nextDepth = g.TransB ? 0 : Math.Min(kc, g.K - pc - depth);
                var aheadB = GemmAhead.Over(g.AtB(pc + depth, jc), nextDepth, columns, g.Ldb, strips * requests);
                for (long ic = 0; ic < g.M; ic += tileRows)
                {
                    var rows = Math.Min(tileRows, g.M - ic);
                    PackA(g, ic, pc, rows, depth, panelA);
                    var nextRows = Math.Min(tileRows, g.M - ic - rows);
                    var aheadA = g.TransA
                        ? GemmAhead.Over(g.AtA(ic + tileRows, pc), nextRows > 0 ? depth : 0, nextRows, g.Lda, requests)
                        : GemmAhead.Over(g.AtA(ic + tileRows, pc), nextRows, depth, g.Lda, requests);
                    for (long tile = 0; tile < tiles; tile++)
                    {
                        var j = tile * tileColumns;
                        GemmTile<L, TV>.Run(
                            depth, panelA, panelsB + (j * depth), g.C + (ic * g.Ldc) + jc + j, g.Ldc, rows,
                            Math.Min(tileColumns, columns - j), bias == null ? null : bias + j, accumulate, ref aheadA, ref aheadB);
                    }
                }
            }
        }
    }

    private static void PackA(in GemmProduct g, long i, long p, long rows, long depth, float* panel)
    {
        var width = GemmTile<L, TV>.RowsFor(rows);
        if (g.TransA)
            GemmPack<L, TV>.Copy(g.AtA(i, p), g.Lda, rows, width, depth, panel);
        else
            GemmPack<L, TV>.Transpose(g.AtA(i, p), g.Lda, rows, width, depth, panel);
    }

    private static void PackB(in GemmProduct g, long p, long jc, long depth, long columns, float* panels)
    {
        var tileColumns = GemmTile<L, TV>.Columns;
        var whole = g.TransB ? 0 : columns / tileColumns * tileColumns;
        GemmPack<L, TV>.CopyPanels(g.AtB(p, jc), g.Ldb, whole, depth, panels);
        for (var j = whole; j < columns; j += tileColumns)
        {
            var used = Math.Min(tileColumns, columns - j);
            var width = GemmTile<L, TV>.ColumnsFor(used);
            if (g.TransB)
                GemmPack<L, TV>.Transpose(g.AtB(p, jc + j), g.Ldb, used, width, depth, panels + (j * depth));
            else
                GemmPack<L, TV>.Copy(g.AtB(p, jc + j), g.Ldb, used, width, depth, panels + (j * depth));
        }
    }

    /// <summary>The multiple of unit that cuts the length into as few blocks as max allows, all about as long.</summary>
    private static long Even(long length, long max, long unit)
    {
        var blocks = (length + max - 1) / max;
        return (length + (blocks * unit) - 1) / (blocks * unit) * unit;
    }
}
