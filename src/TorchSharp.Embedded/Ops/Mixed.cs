using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Functions of two operands whose element types may differ: both are brought to the common type first. Float32 goes to
/// the vector kernels, int64 and bool to element functions. Nothing here is recorded.
/// </summary>
internal static class Mixed
{
    /// <summary>op(a, b), broadcast, in the common type.</summary>
    internal static TensorImpl Binary<TFloat, TLong, TBool>(string operation, TensorImpl a, TensorImpl b)
        where TFloat : struct, IBinaryOp
        where TLong : struct, IMap<long, long, long>
        where TBool : struct, IMap<bool, bool, bool>
    {
        if (a.Dtype == Dtypes.Float && b.Dtype == Dtypes.Float)
            return Pointwise.Binary<TFloat>(operation, a, b);
        var dtype = Dtypes.Promote(a.Dtype, b.Dtype);
        var (x, y) = (Copy.As(dtype, a), Copy.As(dtype, b));
        var result = dtype switch
        {
            Dtypes.Float => Pointwise.Binary<TFloat>(operation, x, y),
            Dtypes.Long => Map.Binary<long, long, long, TLong>(operation, x, y),
            _ => Map.Binary<bool, bool, bool, TBool>(operation, x, y),
        };
        x.Release();
        y.Release();
        return result;
    }

    /// <summary>op(a, b), broadcast, in float32 whatever the operands are.</summary>
    internal static TensorImpl BinaryFloat<TFloat>(string operation, TensorImpl a, TensorImpl b)
        where TFloat : struct, IBinaryOp
    {
        if (a.Dtype == Dtypes.Float && b.Dtype == Dtypes.Float)
            return Pointwise.Binary<TFloat>(operation, a, b);
        var (x, y) = (Copy.As(Dtypes.Float, a), Copy.As(Dtypes.Float, b));
        var result = Pointwise.Binary<TFloat>(operation, x, y);
        x.Release();
        y.Release();
        return result;
    }

    /// <summary>As <see cref="BinaryFloat"/>, in the memory of the float32 <paramref name="owned"/> where possible; gives it up.</summary>
    internal static TensorImpl Reuse<TFloat>(TensorImpl owned, TensorImpl b)
        where TFloat : struct, IBinaryOp
    {
        if (b.Dtype == Dtypes.Float)
            return Pointwise.Reuse<TFloat>(owned, b);
        var y = Copy.As(Dtypes.Float, b);
        var result = Pointwise.Reuse<TFloat>(owned, y);
        y.Release();
        return result;
    }

    /// <summary>op(a, s) in the common type.</summary>
    internal static TensorImpl Scalar<TFloat, TLong, TBool>(TensorImpl a, Scalar s)
        where TFloat : struct, IBinaryOp
        where TLong : struct, IMap<long, long, long>
        where TBool : struct, IMap<bool, bool, bool>
    {
        var dtype = Dtypes.Promote(a.Dtype, s.Kind);
        if (dtype == Dtypes.Float)
            return ScalarFloat<TFloat>(a, s);
        var one = Fill.OfScalar(s, dtype);
        var y = Binary<TFloat, TLong, TBool>("scalar", a, one);
        one.Release();
        return y;
    }

    /// <summary>op(a, s) in float32 whatever the operands are.</summary>
    internal static TensorImpl ScalarFloat<TFloat>(TensorImpl a, Scalar s)
        where TFloat : struct, IBinaryOp
    {
        if (a.Dtype == Dtypes.Float)
            return Pointwise.Scalar<TFloat>(a, s.Float);
        return Pointwise.Reuse<TFloat>(Copy.As(Dtypes.Float, a), s.Float);
    }
}
