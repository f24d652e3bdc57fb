namespace TorchSharp;

/// <summary>Element types, recorded: a float32 tensor that goes through another type loses its gradient.</summary>
internal static class Casting
{
    /// <summary>The tensor itself, one more reference, if it has the type; else a converted copy.</summary>
    internal static TensorImpl To(ScalarType dtype, TensorImpl x) =>
        Dtypes.Checked(dtype) == x.Dtype ? x.Share() : Copy.Converted(dtype, x);

    /// <summary>A copy, recorded.</summary>
    internal static TensorImpl Clone(TensorImpl x)
    {
        var y = Copy.Clone(x);
        if (Graph.Records(x))
            Graph.Record(y, new CopyNode(), x);
        return y;
    }

    /// <summary>The tensor itself, one more reference, if it is contiguous; else a copy, recorded.</summary>
    internal static TensorImpl Contiguous(TensorImpl x) => x.IsContiguous ? x.Share() : Clone(x);

    /// <summary>y = x.</summary>
    private sealed class CopyNode : Node
    {
        protected override void Backward(TensorImpl gradient) => Give(0, gradient);
    }
}
