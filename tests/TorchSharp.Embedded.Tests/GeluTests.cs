using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class GeluTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ValuesAndGradientsAgree(bool tanh)
    {
        var values = Enumerable.Range(-15_000, 30_001).Select(i => (double)(float)(i * 1e-3))
            .Concat([1e-20, -1e-20, 100, -100, 1e6, -1e6, 1e30, -1e30]).ToArray();
        var n = values.Length;
        var upstream = Numbers.Normal(new Random(1), n);
        using Guarded x = new(values), y = new(n), dy = new(upstream), dx = new(n);
        Gelu.Forward(n, x.Pointer, y.Pointer, tanh);
        Numbers.Close(values.Select(v => Reference.Gelu(v, tanh)).ToArray(), y.Doubles, 1e-7, 2e-7, "gelu");
        Gelu.Backward(n, x.Pointer, dy.Pointer, dx.Pointer, tanh);
        var slopes = values.Select((v, i) => upstream[i] * (Math.Abs(v) > 1e3 ? (v > 0 ? 1 : 0) : Reference.GeluSlope(v, tanh)));
        Numbers.Close(slopes.ToArray(), dx.Doubles, 1e-6, 4e-7, "gelu gradient");
        Gelu.Backward(n, x.Pointer, dy.Pointer, dy.Pointer, tanh);
        Assert.Equal(dx.Bits, dy.Bits);
    }

    [Fact]
    public void NegativeTailKeepsItsDigits()
    {
        var values = Enumerable.Range(1, 120).Select(i => (double)(float)(-0.1 * i)).ToArray();
        using Guarded x = new(values), y = new(values.Length);
        Gelu.Forward(values.Length, x.Pointer, y.Pointer, false);
        var want = values.Select(v => Reference.Gelu(v, false)).ToArray();
        Numbers.Close(want, y.Doubles, 0, System.Runtime.Intrinsics.X86.Fma.IsSupported ? 1e-6 : 1e-5, "gelu"); // t^2 is rounded without FMA
    }

    [Fact]
    public void ErfcIsRight()
    {
        // From tables to 15 digits.
        Assert.Equal(1.0, Reference.Erfc(0), 1e-15);
        Assert.Equal(0.157299207050285, Reference.Erfc(1), 1e-15);
        Assert.Equal(0.00467773498104727, Reference.Erfc(2), 1e-16);
        Assert.Equal(2.20904969985854e-5, Reference.Erfc(3), 1e-18);
        Assert.Equal(1.53745979442803e-12, Reference.Erfc(5), 1e-25);
        Assert.Equal(1.84270079294971, Reference.Erfc(-1), 1e-14);
    }
}
