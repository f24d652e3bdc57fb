namespace TorchSharp;

/// <summary>
/// Operations that move no element: each returns another look at the same storage. The gradient of a view is the
/// gradient seen the other way round; parts of a tensor add theirs into the whole's.
/// </summary>
internal static class Views
{
    /// <summary>
    /// The same elements in another shape; one size may be -1. With <paramref name="mayCopy"/> elements that no strides
    /// can describe are copied, else that is an error.
    /// </summary>
    internal static TensorImpl Reshape(TensorImpl x, ReadOnlySpan<long> asked, bool mayCopy, string operation)
    {
        var sizes = Inferred(x, asked, operation);
        if (StridesFor(x, sizes) is { } strides)
            return Recorded(x.View(sizes, strides, x.Offset), x, Graph.Records(x) ? new ReshapeNode(x.Sizes) : null);
        if (!mayCopy)
            throw new ArgumentException(
                $"view: strides {Shape.Text(x.Strides)} of {x} cannot be seen as {Shape.Text(sizes)}; use reshape");
        var copy = Casting.Contiguous(x);
        var y = Reshape(copy, sizes, false, operation);
        copy.Release();
        return y;
    }

    internal static TensorImpl Transpose(TensorImpl x, long dim0, long dim1)
    {
        var (a, b) = (Shape.Axis(dim0, x.Rank, "transpose"), Shape.Axis(dim1, x.Rank, "transpose"));
        var order = new long[x.Rank];
        for (var i = 0; i < order.Length; i++)
            order[i] = i == a ? b : i == b ? a : i;
        return Permute(x, order);
    }

    /// <summary>The transposed matrix; vectors and numbers stay as they are.</summary>
    internal static TensorImpl Transposed(TensorImpl x) => x.Rank switch
    {
        < 2 => x.Share(),
        2 => Transpose(x, 0, 1),
        _ => throw new ArgumentException($"t: expected at most two dimensions, got {x}"),
    };

    internal static TensorImpl Permute(TensorImpl x, ReadOnlySpan<long> order)
    {
        if (order.Length != x.Rank)
            throw new ArgumentException($"permute: {order.Length} dimensions were given for {x}");
        var (sizes, strides, inverse) = (new long[x.Rank], new long[x.Rank], new long[x.Rank]);
        Array.Fill(inverse, -1);
        for (var i = 0; i < order.Length; i++)
        {
            var axis = Shape.Axis(order[i], x.Rank, "permute");
            if (inverse[axis] >= 0)
                throw new ArgumentException($"permute: dimension {axis} appears twice");
            (sizes[i], strides[i], inverse[axis]) = (x.Sizes[axis], x.Strides[axis], i);
        }
        return Recorded(x.View(sizes, strides, x.Offset), x, Graph.Records(x) ? new PermuteNode(inverse) : null);
    }

    internal static TensorImpl Unsqueeze(TensorImpl x, long dim)
    {
        var axis = Shape.Axis(dim, x.Rank + 1, "unsqueeze");
        var stride = axis < x.Rank ? x.Sizes[axis] * x.Strides[axis] : 1;
        var view = x.View(Shape.Insert(x.Sizes, axis, 1), Shape.Insert(x.Strides, axis, stride), x.Offset);
        return Recorded(view, x, Graph.Records(x) ? new ReshapeNode(x.Sizes) : null);
    }

    /// <summary>Without the axis if its size is 1; without all axes of size 1 if none is named.</summary>
    internal static TensorImpl Squeeze(TensorImpl x, long? dim)
    {
        var only = dim is { } named ? Shape.Axis(named, x.Rank, "squeeze") : -1;
        var (sizes, strides) = (new List<long>(), new List<long>());
        for (var i = 0; i < x.Rank; i++)
        {
            if (x.Sizes[i] == 1 && (only < 0 || only == i))
                continue;
            sizes.Add(x.Sizes[i]);
            strides.Add(x.Strides[i]);
        }
        return Recorded(x.View([.. sizes], [.. strides], x.Offset), x, Graph.Records(x) ? new ReshapeNode(x.Sizes) : null);
    }

