using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>Softmax, cross-entropy and layer normalization: one row of the twin against each row of the kernel.</summary>
public sealed unsafe class RowKernelTests
{
    private static IEnumerable<(int Rows, int Cols)> Shapes(Random random) =>
        Enumerable.Range(1, 67).Select(cols => (random.Next(1, 20), cols)).Concat([(3, 4099), (2, 50_257), (700, 65), (1000, 128)]);

    [Fact]
    public void SoftmaxAgrees()
    {
        var random = new Random(1);
        foreach (var log in new[] { false, true })
            foreach (var (rows, cols) in Shapes(random))
            {
                double[] values = Numbers.Normal(random, rows * cols, 3), upstream = Numbers.Normal(random, rows * cols);
                if (cols > 3)
                    (values[0], values[1], values[2]) = (double.NegativeInfinity, 80, 80); // hidden, extreme, tied
                double[] want = new double[values.Length], grad = new double[values.Length];
                for (var r = 0; r < rows; r++)
                    Reference.Softmax(values.AsSpan(r * cols, cols), want.AsSpan(r * cols, cols), log);
                using Guarded x = new(values), y = new(values.Length, 2), dy = new(upstream), dx = new(values.Length);
                Softmax.Forward(rows, cols, x.Pointer, y.Pointer, log);
                Numbers.Close(want, y.Doubles, log ? 2e-6 : 1e-8, log ? 3e-7 : 1e-6, $"softmax {log} {cols}");
                if (cols > 3 && !log)
                    Assert.Equal(0, y.Pointer[0]);
                var stored = y.Doubles;
                for (var r = 0; r < rows; r++)
                    Reference.SoftmaxGrad(stored.AsSpan(r * cols, cols), upstream.AsSpan(r * cols, cols), grad.AsSpan(r * cols, cols), log);
                Softmax.Backward(rows, cols, y.Pointer, dy.Pointer, dx.Pointer, log);
                Numbers.Close(grad, dx.Doubles, 2e-6, 1e-5, $"softmax gradient {log} {cols}");
                Softmax.Forward(rows, cols, x.Pointer, x.Pointer, log);
                Assert.Equal(y.Bits, x.Bits);
            }
    }

    [Fact]
    public void CrossEntropyAgrees()
    {
        var random = new Random(2);
        foreach (var smoothing in new[] { 0, 0.1 })
            foreach (var (rows, cols) in Shapes(random))
            {
                double[] values = Numbers.Normal(random, rows * cols, 4), upstream = Numbers.Normal(random, rows);
                if (cols > 3 && smoothing == 0)
                    (values[0], values[1], values[2]) = (double.NegativeInfinity, 90, -90);
                long[] targets = new long[rows];
                for (var r = 0; r < rows; r++)
                    targets[r] = r % 3 == 2 ? -100 : random.Next(cols > 3 ? 1 : 0, cols);
                double[] want = new double[rows], wantLse = new double[rows], grad = new double[values.Length];
                for (var r = 0; r < rows; r++)
                    if (targets[r] >= 0)
                    {
                        var row = values.AsSpan(r * cols, cols);
                        want[r] = Reference.CrossEntropy(row, targets[r], smoothing);
                        wantLse[r] = Reference.LogSumExp(row);
                        Reference.CrossEntropyGrad(row, targets[r], smoothing, upstream[r], grad.AsSpan(r * cols, cols));
                    }
                using Guarded x = new(values), losses = new(rows), lse = new(2 * rows), scale = new(upstream), dx = new(values.Length);
                fixed (long* target = targets)
                {
                    CrossEntropy.Forward(rows, cols, x.Pointer, target, -100, smoothing, losses.Pointer, lse.Pointer);
                    Numbers.Close(want, losses.Doubles, 1e-6, 3e-7, $"loss {smoothing} {cols}");
                    var parts = lse.Doubles;
                    Numbers.Close(wantLse, [.. parts.Take(rows).Zip(parts.Skip(rows), (top, log) => top + log)], 2e-7, 2e-7, $"lse {cols}");
                    CrossEntropy.Backward(rows, cols, x.Pointer, target, -100, smoothing, lse.Pointer, scale.Pointer, dx.Pointer);
                    Numbers.Close(grad, dx.Doubles, 1e-6, 4e-6, $"loss gradient {smoothing} {cols}");
                    CrossEntropy.Backward(rows, cols, x.Pointer, target, -100, smoothing, lse.Pointer, scale.Pointer, x.Pointer);
                    Assert.Equal(dx.Bits, x.Bits);
                }
            }
    }

