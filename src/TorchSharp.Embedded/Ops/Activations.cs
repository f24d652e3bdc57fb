using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>gelu, softmax along any axis, and dropout.</summary>
internal static unsafe class Activations
{
    internal static TensorImpl Gelu(TensorImpl x, bool tanh)
    {
        if (Widened.Any(x))
            return Widened.Of(x, wide => Gelu(wide, tanh));
        RequireReals("gelu", x);
        var input = Copy.Contiguous(x);
        var y = TensorImpl.EmptyLike(input);
        Kernels.Gelu.Forward(input.Count, input.Floats, y.Floats, tanh);
        if (Graph.Records(x))
            Graph.Record(y, new GeluNode(input, tanh), x);
        input.Release();
        return y;
    }

    internal static TensorImpl Softmax(TensorImpl x, long dim, ScalarType? dtype, bool log)
    {
        var input = dtype is { } asked ? Casting.To(asked, x) : x.Share();
        RequireReals(log ? "log_softmax" : "softmax", input);
        var axis = Shape.Axis(dim, x.Rank, "softmax");
        var y = Along(input, axis, flat =>
        {
            var result = TensorImpl.EmptyLike(flat);
            var (rows, columns) = Rows(flat);
            Kernels.Softmax.Forward(rows, columns, flat.Floats, result.Floats, log);
            return result;
        });
        if (Graph.Records(input))
            Graph.Record(y, new SoftmaxNode(y, axis, log), input);
        input.Release();
        return y;
    }

    /// <summary>Each element dropped with probability p, the others divided by 1 - p; every call takes a stream of its own.</summary>
    internal static TensorImpl Dropout(TensorImpl x, double p, bool training)
    {
        if (!(p >= 0 && p <= 1))
            throw new ArgumentException($"dropout: probability has to be between 0 and 1, but got {p}");
        if (!training || p == 0)
            return x.Share();
        if (Widened.Any(x))
            return Widened.Of(x, wide => Dropout(wide, p, training));
        RequireReals("dropout", x);
        var key = torch.Generator.Default.NextDropout(p);
        var input = Copy.Contiguous(x);
        var y = TensorImpl.EmptyLike(input);
        Kernels.Dropout.Forward(input.Count, input.Floats, y.Floats, key);
        if (Graph.Records(x))
            Graph.Record(y, new DropoutNode(key), x);
        input.Release();
        return y;
    }

    private static void RequireReals(string operation, TensorImpl x)
    {
        if (x.Dtype != Dtypes.Float)
            throw new ArgumentException($"{operation}: defined for reals, not for {x}");
    }

    /// <summary>A function of contiguous rows along any axis: the axis is moved to the end and back.</summary>
    private static TensorImpl Along(TensorImpl x, int axis, Func<TensorImpl, TensorImpl> function)
    {
        if (x.Rank == 0 || axis == x.Rank - 1)
        {
            var rows = Copy.Contiguous(x);
            var result = function(rows);
            rows.Release();
            return result;
        }
        using var unrecorded = torch.no_grad();
        var moved = Views.Transpose(x, axis, -1);
        var flat = Copy.Contiguous(moved);
        var turned = function(flat);
        var back = Views.Transpose(turned, axis, -1);
        var y = Copy.Contiguous(back);
        y.ViewBase = null;
        foreach (var temporary in (ReadOnlySpan<TensorImpl>)[moved, flat, turned, back])
            temporary.Release();
        return y;
    }

    private static (long Rows, long Columns) Rows(TensorImpl x)
    {
        var columns = x.Rank == 0 ? 1 : x.Sizes[^1];
        return (columns == 0 ? 0 : x.Count / columns, columns);
    }

    private sealed class GeluNode(TensorImpl x, bool tanh) : Node
    {
        private Saved x = new(x);

        internal override void ReleaseSaved() => x.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var input = x.Get(this);
            var dy = Copy.OwnedContiguous(gradient);
            var dx = dy.MayOverwrite ? dy : TensorImpl.EmptyLike(dy);
            Kernels.Gelu.Backward(dy.Count, input.Floats, dy.Floats, dx.Floats, tanh);
            if (dx != dy)
                dy.Release();
            Give(0, dx);
        }
    }

    private sealed class SoftmaxNode(TensorImpl y, int axis, bool log) : Node
    {
        private Saved y = new(y);

        internal override void ReleaseSaved() => y.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var result = y.Get(this);
            var last = result.Rank == 0 || axis == result.Rank - 1;
            var p = last ? Copy.Contiguous(result) : LastAxis(result);
            var dy = last ? Copy.Contiguous(gradient) : LastAxis(gradient);
            gradient.Release();
            var dx = dy.MayOverwrite ? dy : TensorImpl.EmptyLike(dy);
            var (rows, columns) = Rows(p);
            Kernels.Softmax.Backward(rows, columns, p.Floats, dy.Floats, dx.Floats, log);
            if (dx != dy)
                dy.Release();
            p.Release();
            if (!last)
            {
                var back = Views.Transpose(dx, axis, -1);
                dx.Release();
                dx = back;
            }
            Give(0, dx);
        }

        private TensorImpl LastAxis(TensorImpl x)
        {
            var moved = Views.Transpose(x, axis, -1);
            var flat = Copy.Contiguous(moved);
            moved.Release();
            return flat;
        }
    }

    /// <summary>The same elements are dropped again.</summary>
    private sealed class DropoutNode(DropoutKey key) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            var dy = Copy.OwnedContiguous(gradient);
            var dx = dy.MayOverwrite ? dy : TensorImpl.EmptyLike(dy);
            Kernels.Dropout.Forward(dy.Count, dy.Floats, dx.Floats, key);
            if (dx != dy)
                dy.Release();
            Give(0, dx);
        }
    }
}
