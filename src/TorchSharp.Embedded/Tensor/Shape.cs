namespace TorchSharp;

/// <summary>Arithmetic on sizes, strides and axis numbers, and the texts of errors about them.</summary>
internal static class Shape
{
    internal const int MaxDimensions = 16;

    internal static readonly long[] Scalar = [];

    /// <summary>The number of elements; an error where a size is negative or the product does not fit.</summary>
    internal static long Count(ReadOnlySpan<long> shape, string operation)
    {
        if (shape.Length > MaxDimensions)
            throw new ArgumentException($"{operation}: {shape.Length} dimensions are more than the {MaxDimensions} supported");
        var count = 1L;
        foreach (var size in shape)
        {
            if (size < 0)
                throw new ArgumentException($"{operation}: size {size} in shape {Text(shape)} is negative");
            try
            {
                count = checked(count * size);
            }
            catch (OverflowException)
            {
                throw new ArgumentException($"{operation}: shape {Text(shape)} has too many elements to count");
            }
        }
        return count;
    }

    /// <summary>Row-major strides: the last axis is 1, each other one the product of the sizes behind it.</summary>
    internal static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        if (shape.Length == 0)
            return Scalar;
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= Math.Max(shape[i], 1);
        }
        return strides;
    }

    /// <summary>Whether the elements lie in row-major order without gaps; axes of size 1 may have any stride.</summary>
    internal static bool IsRowMajor(ReadOnlySpan<long> shape, ReadOnlySpan<long> strides)
    {
        var expected = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            if (shape[i] == 0)
                return true;
            if (shape[i] == 1)
                continue;
            if (strides[i] != expected)
                return false;
            expected *= shape[i];
        }
        return true;
    }

    /// <summary>An axis number in [-rank, rank) as one in [0, rank); a scalar counts as rank 1.</summary>
    internal static int Axis(long axis, int rank, string operation)
    {
        var limit = Math.Max(rank, 1);
        if (axis < -limit || axis >= limit)
            throw new ArgumentException(
                $"{operation}: dimension {axis} is out of range, expected {-limit} to {limit - 1} for {rank} dimensions");
        return (int)(axis < 0 ? axis + limit : axis);
    }

    /// <summary>The shape that two shapes broadcast to; null where they do not.</summary>
    internal static long[]? TryBroadcast(long[] a, long[] b)
    {
        if (ReferenceEquals(a, b) || b.Length == 0)
            return a;
        if (a.Length == 0)
            return b;
        var (longer, shorter) = a.Length >= b.Length ? (a, b) : (b, a);
        var offset = longer.Length - shorter.Length;
        long[]? result = null;
        for (var i = 0; i < shorter.Length; i++)
        {
            var (x, y) = (longer[offset + i], shorter[i]);
            if (x == y || y == 1)
                continue;
            if (x != 1)
                return null;
            result ??= (long[])longer.Clone();
            result[offset + i] = y;
        }
        return result ?? longer;
    }

    /// <summary>The shape that two shapes broadcast to; an error that names the operation where they do not.</summary>
    internal static long[] Broadcast(long[] a, long[] b, string operation) =>
        TryBroadcast(a, b)
        ?? throw new ArgumentException($"{operation}: shapes {Text(a)} and {Text(b)} do not broadcast");

    /// <summary>Whether <paramref name="from"/> broadcasts to exactly <paramref name="to"/>.</summary>
    internal static bool BroadcastsTo(long[] from, long[] to)
    {
        var offset = to.Length - from.Length;
        if (offset < 0)
            return false;
        for (var i = 0; i < from.Length; i++)
        {
            if (from[i] != 1 && from[i] != to[offset + i])
                return false;
        }
        return true;
    }

    internal static bool Same(long[] a, long[] b) => ReferenceEquals(a, b) || a.AsSpan().SequenceEqual(b);

    /// <summary>A copy of <paramref name="shape"/> with one size changed.</summary>
    internal static long[] With(long[] shape, int axis, long size)
    {
        var copy = (long[])shape.Clone();
        copy[axis] = size;
        return copy;
    }

    /// <summary>A copy of <paramref name="values"/> without one entry.</summary>
    internal static long[] Without(long[] values, int axis)
    {
        var copy = new long[values.Length - 1];
        values.AsSpan(0, axis).CopyTo(copy);
        values.AsSpan(axis + 1).CopyTo(copy.AsSpan(axis));
        return copy;
    }

    /// <summary>A copy of <paramref name="values"/> with one entry more.</summary>
    internal static long[] Insert(long[] values, int axis, long value)
    {
        var copy = new long[values.Length + 1];
        values.AsSpan(0, axis).CopyTo(copy);
        copy[axis] = value;
        values.AsSpan(axis).CopyTo(copy.AsSpan(axis + 1));
        return copy;
    }

    /// <summary>The product of the sizes from <paramref name="first"/> up to, not with, <paramref name="last"/>.</summary>
    internal static long Product(ReadOnlySpan<long> shape, int first, int last)
    {
        var product = 1L;
        for (var i = first; i < last; i++)
            product *= shape[i];
        return product;
    }

    /// <summary>[2, 3] as in messages.</summary>
    internal static string Text(ReadOnlySpan<long> shape) => $"[{string.Join(", ", shape.ToArray())}]";
}
