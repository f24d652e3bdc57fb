using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class ReduceTests
{
    [Fact]
    public void WholeReductionsAgreeWithDouble()
    {
        var random = new Random(1);
        foreach (var n in Numbers.Sizes.Append(1_000_003))
        {
            var values = Numbers.Normal(random, n);
            using var x = new Guarded(values);
            Assert.Equal(values.Sum(), Reduce.Sum(n, x.Pointer), 2e-7 * values.Sum(Math.Abs));
            Assert.Equal(values.Sum(v => v * v), Reduce.SumSquares(n, x.Pointer), 3e-7 * values.Sum(v => v * v));
            Assert.Equal(values.Max(), Reduce.Max(n, x.Pointer));
            Assert.Equal(values.Min(), Reduce.Min(n, x.Pointer));
            x.Pointer[random.Next(n)] = float.NaN;
            Assert.True(float.IsNaN(Reduce.Max(n, x.Pointer)) && float.IsNaN(Reduce.Min(n, x.Pointer)));
        }
        Assert.Equal(0, Reduce.Sum(0, null));
        Assert.Equal(float.NegativeInfinity, Reduce.Max(0, null));
    }

    [Fact]
    public void TenMillionOnesSumExactly()
    {
        using var x = new Guarded(10_000_000);
        Elementwise.Fill(x.Length, 1, x.Pointer);
        Assert.Equal(1e7f, Reduce.Sum(x.Length, x.Pointer));
        Elementwise.Fill(x.Length, 0.1f, x.Pointer);
        Assert.Equal(1e7 * 0.1f, Reduce.Sum(x.Length, x.Pointer), 0.5);
    }

    [Fact]
    public void RowsAndColumnsAgreeWithDouble()
    {
        var random = new Random(2);
        foreach (var (rows, cols) in Shapes(random))
        {
            var values = Numbers.Normal(random, rows * cols);
            using Guarded x = new(values), byRow = new(rows), byCol = new(cols);
            double[] wantRows = new double[rows], wantCols = new double[cols];
            var top = Enumerable.Repeat(double.NegativeInfinity, rows).ToArray();
            for (var i = 0; i < values.Length; i++)
            {
                wantRows[i / cols] += values[i];
                wantCols[i % cols] += values[i];
                top[i / cols] = Math.Max(top[i / cols], values[i]);
            }
            Reduce.SumRows(rows, cols, x.Pointer, byRow.Pointer);
            Numbers.Close(wantRows, byRow.Doubles, 1e-6 * Math.Sqrt(cols), 1e-6, "rows");
            Reduce.MaxRows(rows, cols, x.Pointer, byRow.Pointer);
            Numbers.Close(top, byRow.Doubles, 0, 0, "max of rows");
            Reduce.SumCols(rows, cols, x.Pointer, byCol.Pointer, false);
            Numbers.Close(wantCols, byCol.Doubles, 2e-6 * Math.Sqrt(rows), 1e-6, "columns");
            Reduce.SumCols(rows, cols, x.Pointer, byCol.Pointer, true);
            Numbers.Close(wantCols.Select(v => 2 * v).ToArray(), byCol.Doubles, 4e-6 * Math.Sqrt(rows), 1e-6, "columns, added");
        }
    }

    [Fact]
    public void AnyThreadCountGivesTheSameBits()
    {
        var random = new Random(3);
        using Guarded x = new(Numbers.Normal(random, 1000 * 777)), y = new(777);
        var seen = new HashSet<string>();
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                for (var run = 0; run < 3; run++)
                {
                    Reduce.SumCols(1000, 777, x.Pointer, y.Pointer, false);
                    seen.Add(string.Join(' ', y.Bits) + Reduce.Sum(x.Length, x.Pointer) + Reduce.SumSquares(x.Length, x.Pointer));
                }
            });
        Assert.Single(seen);
    }

    private static IEnumerable<(int Rows, int Cols)> Shapes(Random random) =>
        Enumerable.Range(0, 40).Select(_ => (random.Next(1, 68), random.Next(1, 68)))
            .Concat([(1, 100_000), (5, 70_000), (4000, 3), (2000, 128), (513, 300), (100_000, 1)]);
}