    [Fact]
    public void LossOfNaNIsNaN()
    {
        foreach (var cols in new[] { 1, 5, 33, 5000 })
        {
            using Guarded x = new(Enumerable.Repeat(double.NaN, cols).ToArray()), loss = new(1), lse = new(2);
            long target = 0;
            CrossEntropy.Forward(1, cols, x.Pointer, &target, -100, 0, loss.Pointer, lse.Pointer);
            Assert.True(float.IsNaN(*loss.Pointer));
        }
    }

    [Fact]
    public void LossOfLogitsFarFromZeroKeepsItsDigits()
    {
        double[] near = [0, 1, -10, 0.5];
        using Guarded x = new(near), far = new([.. near.Select(v => v + 10000)]), loss = new(1), lse = new(2), scale = new([1.0]);
        using Guarded dx = new(4), dfar = new(4);
        long target = 0;
        CrossEntropy.Forward(1, 4, x.Pointer, &target, -100, 0, loss.Pointer, lse.Pointer);
        CrossEntropy.Backward(1, 4, x.Pointer, &target, -100, 0, lse.Pointer, scale.Pointer, dx.Pointer);
        CrossEntropy.Forward(1, 4, far.Pointer, &target, -100, 0, loss.Pointer, lse.Pointer);
        CrossEntropy.Backward(1, 4, far.Pointer, &target, -100, 0, lse.Pointer, scale.Pointer, dfar.Pointer);
        Assert.Equal(dx.Bits, dfar.Bits);
    }

    [Fact]
    public void LayerNormAgrees()
    {
        var random = new Random(3);
        const double eps = 1e-5;
        foreach (var affine in new[] { true, false })
            foreach (var (rows, cols) in Shapes(random))
            {
                double[] values = Numbers.Normal(random, rows * cols, 2), upstream = Numbers.Normal(random, rows * cols);
                double[] w = affine ? Numbers.Normal(random, cols) : [], b = affine ? Numbers.Normal(random, cols) : [];
                for (var i = 0; i < values.Length; i++)
                    values[i] = (float)(values[i] + 5); // a mean far from 0
                double[] want = new double[values.Length], means = new double[rows], rstds = new double[rows];
                double[] grad = new double[values.Length], dw = Numbers.Normal(random, cols), db = Numbers.Normal(random, cols);
                using Guarded x = new(values), weight = new(w), bias = new(b), y = new(values.Length, 3), mean = new(rows), rstd = new(rows);
                using Guarded dy = new(upstream), dx = new(values.Length), dweight = new(dw), dbias = new(db);
                float* wp = affine ? weight.Pointer : null, bp = affine ? bias.Pointer : null;
                for (var r = 0; r < rows; r++)
                {
                    var at = r * cols;
                    (means[r], rstds[r]) = Reference.LayerNorm(values.AsSpan(at, cols), w, b, want.AsSpan(at, cols), eps);
                    Reference.LayerNormGrad(values.AsSpan(at, cols), w, upstream.AsSpan(at, cols), eps, grad.AsSpan(at, cols), dw, db);
                }
                LayerNorm.Forward(rows, cols, x.Pointer, wp, bp, y.Pointer, mean.Pointer, rstd.Pointer, (float)eps);
                Numbers.Close(means, mean.Doubles, 1e-6, 3e-7, $"mean {cols}");
                if (cols == 1)
                    continue; // rstd is 1 / sqrt eps, rounding noise in x - mean decides
                Numbers.Close(rstds, rstd.Doubles, 0, 1e-4, $"rstd {cols}");
                var slack = 3e-6 * rstds.Max(); // x - mean is good to an ulp of 5
                Numbers.Close(want, y.Doubles, slack, 1e-6, $"layer norm {cols}");
                LayerNorm.Backward(rows, cols, x.Pointer, wp, mean.Pointer, rstd.Pointer, dy.Pointer, dx.Pointer,
                    dweight.Pointer, dbias.Pointer);
                Numbers.Close(grad, dx.Doubles, slack * rstds.Max() * 5, 1e-5, $"layer norm gradient {cols}");
                Numbers.Close(dw, dweight.Doubles, slack * Math.Sqrt(rows) * 5, 1e-5, $"weight gradient {rows} {cols}");
                Numbers.Close(db, dbias.Doubles, 2e-6 * Math.Sqrt(rows), 1e-6, $"bias gradient {rows} {cols}");
                LayerNorm.Backward(rows, cols, x.Pointer, wp, mean.Pointer, rstd.Pointer, dy.Pointer, dy.Pointer, null, null);
                Assert.Equal(dx.Bits, dy.Bits);
                LayerNorm.Backward(rows, cols, x.Pointer, wp, mean.Pointer, rstd.Pointer, dy.Pointer, null, null, dbias.Pointer);
            }
    }

