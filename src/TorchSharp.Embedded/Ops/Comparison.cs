using System.Numerics;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Comparisons and logic: results are bool, nothing is differentiable. NaN differs from everything.</summary>
internal static unsafe class Comparison
{
    internal static TensorImpl Eq(TensorImpl a, TensorImpl b) => Compare<EqualOp, Equal>("eq", a, b);

    internal static TensorImpl Ne(TensorImpl a, TensorImpl b) => Compare<NotEqualOp, NotEqual>("ne", a, b);

    internal static TensorImpl Lt(TensorImpl a, TensorImpl b) => Compare<LessOp, Less>("lt", a, b);

    internal static TensorImpl Le(TensorImpl a, TensorImpl b) => Compare<LessOrEqualOp, LessOrEqual>("le", a, b);

    internal static TensorImpl Gt(TensorImpl a, TensorImpl b) => Lt(b, a);

    internal static TensorImpl Ge(TensorImpl a, TensorImpl b) => Le(b, a);

    /// <summary>A comparison with a number; the function is one of the above.</summary>
    internal static TensorImpl With(Func<TensorImpl, TensorImpl, TensorImpl> compare, TensorImpl a, Scalar s)
    {
        var one = Fill.OfScalar(s, Dtypes.Promote(a.Dtype, s.Kind));
        var y = compare(a, one);
        one.Release();
        return y;
    }

    internal static TensorImpl LogicalAnd(TensorImpl a, TensorImpl b) => Logic<Arithmetic.And>("logical_and", a, b);

    internal static TensorImpl LogicalOr(TensorImpl a, TensorImpl b) => Logic<Arithmetic.Or>("logical_or", a, b);

    internal static TensorImpl LogicalXor(TensorImpl a, TensorImpl b) => Logic<Xor>("logical_xor", a, b);

    internal static TensorImpl LogicalNot(TensorImpl a)
    {
        var x = Copy.As(Dtypes.Bool, a);
        var y = Map.Unary<bool, bool, Not>(x);
        x.Release();
        return y;
    }

    internal static TensorImpl BitwiseAnd(TensorImpl a, TensorImpl b) => Bits<AndBits, Arithmetic.And>("bitwise_and", a, b);

    internal static TensorImpl BitwiseOr(TensorImpl a, TensorImpl b) => Bits<OrBits, Arithmetic.Or>("bitwise_or", a, b);

    internal static TensorImpl BitwiseXor(TensorImpl a, TensorImpl b) => Bits<XorBits, Xor>("bitwise_xor", a, b);

    internal static TensorImpl BitwiseNot(TensorImpl a) => a.Dtype switch
    {
        Dtypes.Bool => Map.Unary<bool, bool, Not>(a),
        Dtypes.Long => Map.Unary<long, long, NotBits>(a),
        _ => throw new ArgumentException($"bitwise_not: defined for whole numbers and truth values, not for {a}"),
    };

    internal static TensorImpl IsNan(TensorImpl x) => Test<Nan>(x, false);

    internal static TensorImpl IsInf(TensorImpl x) => Test<Infinite>(x, false);

    internal static TensorImpl IsFinite(TensorImpl x) => Test<Finite>(x, true);

    /// <summary>Whether two tensors of one shape and type have the same elements.</summary>
    internal static bool AllEqual(TensorImpl a, TensorImpl b)
    {
        var (x, y) = (Copy.Computable(a), Copy.Computable(b));
        var equal = Eq(x, y);
        x.Release();
        y.Release();
        var all = true;
        for (long i = 0; i < equal.Count && all; i++)
            all = equal.Bools[i] != 0;
        equal.Release();
        return all;
    }

    /// <summary>Whether the shapes are equal and |a - b| &lt;= atol + rtol |b| everywhere.</summary>
    internal static bool AllClose(TensorImpl a, TensorImpl b, double rtol, double atol, bool equalNan)
    {
        if (!Shape.Same(a.Sizes, b.Sizes))
            throw new ArgumentException($"allclose: shapes {Shape.Text(a.Sizes)} and {Shape.Text(b.Sizes)} differ");
        var (x, y) = (Copy.As(Dtypes.Float, a), Copy.As(Dtypes.Float, b));
        var (left, right) = (Copy.Contiguous(x), Copy.Contiguous(y));
        var close = true;
        for (long i = 0; i < left.Count && close; i++)
        {
            double p = left.Floats[i], q = right.Floats[i];
            close = p == q || Math.Abs(p - q) <= atol + (rtol * Math.Abs(q)) || (equalNan && double.IsNaN(p) && double.IsNaN(q));
            close &= p == q || !double.IsInfinity(q);
        }
        foreach (var temporary in (ReadOnlySpan<TensorImpl>)[x, y, left, right])
            temporary.Release();
        return close;
    }

