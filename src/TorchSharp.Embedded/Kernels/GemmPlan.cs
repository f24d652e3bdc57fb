using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>
/// How a product is cut for the threads: Rows x Columns parts of C, each of them Depths times along the inner axis.
/// </summary>
/// <remarks>
/// Depends on the sizes and the number of threads only. Parts along the inner axis are for a small C with long sums (the gradient of a
/// weight): each has a partial C of its own, and they are added in order at the end.
/// </remarks>
internal readonly record struct GemmPlan(int Rows, int Columns, int Depths)
{
    /// <summary>Multiply-adds that make a further thread worth it: 1 to 2 microseconds, where a fork costs half of one.</summary>
    internal const double MinWork = 1 << 16;

    /// <summary>The partial results of all parts have at most this many floats (32 MB).</summary>
    private const double MaxPartials = 1 << 23;

    internal int Parts => Rows * Columns * Depths;

    /// <summary>
    /// The cut for an m x n x k product of tiles of tileRows x tileColumns, vectors of so many lanes; not along k if sums must stay whole.
    /// </summary>
    internal static GemmPlan For(long m, long n, long k, int tileRows, int tileColumns, int lanes, bool wholeSums)
    {
        var parts = (int)Math.Clamp((double)m * n * k / MinWork, 1, WorkerPool.Threads);
        var best = new GemmPlan(1, 1, 1);
        if (parts == 1)
            return best;
        var bestCost = double.MaxValue;
        for (var depths = 1; depths <= (wholeSums ? 1 : parts); depths++)
        {
            if (depths > 1 && ((depths - 1) * (double)m * n > MaxPartials || k / depths < 64))
                break;
            for (var rows = 1; rows * depths <= parts; rows++)
            {
                var plan = new GemmPlan(rows, parts / (rows * depths), depths);
                var cost = plan.Cost(m, n, k, tileRows, tileColumns, lanes);
                if (cost < bestCost)
                    (best, bestCost) = (plan, cost);
            }
        }
        return best;
    }

    /// <summary>Where part i of parts begins on an axis that is cut at multiples of unit.</summary>
    internal static long Start(long length, long unit, int parts, int i) => Math.Min(length, (length + unit - 1) / unit * i / parts * unit);

    /// <summary>
    /// Cycles of the slowest part, roughly: a vector multiply-add 1, packing an element of A 0.3 or of B 0.4, writing or adding an
    /// element of a partial result 0.3.
    /// </summary>
    private double Cost(long m, long n, long k, int tileRows, int tileColumns, int lanes)
    {
        double height = Largest(m, tileRows, Rows), width = Largest(n, tileColumns, Columns), depth = Largest(k, 1, Depths);
        var cost = depth * ((height * width / lanes) + (0.3 * height) + (0.4 * width));
        return Depths == 1 ? cost : cost + (0.3 * height * width) + (0.3 * m * n * (Depths - 1) / (Rows * Columns * Depths));
    }

    private static long Largest(long length, long unit, int parts)
    {
        var units = (length + unit - 1) / unit;
        return (units + parts - 1) / parts * unit;
    }
}
