using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// layer_norm over the last axes: mean 0, variance 1 (biased, plus eps), times weight, plus bias. The gradients of
/// weight and bias are added straight into gradients that exist.
/// </summary>
internal static unsafe class Normalization
{
    internal static TensorImpl LayerNorm(TensorImpl x, long[] normalized, TensorImpl? weight, TensorImpl? bias, double eps)
    {
        Check(x, normalized, weight, bias);
        var columns = Shape.Count(normalized, "layer_norm");
        var rows = columns == 0 ? 0 : x.Count / columns;
        var input = Copy.Contiguous(x);
        var w = weight is null ? null : Copy.Contiguous(weight);
        var b = bias is null ? null : Copy.Contiguous(bias);
        var y = TensorImpl.EmptyLike(input);
        // Mean and reciprocal deviation of each row, side by side.
        var statistics = TensorImpl.Empty([2, rows], Dtypes.Float);
        Kernels.LayerNorm.Forward(
            rows, columns, input.Floats, w is null ? null : w.Floats, b is null ? null : b.Floats, y.Floats,
            statistics.Floats, statistics.Floats + rows, (float)eps);
        if (Graph.Records(x, weight, bias))
            Graph.Record(y, new LayerNormNode(input, w, statistics, normalized, bias is not null), x, weight, bias);
        statistics.Release();
        input.Release();
        w?.Release();
        b?.Release();
        return y;
    }

    private static void Check(TensorImpl x, long[] normalized, TensorImpl? weight, TensorImpl? bias)
    {
        var fits = normalized.Length > 0 && normalized.Length <= x.Rank
            && x.Sizes.AsSpan(x.Rank - normalized.Length).SequenceEqual(normalized);
        if (!fits)
            throw new ArgumentException(
                $"layer_norm: the last sizes of {x} must be the normalized shape {Shape.Text(normalized)}");
        foreach (var parameter in (TensorImpl?[])[x, weight, bias])
        {
            if (parameter is not null && parameter.Dtype != Dtypes.Float)
                throw new ArgumentException($"layer_norm: defined for reals, not for {parameter}");
            if (parameter is not null && parameter != x && !Shape.Same(parameter.Sizes, normalized))
                throw new ArgumentException($"layer_norm: weight and bias must be {Shape.Text(normalized)}, not {parameter}");
        }
    }

    private sealed class LayerNormNode(
        TensorImpl x, TensorImpl? weight, TensorImpl statistics, long[] normalized, bool hasBias) : Node
    {
        private Saved x = new(x);
        private Saved weight = weight is null ? default : new Saved(weight);
        private Saved statistics = new(statistics);

        internal override void ReleaseSaved()
        {
            x.Release();
            weight.Release();
            statistics.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var input = x.Get(this);
            var w = weight.GetOrNull(this);
            var rows = statistics.Get(this).Sizes[1];
            var mean = statistics.Get(this).Floats;
            var columns = Shape.Product(normalized, 0, normalized.Length);
            var dy = Copy.OwnedContiguous(gradient);
            var dx = !Needs(0) ? null : dy.MayOverwrite ? dy : TensorImpl.EmptyLike(input);
            var dw = w is not null && Needs(1) ? Accumulator(1, normalized) : null;
            var db = hasBias && Needs(2) ? Accumulator(2, normalized) : null;
            var (dwFlat, dbFlat) = (Flat(dw, input, w), Flat(db, input, w));
            Kernels.LayerNorm.Backward(
                rows, columns, input.Floats, w is null ? null : w.Floats, mean, mean + rows, dy.Floats, dx is null ? null : dx.Floats,
                dwFlat is null ? null : dwFlat.Floats, dbFlat is null ? null : dbFlat.Floats);
            AddBack(dw, dwFlat);
            AddBack(db, dbFlat);
            if (dx != dy)
                dy.Release();
            if (dx is not null)
                Give(0, dx);
        }

        /// <summary>What the kernel may add to: the gradient itself, or zeros beside one that has gaps or that the kernel reads.</summary>
        private static TensorImpl? Flat(TensorImpl? gradient, TensorImpl input, TensorImpl? w) =>
            gradient is null ? null
            : gradient.IsContiguous && gradient.Storage != input.Storage && gradient.Storage != w?.Storage ? gradient.Share()
            : Fill.Zeros(gradient.Sizes, Dtypes.Float);

        private static void AddBack(TensorImpl? gradient, TensorImpl? flat)
        {
            if (gradient is not null && flat != gradient)
                Pointwise.AddInto(gradient, flat!);
            flat?.Release();
        }
    }
}
