namespace TorchSharp.Kernels;

/// <summary>
/// One matrix product, C[M, N] = op(A)[M, K] op(B)[K, N] (+ C) (+ bias), as the kernels hand it on: sizes in elements, strides from row
/// to row as stored.
/// </summary>
internal unsafe struct GemmProduct
{
    internal bool TransA;
    internal bool TransB;
    internal long M;
    internal long N;
    internal long K;
    internal float* A;
    internal long Lda;
    internal float* B;
    internal long Ldb;
    internal float* C;
    internal long Ldc;
    internal float* Bias;
    internal bool Accumulate;

    /// <summary>Whether a row of C must have the bits that it would have alone. Not with TransA.</summary>
    internal bool RowsAlone;

    /// <summary>Element (i, p) of op(A).</summary>
    internal readonly float* AtA(long i, long p) => TransA ? A + (p * Lda) + i : A + (i * Lda) + p;

    /// <summary>Element (p, j) of op(B).</summary>
    internal readonly float* AtB(long p, long j) => TransB ? B + (j * Ldb) + p : B + (p * Ldb) + j;

    /// <summary>
    /// The product of op(A)[i0..i1, p0..p1] and op(B)[p0..p1, j0..j1], with C and the bias moved along: what it adds to
    /// C[i0..i1, j0..j1].
    /// </summary>
    internal readonly GemmProduct Slice(long i0, long i1, long j0, long j1, long p0, long p1)
    {
        var part = this;
        (part.M, part.N, part.K) = (i1 - i0, j1 - j0, p1 - p0);
        part.A = AtA(i0, p0);
        part.B = AtB(p0, j0);
        part.C = C + (i0 * Ldc) + j0;
        part.Bias = Bias == null ? null : Bias + j0;
        return part;
    }
}
