using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// The Gaussian error linear unit: y = x F(x), dx = dy (F(x) + x F'(x)).
/// </summary>
/// <remarks>
/// <para>Exact: F(x) = (1 + erf(x / sqrt 2)) / 2, the normal distribution, F' its density. From the tail Q (<see cref="MathOps.NormalTail"/>):
/// F(x) = Q(-x) below 0 and 1 - Q(x) above, so that large negative x keep their digits, and one exponential serves both.</para>
/// <para>tanh form: F(x) = (1 + tanh z) / 2 = 1 / (1 + e^(-2z)) with z = sqrt(2 / pi) (x + 0.044715 x^3), F' = 2 z' F (1 - F),
/// where 1 - F = e^(-2z) F keeps its digits.</para>
/// </remarks>
internal static unsafe class Gelu
{
    private const float TwoRootTwoOverPi = 1.59576912f;
    private const float Cubic = 0.044715f;
    private const float DensityAtZero = 0.398942280f;

    /// <summary>y_i = gelu(x_i), i &lt; n; y may be x.</summary>
    internal static void Forward(long n, float* x, float* y, bool tanh)
    {
        if (tanh)
            Elementwise.Unary<TanhForm>(n, x, y);
        else
            Elementwise.Unary<Exact>(n, x, y);
    }

    /// <summary>dx_i = dy_i gelu'(x_i), i &lt; n; dx may be x or dy.</summary>
    internal static void Backward(long n, float* x, float* dy, float* dx, bool tanh)
    {
        if (tanh)
            Elementwise.Binary<TanhGrad>(n, x, dy, dx);
        else
            Elementwise.Binary<ExactGrad>(n, x, dy, dx);
    }

    private readonly struct Exact : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x)
            where V : struct, IVec<V> => x * Normal(x, out _);
    }

    private readonly struct ExactGrad : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x, V dy)
            where V : struct, IVec<V>
        {
            var f = Normal(x, out var density);
            return dy * V.Fma(x * V.Of(DensityAtZero), density, f);
        }
    }

    private readonly struct TanhForm : IUnaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x)
            where V : struct, IVec<V> => x * MathOps.Sigmoid(TwoZ(x, x * x));
    }

    private readonly struct TanhGrad : IBinaryOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V x, V dy)
            where V : struct, IVec<V>
        {
            x = V.Max(V.Of(-1e6f), V.Min(V.Of(1e6f), x)); // F is 0 or 1 long before; keeps x^2 finite
            var square = x * x;
            var e = MathOps.Exp(V.Min(V.Of(88f), -TwoZ(x, square)));
            var f = V.Of(1f) / (V.Of(1f) + e);
            var slope = V.Fma(square, V.Of(3 * Cubic * TwoRootTwoOverPi), V.Of(TwoRootTwoOverPi));
            return dy * V.Fma(x * slope, f * (e * f), f);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V TwoZ<V>(V x, V square)
        where V : struct, IVec<V> => x * V.Fma(square, V.Of(Cubic * TwoRootTwoOverPi), V.Of(TwoRootTwoOverPi));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static V Normal<V>(V x, out V density)
        where V : struct, IVec<V>
    {
        var q = MathOps.NormalTail(V.Abs(x), out density);
        return V.Select(V.Less(V.Of(0f), x), V.Of(1f) - q, q);
    }
}