    [Fact]
    public void TwinsOwnGradientsMatchCentralDifferences()
    {
        var random = new Random(4);
        const int cols = 7;
        const double step = 1e-5;
        double[] x = Numbers.Normal(random, cols), dy = Numbers.Normal(random, cols), w = Numbers.Normal(random, cols);
        double[] y = new double[cols], dx = new double[cols], dw = new double[cols], db = new double[cols];

        foreach (var log in new[] { false, true })
        {
            Reference.Softmax(x, y, log);
            Reference.SoftmaxGrad(y, dy, dx, log);
            Slopes(v => { var o = new double[cols]; Reference.Softmax(v, o, log); return o.Zip(dy, (a, b) => a * b).Sum(); }, dx);
        }
        Reference.CrossEntropyGrad(x, 3, 0.2, 1.5, dx);
        Slopes(v => 1.5 * Reference.CrossEntropy(v, 3, 0.2), dx);
        Reference.LayerNormGrad(x, w, dy, 1e-5, dx, dw, db);
        Slopes(v => { var o = new double[cols]; Reference.LayerNorm(v, w, dy, o, 1e-5); return o.Zip(dy, (a, b) => a * b).Sum(); }, dx);
        foreach (var tanh in new[] { false, true })
            foreach (var v in x)
                Assert.Equal((Reference.Gelu(v + step, tanh) - Reference.Gelu(v - step, tanh)) / (2 * step), Reference.GeluSlope(v, tanh), 1e-8);

        void Slopes(Func<double[], double> f, double[] gradient)
        {
            for (var i = 0; i < cols; i++)
            {
                double[] up = [.. x], down = [.. x];
                up[i] += step;
                down[i] -= step;
                Assert.Equal((f(up) - f(down)) / (2 * step), gradient[i], 1e-8);
            }
        }
    }

    [Fact]
    public void EveryRunGivesTheSameBits()
    {
        var random = new Random(5);
        const int rows = 501, cols = 130;
        double[] values = Numbers.Normal(random, rows * cols);
        using Guarded x = new(values), y = new(x.Length), dy = new(Numbers.Normal(random, rows * cols)), mean = new(rows), rstd = new(rows);
        using Guarded w = new(Numbers.Normal(random, cols)), dw = new(cols), db = new(cols);
        var seen = new HashSet<string>();
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                Elementwise.Fill(cols, 0, dw.Pointer);
                Elementwise.Fill(cols, 0, db.Pointer);
                LayerNorm.Forward(rows, cols, x.Pointer, w.Pointer, null, y.Pointer, mean.Pointer, rstd.Pointer, 1e-5f);
                LayerNorm.Backward(rows, cols, x.Pointer, w.Pointer, mean.Pointer, rstd.Pointer, dy.Pointer, y.Pointer, dw.Pointer, db.Pointer);
                seen.Add(string.Join(' ', y.Bits.Concat(dw.Bits).Concat(db.Bits)));
            });
        Assert.Single(seen);
    }
}
