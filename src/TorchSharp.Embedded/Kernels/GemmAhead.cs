using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Memory that will be packed soon, asked for while tiles are computed: a cache line or a few every 16 steps of the inner axis, row after
/// row. Without it a strip of A, read once from far away, would be waited for; with it packing costs what the instructions cost.
/// </summary>
internal unsafe struct GemmAhead
{
    /// <summary>Steps between two requests: the floats of a cache line.</summary>
    internal const long Steps = 16;

    private float* from;
    private long left;
    private long leftOfRow;
    private long linesOfRow;
    private long skip;
    private long lines;

    /// <summary>Rows of columns floats from here, stride apart, spread over so many requests.</summary>
    internal static GemmAhead Over(float* here, long rows, long columns, long stride, long requests)
    {
        var ofRow = (columns + Steps - 1) / Steps;
        return new GemmAhead
        {
            from = here,
            left = rows * ofRow,
            leftOfRow = ofRow,
            linesOfRow = ofRow,
            skip = stride - (ofRow * Steps),
            lines = ((rows * ofRow) + requests - 1) / requests,
        };
    }

    /// <summary>Asks for the lines of this request, into L1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AskL1()
    {
        for (var i = Begin(); i > 0; i--)
        {
            Simd.Prefetch(from);
            Advance();
        }
    }

    /// <summary>Asks for the lines of this request, into L2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AskL2()
    {
        for (var i = Begin(); i > 0; i--)
        {
            Simd.PrefetchL2(from);
            Advance();
        }
    }

    /// <summary>The same number each time but at the end, so that the processor foresees where the loop ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long Begin()
    {
        var count = Math.Min(lines, left);
        left -= count;
        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Advance()
    {
        from += Steps;
        if (--leftOfRow == 0)
        {
            from += skip;
            leftOfRow = linesOfRow;
        }
    }
}
