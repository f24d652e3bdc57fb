using TorchSharp.Kernels;

namespace TorchSharp.Tests;

/// <summary>A product with random matrices, row strides that are often larger than the rows, and guarded memory.</summary>
internal sealed unsafe class GemmCase : IDisposable
{
    internal GemmCase(
        Random random, bool transA, bool transB, long m, long n, long k, bool? accumulate = null, bool? bias = null)
    {
        (TransA, TransB, M, N, K) = (transA, transB, m, n, k);
        Lda = (transA ? m : k) + Extra(random);
        Ldb = (transB ? k : n) + Extra(random);
        Ldc = n + Extra(random);
        A = Matrix(random, transA ? k : m, transA ? m : k, Lda);
        B = Matrix(random, transB ? n : k, transB ? k : n, Ldb);
        C = Matrix(random, m, n, Ldc);
        Accumulate = accumulate ?? random.Next(2) == 0;
        Bias = bias ?? random.Next(2) == 0 ? GuardedFloats.Random(n, random) : null;
    }

    internal bool TransA { get; }

    internal bool TransB { get; }

    internal long M { get; }

    internal long N { get; }

    internal long K { get; }

    internal long Lda { get; }

    internal long Ldb { get; }

    internal long Ldc { get; }

    internal GuardedFloats A { get; }

    internal GuardedFloats B { get; }

    internal GuardedFloats C { get; }

    internal GuardedFloats? Bias { get; }

    internal bool Accumulate { get; }

    /// <summary>Whether a row must not hang on the others.</summary>
    internal bool RowsAlone { get; init; }

    internal void Run() =>
        Gemm.Run(
            TransA, TransB, M, N, K, A.Start, Lda, B.Start, Ldb, C.Start, Ldc, Accumulate, Bias == null ? null : Bias.Start, RowsAlone);

    /// <summary>Row i of the product by a call of its own.</summary>
    internal float[] Alone(long i)
    {
        var row = new float[N];
        fixed (float* c = row)
            Gemm.Run(
                TransA, TransB, 1, N, K, A.Start + (i * Lda), Lda, B.Start, Ldb, c, N, false, Bias == null ? null : Bias.Start, RowsAlone);
        return row;
    }

    /// <summary>C as the reference leaves it.</summary>
    internal float[] Expected() => Reference(x => x);

    /// <summary>For each element of C the sum of the absolute values of what is added.</summary>
    internal float[] Magnitude() => Reference(Math.Abs);

    /// <summary>Whether the float at this place of C's memory is an element, not the space between rows.</summary>
    internal bool IsElement(long index) => index % Ldc < N;

    internal void Fill(float x) => C.Span.Fill(x);

    public void Dispose()
    {
        A.Dispose();
        B.Dispose();
        C.Dispose();
        Bias?.Dispose();
    }

    public override string ToString() =>
        $"{(TransA ? "T" : "N")}{(TransB ? "T" : "N")} {M}x{N}x{K} strides {Lda} {Ldb} {Ldc} accumulate {Accumulate} bias {Bias != null}";

    private static long Extra(Random random) => Math.Max(0, random.Next(-3, 6));

    /// <summary>The memory ends with the last element of the last row.</summary>
    private static GuardedFloats Matrix(Random random, long rows, long columns, long stride) =>
        GuardedFloats.Random(rows == 0 ? 0 : ((rows - 1) * stride) + columns, random);

    private float[] Reference(Func<float, float> f)
    {
        using GuardedFloats a = A.Map(f), b = B.Map(f), c = C.Map(f), bias = Bias?.Map(f) ?? new GuardedFloats(0);
        ReferenceGemm.Run(
            TransA, TransB, M, N, K, a.Start, Lda, b.Start, Ldb, c.Start, Ldc, Accumulate, Bias == null ? null : bias.Start);
        return c.Span.ToArray();
    }
}
