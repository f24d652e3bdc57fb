namespace TorchSharp;

/// <summary>
/// The last two axes of a tensor as the matrix product wants them: rows one behind another, or columns (a transposed
/// view, which is not copied); anything else is copied. Batch axes keep their own strides.
/// </summary>
internal readonly unsafe ref struct MatrixView
{
    private MatrixView(TensorImpl tensor, bool transposed, long leading)
    {
        Tensor = tensor;
        Transposed = transposed;
        Leading = leading;
        Data = tensor.Floats;
    }

    /// <summary>Owned by the view.</summary>
    internal TensorImpl Tensor { get; }

    /// <summary>Whether the memory holds columns.</summary>
    internal bool Transposed { get; }

    /// <summary>The distance of stored rows.</summary>
    internal long Leading { get; }

    internal float* Data { get; }

    /// <summary>Of a float32 tensor of two axes or more.</summary>
    internal static MatrixView Of(TensorImpl tensor)
    {
        var (rows, columns) = (tensor.Sizes[^2], tensor.Sizes[^1]);
        var (down, across) = (tensor.Strides[^2], tensor.Strides[^1]);
        if ((across == 1 || columns == 1) && (rows == 1 || down >= columns))
            return new MatrixView(tensor.Share(), false, Math.Max(rows == 1 ? columns : down, 1));
        if ((down == 1 || rows == 1) && (columns == 1 || across >= rows))
            return new MatrixView(tensor.Share(), true, Math.Max(columns == 1 ? rows : across, 1));
        return new MatrixView(Copy.Clone(tensor), false, Math.Max(columns, 1));
    }

    internal void Release() => Tensor.Release();
}
