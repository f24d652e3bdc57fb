using System.Runtime.Intrinsics;
using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>
/// C[m, n] = A[m, k] B^T (+ bias) for B stored [n, k] in bfloat16 or int8, widened to float32 as it is read; C, A and the sums are float32.
/// </summary>
/// <remarks>
/// Rows that are to be alone go by <see cref="GemmVectorNarrow{L, TV, E, T}"/>, B shared out among the threads by rows. The others by the
/// float32 product, a block of widened B after another.
/// </remarks>
internal static unsafe class GemmNarrow
{
    /// <summary>Rows of B that are given to a thread together.</summary>
    private const long Unit = 16;

    /// <summary>Floats of a widened block of B: 4 MB, which stay in L3 until the product has read them.</summary>
    private const long BlockFloats = 1 << 20;

    /// <summary>The product. With rowsAlone a row of C has the bits that it would have alone.</summary>
    internal static void Run<E, T>(in NarrowProduct<T> g, bool rowsAlone)
        where E : INarrow<T>
        where T : unmanaged
    {
        if (g.M <= 0 || g.N <= 0)
            return;
        if (g.K <= 0)
        {
            // No inner axis: zeros and the bias, which the float32 product writes without reading B.
            Gemm.Run(false, true, g.M, g.N, 0, g.A, g.Lda, null, 1, g.C, g.Ldc, accumulate: false, g.Bias);
            return;
        }
        if (!rowsAlone)
        {
            ByBlocks<E, T>(g);
            return;
        }
        var job = new PartJob<E, T> { Product = g };
        WorkerPool.For((g.N + Unit - 1) / Unit, (long)Math.Ceiling(GemmPlan.MinWork / ((double)g.M * Unit * g.K)), ref job);
    }

    /// <summary>A product whose rows are to be alone, K > 0, on the calling thread.</summary>
    internal static void RowsHere<E, T>(in NarrowProduct<T> g)
        where E : INarrow<T>
        where T : unmanaged
    {
        if (Simd.Width == 16)
            GemmVectorNarrow<Lanes512, Vector512<float>, E, T>.Run(g);
        else if (Simd.Width == 8)
            GemmVectorNarrow<Lanes256, Vector256<float>, E, T>.Run(g);
        else
            GemmVectorNarrow<Lanes128, Vector128<float>, E, T>.Run(g);
    }

    private static void ByBlocks<E, T>(in NarrowProduct<T> g)
        where E : INarrow<T>
        where T : unmanaged
    {
        var rows = Math.Min(g.N, Math.Max(Unit, BlockFloats / g.K / Unit * Unit));
        using var scratch = new Scratch(rows * g.K);
        var block = scratch.Pointer;
        for (long j = 0; j < g.N; j += rows)
        {
            var count = Math.Min(rows, g.N - j);
            var job = new WidenJob<E, T> { From = g.B + (j * g.Ldb), Stride = g.Ldb, To = block, K = g.K };
            WorkerPool.For(count, Math.Max(1, Elementwise.Grain / g.K), ref job);
            Gemm.Run(
                false, true, g.M, count, g.K, g.A, g.Lda, block, g.K, g.C + j, g.Ldc, accumulate: false,
                g.Bias == null ? null : g.Bias + j);
        }
    }

    private struct PartJob<E, T> : IRangeJob
        where E : INarrow<T>
        where T : unmanaged
    {
        internal NarrowProduct<T> Product;

        public readonly void Run(long start, long end)
        {
            var part = Product;
            var first = start * Unit;
            part.N = Math.Min(Product.N, end * Unit) - first;
            part.B += first * part.Ldb;
            part.C += first;
            if (part.Bias != null)
                part.Bias += first;
            RowsHere<E, T>(part);
        }
    }

    private struct WidenJob<E, T> : IRangeJob
        where E : INarrow<T>
        where T : unmanaged
    {
        internal T* From;
        internal long Stride;
        internal float* To;
        internal long K;

        public readonly void Run(long start, long end)
        {
            for (var r = start; r < end; r++)
                Widening.Row<E, T>(From + (r * Stride), To + (r * K), K);
        }
    }
}
