namespace TorchSharp.Kernels;

/// <summary>
/// Attention of one head as plain loops in double precision: q [Tq, D], k, v [Tk, D], o [Tq, D]. bias [Tq, Tk] is added to the scaled
/// scores (-infinity hides a key, causal or not), keep [Tq, Tk] multiplies the probabilities.
/// </summary>
internal static class ReferenceAttention
{
    /// <summary>o and lse [Tq].</summary>
    internal static void Forward(
        int width, double scale, double[] q, double[] k, double[] v, double[] bias, double[] keep, double[] o, double[] lse)
    {
        var (queries, keys) = (q.Length / width, k.Length / width);
        Array.Clear(o);
        for (var i = 0; i < queries; i++)
        {
            var p = Probabilities(i, keys, width, scale, q, k, bias, out lse[i]);
            for (var j = 0; j < keys; j++)
                for (var d = 0; d < width; d++)
                    o[(i * width) + d] += p[j] * keep[(i * keys) + j] * v[(j * width) + d];
        }
    }

    /// <summary>The gradients of q, k and v.</summary>
    internal static void Backward(
        int width, double scale, double[] q, double[] k, double[] v, double[] bias, double[] keep, double[] dO, double[] dq, double[] dk,
        double[] dv)
    {
        var (queries, keys) = (q.Length / width, k.Length / width);
        foreach (var gradient in new[] { dq, dk, dv })
            Array.Clear(gradient);
        for (var i = 0; i < queries; i++)
        {
            var p = Probabilities(i, keys, width, scale, q, k, bias, out _);
            var (dp, average) = (new double[keys], 0.0);
            for (var j = 0; j < keys; j++)
            {
                for (var d = 0; d < width; d++)
                {
                    dv[(j * width) + d] += p[j] * keep[(i * keys) + j] * dO[(i * width) + d];
                    dp[j] += keep[(i * keys) + j] * dO[(i * width) + d] * v[(j * width) + d];
                }
                average += p[j] * dp[j];
            }
            for (var j = 0; j < keys; j++)
            {
                var ds = p[j] * (dp[j] - average) * scale;
                for (var d = 0; d < width; d++)
                {
                    dq[(i * width) + d] += ds * k[(j * width) + d];
                    dk[(j * width) + d] += ds * q[(i * width) + d];
                }
            }
        }
    }

    private static double[] Probabilities(
        int i, int keys, int width, double scale, double[] q, double[] k, double[] bias, out double lse)
    {
        var p = new double[keys];
        for (var j = 0; j < keys; j++)
        {
            p[j] = bias[(i * keys) + j];
            for (var d = 0; d < width; d++)
                p[j] += scale * q[(i * width) + d] * k[(j * width) + d];
        }
        lse = Reference.LogSumExp(p);
        for (var j = 0; j < keys; j++)
            p[j] = double.IsNegativeInfinity(lse) ? 0 : Math.Exp(p[j] - lse);
        return p;
    }
}