    /// <summary>Axes of size 1, and new leading axes, repeated without being copied; -1 keeps a size.</summary>
    internal static TensorImpl Expand(TensorImpl x, ReadOnlySpan<long> asked)
    {
        var added = asked.Length - x.Rank;
        var sizes = asked.ToArray();
        var strides = new long[sizes.Length];
        for (var i = 0; i < sizes.Length; i++)
        {
            var own = i - added;
            if (own >= 0 && (sizes[i] == -1 || sizes[i] == x.Sizes[own]))
                (sizes[i], strides[i]) = (x.Sizes[own], x.Strides[own]);
            else if (added < 0 || sizes[i] < 0 || (own >= 0 && x.Sizes[own] != 1))
                throw new ArgumentException($"expand: {x} does not expand to {Shape.Text(asked)}");
        }
        if (added < 0)
            throw new ArgumentException($"expand: {x} does not expand to {Shape.Text(asked)}");
        Shape.Count(sizes, "expand");
        return Recorded(x.View(sizes, strides, x.Offset), x, Graph.Records(x) ? new ExpandNode(x.Sizes) : null);
    }

    /// <summary>Elements [start, start + length) along an axis; a negative start counts from the end.</summary>
    internal static TensorImpl Narrow(TensorImpl x, long dim, long start, long length)
    {
        if (x.Rank == 0)
            throw new ArgumentException("narrow: a tensor without dimensions has no part");
        var axis = Shape.Axis(dim, x.Rank, "narrow");
        var size = x.Sizes[axis];
        var first = start < 0 ? start + size : start;
        if (first < 0 || first > size || length < 0 || length > size - first)
            throw new ArgumentException(
                $"narrow: start {start} and length {length} are outside dimension {axis} of {x}");
        return Part(x, new Region(axis, first, length, 1));
    }

    /// <summary>Element <paramref name="index"/> along an axis, which goes away; a negative index counts from the end.</summary>
    internal static TensorImpl Select(TensorImpl x, long dim, long index)
    {
        if (x.Rank == 0)
            throw new ArgumentException("select: a tensor without dimensions has no elements to select");
        var axis = Shape.Axis(dim, x.Rank, "select");
        var size = x.Sizes[axis];
        if (index < -size || index >= size)
            throw new ArgumentException($"select: index {index} is out of range for dimension {axis} of {x}");
        return Part(x, new Region(axis, index < 0 ? index + size : index, -1, 1));
    }

    /// <summary>Elements start, start + step ... before finish; out of range ends are cut, negative ones count from the end.</summary>
    internal static TensorImpl Slice(TensorImpl x, long dim, long start, long finish, long step)
    {
        if (x.Rank == 0)
            throw new ArgumentException("slice: a tensor without dimensions has no part");
        if (step <= 0)
            throw new ArgumentException($"slice: step is {step}, but it should always be positive");
        var axis = Shape.Axis(dim, x.Rank, "slice");
        var size = x.Sizes[axis];
        var first = Math.Clamp(start < 0 ? start + size : start, 0, size);
        var last = Math.Clamp(finish < 0 ? finish + size : finish, first, size);
        return Part(x, new Region(axis, first, last == first ? 0 : ((last - first - 1) / step) + 1, step));
    }

    /// <summary>The axes from one to another as one.</summary>
    internal static TensorImpl Flatten(TensorImpl x, long startDim, long endDim)
    {
        if (x.Rank == 0)
            return Reshape(x, [1], true, "flatten");
        var (first, last) = (Shape.Axis(startDim, x.Rank, "flatten"), Shape.Axis(endDim, x.Rank, "flatten"));
        if (first > last)
            throw new ArgumentException($"flatten: start_dim {startDim} is behind end_dim {endDim} for {x}");
        return Reshape(
            x, [.. x.Sizes[..first], Shape.Product(x.Sizes, first, last + 1), .. x.Sizes[(last + 1)..]], true, "flatten");
    }

