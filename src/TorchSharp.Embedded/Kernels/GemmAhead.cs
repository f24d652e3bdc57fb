using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Memory that will be packed soon, asked for while a tile is computed: a few lines every 16 steps of the inner axis. Without it a
/// strip of A, read once from far away, would be waited for; with it packing costs what the instructions cost.
/// </summary>
internal unsafe struct GemmAhead
{
    /// <summary>Steps between two requests: the floats of a cache line.</summary>
    internal const long Steps = 16;

    private float* from;
    private long lines;
    private long stride;
    private long step;

    /// <summary>
    /// The share of one tile out of tiles in the rows from here, rows of them, stride apart. If across, the rows are asked for one after
    /// another, 16 every 16 steps; otherwise all of them at once, 16 floats further every 16 steps.
    /// </summary>
    internal static GemmAhead Rows(float* here, long rows, long stride, bool across, long tile, long tiles)
    {
        var count = across ? Math.Min(rows, Steps) : rows;
        var first = count * tile / tiles;
        return new GemmAhead
        {
            from = here + (first * stride),
            lines = (count * (tile + 1) / tiles) - first,
            stride = stride,
            step = across ? Steps * stride : Steps,
        };
    }

    /// <summary>Asks for the lines of this request, into L1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AskL1()
    {
        for (long i = 0; i < lines; i++)
            Simd.Prefetch(from + (i * stride));
        from += step;
    }

    /// <summary>Asks for the lines of this request, into L2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AskL2()
    {
        for (long i = 0; i < lines; i++)
            Simd.PrefetchL2(from + (i * stride));
        from += step;
    }
}
