namespace TorchSharp.Kernels;

/// <summary>The matrix product as three loops in double: what <see cref="Gemm"/> is proven against.</summary>
internal static unsafe class ReferenceGemm
{
    /// <summary>The same contract as <see cref="Gemm.Run"/>; every element is summed in double and rounded once.</summary>
    internal static void Run(
        bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c, long ldc,
        bool accumulate, float* bias = null)
    {
        for (long i = 0; i < m; i++)
        {
            for (long j = 0; j < n; j++)
            {
                var sum = (accumulate ? c[(i * ldc) + j] : 0.0) + (bias == null ? 0.0 : bias[j]);
                for (long p = 0; p < k; p++)
                    sum += (double)(transA ? a[(p * lda) + i] : a[(i * lda) + p]) * (transB ? b[(j * ldb) + p] : b[(p * ldb) + j]);
                c[(i * ldc) + j] = (float)sum;
            }
        }
    }
}
