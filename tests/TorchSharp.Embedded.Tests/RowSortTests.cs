using System.Runtime.InteropServices;
using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>Sorting and choosing the best of rows of every kind, against a stable sort of the runtime's.</summary>
public sealed unsafe class RowSortTests
{
    private static readonly int[] Lengths = [.. Enumerable.Range(1, 67), 127, 128, 1000, 1023, 1024, 1025, 4097];

    /// <summary>What rows are made of: spread, tied, ruled out nearly everywhere, in order, all the same, with every special number.</summary>
    private static IEnumerable<float[]> Rows(Random random, int n)
    {
        float[] special = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f, float.MaxValue, float.Epsilon, -1f];
        var spread = Numbers.Normal(random, n, 4).Select(x => (float)x).ToArray();
        yield return spread;
        yield return [.. spread.Select(x => MathF.Round(x))];
        yield return [.. spread.Select(x => x > 7 ? MathF.Round(x) : float.NegativeInfinity)];
        yield return [.. spread.Order()];
        yield return [.. spread.OrderDescending()];
        yield return [.. spread.Select(_ => -3f)];
        yield return [.. spread.Select(_ => float.NegativeInfinity)];
        yield return [.. spread.Select(_ => float.NaN)];
        yield return [.. spread.Select(_ => special[random.Next(special.Length)])];
        yield return [.. spread.Select(x => random.Next(9) == 0 ? special[random.Next(special.Length)] : x)];
        // All that is large in places a multiple of 16 apart: the groups of the first look see little of it.
        yield return [.. spread.Select((x, i) => i % 64 == 0 ? x + 100 : x)];
    }

    [Fact]
    public void RowsComeInAStableOrder()
    {
        var random = new Random(11);
        foreach (var n in Lengths)
            foreach (var row in Rows(random, n))
                foreach (var descending in new[] { false, true })
                    Check(row, [row.Length], descending);
    }

    [Fact]
    public void TheBestAreTheFirstOfAStableOrder()
    {
        var random = new Random(12);
        foreach (var n in Lengths)
            foreach (var row in Rows(random, n))
                Check(row, new[] { 1, 2, 5, n / 16, n / 8, (n / 8) + 1, n / 2, n - 1 }.Where(k => k >= 1 && k <= n).Distinct(), true);
    }

    [Fact]
    public void AVocabularyIsSorted()
    {
        var random = new Random(13);
        foreach (var row in Rows(random, 50_257))
        {
            Check(row, [1, 50, 256, 6000, 50_257], true);
            Check(row, [50, 50_257], false);
        }
    }

    [Fact]
    public void EveryRowIsLookedAtOnItsOwn()
    {
        var random = new Random(14);
        const int rows = 37, cols = 1003, k = 40;
        var all = Enumerable.Range(0, rows).Select(_ => Rows(random, cols).First()).ToArray();
        long[] want = [.. all.SelectMany(row => Reference.Order(row, true).Take(k))], got = new long[rows * k];
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                Array.Clear(got);
                var values = new float[rows * k];
                fixed (float* x = all.SelectMany(row => row).ToArray(), v = values)
                fixed (long* p = got)
                    RowSort.Forward(rows, cols, k, true, x, v, p);
                Assert.Equal(want, got);
            });
    }

    [Fact]
    public void SelectionPutsTheSmallestInFront()
    {
        var random = new Random(15);
        foreach (var n in Enumerable.Range(1, 40).Concat([333, 1000]))
            for (var k = 0; k <= n; k += 1 + (n / 20))
            {
                var keys = Enumerable.Range(0, n).Select(i => ((ulong)random.Next(n) << 32) | (uint)i).ToArray();
                var want = keys.Order().Take(k).ToArray();
                fixed (ulong* p = keys)
                    OrderKeys.Select(p, n, k);
                Assert.Equal(want, keys.Take(k).Order());
            }
    }

    private static void Check(float[] row, IEnumerable<int> counts, bool descending)
    {
        var order = Reference.Order(row, descending);
        using var x = new GuardedFloats(row.Length);
        row.CopyTo(x.Span);
        foreach (var k in counts)
        {
            using var values = new GuardedFloats(k);
            var places = new long[k + 1];
            places[k] = -1;
            fixed (long* p = places)
                RowSort.Forward(1, row.Length, k, descending, x.Start, values.Start, p);
            Assert.Equal([.. order[..k], -1], places);
            var want = order[..k].Select(i => row[i]).ToArray();
            Assert.True(MemoryMarshal.AsBytes(want.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(values.Span)), "values");
        }
    }
}
