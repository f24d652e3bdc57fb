using TorchSharp.Kernels;
using TorchSharp.Threading;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>The matrix product against three loops in double.</summary>
[Collection("Threads")]
public sealed unsafe class GemmTests : IDisposable
{
    private readonly int before = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = before;

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Odd_sizes_strides_bias_and_accumulation(bool transA, bool transB)
    {
        var random = new Random(17);
        for (var repeat = 0; repeat < 250; repeat++)
        {
            WorkerPool.Threads = 1 + (repeat % 3);
            Check(new GemmCase(random, transA, transB, random.Next(1, 68), random.Next(1, 68), random.Next(1, 68)));
        }
    }

    [Theory]
    [InlineData(13, 33, 500)] // two blocks along the inner axis
    [InlineData(40, 1300, 390)] // two blocks of columns
    [InlineData(97, 161, 1031)] // cut along every axis
    [InlineData(65, 128, 4099)] // small C, long sums
    [InlineData(33, 7, 9001)]
    [InlineData(1, 3001, 257)] // few rows
    [InlineData(1, 5, 20011)]
    [InlineData(7, 1025, 515)]
    [InlineData(32, 2049, 67)]
    [InlineData(300, 1, 65)]
    public void Sizes_of_more_than_one_block(long m, long n, long k)
    {
        var random = new Random(23);
        for (var repeat = 0; repeat < 12; repeat++)
        {
            WorkerPool.Threads = 1 + (repeat / 4);
            Check(new GemmCase(random, repeat % 2 == 1, repeat / 2 % 2 == 1, m, n, k));
        }
    }

    [Theory]
    [InlineData(0, 5, 5)]
    [InlineData(5, 0, 5)]
    [InlineData(5, 5, 0)]
    [InlineData(50, 70, 0)]
    [InlineData(0, 0, 0)]
    public void An_empty_axis(long m, long n, long k)
    {
        var random = new Random(29);
        for (var repeat = 0; repeat < 16; repeat++)
            Check(new GemmCase(random, repeat % 2 == 1, repeat / 2 % 2 == 1, m, n, k));
    }