    private static TensorImpl Compare<TFloat, TLong>(string operation, TensorImpl a, TensorImpl b)
        where TFloat : struct, IBinaryOp
        where TLong : struct, IMap<long, long, bool>
    {
        if (a.Dtype == Dtypes.Float && b.Dtype == Dtypes.Float)
            return Floats<TFloat>(operation, a, b);
        var dtype = Dtypes.Promote(Dtypes.Promote(a.Dtype, b.Dtype), Dtypes.Long);
        var (x, y) = (Copy.As(dtype, a), Copy.As(dtype, b));
        var result = dtype == Dtypes.Float
            ? Floats<TFloat>(operation, x, y)
            : Map.Binary<long, long, bool, TLong>(operation, x, y);
        x.Release();
        y.Release();
        return result;
    }

    private static TensorImpl Floats<TOp>(string operation, TensorImpl a, TensorImpl b)
        where TOp : struct, IBinaryOp
    {
        var y = TensorImpl.Empty(Shape.Broadcast(a.Sizes, b.Sizes, operation), Dtypes.Bool);
        StridedLoop.Plan(out var loop, y.Sizes, y, a, b);
        var body = new FloatBody<TOp> { Y = y.Bools, A = a.Floats, B = b.Floats };
        loop.Run(ref body);
        return y;
    }

    private static TensorImpl Logic<TFn>(string operation, TensorImpl a, TensorImpl b)
        where TFn : struct, IMap<bool, bool, bool>
    {
        var (x, y) = (Copy.As(Dtypes.Bool, a), Copy.As(Dtypes.Bool, b));
        var result = Map.Binary<bool, bool, bool, TFn>(operation, x, y);
        x.Release();
        y.Release();
        return result;
    }

    private static TensorImpl Bits<TLong, TBool>(string operation, TensorImpl a, TensorImpl b)
        where TLong : struct, IMap<long, long, long>
        where TBool : struct, IMap<bool, bool, bool>
    {
        if (a.Dtype == Dtypes.Float || b.Dtype == Dtypes.Float)
            throw new ArgumentException($"{operation}: defined for whole numbers and truth values, not for {a} and {b}");
        if (a.Dtype == Dtypes.Bool && b.Dtype == Dtypes.Bool)
            return Map.Binary<bool, bool, bool, TBool>(operation, a, b);
        var (x, y) = (Copy.As(Dtypes.Long, a), Copy.As(Dtypes.Long, b));
        var result = Map.Binary<long, long, long, TLong>(operation, x, y);
        x.Release();
        y.Release();
        return result;
    }

    private static TensorImpl Test<TFn>(TensorImpl x, bool ofWholeNumbers)
        where TFn : struct, IMap<float, bool> =>
        Dtypes.IsNarrow(x.Dtype) ? throw Dtypes.StoredOnly(x.Dtype)
        : x.Dtype == Dtypes.Float ? Map.Unary<float, bool, TFn>(x)
        : Fill.Full(x.Sizes, Dtypes.Bool, ofWholeNumbers);

    /// <summary>Operand 0 is y, which is contiguous, 1 is a, 2 is b.</summary>
    private struct FloatBody<TOp> : IRowBody
        where TOp : struct, IBinaryOp
    {
        internal byte* Y;
        internal float* A, B;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            var y = Y + offset[0];
            float* a = A + offset[1], b = B + offset[2];
            if (stride[1] == 1 && stride[2] == 1)
                Kernels.Compare.Row<TOp, V>(count, a, b, y);
            else if (stride[1] == 1 && stride[2] == 0)
                Kernels.Compare.RowScalar<TOp, V>(count, a, *b, y);
            else if (stride[1] == 0 && stride[2] == 1)
                Kernels.Compare.RowScalar<Swapped<TOp>, V>(count, b, *a, y);
            else
                for (long i = 0; i < count; i++)
                    y[i * stride[0]] = (byte)(TOp.Apply(V.Of(a[i * stride[1]]), V.Of(b[i * stride[2]])).Bits() & 1);
        }
    }

    private readonly struct Equal : IMap<long, long, bool>
    {
        public static bool Apply(long a, long b) => a == b;
    }

    private readonly struct NotEqual : IMap<long, long, bool>
    {
        public static bool Apply(long a, long b) => a != b;
    }

    private readonly struct Less : IMap<long, long, bool>
    {
        public static bool Apply(long a, long b) => a < b;
    }

    private readonly struct LessOrEqual : IMap<long, long, bool>
    {
        public static bool Apply(long a, long b) => a <= b;
    }

    private readonly struct Xor : IMap<bool, bool, bool>
    {
        public static bool Apply(bool a, bool b) => a ^ b;
    }

    private readonly struct Not : IMap<bool, bool>
    {
        public static bool Apply(bool x) => !x;
    }

    private readonly struct AndBits : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a & b;
    }

    private readonly struct OrBits : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a | b;
    }

    private readonly struct XorBits : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a ^ b;
    }

    private readonly struct NotBits : IMap<long, long>
    {
        public static long Apply(long x) => ~x;
    }

    private readonly struct Nan : IMap<float, bool>
    {
        public static bool Apply(float x) => float.IsNaN(x);
    }

    private readonly struct Infinite : IMap<float, bool>
    {
        public static bool Apply(float x) => float.IsInfinity(x);
    }

    private readonly struct Finite : IMap<float, bool>
    {
        public static bool Apply(float x) => float.IsFinite(x);
    }
}
