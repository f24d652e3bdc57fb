namespace TorchSharp;

/// <summary>
/// Operations on bfloat16: their operands are widened to float32, what they compute is computed there, and the result is
/// rounded once, as libtorch does it. Everything is recorded. No faster than float32; here so that a program which trains in
/// bfloat16 on a GPU computes the same on any machine.
/// </summary>
internal static class Widened
{
    /// <summary>Whether one of the operands is bfloat16.</summary>
    internal static bool Any(TensorImpl a, TensorImpl? b = null) =>
        a.Dtype == Dtypes.BFloat16 || b?.Dtype == Dtypes.BFloat16;

    /// <summary>A function of one operand.</summary>
    internal static TensorImpl Of(TensorImpl x, Func<TensorImpl, TensorImpl> function)
    {
        var wide = Casting.To(Dtypes.Float, x);
        var y = Rounded(function(wide));
        wide.Release();
        return y;
    }

    /// <summary>
    /// A function of operands that must all be bfloat16; the third may be missing.
    /// </summary>
    /// <exception cref="ArgumentException">One of them is of another type.</exception>
    internal static TensorImpl Of(
        string operation, TensorImpl a, TensorImpl b, TensorImpl? c, Func<TensorImpl, TensorImpl, TensorImpl?, TensorImpl> function)
    {
        if (a.Dtype != b.Dtype || (c is not null && c.Dtype != a.Dtype))
            throw new ArgumentException($"{operation}: operands must be of one type: {a}, {b}{(c is null ? string.Empty : $", {c}")}");
        var (x, y) = (Casting.To(Dtypes.Float, a), Casting.To(Dtypes.Float, b));
        var z = c is null ? null : Casting.To(Dtypes.Float, c);
        var result = Rounded(function(x, y, z));
        x.Release();
        y.Release();
        z?.Release();
        return result;
    }

    /// <summary>
    /// A function of two operands of which one may be of another type. The result is float32 if that one is and has axes, or neither
    /// has; else it is rounded: torch's promotion of types.
    /// </summary>
    internal static TensorImpl Promoted(TensorImpl a, TensorImpl b, Func<TensorImpl, TensorImpl, TensorImpl> function)
    {
        var (x, y) = (Casting.To(Dtypes.Float, a), Casting.To(Dtypes.Float, b));
        var result = function(x, y);
        x.Release();
        y.Release();
        var (narrow, other) = a.Dtype == Dtypes.BFloat16 ? (a, b) : (b, a);
        var wins = other.Dtype == Dtypes.Float && (other.Rank > 0 || narrow.Rank == 0);
        return wins ? result : Rounded(result);
    }

    /// <summary>In bfloat16, in place of a float32 tensor, which is given up.</summary>
    private static TensorImpl Rounded(TensorImpl owned)
    {
        var y = Casting.To(Dtypes.BFloat16, owned);
        owned.Release();
        return y;
    }
}
