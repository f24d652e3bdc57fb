using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Matrix products of torch's kinds: vectors, matrices, and stacks of matrices whose leading axes broadcast.
/// dA = dY B^T and dB = A^T dY, summed over broadcast axes.
/// </summary>
internal static unsafe class MatMul
{
    internal static TensorImpl Product(TensorImpl a, TensorImpl b)
    {
        RequireReals("matmul", a, b);
        if (a.Rank == 0 || b.Rank == 0)
            throw new ArgumentException($"matmul: both tensors need dimensions: {a} and {b}");
        if (a.Sizes[^1] != b.Sizes[b.Rank == 1 ? 0 : ^2])
            throw new ArgumentException($"matmul: shapes {Shape.Text(a.Sizes)} and {Shape.Text(b.Sizes)} cannot be multiplied");
        if (a.Rank >= 2 && b.Rank >= 2)
            return a.Rank > 2 && b.Rank == 2 ? Folded(a, b) : Stacked(a, b);
        // A vector on the left is one row, on the right one column; the axis goes away again.
        var left = a.Rank == 1 ? Views.Unsqueeze(a, 0) : a.Share();
        var right = b.Rank == 1 ? Views.Unsqueeze(b, 1) : b.Share();
        var y = Product(left, right);
        left.Release();
        right.Release();
        if (b.Rank == 1)
            y = WithoutAxis(y, -1);
        return a.Rank == 1 ? WithoutAxis(y, b.Rank == 1 ? -1 : -2) : y;
    }

    internal static TensorImpl Matrices(TensorImpl a, TensorImpl b) => a.Rank == 2 && b.Rank == 2
        ? Product(a, b)
        : throw new ArgumentException($"mm: expected two matrices, got {a} and {b}");

    internal static TensorImpl Batches(TensorImpl a, TensorImpl b) => a.Rank == 3 && b.Rank == 3 && a.Sizes[0] == b.Sizes[0]
        ? Product(a, b)
        : throw new ArgumentException($"bmm: expected two equally long stacks of matrices, got {a} and {b}");

    internal static TensorImpl Dot(TensorImpl a, TensorImpl b) => a.Rank == 1 && b.Rank == 1
        ? Product(a, b)
        : throw new ArgumentException($"dot: expected two vectors, got {a} and {b}");

    internal static TensorImpl Outer(TensorImpl a, TensorImpl b)
    {
        if (a.Rank != 1 || b.Rank != 1)
            throw new ArgumentException($"outer: expected two vectors, got {a} and {b}");
        var column = Views.Unsqueeze(a, 1);
        var y = Arithmetic.Mul(column, b);
        column.Release();
        return y;
    }

    internal static void RequireReals(string operation, TensorImpl a, TensorImpl b)
    {
        if (a.Dtype != Dtypes.Float || b.Dtype != Dtypes.Float)
            throw new ArgumentException($"{operation}: defined for reals, not for {a} and {b}");
    }

    /// <summary>C = op(A) op(B), unrecorded, of one or many matrices; broadcast along leading axes.</summary>
    internal static TensorImpl Raw(TensorImpl a, TensorImpl b)
    {
        var batch = Shape.Broadcast(a.Sizes[..^2], b.Sizes[..^2], "matmul");
        var y = TensorImpl.Empty([.. batch, a.Sizes[^2], b.Sizes[^1]], Dtypes.Float, "matmul");
        Into(y, a, b, accumulate: false);
        return y;
    }

    /// <summary>y = A B, or y += A B, for a contiguous y of the broadcast shape.</summary>
    internal static void Into(TensorImpl y, TensorImpl a, TensorImpl b, bool accumulate)
    {
        var left = MatrixView.Of(a);
        var right = MatrixView.Of(b);
        var (m, n, k) = (y.Sizes[^2], y.Sizes[^1], a.Sizes[^1]);
        // The leading axes, merged where both operands allow it; the last of them is the kernel's batch.
        var stack = y.View(y.Sizes[..^2], y.Strides[..^2], y.Offset);
        var leftStack = Leading(left.Tensor);
        var rightStack = Leading(right.Tensor);
        StridedLoop.Plan(out var loop, stack.Sizes, stack, leftStack, rightStack);
        var index = stackalloc long[Shape.MaxDimensions];
        var offset = stackalloc long[StridedLoop.MaxOperands];
        var rows = loop.Total == 0 ? 0 : loop.Total / loop.Inner;
        loop.Seek(0, index, offset);
        for (long row = 0; row < rows; row++)
        {
            Gemm.Batched(
                left.Transposed, right.Transposed, loop.Inner, m, n, k,
                left.Data + offset[1], loop.InnerStrides[1], left.Leading,
                right.Data + offset[2], loop.InnerStrides[2], right.Leading,
                y.Floats + offset[0], loop.InnerStrides[0], Math.Max(n, 1), accumulate);
            loop.Next(index, offset);
        }
        stack.Release();
        leftStack.Release();
        rightStack.Release();
        left.Release();
        right.Release();
    }

    private static TensorImpl Leading(TensorImpl x) => x.View(x.Sizes[..^2], x.Strides[..^2], x.Offset);

    /// <summary>[..., K] by [K, N]: one product of many rows.</summary>
    private static TensorImpl Folded(TensorImpl a, TensorImpl b)
    {
        var rows = Views.Reshape(a, [Shape.Product(a.Sizes, 0, a.Rank - 1), a.Sizes[^1]], true, "matmul");
        var product = Stacked(rows, b);
        rows.Release();
        var y = Views.Reshape(product, [.. a.Sizes[..^1], b.Sizes[^1]], false, "matmul");
        product.Release();
        y.ViewBase = null;
        return y;
    }

    private static TensorImpl Stacked(TensorImpl a, TensorImpl b)
    {
        var y = Raw(a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new ProductNode(a, b), a, b);
        return y;
    }

    private static TensorImpl WithoutAxis(TensorImpl owned, int axis)
    {
        var view = Views.Squeeze(owned, axis);
        owned.Release();
        view.ViewBase = null;
        return view;
    }

    private sealed class ProductNode : Node
    {
        private readonly long[] aSizes;
        private readonly long[] bSizes;
        private Saved a;
        private Saved b;

        internal ProductNode(TensorImpl a, TensorImpl b)
        {
            (aSizes, bSizes) = (a.Sizes, b.Sizes);
            if (b.RequiresGrad)
                this.a = new Saved(a);
            if (a.RequiresGrad)
                this.b = new Saved(b);
        }

        internal override void ReleaseSaved()
        {
            a.Release();
            b.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var left = a.GetOrNull(this);
            var right = b.GetOrNull(this);
            if (Needs(0))
                Deliver(0, gradient, Turned(right!), aSizes);
            if (Needs(1))
                Deliver(1, Turned(left!), gradient, bSizes);
            gradient.Release();
        }

        private void Deliver(int input, TensorImpl x, TensorImpl y, long[] sizes)
        {
            if (sizes.Length == 2 && x.Rank == 2 && y.Rank == 2 && Existing(input, x, y) is { } existing)
                Into(existing, x, y, accumulate: true);
            else
                Give(input, Sums.To(Raw(x, y), sizes));
            (input == 0 ? y : x).Release();
        }

        private static TensorImpl Turned(TensorImpl x)
        {
            var (sizes, strides) = ((long[])x.Sizes.Clone(), (long[])x.Strides.Clone());
            (sizes[^1], sizes[^2], strides[^1], strides[^2]) = (sizes[^2], sizes[^1], strides[^2], strides[^1]);
            return x.View(sizes, strides, x.Offset);
        }
    }
}
