namespace TorchSharp;

/// <summary>A tensor as several views of it along one axis, recorded as one operation.</summary>
internal static class Parts
{
    /// <summary>Pieces of one size; the last may be shorter.</summary>
    internal static TensorImpl[] Split(TensorImpl x, long size, long dim)
    {
        var total = Total(x, dim, "split", out var axis);
        if (size < 0 || (size == 0 && total != 0))
            throw new ArgumentException($"split: pieces of size {size} are impossible for {x}");
        var count = size == 0 ? 1 : Math.Max(1, (total + size - 1) / size);
        var lengths = new long[count];
        for (var i = 0; i < count; i++)
            lengths[i] = Math.Min(size, total - (i * size));
        return Cut(x, axis, lengths);
    }

    /// <summary>Pieces of the given sizes.</summary>
    internal static TensorImpl[] Split(TensorImpl x, ReadOnlySpan<long> lengths, long dim)
    {
        var left = Total(x, dim, "split", out var axis);
        foreach (var length in lengths)
            left = length < 0 || length > left ? long.MinValue : left - length;
        if (left != 0)
            throw new ArgumentException(
                $"split: sizes {Shape.Text(lengths)} must not be negative and sum to dimension {axis} of {x}");
        return Cut(x, axis, lengths.ToArray());
    }

    /// <summary>At most <paramref name="chunks"/> pieces of equal size, the last perhaps shorter; all of them where there is nothing.</summary>
    internal static TensorImpl[] Chunk(TensorImpl x, long chunks, long dim)
    {
        if (chunks <= 0)
            throw new ArgumentException($"chunk: {chunks} pieces are impossible");
        var total = Total(x, dim, "chunk", out _);
        if (total == 0)
            return Split(x, new long[chunks], dim);
        var most = Math.Min(chunks, total);
        return Split(x, (total + most - 1) / most, dim);
    }

    /// <summary>One piece an element, without the axis.</summary>
    internal static TensorImpl[] Unbind(TensorImpl x, long dim)
    {
        var lengths = new long[Total(x, dim, "unbind", out var axis)];
        Array.Fill(lengths, -1);
        return Cut(x, axis, lengths);
    }

    private static long Total(TensorImpl x, long dim, string operation, out int axis)
    {
        if (x.Rank == 0)
            throw new ArgumentException($"{operation}: a tensor without dimensions has no parts");
        axis = Shape.Axis(dim, x.Rank, operation);
        return x.Sizes[axis];
    }

    private static TensorImpl[] Cut(TensorImpl x, int axis, long[] lengths)
    {
        var regions = new Views.Region[lengths.Length];
        var start = 0L;
        for (var i = 0; i < lengths.Length; i++)
        {
            regions[i] = new Views.Region(axis, start, lengths[i], 1);
            start += Math.Abs(lengths[i]);
        }
        var node = Graph.Records(x) && lengths.Length > 0 ? new PartsNode(x.Sizes, regions) : null;
        node?.Connect(0, x);
        var parts = new TensorImpl[lengths.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            parts[i] = regions[i].Of(x);
            parts[i].ViewBase = x.ViewBase ?? x;
            parts[i].ViewBaseHistory = parts[i].ViewBase!.History;
            if (node is not null)
                Graph.RecordPart(parts[i], node, i);
        }
        return parts;
    }

    /// <summary>The gradients of all parts side by side; zeros where none arrived.</summary>
    private sealed class PartsNode(long[] sizes, Views.Region[] regions) : Node
    {
        private readonly TensorImpl?[] arrived = new TensorImpl?[regions.Length];

        internal override ref TensorImpl? ArrivedAt(int index) => ref arrived[index];

        internal override void Run()
        {
            if (Joined() is { } joined)
            {
                Forget();
                Give(0, joined);
                return;
            }
            var whole = TensorImpl.Empty(sizes, Dtypes.Float);
            for (var i = 0; i < arrived.Length; i++)
            {
                var part = regions[i].Of(whole);
                if (arrived[i] is { } gradient)
                    Copy.Into(part, gradient);
                else
                    Fill.Into(part, 0);
                part.Release();
            }
            Forget();
            Give(0, whole);
        }

        internal override void Forget()
        {
            for (var i = 0; i < arrived.Length; i++)
            {
                arrived[i]?.Release();
                arrived[i] = null;
            }
        }

        protected override void Backward(TensorImpl gradient) => gradient.Release();

        /// <summary>The whole gradient, if the parts that arrived lie side by side in one buffer already.</summary>
        private TensorImpl? Joined()
        {
            if (arrived[0] is not { } first)
                return null;
            var strides = Shape.RowMajor(sizes);
            for (var i = 0; i < arrived.Length; i++)
            {
                var start = first.Offset + (regions[i].Start * strides[regions[i].Axis]);
                if (arrived[i] is not { } part || part.Storage != first.Storage || part.Offset != start || regions[i].Length < 0
                    || !Shape.Same(part.Strides, strides))
                    return null;
            }
            return first.View(sizes, strides, first.Offset);
        }
    }
}
