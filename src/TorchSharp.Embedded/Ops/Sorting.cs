using System.Buffers;

namespace TorchSharp;

/// <summary>
/// Sorting along an axis, always stable: equal elements keep their order, also from large to small. NaN counts as the
/// largest.
/// </summary>
/// <remarks>
/// Every element becomes a whole-number key that sorts as it does, ties broken by place. Reals: the bits of the float
/// made monotone in the upper half of 64 bits, the place in the lower; sorting is then one sort of plain integers.
/// </remarks>
internal static unsafe class Sorting
{
    /// <summary>The elements in order and where they came from.</summary>
    internal static (TensorImpl Values, TensorImpl Indices) Sort(TensorImpl x, long dim, bool descending) =>
        Best(x, dim, null, descending, "sort");

    /// <summary>The k largest or smallest in order and where they came from; ties go to the lower place.</summary>
    internal static (TensorImpl Values, TensorImpl Indices) TopK(TensorImpl x, long k, long dim, bool largest) =>
        Best(x, dim, k, largest, "topk");

    private static (TensorImpl Values, TensorImpl Indices) Best(TensorImpl x, long dim, long? count, bool descending, string operation)
    {
        var axis = Shape.Axis(dim, x.Rank, operation);
        var length = x.Rank == 0 ? 1 : x.Sizes[axis];
        var k = count ?? length;
        if (k < 0 || k > length)
            throw new ArgumentException($"{operation}: {k} of the {length} elements along dimension {axis} of {x}");
        if (length > int.MaxValue)
            throw new ArgumentException($"{operation}: more than {int.MaxValue} elements along dimension {axis} of {x}");
        // The axis last, so that rows lie in one piece.
        TensorImpl indices;
        using (torch.no_grad())
        {
            var moved = x.Rank == 0 ? Views.Reshape(x, [1], false, operation) : Views.Transpose(x, axis, -1);
            var flat = Copy.Contiguous(moved);
            moved.Release();
            var places = TensorImpl.Empty(Shape.With(flat.Sizes, flat.Rank - 1, k), Dtypes.Long);
            Rows(flat, (int)length, (int)k, descending, places);
            indices = x.Rank == 0 ? Views.Reshape(places, [], false, operation) : Back(places, axis);
            flat.Release();
            places.Release();
        }
        return (Scattering.Gather(x, x.Rank == 0 ? 0 : axis, indices), indices);
    }

    private static TensorImpl Back(TensorImpl places, int axis)
    {
        var moved = Views.Transpose(places, axis, -1);
        var flat = Copy.Contiguous(moved);
        moved.Release();
        flat.ViewBase = null;
        return flat;
    }

    private static void Rows(TensorImpl x, int length, int k, bool descending, TensorImpl places)
    {
        if (length == 0 || k == 0)
            return;
        var rows = x.Count / length;
        var keys = ArrayPool<ulong>.Shared.Rent(length);
        var wide = x.Dtype == Dtypes.Float ? null : Copy.As(Dtypes.Long, x);
        for (long row = 0; row < rows; row++)
        {
            var target = new Span<long>(places.Longs + (row * k), k);
            if (wide is null)
                Floats(new ReadOnlySpan<float>(x.Floats + (row * length), length), keys, descending, target);
            else
                Longs(new ReadOnlySpan<long>(wide.Longs + (row * length), length), descending, target);
        }
        wide?.Release();
        ArrayPool<ulong>.Shared.Return(keys);
    }

    private static void Floats(ReadOnlySpan<float> x, ulong[] keys, bool descending, Span<long> places)
    {
        for (var i = 0; i < x.Length; i++)
            keys[i] = ((ulong)(descending ? ~Ordered(x[i]) : Ordered(x[i])) << 32) | (uint)i;
        if (places.Length < x.Length / 8)
            Smallest(keys.AsSpan(0, x.Length), places.Length);
        else
            keys.AsSpan(0, x.Length).Sort();
        for (var i = 0; i < places.Length; i++)
            places[i] = (uint)keys[i];
    }

    private static void Longs(ReadOnlySpan<long> x, bool descending, Span<long> places)
    {
        var keys = new (long Value, int Place)[x.Length];
        for (var i = 0; i < x.Length; i++)
            keys[i] = (descending ? ~x[i] : x[i], i);
        keys.AsSpan().Sort();
        for (var i = 0; i < places.Length; i++)
            places[i] = keys[i].Place;
    }

    /// <summary>The bits of a float as an unsigned number of the same order; both zeros are equal, all NaN the largest.</summary>
    private static uint Ordered(float x)
    {
        if (float.IsNaN(x))
            return uint.MaxValue;
        var bits = BitConverter.SingleToUInt32Bits(x + 0f);
        return (bits & 0x80000000) != 0 ? ~bits : bits | 0x80000000;
    }

    /// <summary>Puts the k smallest keys in front, in order: a heap of k whose root is the largest.</summary>
    private static void Smallest(Span<ulong> keys, int k)
    {
        for (var i = (k / 2) - 1; i >= 0; i--)
            Sink(keys, i, k);
        for (var i = k; i < keys.Length; i++)
        {
            if (keys[i] >= keys[0])
                continue;
            (keys[0], keys[i]) = (keys[i], keys[0]);
            Sink(keys, 0, k);
        }
        keys[..k].Sort();
    }

    private static void Sink(Span<ulong> keys, int i, int k)
    {
        while (true)
        {
            var child = (2 * i) + 1;
            if (child >= k)
                return;
            if (child + 1 < k && keys[child + 1] > keys[child])
                child++;
            if (keys[child] <= keys[i])
                return;
            (keys[i], keys[child]) = (keys[child], keys[i]);
            i = child;
        }
    }
}
