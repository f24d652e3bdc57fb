using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// y = x W^T + b for float32 x [..., in], b [out] and W [out, in] in bfloat16 or int8. W is widened to float32 as it is read, sums and y
/// are float32: up to <see cref="Linear.MostRowsAlone"/> rows have the bits that the widened W would give them. Nothing is recorded.
/// </summary>
internal static unsafe class NarrowLinear
{
    internal static TensorImpl Forward(TensorImpl x, TensorImpl weight, TensorImpl? bias)
    {
        if (x.Dtype != Dtypes.Float)
            throw new ArgumentException($"linear: weights {weight} need an input of Float32, not {x}");
        Linear.CheckShapes(x, weight, bias);
        if (Graph.Records(x, weight, bias))
            throw new InvalidOperationException(
                $"linear: weights of {weight.Dtype} are for inference: no gradient passes them. Use torch.no_grad() or weights of Float32");
        var y = TensorImpl.Empty(Shape.With(x.Sizes, x.Rank - 1, weight.Sizes[0]), Dtypes.Float, "linear");
        var input = Linear.Rows(x, weight.Sizes[1]);
        var w = RowsLieTogether(weight) ? weight.Share() : Copy.Clone(weight);
        var b = bias is null ? null : Copy.Contiguous(bias);
        if (weight.Dtype == Dtypes.BFloat16)
            Product<BFloat16Element, ushort>(y, input, w, b);
        else
            Product<Int8Element, sbyte>(y, input, w, b);
        b?.Release();
        w.Release();
        input.Release();
        return y;
    }

    private static bool RowsLieTogether(TensorImpl weight) =>
        (weight.Strides[1] == 1 || weight.Sizes[1] == 1) && (weight.Strides[0] >= weight.Sizes[1] || weight.Sizes[0] == 1);

    private static void Product<E, T>(TensorImpl y, TensorImpl input, TensorImpl weight, TensorImpl? bias)
        where E : INarrow<T>
        where T : unmanaged
    {
        var (columns, inputs) = (weight.Sizes[0], weight.Sizes[1]);
        var rows = Linear.RowCount(y);
        var product = new NarrowProduct<T>
        {
            M = rows,
            N = columns,
            K = inputs,
            A = input.Floats,
            Lda = Math.Max(inputs, 1),
            B = (T*)weight.Bytes,
            Ldb = Math.Max(columns == 1 ? inputs : weight.Strides[0], 1),
            C = y.Floats,
            Ldc = Math.Max(columns, 1),
            Bias = bias is null ? null : bias.Floats,
        };
        GemmNarrow.Run<E, T>(product, rows <= Linear.MostRowsAlone);
    }
}
