using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Tensors of one value.</summary>
internal static unsafe class Fill
{
    /// <summary>A new tensor of zeros.</summary>
    internal static TensorImpl Zeros(long[] sizes, ScalarType dtype)
    {
        var y = TensorImpl.Empty(sizes, dtype, "zeros");
        Zero(y);
        return y;
    }

    /// <summary>A new tensor of one value, converted to the type.</summary>
    internal static TensorImpl Full(long[] sizes, ScalarType dtype, Scalar value)
    {
        var y = TensorImpl.Empty(sizes, dtype, "full");
        Into(y, value);
        return y;
    }

    /// <summary>Writes one value over all elements.</summary>
    internal static void Into(TensorImpl y, Scalar value)
    {
        if (y.IsContiguous && y.Dtype == Dtypes.Float)
        {
            Elementwise.Fill(y.Count, value.Float, y.Floats);
            return;
        }
        if (value.IsZero && y.IsContiguous)
        {
            Zero(y);
            return;
        }
        var one = OfScalar(value, y.Dtype);
        Copy.Into(y, one);
        one.Release();
    }

    /// <summary>A tensor without axes; in a whole one what stands behind the point is lost, as in libtorch.</summary>
    /// <exception cref="ArgumentException">The type is int64, which does not hold the value.</exception>
    internal static TensorImpl OfScalar(Scalar value, ScalarType dtype, string operation = "fill")
    {
        if (Dtypes.IsNarrow(dtype))
            return Narrowed(OfScalar(value, Dtypes.Float, operation), dtype);
        var one = TensorImpl.Empty(Shape.Scalar, dtype);
        if (dtype == Dtypes.Float)
            *one.Floats = value.Float;
        else if (dtype == Dtypes.Long)
            *one.Longs = Whole(value, operation);
        else
            *one.Bools = value.IsZero ? (byte)0 : (byte)1;
        return one;
    }

    private static long Whole(Scalar value, string operation) =>
        value.Kind != Dtypes.Float || Math.Abs(value.Double) < 9.2e18
            ? value.Long
            : throw new ArgumentException($"{operation}: value {value.Text} cannot be stored in {Dtypes.Long}");

    private static TensorImpl Narrowed(TensorImpl owned, ScalarType dtype)
    {
        var narrow = Copy.Converted(dtype, owned);
        owned.Release();
        return narrow;
    }

    private static void Zero(TensorImpl y)
    {
        var bytes = y.Count * Dtypes.Size(y.Dtype);
        var words = bytes / sizeof(float);
        Elementwise.Fill(words, 0, (float*)y.Bytes);
        for (var i = words * sizeof(float); i < bytes; i++)
            y.Bytes[i] = 0;
    }
}
