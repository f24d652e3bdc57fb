using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// y = x W^T + b for x [..., in], W [out, in], b [out]: one product over all rows. dx = dy W, dW = dy^T x, db = the sum
/// of dy's rows; the last two are added straight into gradients that exist.
/// </summary>
/// <remarks>
/// Where nothing is recorded, a row of y has the same bits in any company of up to <see cref="MostRowsAlone"/> rows: a batch
/// gives what its texts give alone. More rows than that are a text that is read at once, for which the tiled product is faster.
/// </remarks>
internal static unsafe class Linear
{
    internal const long MostRowsAlone = 128;

    internal static TensorImpl Forward(TensorImpl x, TensorImpl weight, TensorImpl? bias)
    {
        if (x.Dtype == Dtypes.BFloat16)
            return Widened.Of("linear", x, weight, bias, Forward);
        if (Dtypes.IsNarrow(weight.Dtype))
            return NarrowLinear.Forward(x, weight, bias);
        Check(x, weight, bias);
        var (columns, inputs) = (weight.Sizes[0], weight.Sizes[1]);
        var input = Rows(x, inputs);
        var y = TensorImpl.Empty(Shape.With(x.Sizes, x.Rank - 1, columns), Dtypes.Float, "linear");
        var recorded = Graph.Records(x, weight, bias);
        var w = MatrixView.Of(weight);
        var b = bias is null ? null : Copy.Contiguous(bias);
        Gemm.Run(
            false, !w.Transposed, RowCount(x), columns, inputs, input.Floats, Math.Max(inputs, 1), w.Data, w.Leading,
            y.Floats, Math.Max(columns, 1), accumulate: false, b is null ? null : b.Floats, rowsAlone: !recorded && RowCount(x) <= MostRowsAlone);
        if (recorded)
            Graph.Record(y, new LinearNode(x.Sizes, input, weight, bias is not null), x, weight, bias);
        w.Release();
        b?.Release();
        input.Release();
        return y;
    }

    private static void Check(TensorImpl x, TensorImpl weight, TensorImpl? bias)
    {
        MatMul.RequireReals("linear", x, weight);
        CheckShapes(x, weight, bias);
    }

    internal static void CheckShapes(TensorImpl x, TensorImpl weight, TensorImpl? bias)
    {
        if (weight.Rank != 2 || x.Rank == 0 || x.Sizes[^1] != weight.Sizes[1])
            throw new ArgumentException($"linear: input {x} does not fit weights {weight}: expected [..., in] and [out, in]");
        if (bias is null)
            return;
        MatMul.RequireReals("linear", x, bias);
        if (bias.Rank != 1 || bias.Sizes[0] != weight.Sizes[0])
            throw new ArgumentException($"linear: bias {bias} does not fit weights {weight}: expected [out] and [out, in]");
    }

    internal static long RowCount(TensorImpl x) => Shape.Product(x.Sizes, 0, x.Rank - 1);

    internal static TensorImpl Rows(TensorImpl x, long columns)
    {
        if (x is { Rank: 2, IsContiguous: true })
            return x.Share();
        var flat = Copy.Contiguous(x);
        var rows = flat.View([RowCount(x), columns], [Math.Max(columns, 1), 1], flat.Offset);
        flat.Release();
        return rows;
    }

    private sealed class LinearNode(long[] sizes, TensorImpl rows, TensorImpl weight, bool hasBias) : Node
    {
        private Saved rows = weight.RequiresGrad ? new Saved(rows) : default;
        private Saved weight = new(weight);

        internal override void ReleaseSaved()
        {
            rows.Release();
            weight.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var w = weight.Get(this);
            var (columns, inputs) = (w.Sizes[0], w.Sizes[1]);
            var dy = Rows(gradient, columns);
            gradient.Release();
            if (Needs(1))
                Weight(dy, rows.Get(this), columns, inputs);
            if (hasBias && Needs(2))
                Bias(dy, columns);
            if (Needs(0))
            {
                var dx = TensorImpl.Empty(sizes, Dtypes.Float);
                var view = MatrixView.Of(w);
                Gemm.Run(
                    false, view.Transposed, dy.Sizes[0], inputs, columns, dy.Floats, Math.Max(columns, 1), view.Data, view.Leading,
                    dx.Floats, Math.Max(inputs, 1), accumulate: false);
                view.Release();
                Give(0, dx);
            }
            dy.Release();
        }

        private void Weight(TensorImpl dy, TensorImpl x, long columns, long inputs)
        {
            var existing = Existing(1, dy, x);
            var dw = existing ?? TensorImpl.Empty([columns, inputs], Dtypes.Float);
            Gemm.Run(
                true, false, columns, inputs, dy.Sizes[0], dy.Floats, Math.Max(columns, 1), x.Floats, Math.Max(inputs, 1),
                dw.Floats, Math.Max(inputs, 1), accumulate: existing is not null);
            if (existing is null)
                Give(1, dw);
        }

        private void Bias(TensorImpl dy, long columns)
        {
            var existing = Existing(2, dy);
            var db = existing ?? TensorImpl.Empty([columns], Dtypes.Float);
            Reduce.SumCols(dy.Sizes[0], columns, dy.Floats, db.Floats, accumulate: existing is not null);
            if (existing is null)
                Give(2, db);
        }
    }
}
