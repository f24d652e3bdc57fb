using System.Runtime.CompilerServices;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Functions of one tensor, element by element, beside their gradients. Whole numbers become float32 first, where torch takes
/// them. A gradient is op(g, s) with s the input or the result, whichever is saved.
/// </summary>
internal static class Unary
{
    internal static TensorImpl Exp(TensorImpl x) => FromResult<ExpOp, MulOp>(x);

    internal static TensorImpl Log(TensorImpl x) => FromInput<LogOp, DivOp>(x);

    internal static TensorImpl Sqrt(TensorImpl x) => FromResult<SqrtOp, SqrtGradOp>(x);

    /// <summary>The square root, whose gradient is 0 where the root is 0: how a deviation's is defined.</summary>
    internal static TensorImpl Deviation(TensorImpl variance) => FromResult<SqrtOp, DeviationGradOp>(variance);

    internal static TensorImpl Rsqrt(TensorImpl x) => FromResult<RsqrtOp, RsqrtGradOp>(x);

    internal static TensorImpl Tanh(TensorImpl x) => FromResult<TanhOp, TanhGradOp>(x);

    internal static TensorImpl Sigmoid(TensorImpl x) => FromResult<SigmoidOp, SigmoidGradOp>(x);

    internal static TensorImpl Silu(TensorImpl x) => x.Dtype is Dtypes.Long or Dtypes.Bool
        ? throw new ArgumentException($"silu: defined for reals, not for {x}")
        : FromInput<SiluOp, SiluGradOp>(x);

    internal static TensorImpl Reciprocal(TensorImpl x) => FromResult<ReciprocalOp, ReciprocalGradOp>(x);

    internal static TensorImpl Sin(TensorImpl x) => FromInput<SinOp, SinGradOp>(x);

    internal static TensorImpl Cos(TensorImpl x) => FromInput<CosOp, CosGradOp>(x);

    internal static TensorImpl Erf(TensorImpl x) => FromInput<ErfOp, ErfGradOp>(x);

    internal static TensorImpl Relu(TensorImpl x) => Widened.Any(x) ? Widened.Of(x, Relu) : x.Dtype == Dtypes.Float
        ? FromResult<ReluOp, ReluGradOp>(x)
        : Map.Unary<long, long, PositivePart>(x);

    internal static TensorImpl Abs(TensorImpl x) => x.Dtype == Dtypes.Float
        ? FromInput<AbsOp, AbsGradOp>(x)
        : Map.Unary<long, long, Magnitude>(x);

    internal static TensorImpl Square(TensorImpl x) => x.Dtype == Dtypes.Float
        ? FromInput<SquareOp, SquareGradOp>(x)
        : x.Dtype == Dtypes.Bool ? Copy.As(Dtypes.Long, x) : Arithmetic.Mul(x, x);

    internal static TensorImpl Sign(TensorImpl x) => x.Dtype == Dtypes.Float
        ? FromInput<SignOrZeroOp, NoGradOp>(x)
        : x.Dtype == Dtypes.Bool ? Copy.Clone(x) : Map.Unary<long, long, SignOfLong>(x);

    internal static TensorImpl Floor(TensorImpl x) => Rounded<FloorOp>("floor", x);

    internal static TensorImpl Ceil(TensorImpl x) => Rounded<CeilingOp>("ceil", x);

    /// <summary>Halves go to the even neighbour. Torch takes only reals here, for TorchSharp asks for a number of decimals.</summary>
    internal static TensorImpl Round(TensorImpl x) => x.Dtype == Dtypes.Long
        ? throw new ArgumentException($"round: defined for reals, not for {x}")
        : Rounded<RoundOp>("round", x);

    internal static TensorImpl Trunc(TensorImpl x) => Rounded<TruncOp>("trunc", x);

    private static TensorImpl Rounded<TOp>(string operation, TensorImpl x)
        where TOp : struct, IUnaryOp => x.Dtype switch
        {
            Dtypes.Float => FromInput<TOp, NoGradOp>(x),
            Dtypes.BFloat16 => Widened.Of(x, wide => Rounded<TOp>(operation, wide)),
            Dtypes.Long => Copy.Clone(x),
            _ => throw new ArgumentException($"{operation}: defined for numbers, not for {x}"),
        };

    private static TensorImpl FromInput<TOp, TGrad>(TensorImpl x)
        where TOp : struct, IUnaryOp
        where TGrad : struct, IBinaryOp
    {
        var input = Copy.As(Dtypes.Float, x);
        var y = Pointwise.Unary<TOp>(input);
        if (Graph.Records(x))
            Graph.Record(y, new UnaryNode<TGrad>(input), x);
        input.Release();
        return y;
    }

