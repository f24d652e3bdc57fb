using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class CumSumTests
{
    [Fact]
    public void SumsAgreeWithDouble()
    {
        var random = new Random(1);
        foreach (var n in Numbers.Sizes.Append(50_257))
        {
            var values = Numbers.Normal(random, n);
            var (want, sum, size) = (new double[n], 0.0, 0.0);
            for (var i = 0; i < n; i++)
            {
                want[i] = sum += values[i];
                size += Math.Abs(values[i]);
            }
            using Guarded x = new(values), y = new(n, 2);
            CumSum.Forward(1, n, x.Pointer, y.Pointer);
            Numbers.Close(want, y.Doubles, 1e-14 * size, 1.2e-7, $"sums of {n}"); // double additions, one rounding to float
        }
    }

    [Fact]
    public void TheOrderOfAdditionsHangsOnThePlaceAlone()
    {
        var random = new Random(2);
        var values = Numbers.Normal(random, 1000);
        Array.Clear(values, 100, 200); // blocks of zeros are passed over
        values[700] = double.NaN;
        using Guarded x = new(values), whole = new(1000);
        CumSum.Forward(1, 1000, x.Pointer, whole.Pointer);
        foreach (var n in Enumerable.Range(1, 67).Concat([127, 128, 129, 333, 1000]))
        {
            using Guarded part = new(n, 3), strided = new(n);
            CumSum.Forward(1, n, x.Pointer, part.Pointer);
            CumSum.Strided(n, 1, 0, x.Pointer, strided.Pointer);
            Assert.Equal(whole.Bits[..n], part.Bits);
            Assert.Equal(whole.Bits[..n], strided.Bits);
        }
        CumSum.Forward(1, 1000, x.Pointer, x.Pointer);
        Assert.Equal(whole.Bits, x.Bits);
    }

    [Fact]
    public void SharesNeverGoDownAndAZeroLeavesThem()
    {
        var random = new Random(3);
        for (var round = 0; round < 200; round++)
        {
            var n = random.Next(1, 3000);
            var values = Numbers.Normal(random, n, 12).Select(x => random.Next(3) == 0 ? 0 : (float)Math.Exp(x)).Select(x => (double)x).ToArray();
            using Guarded x = new(values), y = new(n);
            CumSum.Forward(1, n, x.Pointer, y.Pointer);
            for (var i = 1; i < n; i++)
                Assert.True(values[i] == 0 ? y.Pointer[i] == y.Pointer[i - 1] : y.Pointer[i] >= y.Pointer[i - 1]);
        }
    }

    [Fact]
    public void RowsAreSummedAloneOnAnyNumberOfThreads()
    {
        var random = new Random(4);
        const int rows = 41, cols = 1001;
        using Guarded x = new(Numbers.Normal(random, rows * cols)), want = new(rows * cols), got = new(rows * cols);
        for (var r = 0; r < rows; r++)
            CumSum.Forward(1, cols, x.Pointer + (r * cols), want.Pointer + (r * cols));
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                CumSum.Forward(rows, cols, x.Pointer, got.Pointer);
                Assert.Equal(want.Bits, got.Bits);
            });
    }
}
