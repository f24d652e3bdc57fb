using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Sorting along an axis, always stable: equal elements keep their order, also from large to small. NaN counts as the
/// largest.
/// </summary>
internal static unsafe class Sorting
{
    /// <summary>The elements in order and where they came from.</summary>
    internal static (TensorImpl Values, TensorImpl Indices) Sort(TensorImpl x, long dim, bool descending) =>
        Best(x, dim, null, descending, "sort");

    /// <summary>The k largest or smallest in order and where they came from; ties go to the lower place.</summary>
    internal static (TensorImpl Values, TensorImpl Indices) TopK(TensorImpl x, long k, long dim, bool largest) =>
        x.Dtype == Dtypes.Bool
            ? throw new ArgumentException($"topk: defined for numbers, not for {x}")
            : Best(x, dim, k, largest, "topk");

    private static (TensorImpl Values, TensorImpl Indices) Best(TensorImpl x, long dim, long? count, bool descending, string operation)
    {
        var axis = Shape.Axis(dim, x.Rank, operation);
        var length = x.Rank == 0 ? 1 : x.Sizes[axis];
        var k = count ?? length;
        if (k < 0 || k > length || (x.Rank == 0 && k == 0))
            throw new ArgumentException($"{operation}: {k} of the {length} elements along dimension {axis} of {x}");
        if (length > int.MaxValue)
            throw new ArgumentException($"{operation}: more than {int.MaxValue} elements along dimension {axis} of {x}");
        if (axis < x.Rank - 1)
            return Moved(x, axis, k, descending);
        var flat = Copy.Contiguous(x);
        var values = TensorImpl.Empty(x.Rank == 0 ? Shape.Scalar : Shape.With(x.Sizes, axis, k), x.Dtype);
        var places = TensorImpl.Empty(values.Sizes, Dtypes.Long);
        if (values.Count > 0)
            Rows(flat, (int)length, (int)k, descending, values, places);
        flat.Release();
        if (Graph.Records(x))
            Scattering.RecordGather(values, x, axis, places);
        return (values, places);
    }

    /// <summary>The axis last, so that rows lie in one piece, and back.</summary>
    private static (TensorImpl Values, TensorImpl Indices) Moved(TensorImpl x, int axis, long k, bool descending)
    {
        TensorImpl indices;
        using (torch.no_grad())
        {
            var moved = Views.Transpose(x, axis, -1);
            var (values, places) = Best(moved, -1, k, descending, "sort");
            moved.Release();
            values.Release();
            var back = Views.Transpose(places, axis, -1);
            places.Release();
            indices = Copy.Contiguous(back);
            back.Release();
        }
        indices.ViewBase = null;
        return (Scattering.Gather(x, axis, indices), indices);
    }

    private static void Rows(TensorImpl x, int length, int k, bool descending, TensorImpl values, TensorImpl places)
    {
        var rows = x.Count / length;
        if (x.Dtype == Dtypes.Float)
        {
            RowSort.Forward(rows, length, k, descending, x.Floats, values.Floats, places.Longs);
            return;
        }
        var wide = Copy.As(Dtypes.Long, x);
        for (long row = 0; row < rows; row++)
            Longs(new ReadOnlySpan<long>(wide.Longs + (row * length), length), descending, new Span<long>(places.Longs + (row * k), k));
        wide.Release();
        for (long i = 0; i < values.Count; i++)
        {
            var from = (i / k * length) + places.Longs[i];
            if (x.Dtype == Dtypes.Long)
                values.Longs[i] = x.Longs[from];
            else
                values.Bools[i] = x.Bools[from];
        }
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
}