    private static TensorImpl FromResult<TOp, TGrad>(TensorImpl x)
        where TOp : struct, IUnaryOp
        where TGrad : struct, IBinaryOp
    {
        var input = Copy.As(Dtypes.Float, x);
        var y = Pointwise.Unary<TOp>(input);
        if (Graph.Records(x))
            Graph.Record(y, new UnaryNode<TGrad>(y), x);
        input.Release();
        return y;
    }

    /// <summary>dx = TGrad(g, saved).</summary>
    private sealed class UnaryNode<TGrad>(TensorImpl saved) : Node
        where TGrad : struct, IBinaryOp
    {
        private Saved saved = new(saved);

        internal override void ReleaseSaved() => saved.Release();

        protected override void Backward(TensorImpl gradient) =>
            Give(0, Pointwise.Reuse<TGrad>(gradient, saved.Get(this)));
    }

    private readonly struct PositivePart : IMap<long, long>
    {
        public static long Apply(long x) => Math.Max(x, 0);
    }

    private readonly struct Magnitude : IMap<long, long>
    {
        public static long Apply(long x) => x < 0 ? -x : x;
    }

    private readonly struct SignOfLong : IMap<long, long>
    {
        public static long Apply(long x) => Math.Sign(x);
    }

    /// <summary>-1, 0 or 1; 0 for NaN, as torch has it.</summary>
    private readonly struct SignOrZeroOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x)
            where V : struct, IVec<V> => (V.Less(V.Of(0f), x) & V.Of(1f)) + (V.Less(x, V.Of(0f)) & V.Of(-1f));
    }

    /// <summary>x without its fraction.</summary>
    private readonly struct TruncOp : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x)
            where V : struct, IVec<V> => V.Floor(V.Abs(x)) | (x & V.OfBits(0x80000000));
    }

    /// <summary>
    /// erf x = 1 - 2 Q(x sqrt 2) with the sign of x; below 1/2, where that would cancel, by its Taylor series.
    /// </summary>
    private readonly struct ErfOp : IUnaryOp
    {
        public static V Apply<V>(V x)
            where V : struct, IVec<V>
        {
            var size = V.Abs(x);
            var tail = MathOps.NormalTail(size * V.Of(1.41421356f), out _);
            var far = V.Fma(V.Of(-2f), tail, V.Of(1f));
            var square = size * size;
            var p = V.Fma(V.Of(-8.5483270e-4f), square, V.Of(5.2239776e-3f));
            p = V.Fma(p, square, V.Of(-2.6866170e-2f));
            p = V.Fma(p, square, V.Of(1.1283792e-1f));
            p = V.Fma(p, square, V.Of(-3.7612639e-1f));
            p = V.Fma(p, square, V.Of(1.1283792f));
            var y = V.Select(V.Less(size, V.Of(0.5f)), p * size, far);
            return V.Select(V.Equal(x, x), y | (x & V.OfBits(0x80000000)), x);
        }
    }

    /// <summary>s = x: g 2 / sqrt(pi) e^(-x^2).</summary>
    private readonly struct ErfGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g * (V.Of(1.12837917f) * MathOps.Exp(-(s * s)));
    }

    /// <summary>s = sqrt x: g / (2 s).</summary>
    private readonly struct SqrtGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g / (s + s);
    }

    /// <summary>s = sqrt x: g / (2 s), and 0 where s is 0.</summary>
    private readonly struct DeviationGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => V.Less(V.Of(0f), s) & (g / (s + s));
    }

    /// <summary>s = 1 / sqrt x: -g s^3 / 2.</summary>
    private readonly struct RsqrtGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g * V.Of(-0.5f) * (s * s * s);
    }

    /// <summary>s = 1 / x: -g s^2.</summary>
    private readonly struct ReciprocalGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => -(g * (s * s));
    }

    /// <summary>s = x: g cos x.</summary>
    private readonly struct SinGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g * V.Cos(s);
    }

    /// <summary>s = x: -g sin x.</summary>
    private readonly struct CosGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => -(g * V.Sin(s));
    }

    /// <summary>s = x: g with the sign of x, 0 at 0.</summary>
    private readonly struct AbsGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g * SignOrZeroOp.Apply(s);
    }

    /// <summary>s = x: 2 g x.</summary>
    private readonly struct SquareGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => g * (s + s);
    }

    /// <summary>s = x: g f (1 + x (1 - f)) with f = sigmoid x.</summary>
    private readonly struct SiluGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V>
        {
            var f = MathOps.Sigmoid(s);
            return g * (f * V.Fma(s, V.Of(1f) - f, V.Of(1f)));
        }
    }

    /// <summary>0: the function is flat almost everywhere.</summary>
    private readonly struct NoGradOp : IBinaryOp
    {
        public static V Apply<V>(V g, V s)
            where V : struct, IVec<V> => V.Of(0f);
    }
}
