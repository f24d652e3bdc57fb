using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>C[M, N] = A[M, K] B^T + bias for B stored [N, K] in a narrow type: sizes and strides in elements.</summary>
internal unsafe struct NarrowProduct<T>
    where T : unmanaged
{
    internal long M;
    internal long N;
    internal long K;
    internal float* A;
    internal long Lda;
    internal T* B;
    internal long Ldb;
    internal float* C;
    internal long Ldc;
    internal float* Bias;
}

/// <summary>
/// The dot products of <see cref="GemmVector{L, TV}"/> for B in a narrow type, on one thread: what bounds them is how fast B comes from
/// memory, and it is half or a quarter as long.
/// </summary>
/// <remarks>
/// Four rows of B, three rows of A: B is widened in registers, anew for every three rows, which is no slower than to memory once. Summed
/// in the order of the float32 kernel, so that the bits are those of the widened B, and a row of C does not depend on how many there are.
/// </remarks>
internal static unsafe class GemmVectorNarrow<L, TV, E, T>
    where L : ILanes<TV>
    where TV : struct
    where E : INarrow<T>
    where T : unmanaged
{
    /// <summary>From this size, 32 KB, B without gaps is asked for ahead.</summary>
    private const long FarBytes = 1 << 15;

    /// <summary>How far ahead.</summary>
    private const long BytesAhead = 8192;

    /// <summary>Rows of A that are multiplied at once: they stay in L2 while B goes by.</summary>
    private const long RowsAtOnce = 32;

    private const int MostLanes = 16;

    /// <summary>Runs the product, K &gt; 0, on the calling thread.</summary>
    internal static void Run(in NarrowProduct<T> g)
    {
        var part = g;
        for (long i = 0; i < g.M; i += RowsAtOnce)
        {
            part.M = Math.Min(RowsAtOnce, g.M - i);
            part.A = g.A + (i * g.Lda);
            part.C = g.C + (i * g.Ldc);
            if (g.Ldb == g.K && g.N * g.K * sizeof(T) >= FarBytes)
                Dots<N2>(part);
            else
                Dots<N1>(part);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<TFar>(in NarrowProduct<T> g)
        where TFar : IConst
    {
        for (long j = 0; j < g.N; j += 4)
        {
            var b = g.B + (j * g.Ldb);
            var columns = (int)Math.Min(4, g.N - j);
            var bias = g.Bias == null ? Vector128<float>.Zero : Lanes128.LoadFirst(g.Bias + j, columns);
            long i = 0;
            for (; i + 3 <= g.M; i += 3)
                Dots<TFar, N3>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias);
            if (i + 2 == g.M)
                Dots<TFar, N2>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias);
            else if (i < g.M)
                Dots<TFar, N1>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias);
        }
    }

    /// <summary>
    /// TRows rows of A against four rows of B (of which columns count: the others repeat the last). TFar is 2 to ask for memory ahead.
    /// </summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<TFar, TRows>(
        float* a, long lda, T* b, long ldb, long k, float* c, long ldc, int columns, Vector128<float> bias)
        where TFar : IConst
        where TRows : IConst
    {
        T* b1 = b + (Math.Min(1, columns - 1) * ldb), b2 = b + (Math.Min(2, columns - 1) * ldb), b3 = b + ((columns - 1) * ldb);
        float* a1 = a + lda, a2 = a1 + lda;
        TV s00 = L.Zero, s01 = L.Zero, s02 = L.Zero, s03 = L.Zero;
        TV s10 = L.Zero, s11 = L.Zero, s12 = L.Zero, s13 = L.Zero;
        TV s20 = L.Zero, s21 = L.Zero, s22 = L.Zero, s23 = L.Zero;
        long p = 0;
        for (; p + L.Count <= k; p += L.Count)
        {
            if (TFar.Value == 2)
            {
                // The four rows are one piece of memory, 4 k long.
                var ahead = (byte*)(b + (4 * p)) + BytesAhead;
                for (var line = 0; line < 4 * L.Count * sizeof(T); line += 64)
                    Simd.Prefetch((float*)(ahead + line));
            }
            TV x0 = L.Load(a + p), x1 = TRows.Value > 1 ? L.Load(a1 + p) : x0, x2 = TRows.Value > 2 ? L.Load(a2 + p) : x0;
            Step<TRows>(x0, x1, x2, E.Load<L, TV>(b + p), ref s00, ref s10, ref s20);
            Step<TRows>(x0, x1, x2, E.Load<L, TV>(b1 + p), ref s01, ref s11, ref s21);
            Step<TRows>(x0, x1, x2, E.Load<L, TV>(b2 + p), ref s02, ref s12, ref s22);
            Step<TRows>(x0, x1, x2, E.Load<L, TV>(b3 + p), ref s03, ref s13, ref s23);
        }
        if (p < k)
        {
            var n = (int)(k - p);
            var x0 = L.LoadFirst(a + p, n);
            var x1 = TRows.Value > 1 ? L.LoadFirst(a1 + p, n) : x0;
            var x2 = TRows.Value > 2 ? L.LoadFirst(a2 + p, n) : x0;
            // No call here: it would cost the sums their registers, all through the loop.
            var last = stackalloc float[4 * MostLanes];
            for (var i = 0; i < L.Count; i++)
            {
                var there = i < n;
                last[i] = there ? E.Widen(b[p + i]) : 0;
                last[L.Count + i] = there ? E.Widen(b1[p + i]) : 0;
                last[(2 * L.Count) + i] = there ? E.Widen(b2[p + i]) : 0;
                last[(3 * L.Count) + i] = there ? E.Widen(b3[p + i]) : 0;
            }
            Step<TRows>(x0, x1, x2, L.Load(last), ref s00, ref s10, ref s20);
            Step<TRows>(x0, x1, x2, L.Load(last + L.Count), ref s01, ref s11, ref s21);
            Step<TRows>(x0, x1, x2, L.Load(last + (2 * L.Count)), ref s02, ref s12, ref s22);
            Step<TRows>(x0, x1, x2, L.Load(last + (3 * L.Count)), ref s03, ref s13, ref s23);
        }
        Finish(L.Sum4(s00, s01, s02, s03) + bias, c, columns);
        if (TRows.Value > 1)
            Finish(L.Sum4(s10, s11, s12, s13) + bias, c + ldc, columns);
        if (TRows.Value > 2)
            Finish(L.Sum4(s20, s21, s22, s23) + bias, c + (2 * ldc), columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TRows>(TV x0, TV x1, TV x2, TV v, ref TV s0, ref TV s1, ref TV s2)
        where TRows : IConst
    {
        s0 = L.MulAdd(x0, v, s0);
        if (TRows.Value > 1)
            s1 = L.MulAdd(x1, v, s1);
        if (TRows.Value > 2)
            s2 = L.MulAdd(x2, v, s2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(Vector128<float> sums, float* c, int columns)
    {
        if (columns == 4)
            sums.Store(c);
        else
            Lanes128.StoreFirst(sums, c, columns);
    }
}
