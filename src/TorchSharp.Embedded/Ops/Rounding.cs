using TorchSharp.Kernels;
using RoundingMode = TorchSharp.torch.RoundingMode;

namespace TorchSharp;

/// <summary>Rounding, and quotients that are rounded.</summary>
internal static class Rounding
{
    /// <summary>To so many decimals, halves to the even digit.</summary>
    internal static TensorImpl To(TensorImpl x, long decimals)
    {
        if (decimals == 0 || x.Dtype != Dtypes.Float)
            return Unary.Round(x);
        var power = Math.Pow(10, decimals);
        var shifted = Arithmetic.Mul(x, power);
        var rounded = Unary.Round(shifted);
        var y = Arithmetic.Div(rounded, power);
        shifted.Release();
        rounded.Release();
        return y;
    }

    internal static TensorImpl Quotient(TensorImpl a, TensorImpl b, RoundingMode mode) => mode switch
    {
        RoundingMode.None => Arithmetic.Div(a, b),
        RoundingMode.trunc => Power.TruncDivide(a, b),
        RoundingMode.floor => Power.FloorDivide(a, b),
        _ => throw new ArgumentException($"div: there is no rounding mode {mode}"),
    };

    internal static TensorImpl Quotient(TensorImpl a, Scalar b, RoundingMode mode)
    {
        if (mode == RoundingMode.None)
            return Arithmetic.Div(a, b);
        var one = Fill.OfScalar(b, b.Kind);
        var y = Quotient(a, one, mode);
        one.Release();
        return y;
    }

    internal static TensorImpl Remainder(TensorImpl a, Scalar b)
    {
        var one = Fill.OfScalar(b, b.Kind);
        var y = Power.Remainder(a, one);
        one.Release();
        return y;
    }

    internal static void DivideInPlace(TensorImpl self, TensorImpl other, RoundingMode mode)
    {
        if (mode == RoundingMode.None)
            InPlace.Div(self, other);
        else
            InPlace.By("div_", self, other, x => Quotient(x, other, mode));
    }

    internal static void DivideInPlace(TensorImpl self, Scalar other, RoundingMode mode)
    {
        if (mode == RoundingMode.None)
            InPlace.Div(self, other);
        else
            InPlace.By("div_", self, null, x => Quotient(x, other, mode));
    }
}

/// <summary>Sums of products that torch has names for; recorded through their parts.</summary>
internal static class Combined
{
    /// <summary>x + value a b, or x + value a / b.</summary>
    internal static TensorImpl AddProduct(TensorImpl x, TensorImpl a, TensorImpl b, Scalar value, bool quotient)
    {
        var product = quotient ? Arithmetic.Div(a, b) : Arithmetic.Mul(a, b);
        var y = Arithmetic.Add(x, product, value);
        product.Release();
        return y;
    }

    /// <summary>x + weight (end - x).</summary>
    internal static TensorImpl Lerp(TensorImpl x, TensorImpl end, TensorImpl weight)
    {
        var way = Arithmetic.Sub(end, x);
        var part = Arithmetic.Mul(way, weight);
        var y = Arithmetic.Add(x, part);
        way.Release();
        part.Release();
        return y;
    }
}
