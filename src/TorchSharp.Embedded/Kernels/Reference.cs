namespace TorchSharp.Kernels;

/// <summary>
/// The kernels' formulas as plain loops in double precision: what the fast ones are proven against. Shapes and meanings are those of the
/// kernels; every function overwrites its outputs.
/// </summary>
internal static class Reference
{
    /// <summary>erfc x, to about 1e-15 relative: the series of erf below 2, the continued fraction above.</summary>
    internal static double Erfc(double x)
    {
        if (x < 0)
            return 2 - Erfc(-x);
        if (x < 2)
        {
            double term = x, sum = x;
            for (var n = 1; Math.Abs(term) > 1e-17 * Math.Abs(sum); n++)
                sum += (term *= 2 * x * x / ((2 * n) + 1));
            return 1 - (2 / Math.Sqrt(Math.PI) * Math.Exp(-x * x) * sum);
        }
        var fraction = 0.0;
        for (var n = 200; n > 0; n--)
            fraction = n / 2.0 / (x + fraction);
        return Math.Exp(-x * x) / Math.Sqrt(Math.PI) / (x + fraction);
    }

    /// <summary>gelu x.</summary>
    internal static double Gelu(double x, bool tanh) =>
        tanh ? 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))) : 0.5 * x * Erfc(-x / Math.Sqrt(2));

    /// <summary>gelu' x.</summary>
    internal static double GeluSlope(double x, bool tanh)
    {
        if (!tanh)
            return (0.5 * Erfc(-x / Math.Sqrt(2))) + (x * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
        var t = Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)));
        return (0.5 * (1 + t)) + (0.5 * x * (1 - (t * t)) * Math.Sqrt(2 / Math.PI) * (1 + (3 * 0.044715 * x * x)));
    }

    /// <summary>Softmax of one row, or its logarithm.</summary>
    internal static void Softmax(ReadOnlySpan<double> x, Span<double> y, bool log)
    {
        var lse = LogSumExp(x);
        for (var i = 0; i < x.Length; i++)
            y[i] = log ? x[i] - lse : Math.Exp(x[i] - lse);
    }

    /// <summary>The gradient of <see cref="Softmax"/> for one row.</summary>
    internal static void SoftmaxGrad(ReadOnlySpan<double> y, ReadOnlySpan<double> dy, Span<double> dx, bool log)
    {
        var sum = 0.0;
        for (var i = 0; i < y.Length; i++)
            sum += log ? dy[i] : y[i] * dy[i];
        for (var i = 0; i < y.Length; i++)
            dx[i] = log ? dy[i] - (Math.Exp(y[i]) * sum) : y[i] * (dy[i] - sum);
    }

    /// <summary>ln sum e^x; -infinity for nothing but -infinity.</summary>
    internal static double LogSumExp(ReadOnlySpan<double> x)
    {
        var (top, sum) = (double.NegativeInfinity, 0.0);
        foreach (var v in x)
            top = Math.Max(top, v);
        if (double.IsNegativeInfinity(top))
            return top;
        foreach (var v in x)
            sum += Math.Exp(v - top);
        return top + Math.Log(sum);
    }

    /// <summary>The loss of one row.</summary>
    internal static double CrossEntropy(ReadOnlySpan<double> logits, long target, double smoothing)
    {
        var (lse, loss) = (LogSumExp(logits), 0.0);
        for (var c = 0; c < logits.Length; c++)
        {
            var share = (c == target ? 1 - smoothing : 0) + (smoothing / logits.Length);
            if (share != 0)
                loss += share * (lse - logits[c]);
        }
        return loss;
    }

    /// <summary>The gradient of <see cref="CrossEntropy"/>.</summary>
    internal static void CrossEntropyGrad(ReadOnlySpan<double> logits, long target, double smoothing, double scale, Span<double> dx)
    {
        var lse = LogSumExp(logits);
        for (var c = 0; c < logits.Length; c++)
            dx[c] = scale * (Math.Exp(logits[c] - lse) - (c == target ? 1 - smoothing : 0) - (smoothing / logits.Length));
    }

    /// <summary>One row of layer normalization; weight and bias may be empty (1 and 0).</summary>
    internal static (double Mean, double Rstd) LayerNorm(
        ReadOnlySpan<double> x, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias, Span<double> y, double eps)
    {
        var (mean, variance) = (0.0, 0.0);
        foreach (var v in x)
            mean += v / x.Length;
        foreach (var v in x)
            variance += (v - mean) * (v - mean) / x.Length;
        var rstd = 1 / Math.Sqrt(variance + eps);
        for (var i = 0; i < x.Length; i++)
            y[i] = ((x[i] - mean) * rstd * (weight.IsEmpty ? 1 : weight[i])) + (bias.IsEmpty ? 0 : bias[i]);
        return (mean, rstd);
    }

    /// <summary>The gradient of <see cref="LayerNorm"/>; dweight and dbias are added to.</summary>
    internal static void LayerNormGrad(
        ReadOnlySpan<double> x, ReadOnlySpan<double> weight, ReadOnlySpan<double> dy, double eps, Span<double> dx, Span<double> dweight,
        Span<double> dbias)
    {
        var h = new double[x.Length];
        var (_, rstd) = LayerNorm(x, default, default, h, eps);
        var (average, product) = (0.0, 0.0);
        for (var i = 0; i < x.Length; i++)
        {
            var g = dy[i] * (weight.IsEmpty ? 1 : weight[i]);
            (average, product) = (average + (g / x.Length), product + (g * h[i] / x.Length));
            dweight[i] += dy[i] * h[i];
            dbias[i] += dy[i];
        }
        for (var i = 0; i < x.Length; i++)
            dx[i] = rstd * ((dy[i] * (weight.IsEmpty ? 1 : weight[i])) - average - (h[i] * product));
    }

    /// <summary>What dropout multiplies element index by: 0 or 1 / (1 - p).</summary>
    internal static unsafe double Keep(DropoutKey key, ulong index)
    {
        if (!key.Active)
            return 1;
        // Number 64 block + 16 word + lane belongs to word `word` of counter 16 block + lane.
        var counter = (index / 64 * 16) + (index % 16);
        var words = stackalloc uint[4] { (uint)counter, (uint)(counter >> 32), (uint)key.Stream, (uint)(key.Stream >> 32) };
        Philox.Words(words, key.Seed);
        return (int)words[index / 16 % 4] >= key.Threshold ? key.Scale : 0;
    }

    /// <summary>The places of a row in order, equal ones as they stand; NaN is the largest.</summary>
    internal static long[] Order(ReadOnlySpan<float> x, bool descending)
    {
        var row = x.ToArray();
        var places = Enumerable.Range(0, row.Length).Select(i => (long)i).ToArray();
        // OrderBy is stable. Its order of floats has NaN first.
        return descending
            ? [.. places.OrderByDescending(i => float.IsNaN(row[i])).ThenByDescending(i => row[i])]
            : [.. places.OrderBy(i => float.IsNaN(row[i])).ThenBy(i => row[i])];
    }
}