    /// <summary>A tensor that shares the elements and is not recorded.</summary>
    internal static TensorImpl Detach(TensorImpl x) => x.Alias();

    /// <summary>Makes a view known as one: to the graph, and to operations in place on it.</summary>
    private static TensorImpl Recorded(TensorImpl view, TensorImpl x, Node? node)
    {
        view.ViewBase = x.ViewBase ?? x;
        view.ViewBaseHistory = view.ViewBase.History;
        if (node is not null)
            Graph.Record(view, node, x);
        return view;
    }

    /// <summary>Row-major strides over the same elements in another shape; null where the strides of x do not allow it.</summary>
    internal static long[]? StridesFor(TensorImpl x, long[] sizes)
    {
        if (x.IsContiguous)
            return Shape.RowMajor(sizes);
        // Walk both shapes from the last axis: a run of axes that lie behind one another can be cut anew.
        var strides = new long[sizes.Length];
        var target = sizes.Length - 1;
        var (runSize, cutSize) = (1L, 1L);
        var runStride = x.Strides[^1];
        for (var axis = x.Rank - 1; axis >= 0; axis--)
        {
            runSize *= x.Sizes[axis];
            if (axis > 0 && (x.Sizes[axis - 1] == 1 || x.Strides[axis - 1] == runSize * runStride))
                continue;
            while (target >= 0 && (cutSize < runSize || sizes[target] == 1))
            {
                strides[target] = cutSize * runStride;
                cutSize *= sizes[target--];
            }
            if (cutSize != runSize)
                return null;
            if (axis > 0)
                (runStride, runSize, cutSize) = (x.Strides[axis - 1], 1, 1);
        }
        return target < 0 ? strides : null;
    }

    private static TensorImpl Part(TensorImpl x, Region region) =>
        Recorded(region.Of(x), x, Graph.Records(x) ? new PartNode(x.Sizes, region) : null);

    private static long[] Inferred(TensorImpl x, ReadOnlySpan<long> asked, string operation)
    {
        var sizes = asked.ToArray();
        var open = Array.IndexOf(sizes, -1);
        if (open >= 0)
            sizes[open] = 1;
        var rest = Array.IndexOf(sizes, -1) >= 0 ? -1 : Shape.Count(sizes, operation);
        if (open >= 0 && rest > 0 && x.Count % rest == 0)
            sizes[open] = x.Count / rest;
        else if (open >= 0 || rest != x.Count)
            throw new ArgumentException(
                $"{operation}: shape {Shape.Text(asked)} is invalid for input of size {x.Count}: {x}");
        return sizes;
    }

    /// <summary>Every <paramref name="Step"/>th of elements along an axis; length -1: one element, without the axis.</summary>
    internal readonly record struct Region(int Axis, long Start, long Length, long Step)
    {
        internal TensorImpl Of(TensorImpl x)
        {
            var offset = x.Offset + (Start * x.Strides[Axis]);
            return Length < 0
                ? x.View(Shape.Without(x.Sizes, Axis), Shape.Without(x.Strides, Axis), offset)
                : x.View(Shape.With(x.Sizes, Axis, Length), Shape.With(x.Strides, Axis, x.Strides[Axis] * Step), offset);
        }
    }

    private sealed class ReshapeNode(long[] sizes) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            Give(0, Reshape(gradient, sizes, true, "backward"));
            gradient.Release();
        }
    }

    private sealed class PermuteNode(long[] inverse) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            Give(0, Permute(gradient, inverse));
            gradient.Release();
        }
    }

    private sealed class ExpandNode(long[] sizes) : Node
    {
        protected override void Backward(TensorImpl gradient) => Give(0, Sums.To(gradient, sizes));
    }

    private sealed class PartNode(long[] sizes, Region region) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            var part = region.Of(Accumulator(0, sizes));
            Pointwise.AddInto(part, gradient);
            part.Release();
            gradient.Release();
        }
    }
}
