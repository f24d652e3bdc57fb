namespace TorchSharp;

/// <summary>Several tensors as one: cat along an axis, stack along a new one.</summary>
internal static class Joining
{
    /// <summary>Side by side along an axis. Types mix; empty tensors of one axis are left out, as in torch.</summary>
    internal static TensorImpl Cat(ReadOnlySpan<TensorImpl> all, long dim)
    {
        if (all.Length == 0)
            throw new ArgumentException("cat: expected at least one tensor");
        var tensors = all.ToArray();
        if (tensors.Any(t => !IsNothing(t)))
            tensors = [.. tensors.Where(t => !IsNothing(t))];
        var first = tensors[0];
        if (first.Rank == 0)
            throw new ArgumentException("cat: tensors without dimensions cannot be joined; use stack");
        var axis = Shape.Axis(dim, first.Rank, "cat");
        var (total, dtype) = (0L, first.Dtype);
        foreach (var tensor in tensors)
        {
            if (tensor.Rank != first.Rank || !Shape.Same(Shape.With(tensor.Sizes, axis, 0), Shape.With(first.Sizes, axis, 0)))
                throw new ArgumentException(
                    $"cat: sizes must match except in dimension {axis}: {string.Join(", ", tensors.Select(t => Shape.Text(t.Sizes)))}");
            total += tensor.Sizes[axis];
            dtype = Dtypes.Promote(dtype, tensor.Dtype);
        }
        var y = TensorImpl.Empty(Shape.With(first.Sizes, axis, total), dtype, "cat");
        var regions = new Views.Region[tensors.Length];
        var start = 0L;
        for (var i = 0; i < tensors.Length; i++)
        {
            regions[i] = new Views.Region(axis, start, tensors[i].Sizes[axis], 1);
            start += tensors[i].Sizes[axis];
            Write(regions[i], y, tensors[i]);
        }
        Record(y, tensors, regions);
        return y;
    }

    /// <summary>Tensors of one shape one behind another along a new axis.</summary>
    internal static TensorImpl Stack(ReadOnlySpan<TensorImpl> all, long dim)
    {
        if (all.Length == 0)
            throw new ArgumentException("stack: expected at least one tensor");
        var tensors = all.ToArray();
        var first = tensors[0];
        var axis = Shape.Axis(dim, first.Rank + 1, "stack");
        if (tensors.Any(t => !Shape.Same(t.Sizes, first.Sizes)))
            throw new ArgumentException(
                $"stack: expected equal sizes, got {string.Join(", ", tensors.Select(t => Shape.Text(t.Sizes)))}");
        var dtype = tensors.Aggregate(first.Dtype, (d, t) => Dtypes.Promote(d, t.Dtype));
        var y = TensorImpl.Empty(Shape.Insert(first.Sizes, axis, tensors.Length), dtype, "stack");
        var regions = new Views.Region[tensors.Length];
        for (var i = 0; i < tensors.Length; i++)
        {
            regions[i] = new Views.Region(axis, i, -1, 1);
            Write(regions[i], y, tensors[i]);
        }
        Record(y, tensors, regions);
        return y;
    }

    private static bool IsNothing(TensorImpl tensor) => tensor.Rank == 1 && tensor.Count == 0;

    private static void Write(Views.Region region, TensorImpl whole, TensorImpl tensor)
    {
        var part = region.Of(whole);
        Copy.Into(part, tensor);
        part.Release();
    }

    private static void Record(TensorImpl y, TensorImpl[] tensors, Views.Region[] regions)
    {
        if (Array.Exists(tensors, t => Graph.Records(t)))
            Graph.Record(y, new JoinNode(regions), tensors);
    }

    /// <summary>Each tensor gets its part of the gradient, as a view.</summary>
    private sealed class JoinNode(Views.Region[] regions) : Node(regions.Length)
    {
        protected override void Backward(TensorImpl gradient)
        {
            for (var i = 0; i < regions.Length; i++)
            {
                if (Needs(i))
                    Give(i, regions[i].Of(gradient));
            }
            gradient.Release();
        }
    }
}
