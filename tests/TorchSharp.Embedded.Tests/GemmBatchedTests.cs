using TorchSharp.Kernels;
using TorchSharp.Threading;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>A batch of products against the products one by one in double.</summary>
[Collection("Threads")]
public sealed unsafe class GemmBatchedTests : IDisposable
{
    private readonly int before = WorkerPool.Threads;

    public void Dispose() => WorkerPool.Threads = before;

    public static TheoryData<long, long, long, long> Sizes =>
        new()
        {
            { 0, 3, 4, 5 },
            { 1, 17, 18, 19 },
            { 1, 90, 70, 80 },
            { 5, 3, 20, 33 },
            { 7, 40, 33, 65 },
            { 2, 130, 90, 100 },
            { 3, 170, 160, 160 },
            { 64, 9, 8, 4 },
            { 3, 4, 5, 0 },
        };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Every_product_of_the_batch_is_right(long batch, long m, long n, long k)
    {
        var random = new Random(53);
        for (var repeat = 0; repeat < 96; repeat += m * n * k > 1_000_000 ? 7 : 1)
        {
            var (transA, transB, accumulate) = (repeat % 2 == 1, repeat / 2 % 2 == 1, repeat / 4 % 2 == 1);
            WorkerPool.Threads = 1 + (repeat / 8 % 3);
            var (shareA, shareB, padded) = (repeat / 24 % 2 == 1, repeat / 48 % 2 == 1, repeat % 5 == 0 ? 3 : 0);
            long lda = (transA ? m : k) + padded, ldb = (transB ? k : n) + padded, ldc = n + padded;
            long sizeA = (transA ? k : m) * lda, sizeB = (transB ? n : k) * ldb, sizeC = (m * ldc) + padded;
            long strideA = shareA ? 0 : sizeA, strideB = shareB ? 0 : sizeB;
            using var a = GuardedFloats.Random((shareA ? 1 : batch) * sizeA, random);
            using var b = GuardedFloats.Random((shareB ? 1 : batch) * sizeB, random);
            using var c = GuardedFloats.Random(batch * sizeC, random);
            using var expected = c.Map(x => x);
            for (long i = 0; i < batch; i++)
            {
                ReferenceGemm.Run(
                    transA, transB, m, n, k, a.Start + (i * strideA), lda, b.Start + (i * strideB), ldb, expected.Start + (i * sizeC), ldc,
                    accumulate);
            }
            Gemm.Batched(
                transA, transB, batch, m, n, k, a.Start, strideA, lda, b.Start, strideB, ldb, c.Start, sizeC, ldc, accumulate);
            var bound = (k + 3) / (float)(1 << 24) * (k + 1); // the matrices are in [-1, 1): a sum of k + 1 values of at most 1
            for (var i = 0; i < c.Length; i++)
            {
                Assert.True(
                    Math.Abs(c.Start[i] - expected.Start[i]) <= bound,
                    $"{transA} {transB} {accumulate} {shareA} {shareB}: {i} is {c.Start[i]}, not {expected.Start[i]}");
            }
        }
    }

    [Fact]
    public void A_call_allocates_nothing()
    {
        WorkerPool.Threads = 2;
        using var a = GuardedFloats.Random(16 * 40 * 40, new Random(59));
        using var c = new GuardedFloats(16 * 40 * 40);
        for (var repeat = 0; repeat < 3; repeat++)
        {
            var start = GC.GetAllocatedBytesForCurrentThread();
            Gemm.Batched(false, true, 16, 40, 40, 40, a.Start, 1600, 40, a.Start, 1600, 40, c.Start, 1600, 40, false);
            Assert.True(repeat == 0 || GC.GetAllocatedBytesForCurrentThread() == start);
        }
    }
}
