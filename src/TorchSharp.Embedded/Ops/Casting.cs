namespace TorchSharp;

/// <summary>
/// Element types, recorded: gradients pass between float32 and bfloat16, and end at every other type. They themselves are
/// float32 always, the gradient of a bfloat16 tensor too: libtorch rounds it to bfloat16.
/// </summary>
internal static class Casting
{
    /// <summary>The tensor itself, one more reference, if it has the type; else a converted copy, recorded.</summary>
    internal static TensorImpl To(ScalarType dtype, TensorImpl x)
    {
        if (Dtypes.Checked(dtype) == x.Dtype)
            return x.Share();
        var y = Copy.Converted(dtype, x);
        if (Dtypes.HasGradient(dtype) && Graph.Records(x))
            Graph.Record(y, new CopyNode(), x);
        return y;
    }

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
