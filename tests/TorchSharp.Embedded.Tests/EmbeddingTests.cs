using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class EmbeddingTests
{
    [Fact]
    public void GatherAndScatterAgree()
    {
        var random = new Random(1);
        foreach (var (n, cols, rows) in new[] { (1, 1, 1), (5, 3, 2), (17, 16, 9), (67, 67, 4), (3000, 130, 65), (2, 40_000, 3) })
        {
            double[] values = Numbers.Normal(random, rows * cols), upstream = Numbers.Normal(random, n * cols);
            var ids = Enumerable.Range(0, n).Select(_ => (long)random.Next(rows)).ToArray();
            var want = Numbers.Normal(random, rows * cols);
            using Guarded table = new(values), y = new(n * cols), dy = new(upstream), dtable = new(want);
            fixed (long* id = ids)
            {
                Embedding.Gather(n, cols, table.Pointer, id, y.Pointer);
                Embedding.ScatterAdd(n, cols, rows, dy.Pointer, id, dtable.Pointer);
            }
            Assert.Equal(Enumerable.Range(0, n * cols).Select(i => values[(ids[i / cols] * cols) + (i % cols)]), y.Doubles);
            for (var i = 0; i < n * cols; i++)
                want[(ids[i / cols] * cols) + (i % cols)] += upstream[i];
            Numbers.Close(want, dtable.Doubles, 2e-6 * Math.Sqrt(n), 1e-6, "scatter");
        }
    }

    [Fact]
    public void ScatterGivesTheSameBitsAtAnyThreadCount()
    {
        var random = new Random(2);
        const int n = 4000, cols = 256, rows = 3;
        var ids = Enumerable.Range(0, n).Select(_ => (long)random.Next(rows)).ToArray();
        using Guarded dy = new(Numbers.Normal(random, n * cols)), dtable = new(rows * cols);
        var seen = new HashSet<string>();
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                Elementwise.Fill(dtable.Length, 0, dtable.Pointer);
                fixed (long* id = ids)
                    Embedding.ScatterAdd(n, cols, rows, dy.Pointer, id, dtable.Pointer);
                seen.Add(string.Join(' ', dtable.Bits));
            });
        Assert.Single(seen);
    }
}
