using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Elementary functions of whole registers, accurate to 1 or 2 units in the last place of a float.
/// </summary>
/// <remarks>
/// <para>exp: x = n ln 2 + r with |r| &lt;= ln 2 / 2; ln 2 is subtracted in two parts, the first short enough that n times it is exact;
/// e^r is a polynomial of degree 6, and 2^n goes into the exponent (the scheme of Cephes' expf).</para>
/// <para>The polynomials here were fitted by Remez' exchange in double precision to the error named beside each.</para>
/// </remarks>
internal static class MathOps
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;

    internal const float Log2E = 1.44269504f;
    internal const float Ln2 = 0.693147181f;
    private const float Ln2Head = 0.693359375f; // 10 bits: n times it is exact
    private const float Ln2Tail = -2.12194440e-4f;
    internal const float BelowAll = -104f; // e^-104 rounds to 0
    private const float AboveAll = 89f; // e^89 overflows

    /// <summary>e^x; 0 for -infinity, infinity above 88.72, subnormal results included.</summary>
    [MethodImpl(Inline)]
    internal static V Exp<V>(V x)
        where V : struct, IVec<V>
    {
        x = V.Max(V.Of(BelowAll), V.Min(V.Of(AboveAll), x));
        var n = V.Round(x * V.Of(Log2E));
        return V.Scale(ExpOfRest(Rest(x, n)), n);
    }

    /// <summary>e^x for x &lt;= 0 (or slightly above): exactly 0 for -infinity; below e^-87 it may give 0.</summary>
    [MethodImpl(Inline)]
    internal static V ExpDown<V>(V x)
        where V : struct, IVec<V>
    {
        x = V.Max(V.Of(BelowAll), x);
        var n = V.Round(x * V.Of(Log2E));
        return V.ScaleDown(ExpOfRest(Rest(x, n)), n);
    }

    /// <summary>2^x for x &lt;= 0 (or slightly above): exactly 0 for -infinity; below 2^-125 it may give 0.</summary>
    /// <remarks>A polynomial of degree 6, within 2e-9 of 2^r; exactly 1 at 0.</remarks>
    [MethodImpl(Inline)]
    internal static V Exp2Down<V>(V x)
        where V : struct, IVec<V>
    {
        x = V.Max(V.Of(-151f), x);
        var n = V.Round(x);
        var r = x - n;
        var p = V.Fma(V.Of(1.54762263e-4f), r, V.Of(1.34001261e-3f));
        p = V.Fma(p, r, V.Of(9.61800423e-3f));
        p = V.Fma(p, r, V.Of(5.55032831e-2f));
        p = V.Fma(p, r, V.Of(2.40226513e-1f));
        p = V.Fma(p, r, V.Of(6.93147206e-1f));
        return V.ScaleDown(V.Fma(p, r, V.Of(1f)), n);
    }

    /// <summary>e^(-t^2/2), t^2 not rounded where the machine fuses: the relative error stays small for large t.</summary>
    [MethodImpl(Inline)]
    internal static V ExpHalfSquareDown<V>(V t)
        where V : struct, IVec<V>
    {
        t = V.Min(V.Of(14.5f), t);
        var half = t * V.Of(-0.5f);
        var n = V.Round(half * t * V.Of(Log2E));
        var r = V.Fma(half, t, n * V.Of(-Ln2Head));
        return V.ScaleDown(ExpOfRest(V.Fma(n, V.Of(-Ln2Tail), r)), n);
    }

    /// <summary>
    /// The normal distribution's upper tail: Q(t) = erfc(t / sqrt 2) / 2 for t &gt;= 0, and density = e^(-t^2/2) (to be divided by
    /// sqrt(2 pi)).
    /// </summary>
    /// <remarks>Q(t) e^(t^2/2) is a polynomial in u = 1 / (1 + 0.23 t), within 5e-8 relative for t &lt;= 14.5, where Q is 0.</remarks>
    [MethodImpl(Inline)]
    internal static V NormalTail<V>(V t, out V density)
        where V : struct, IVec<V>
    {
        density = ExpHalfSquareDown(t);
        var u = V.Of(1f) / V.Fma(V.Of(0.23f), t, V.Of(1f));
        var p = V.Fma(V.Of(-7.84839849e-2f), u, V.Of(2.90498083e-1f));
        p = V.Fma(p, u, V.Of(-2.78309255e-1f));
        p = V.Fma(p, u, V.Of(3.01693429e-1f));
        p = V.Fma(p, u, V.Of(-3.30827287e-2f));
        p = V.Fma(p, u, V.Of(1.19588552e-1f));
        p = V.Fma(p, u, V.Of(8.57422051e-2f));
        p = V.Fma(p, u, V.Of(9.23816462e-2f));
        p = V.Fma(p, u, V.Of(-2.79704468e-5f));
        return p * density;
    }

    /// <summary>tanh x = m / (m + 2) with m = e^(2 |x|) - 1, and the sign of x.</summary>
    [MethodImpl(Inline)]
    internal static V Tanh<V>(V x)
        where V : struct, IVec<V>
    {
        var sign = x & V.OfBits(0x80000000);
        var twice = V.Min(V.Of(20f), V.Abs(x) + V.Abs(x)); // tanh 10 rounds to 1
        var m = ExpMinusOne(twice);
        return m / (m + V.Of(2f)) | sign;
    }

    /// <summary>e^x - 1 for |x| &lt; 88, without cancellation: 2^n (e^r - 1) + (2^n - 1).</summary>
    [MethodImpl(Inline)]
    internal static V ExpMinusOne<V>(V x)
        where V : struct, IVec<V>
    {
        var n = V.Round(x * V.Of(Log2E));
        var r = Rest(x, n);
        var power = V.Scale(V.Of(1f), n);
        return V.Fma(power, V.Fma(Curve(r) * r, r, r), power - V.Of(1f));
    }

    /// <summary>1 / (1 + e^-x).</summary>
    [MethodImpl(Inline)]
    internal static V Sigmoid<V>(V x)
        where V : struct, IVec<V> => V.Of(1f) / (V.Of(1f) + Exp(-x));

    [MethodImpl(Inline)]
    private static V Rest<V>(V x, V n)
        where V : struct, IVec<V> => V.Fma(n, V.Of(-Ln2Tail), V.Fma(n, V.Of(-Ln2Head), x));

    [MethodImpl(Inline)]
    private static V ExpOfRest<V>(V r)
        where V : struct, IVec<V> => V.Fma(V.Fma(Curve(r), r, V.Of(1f)), r, V.Of(1f));

    /// <summary>(e^r - 1 - r) / r^2, within 3e-9 / r^2 for |r| &lt;= ln 2 / 2.</summary>
    [MethodImpl(Inline)]
    private static V Curve<V>(V r)
        where V : struct, IVec<V>
    {
        var p = V.Fma(V.Of(1.39504904e-3f), r, V.Of(8.36888940e-3f));
        p = V.Fma(p, r, V.Of(4.16662058e-2f));
        p = V.Fma(p, r, V.Of(1.66665188e-1f));
        return V.Fma(p, r, V.Of(0.50000001f));
    }
}