    [Fact]
    public void Without_accumulation_the_old_values_do_not_matter()
    {
        foreach (var (m, k) in ((long, long)[])[(3, 20), (3, 0), (50, 20), (50, 0), (40, 5000)])
        {
            foreach (var transB in (bool[])[false, true])
            {
                WorkerPool.Threads = 3;
                using var g = new GemmCase(new Random(31), false, transB, m, 37, k, accumulate: false);
                g.Fill(float.NaN);
                g.Run();
                for (long i = 0; i < m; i++)
                    for (long j = 0; j < 37; j++)
                        Assert.False(float.IsNaN(g.C.Start[(i * g.Ldc) + j]), $"{m} {k} {transB}: {i},{j}");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void The_same_call_gives_the_same_bits(int threads)
    {
        WorkerPool.Threads = threads;
        foreach (var (m, n, k) in ((long, long, long)[])[(65, 128, 4096), (200, 200, 200), (1, 1000, 1000), (12, 64, 20000), (4, 4, 4)])
        {
            foreach (var trans in (int[])[0, 1, 2, 3])
            {
                using var g = new GemmCase(new Random(37), trans % 2 == 1, trans / 2 == 1, m, n, k, accumulate: false);
                g.Run();
                var first = g.C.Span.ToArray();
                for (var repeat = 0; repeat < 10; repeat++)
                {
                    g.Fill(repeat);
                    g.Run();
                    for (long i = 0; i < m; i++)
                    {
                        Assert.True(
                            first.AsSpan((int)(i * g.Ldc), (int)n).SequenceEqual(g.C.Span.Slice((int)(i * g.Ldc), (int)n)),
                            $"{m} {n} {k} {trans}: run {repeat}, row {i}");
                    }
                }
            }
        }
    }

    [Fact]
    public void A_row_asked_for_alone_has_the_same_bits_in_any_company()
    {
        var random = new Random(43);
        foreach (var (n, k) in ((long, long)[])[(1, 1), (7, 5), (65, 128), (384, 128), (128, 512), (33, 1031), (1030, 77)])
        {
            foreach (var m in (long[])[1, 2, 3, 4, 5, 7, 31, 32, 33, 64, 97])
            {
                var transB = random.Next(2) == 0;
                using var g = new GemmCase(random, false, transB, m, n, k, accumulate: false) { RowsAlone = true };
                WorkerPool.Threads = 1;
                var alone = Enumerable.Range(0, (int)m).Select(i => g.Alone(i)).ToArray();
                for (var threads = 1; threads <= 3; threads++)
                {
                    WorkerPool.Threads = threads;
                    g.Run();
                    for (var i = 0; i < m; i++)
                        Assert.True(g.C.Span.Slice((int)(i * g.Ldc), (int)n).SequenceEqual(alone[i]), $"{g}: {threads} threads, row {i}");
                }
            }
        }
    }

    [Fact]
    public void Rows_alone_agree_with_the_loops()
    {
        var random = new Random(47);
        for (var repeat = 0; repeat < 150; repeat++)
        {
            WorkerPool.Threads = 1 + (repeat % 3);
            Check(new GemmCase(random, false, repeat % 2 == 0, random.Next(1, 120), random.Next(1, 68), random.Next(1, 68)) { RowsAlone = true });
        }
    }

    [Fact]
    public void A_row_depends_on_its_own_row_only()
    {
        WorkerPool.Threads = 2;
        foreach (var m in (long[])[2, 7, 31, 45])
        {
            foreach (var trans in (int[])[0, 1, 2, 3])
            {
                using var g = new GemmCase(new Random(41), trans % 2 == 1, trans / 2 == 1, m, 70, 450, accumulate: false);
                g.Run();
                var clean = g.C.Span.ToArray();
                for (long bad = 0; bad < m; bad += 3)
                {
                    for (long p = 0; p < 450; p++)
                        g.A.Start[g.TransA ? (p * g.Lda) + bad : (bad * g.Lda) + p] = p % 2 == 0 ? float.NaN : float.PositiveInfinity;
                }
                g.Run();
                for (long i = 0; i < m; i++)
                {
                    for (long j = 0; j < 70; j++)
                    {
                        var x = g.C.Start[(i * g.Ldc) + j];
                        if (i % 3 == 0)
                            Assert.True(float.IsNaN(x), $"{m} {trans}: {i},{j} is {x}");
                        else
                            Assert.Equal(clean[(i * g.Ldc) + j], x);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(50)]
    public void Infinities_and_nans_reach_the_elements_they_should(long m)
    {
        foreach (var trans in (int[])[0, 1, 2, 3])
        {
            using var g = new GemmCase(new Random(43), trans % 2 == 1, trans / 2 == 1, m, 40, 21, accumulate: false, bias: false);
            g.A.Span.Fill(1);
            g.B.Span.Fill(0);
            g.Run();
            Assert.Equal(0, g.C.Start[0]);
            g.A.Start[g.TransA ? (20 * g.Lda) + 1 : g.Lda + 20] = float.PositiveInfinity; // row 1, times 0
            g.B.Start[g.TransB ? (39 * g.Ldb) + 5 : (5 * g.Ldb) + 39] = float.NegativeInfinity; // column 39, times 1
            g.Run();
            for (long i = 0; i < m; i++)
            {
                for (long j = 0; j < 40; j++)
                {
                    var expected = i == 1 ? float.NaN : j == 39 ? float.NegativeInfinity : 0;
                    Assert.Equal(expected, g.C.Start[(i * g.Ldc) + j]);
                }
            }
        }
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        foreach (var threads in (int[])[1, 2])
        {
            WorkerPool.Threads = threads;
            foreach (var (m, n, k) in ((long, long, long)[])[(1, 64, 64), (5, 700, 700), (100, 100, 100), (65, 65, 6000)])
            {
                foreach (var trans in (int[])[0, 1, 2, 3])
                {
                    using var g = new GemmCase(new Random(47), trans % 2 == 1, trans / 2 == 1, m, n, k);
                    g.Run();
                    var start = GC.GetAllocatedBytesForCurrentThread();
                    g.Run();
                    Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - start);
                }
            }
        }
    }

    /// <summary>
    /// The difference from the product in double must be below the bound for a sum of floats in any order: (terms) 2^-24 times the sum
    /// of the absolute values. Nothing outside C's elements may have changed.
    /// </summary>
    private static void Check(GemmCase g)
    {
        using (g)
        {
            var (expected, magnitude) = (g.Expected(), g.Magnitude());
            g.Run();
            var bound = (g.K + 3) / (double)(1 << 24);
            for (var i = 0; i < g.C.Length; i++)
            {
                var error = Math.Abs((double)g.C.Start[i] - expected[i]);
                Assert.True(
                    g.IsElement(i) ? error <= (bound * magnitude[i]) + 1e-30 : error == 0,
                    $"{g}: element {i / g.Ldc},{i % g.Ldc} is {g.C.Start[i]}, not {expected[i]}");
            }
        }
    }
}
