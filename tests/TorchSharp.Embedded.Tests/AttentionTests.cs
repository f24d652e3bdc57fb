using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class AttentionTests
{
    [Theory]
    [InlineData(1, 1, 1, 1, 1)]
    [InlineData(2, 3, 1, 1, 5)]
    [InlineData(1, 2, 7, 7, 8)]
    [InlineData(2, 2, 33, 33, 32)]
    [InlineData(1, 1, 64, 64, 16)]
    [InlineData(1, 3, 67, 67, 20)]
    [InlineData(1, 1, 130, 130, 64)]
    [InlineData(1, 2, 300, 300, 33)]
    [InlineData(2, 1, 5, 67, 17)]
    [InlineData(1, 2, 67, 5, 3)]
    [InlineData(1, 1, 3, 200, 64)]
    [InlineData(2, 2, 1, 150, 32)]
    [InlineData(1, 1, 290, 70, 24)]
    [InlineData(1, 1, 40, 300, 80)]
    public void AgreesWithItsTwin(int b, int h, int tq, int tk, int d)
    {
        foreach (var mask in Enum.GetValues<AttentionCase.Masking>())
            foreach (var causal in new[] { false, true })
                foreach (var p in new[] { 0f, 0.3f })
                    foreach (var threads in new[] { 1, 2, 3 })
                        Numbers.WithThreads(threads, () =>
                        {
                            using var c = new AttentionCase(b, h, tq, tk, d, causal, mask, p, tq + (31 * tk) + d);
                            c.Run();
                            c.Verify();
                        });
    }

    [Fact]
    public void RandomSmallSizesAgree()
    {
        var random = new Random(1);
        for (var run = 0; run < 300; run++)
        {
            using var c = new AttentionCase(random.Next(1, 4), random.Next(1, 4), random.Next(1, 68), random.Next(1, 68), random.Next(1, 68),
                random.Next(2) == 0, (AttentionCase.Masking)random.Next(6), random.Next(2) * 0.2f, run);
            c.Run();
            c.Verify();
        }
    }

    [Fact]
    public void HiddenRowsGiveZerosAndNoGradient()
    {
        using var c = new AttentionCase(1, 2, 40, 70, 16, false, AttentionCase.Masking.HiddenRows, 0, 1);
        c.Run();
        c.Verify();
        Assert.Contains(float.NegativeInfinity, new Span<float>(c.Lse.Pointer, (int)c.Lse.Length).ToArray());
    }

    [Fact]
    public void ExtremeScoresStayFinite()
    {
        using var c = new AttentionCase(1, 1, 50, 50, 8, true, AttentionCase.Masking.None, 0, 2, spread: 40);
        c.Run();
        c.Verify(5e-4); // scores of several thousand: a float's ulp there is 2e-4 in the exponent
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(0.2f)]
    public void EveryRunGivesTheSameBits(float p)
    {
        foreach (var heads in new[] { 1, 3, 4 })
        {
            var forward = new HashSet<string>();
            for (var threads = 1; threads <= 3; threads++)
                Numbers.WithThreads(threads, () =>
                {
                    var backward = new HashSet<string>();
                    for (var run = 0; run < 3; run++)
                    {
                        using var c = new AttentionCase(1, heads, 290, 290, 32, true, AttentionCase.Masking.None, p, 3);
                        c.Run();
                        forward.Add(string.Join(' ', c.O.Bits.Concat(c.Lse.Bits)));
                        backward.Add(string.Join(' ', c.Dq.Bits.Concat(c.Dk.Bits).Concat(c.Dv.Bits)));
                    }
                    Assert.Single(backward);
                });
            Assert.Single(forward);
        }
    }

    [Fact]
    public void AQueryAloneGetsWhatItGetsAmongOthers()
    {
        var random = new Random(4);
        const int t = 100, d = 24;
        using Guarded q = new(Numbers.Normal(random, t * d)), k = new(Numbers.Normal(random, t * d)), v = new(Numbers.Normal(random, t * d));
        using Guarded all = new(t * d), one = new(d), lse = new(t);
        var strides = new AttentionStrides(0, 0, d);
        var shape = new AttentionShape
        {
            B = 1,
            H = 1,
            Tq = t,
            Tk = t,
            D = d,
            Scale = 0.2f,
            Causal = true,
            Q = strides,
            K = strides,
            V = strides,
            O = strides,
        };
        Attention.Forward(shape, q.Pointer, k.Pointer, v.Pointer, all.Pointer, lse.Pointer, default, default);
        for (var i = 0; i < t; i++)
        {
            (shape.Tq, shape.Tk, shape.Causal) = (1, i + 1, false);
            Attention.Forward(shape, q.Pointer + (i * d), k.Pointer, v.Pointer, one.Pointer, lse.Pointer, default, default);
            Numbers.Close(one.Doubles, all.Doubles[(i * d)..((i + 1) * d)], 1e-6, 1e-6, $"query {i}");
        }
    }

    [Fact]
    public void NothingToDoDoesNothing()
    {
        using Guarded x = new(64), lse = new(4);
        var strides = new AttentionStrides(32, 32, 8);
        var shape = new AttentionShape { B = 1, H = 1, Tq = 4, D = 8, Scale = 1, Q = strides, K = strides, V = strides, O = strides };
        (shape.DO, shape.DQ, shape.DK, shape.DV) = (strides, strides, strides, strides);
        Attention.Forward(shape, x.Pointer, null, null, x.Pointer, lse.Pointer, default, default);
        Assert.All(x.Doubles[..32], v => Assert.Equal(0, v)); // no key: zeros
        (shape.Tq, shape.Tk) = (0, 4);
        Attention.Backward(shape, null, x.Pointer, x.Pointer, null, null, null, null, x.Pointer, x.Pointer + 32, default, default);
        Assert.All(x.Doubles, v => Assert.Equal(0, v)); // no query: no gradient
    }

    [Fact]
    public void TwinsGradientMatchesCentralDifferencesWithDropout()
    {
        var random = new Random(5);
        const int tq = 4, tk = 6, d = 3;
        double[] q = Numbers.Normal(random, tq * d), k = Numbers.Normal(random, tk * d), v = Numbers.Normal(random, tk * d);
        double[] dO = Numbers.Normal(random, tq * d), bias = Numbers.Normal(random, tq * tk);
        var keep = Enumerable.Range(0, tq * tk).Select(_ => random.Next(3) == 0 ? 0 : 1.5).ToArray();
        bias[1] = double.NegativeInfinity;
        double[] dq = new double[tq * d], dk = new double[tk * d], dv = new double[tk * d];
        ReferenceAttention.Backward(d, 0.7, q, k, v, bias, keep, dO, dq, dk, dv);
        foreach (var (x, dx) in new[] { (q, dq), (k, dk), (v, dv) })
            for (var i = 0; i < x.Length; i++)
            {
                const double step = 1e-6;
                var kept = x[i];
                x[i] = kept + step;
                var up = Loss();
                x[i] = kept - step;
                var down = Loss();
                x[i] = kept;
                Assert.Equal((up - down) / (2 * step), dx[i], 1e-7);
            }

        double Loss()
        {
            double[] o = new double[tq * d], lse = new double[tq];
            ReferenceAttention.Forward(d, 0.7, q, k, v, bias, keep, o, lse);
            return o.Zip(dO, (a, b) => a * b).Sum();
        }
    }
}
