using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace TorchSharp.Kernels;

/// <summary>
/// A product with few rows (one token a sequence, when text is generated) on one thread: B is read once, from memory to registers,
/// and nothing is packed.
/// </summary>
/// <remarks>
/// <para>B stored [n, k]: dot products, four rows of B at a time. B stored [k, n]: C += a[p] B[p, :], four rows of B at a time over a
/// chunk of columns of C that stays in L1. Either way the four rows serve up to four rows of A at once, then the next four.</para>
/// <para>A row of C is summed in the same order however many rows there are.</para>
/// </remarks>
internal static unsafe class GemmVector<L, TV>
    where L : ILanes<TV>
    where TV : struct
{
    /// <summary>
    /// From this size, 32 KB, B stored [n, k] without gaps is asked for ahead: four rows read side by side do not look like a stream to
    /// the hardware. Out of L3 that is more than twice as fast, and a model's matrices, each used once a token, come from there.
    /// </summary>
    private const long FarFloats = 1 << 13;

    /// <summary>How far ahead: 8 KB.</summary>
    private const long FloatsAhead = 2048;

    /// <summary>Elements of C in one go when B is stored [k, n]: 16 KB, half of L1.</summary>
    private const long Chunk = 4096;

    /// <summary>Whether there are 32 vector registers, for the sums of four rows of A at once; 16 have room for three, or two.</summary>
    private static bool FourRows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => L.Count == 16 || AdvSimd.IsSupported;
    }

    /// <summary>Runs the product, K &gt; 0 and A not transposed, on the calling thread.</summary>
    internal static void Run(in GemmProduct g)
    {
        if (!g.TransB)
            Sums(g);
        else if (g.Ldb == g.K && g.N * g.K >= FarFloats)
            Dots<N2>(g);
        else
            Dots<N1>(g);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<TFar>(in GemmProduct g)
        where TFar : IConst
    {
        for (long j = 0; j < g.N; j += 4)
        {
            var b = g.B + (j * g.Ldb);
            var columns = (int)Math.Min(4, g.N - j);
            var bias = g.Bias == null ? Vector128<float>.Zero : Lanes128.LoadFirst(g.Bias + j, columns);
            long i = 0;
            for (; FourRows && i + 4 <= g.M; i += 4)
                Dots<TFar, N4>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias, g.Accumulate);
            for (; !FourRows && i + 3 <= g.M; i += 3)
                Dots<TFar, N3>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias, g.Accumulate);
            for (; i + 2 <= g.M; i += 2)
                Dots<TFar, N2>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias, g.Accumulate);
            if (i < g.M)
                Dots<TFar, N1>(g.A + (i * g.Lda), g.Lda, b, g.Ldb, g.K, g.C + (i * g.Ldc) + j, g.Ldc, columns, bias, g.Accumulate);
        }
    }

    /// <summary>
    /// TRows rows of A against four rows of B (of which columns count: the others repeat the last). TFar is 2 to ask for memory ahead.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Dots<TFar, TRows>(
        float* a, long lda, float* b, long ldb, long k, float* c, long ldc, int columns, Vector128<float> bias, bool accumulate)
        where TFar : IConst
        where TRows : IConst
    {
        float* b1 = b + (Math.Min(1, columns - 1) * ldb), b2 = b + (Math.Min(2, columns - 1) * ldb), b3 = b + ((columns - 1) * ldb);
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        TV s00 = L.Zero, s01 = L.Zero, s02 = L.Zero, s03 = L.Zero;
        TV s10 = L.Zero, s11 = L.Zero, s12 = L.Zero, s13 = L.Zero;
        TV s20 = L.Zero, s21 = L.Zero, s22 = L.Zero, s23 = L.Zero;
        TV s30 = L.Zero, s31 = L.Zero, s32 = L.Zero, s33 = L.Zero;
        long p = 0;
        for (; p + L.Count <= k; p += L.Count)
        {
            if (TFar.Value == 2)
            {
                var ahead = b + (4 * p) + FloatsAhead; // the four rows are one piece of memory, 4 k long
                for (var line = 0; line < 4 * L.Count; line += 16)
                    Simd.Prefetch(ahead + line);
            }
            if (TRows.Value == 3)
            {
                // Twelve sums and three numbers leave one register for B.
                TV x0 = L.Load(a + p), x1 = L.Load(a1 + p), x2 = L.Load(a2 + p);
                Step(x0, x1, x2, L.Load(b + p), ref s00, ref s10, ref s20);
                Step(x0, x1, x2, L.Load(b1 + p), ref s01, ref s11, ref s21);
                Step(x0, x1, x2, L.Load(b2 + p), ref s02, ref s12, ref s22);
                Step(x0, x1, x2, L.Load(b3 + p), ref s03, ref s13, ref s23);
                continue;
            }
            var (v0, v1, v2, v3) = (L.Load(b + p), L.Load(b1 + p), L.Load(b2 + p), L.Load(b3 + p));
            Step(L.Load(a + p), v0, v1, v2, v3, ref s00, ref s01, ref s02, ref s03);
            if (TRows.Value > 1)
                Step(L.Load(a1 + p), v0, v1, v2, v3, ref s10, ref s11, ref s12, ref s13);
            if (TRows.Value == 4)
            {
                Step(L.Load(a2 + p), v0, v1, v2, v3, ref s20, ref s21, ref s22, ref s23);
                Step(L.Load(a3 + p), v0, v1, v2, v3, ref s30, ref s31, ref s32, ref s33);
            }
        }
        if (p < k)
        {
            var n = (int)(k - p);
            var (v0, v1, v2, v3) = (L.LoadFirst(b + p, n), L.LoadFirst(b1 + p, n), L.LoadFirst(b2 + p, n), L.LoadFirst(b3 + p, n));
            Step(L.LoadFirst(a + p, n), v0, v1, v2, v3, ref s00, ref s01, ref s02, ref s03);
            if (TRows.Value > 1)
                Step(L.LoadFirst(a1 + p, n), v0, v1, v2, v3, ref s10, ref s11, ref s12, ref s13);
            if (TRows.Value > 2)
                Step(L.LoadFirst(a2 + p, n), v0, v1, v2, v3, ref s20, ref s21, ref s22, ref s23);
            if (TRows.Value > 3)
                Step(L.LoadFirst(a3 + p, n), v0, v1, v2, v3, ref s30, ref s31, ref s32, ref s33);
        }
        Finish(L.Sum4(s00, s01, s02, s03) + bias, c, columns, accumulate);
        if (TRows.Value > 1)
            Finish(L.Sum4(s10, s11, s12, s13) + bias, c + ldc, columns, accumulate);
        if (TRows.Value > 2)
            Finish(L.Sum4(s20, s21, s22, s23) + bias, c + (2 * ldc), columns, accumulate);
        if (TRows.Value > 3)
            Finish(L.Sum4(s30, s31, s32, s33) + bias, c + (3 * ldc), columns, accumulate);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(TV x, TV v0, TV v1, TV v2, TV v3, ref TV s0, ref TV s1, ref TV s2, ref TV s3)
    {
        s0 = L.MulAdd(x, v0, s0);
        s1 = L.MulAdd(x, v1, s1);
        s2 = L.MulAdd(x, v2, s2);
        s3 = L.MulAdd(x, v3, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(TV x0, TV x1, TV x2, TV v, ref TV s0, ref TV s1, ref TV s2)
    {
        s0 = L.MulAdd(x0, v, s0);
        s1 = L.MulAdd(x1, v, s1);
        s2 = L.MulAdd(x2, v, s2);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish(Vector128<float> sums, float* c, int columns, bool accumulate)
    {
        if (columns == 4)
            (accumulate ? sums + Vector128.Load(c) : sums).Store(c);
        else
            Lanes128.StoreFirst(accumulate ? sums + Lanes128.LoadFirst(c, columns) : sums, c, columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sums(in GemmProduct g)
    {
        // Rows of C that are a multiple of 4 KB apart would share the lines of L1 with each other and with B: sum in a block instead.
        var chunk = Math.Max(64, Chunk / g.M / 16 * 16);
        var block = g.M == 1 ? null : GemmScratch.Panels(chunk * g.M);
        for (long j = 0; j < g.N; j += chunk)
        {
            var columns = Math.Min(chunk, g.N - j);
            var sums = block == null ? g.C + j : block;
            var stride = block == null ? g.Ldc : columns;
            for (long i = 0; i < g.M; i++)
                Begin(sums + (i * stride), g.C + (i * g.Ldc) + j, g.Bias == null ? null : g.Bias + j, columns, g.Accumulate);
            long p = 0;
            for (; p + 4 <= g.K; p += 4)
                Sums<N4>(g, p, j, columns, sums, stride);
            for (; p < g.K; p++)
                Sums<N1>(g, p, j, columns, sums, stride);
            for (long i = 0; i < g.M && block != null; i++)
                new Span<float>(sums + (i * stride), (int)columns).CopyTo(new Span<float>(g.C + (i * g.Ldc) + j, (int)columns));
        }
    }

    /// <summary>The row of C before the first product.</summary>
    private static void Begin(float* sums, float* c, float* bias, long columns, bool accumulate)
    {
        var row = new Span<float>(sums, (int)columns);
        if (accumulate && sums != c)
            new Span<float>(c, (int)columns).CopyTo(row);
        if (bias == null && !accumulate)
            row.Clear();
        else if (bias != null && !accumulate)
            new Span<float>(bias, (int)columns).CopyTo(row);
        else if (bias != null)
            for (var j = 0; j < row.Length; j++)
                row[j] += bias[j];
    }

    /// <summary>TDepth rows of B, from row p, into a chunk of columns of all rows of C.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sums<TDepth>(in GemmProduct g, long p, long j, long columns, float* sums, long stride)
        where TDepth : IConst
    {
        var b = g.B + (p * g.Ldb) + j;
        long i = 0;
        for (; FourRows && i + 4 <= g.M; i += 4)
            Sums<TDepth, N4>(g.A + (i * g.Lda) + p, g.Lda, b, g.Ldb, sums + (i * stride), stride, columns);
        for (; i + 2 <= g.M; i += 2)
            Sums<TDepth, N2>(g.A + (i * g.Lda) + p, g.Lda, b, g.Ldb, sums + (i * stride), stride, columns);
        if (i < g.M)
            Sums<TDepth, N1>(g.A + (i * g.Lda) + p, g.Lda, b, g.Ldb, sums + (i * stride), stride, columns);
    }

    /// <summary>C[i, j] += sum over p &lt; TDepth of a[i, p] b[p, j] for TRows rows i and j &lt; columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sums<TDepth, TRows>(float* a, long lda, float* b, long ldb, float* c, long ldc, long columns)
        where TDepth : IConst
        where TRows : IConst
    {
        float* a1 = a + lda, a2 = a1 + lda, a3 = a2 + lda;
        float* b1 = b + ldb, b2 = b1 + ldb, b3 = b2 + ldb;
        float* c1 = c + ldc, c2 = c1 + ldc, c3 = c2 + ldc;
        TV x00 = At<TDepth, N1, TRows, N1>(a, 0), x01 = At<TDepth, N2, TRows, N1>(a, 1);
        TV x02 = At<TDepth, N3, TRows, N1>(a, 2), x03 = At<TDepth, N4, TRows, N1>(a, 3);
        TV x10 = At<TDepth, N1, TRows, N2>(a1, 0), x11 = At<TDepth, N2, TRows, N2>(a1, 1);
        TV x12 = At<TDepth, N3, TRows, N2>(a1, 2), x13 = At<TDepth, N4, TRows, N2>(a1, 3);
        TV x20 = At<TDepth, N1, TRows, N3>(a2, 0), x21 = At<TDepth, N2, TRows, N3>(a2, 1);
        TV x22 = At<TDepth, N3, TRows, N3>(a2, 2), x23 = At<TDepth, N4, TRows, N3>(a2, 3);
        TV x30 = At<TDepth, N1, TRows, N4>(a3, 0), x31 = At<TDepth, N2, TRows, N4>(a3, 1);
        TV x32 = At<TDepth, N3, TRows, N4>(a3, 2), x33 = At<TDepth, N4, TRows, N4>(a3, 3);
        long j = 0;
        for (; j + L.Count <= columns; j += L.Count)
        {
            TV v0 = L.Load(b + j), v1 = L.Zero, v2 = L.Zero, v3 = L.Zero;
            if (TDepth.Value > 1)
                (v1, v2, v3) = (L.Load(b1 + j), L.Load(b2 + j), L.Load(b3 + j));
            L.Store(Sum<TDepth>(x00, x01, x02, x03, v0, v1, v2, v3, L.Load(c + j)), c + j);
            if (TRows.Value > 1)
                L.Store(Sum<TDepth>(x10, x11, x12, x13, v0, v1, v2, v3, L.Load(c1 + j)), c1 + j);
            if (TRows.Value > 2)
            {
                L.Store(Sum<TDepth>(x20, x21, x22, x23, v0, v1, v2, v3, L.Load(c2 + j)), c2 + j);
                L.Store(Sum<TDepth>(x30, x31, x32, x33, v0, v1, v2, v3, L.Load(c3 + j)), c3 + j);
            }
        }
        if (j < columns)
        {
            var n = (int)(columns - j);
            TV v0 = L.LoadFirst(b + j, n), v1 = L.Zero, v2 = L.Zero, v3 = L.Zero;
            if (TDepth.Value > 1)
                (v1, v2, v3) = (L.LoadFirst(b1 + j, n), L.LoadFirst(b2 + j, n), L.LoadFirst(b3 + j, n));
            L.StoreFirst(Sum<TDepth>(x00, x01, x02, x03, v0, v1, v2, v3, L.LoadFirst(c + j, n)), c + j, n);
            if (TRows.Value > 1)
                L.StoreFirst(Sum<TDepth>(x10, x11, x12, x13, v0, v1, v2, v3, L.LoadFirst(c1 + j, n)), c1 + j, n);
            if (TRows.Value > 2)
            {
                L.StoreFirst(Sum<TDepth>(x20, x21, x22, x23, v0, v1, v2, v3, L.LoadFirst(c2 + j, n)), c2 + j, n);
                L.StoreFirst(Sum<TDepth>(x30, x31, x32, x33, v0, v1, v2, v3, L.LoadFirst(c3 + j, n)), c3 + j, n);
            }
        }
    }

    /// <summary>a[p] in all lanes, if the sizes reach depth TAtDepth and row TAtRow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV At<TDepth, TAtDepth, TRows, TAtRow>(float* a, long p)
        where TDepth : IConst
        where TAtDepth : IConst
        where TRows : IConst
        where TAtRow : IConst => TAtDepth.Value <= TDepth.Value && TAtRow.Value <= TRows.Value ? L.Create(a[p]) : L.Zero;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Sum<TDepth>(TV x0, TV x1, TV x2, TV x3, TV v0, TV v1, TV v2, TV v3, TV c)
        where TDepth : IConst
    {
        c = L.MulAdd(x0, v0, c);
        if (TDepth.Value > 1)
        {
            c = L.MulAdd(x1, v1, c);
            c = L.MulAdd(x2, v2, c);
            c = L.MulAdd(x3, v3, c);
        }
        return c;
    }
}
