namespace TorchSharp;

/// <summary>
/// Which axes an operation reduces, and the shapes that follow. For the kernels a contiguous tensor is three axes:
/// [outer, length, inner], length being the reduced ones; neighbours of one kind count as one.
/// </summary>
internal readonly struct Axes
{
    private readonly long[] sizes;
    private readonly bool[] reduced;

    private Axes(long[] sizes, bool[] reduced)
    {
        this.sizes = sizes;
        this.reduced = reduced;
    }

    /// <summary>The axes of x named by <paramref name="dims"/>; none named: all.</summary>
    internal static Axes Of(TensorImpl x, ReadOnlySpan<long> dims, string operation)
    {
        var reduced = new bool[x.Rank];
        foreach (var dim in dims)
        {
            var axis = Shape.Axis(dim, x.Rank, operation);
            if (x.Rank == 0)
                continue;
            if (reduced[axis])
                throw new ArgumentException($"{operation}: dimension {axis} appears twice");
            reduced[axis] = true;
        }
        if (dims.Length == 0)
            Array.Fill(reduced, true);
        return new Axes(x.Sizes, reduced);
    }

    /// <summary>The axes along which <paramref name="from"/> was broadcast to x.</summary>
    internal static Axes BroadcastFrom(long[] from, TensorImpl x)
    {
        var reduced = new bool[x.Rank];
        var added = x.Rank - from.Length;
        for (var i = 0; i < x.Rank; i++)
            reduced[i] = i < added || (from[i - added] == 1 && x.Sizes[i] != 1);
        return new Axes(x.Sizes, reduced);
    }

    /// <summary>How many elements become one.</summary>
    internal long Length
    {
        get
        {
            var length = 1L;
            for (var i = 0; i < sizes.Length; i++)
                length *= reduced[i] ? sizes[i] : 1;
            return length;
        }
    }

    /// <summary>The shape of the result; with <paramref name="keep"/> reduced axes stay, with size 1.</summary>
    internal long[] Result(bool keep)
    {
        var result = new List<long>(sizes.Length);
        for (var i = 0; i < sizes.Length; i++)
        {
            if (!reduced[i])
                result.Add(sizes[i]);
            else if (keep)
                result.Add(1);
        }
        return [.. result];
    }

    /// <summary>
    /// The last group of reduced axes of the given sizes as [outer, length, inner]; false when none is left. Marks the
    /// group as done by setting its sizes to 1.
    /// </summary>
    internal bool TakeLastGroup(long[] left, out long outer, out long length, out long inner)
    {
        (outer, length, inner) = (1, 1, 1);
        var last = left.Length - 1;
        while (last >= 0 && (!reduced[last] || left[last] == 1))
            inner *= left[last--];
        if (last < 0)
            return false;
        for (; last >= 0 && (reduced[last] || left[last] == 1); last--)
        {
            length *= left[last];
            left[last] = 1;
        }
        outer = Shape.Product(left, 0, last + 1);
        return true;
    }

    /// <summary>A gradient of the result, owned, seen in the shape of the input: the same value along reduced axes.</summary>
    internal TensorImpl Spread(TensorImpl gradient)
    {
        var strides = new long[sizes.Length];
        var from = gradient.Rank == sizes.Length ? 0 : -1;
        for (int i = 0, k = 0; i < sizes.Length; i++)
        {
            if (!reduced[i])
                strides[i] = gradient.Strides[from == 0 ? i : k++];
        }
        var view = gradient.View(sizes, strides, gradient.Offset);
        gradient.Release();
        return view;
    }
}
