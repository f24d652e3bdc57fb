using System.Runtime.Intrinsics;
using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>
/// The matrix product, C[m, n] = op(A)[m, k] op(B)[k, n] (+ C) (+ bias[n] to every row), float32, row-major.
/// </summary>
/// <remarks>
/// <para>op(A) is A stored [m, k], or the transpose of A stored [k, m] if transA; op(B) is B stored [k, n], or the transpose of B
/// stored [n, k] if transB (a linear layer's weight). lda, ldb, ldc are strides from row to row of the matrices as stored.</para>
/// <para>Two ways: up to 32 rows of an A that is not transposed go by <see cref="GemmVector{L, TV}"/>, which packs nothing; all else by
/// <see cref="GemmBlock{L, TV}"/>. <see cref="GemmPlan"/> cuts both for the threads.</para>
/// <para>Every sum has a fixed order, which depends on the sizes, the vector width and the number of threads: the same call gives the
/// same bits. A row of C depends on the values of its own row of A and of B only; its last bits may change with m, which decides the way
/// and the cut of the inner axis.</para>
/// <para>The gradients are products again: dA = dC op(B)^T, dB = op(A)^T dC.</para>
/// <para>C must not overlap A, B or the bias.</para>
/// </remarks>
internal static unsafe class Gemm
{
    /// <summary>Up to here packing B costs more than reading it into registers once for every four rows.</summary>
    private const long MaxVectorRows = 32;

    /// <summary>Multiply-adds from which the products of a batch are cut one after another, and not each given to one thread.</summary>
    private const double CutWork = 1 << 22;

    /// <summary>The same where the batch has fewer products than there are threads.</summary>
    private const double CutWorkOfFew = 1 << 18;

    /// <summary>C = op(A) op(B), plus C if accumulate, plus the bias if not null. k = 0 is a product of zeros.</summary>
    internal static void Run(
        bool transA, bool transB, long m, long n, long k, float* a, long lda, float* b, long ldb, float* c, long ldc,
        bool accumulate, float* bias = null, bool rowsAlone = false)
    {
        var product = new GemmProduct
        {
            TransA = transA,
            TransB = transB,
            M = m,
            N = n,
            K = k,
            A = a,
            Lda = lda,
            B = b,
            Ldb = ldb,
            C = c,
            Ldc = ldc,
            Bias = bias,
            Accumulate = accumulate,
            RowsAlone = rowsAlone,
        };
        Cut(product);
    }

    /// <summary>
    /// The same product for each of batch triples of matrices, strideA, strideB, strideC apart. A stride of 0 uses one A or one B for
    /// all.
    /// </summary>
    internal static void Batched(
        bool transA, bool transB, long batch, long m, long n, long k, float* a, long strideA, long lda, float* b, long strideB, long ldb,
        float* c, long strideC, long ldc, bool accumulate)
    {
        var product = new GemmProduct
        {
            TransA = transA,
            TransB = transB,
            M = m,
            N = n,
            K = k,
            A = a,
            Lda = lda,
            B = b,
            Ldb = ldb,
            C = c,
            Ldc = ldc,
            Accumulate = accumulate,
        };
        if (strideB == 0 && !transA && strideA == m * lda && strideC == m * ldc)
        {
            product.M = m * batch; // the matrices lie one below the other
            Cut(product);
            return;
        }
        var work = (double)m * n * k;
        var job = new BatchJob { Product = product, StrideA = strideA, StrideB = strideB, StrideC = strideC };
        if (batch == 1 || work >= (batch < WorkerPool.Threads ? CutWorkOfFew : CutWork))
            for (long i = 0; i < batch; i++)
                Cut(job.At(i));
        else
            WorkerPool.For(batch, (long)Math.Ceiling(GemmPlan.MinWork / Math.Max(work, 1)), ref job);
    }

    private static void Cut(in GemmProduct g)
    {
        if (g.M <= 0 || g.N <= 0)
            return;
        if (g.K <= 0)
        {
            Empty(g);
            return;
        }
        var byVector = ByVector(g);
        var (rows, columns) = byVector ? ((int)MaxVectorRows, Simd.Width) : TileSize();
        var plan = GemmPlan.For(g.M, g.N, g.K, rows, columns, Simd.Width, g.RowsAlone);
        if (plan.Parts == 1)
        {
            Serial(g, byVector);
            return;
        }
        var job = new PartJob { Product = g, Plan = plan, ByVector = byVector, TileRows = rows, TileColumns = columns };
        if (plan.Depths > 1)
            job.Partials = GemmScratch.Partials((plan.Depths - 1) * g.M * g.N);
        WorkerPool.For(plan.Parts, 1, ref job);
        if (plan.Depths > 1)
        {
            var add = new AddJob { C = g.C, Ldc = g.Ldc, M = g.M, N = g.N, Partials = job.Partials, Count = plan.Depths - 1 };
            WorkerPool.For(g.M, Math.Max(1, 8192 / g.N), ref add);
        }
    }

    /// <summary>A product whose rows are to be alone, K > 0, on the calling thread: for a kernel that shares out the work itself.</summary>
    internal static void RowsHere(in GemmProduct g) => Serial(g, byVector: true);

    private static bool ByVector(in GemmProduct g) => g.RowsAlone || (g.M <= MaxVectorRows && !g.TransA);

    private static (int Rows, int Columns) TileSize() =>
        Simd.Width == 16 ? (GemmTile<Lanes512, Vector512<float>>.Rows, GemmTile<Lanes512, Vector512<float>>.Columns)
        : Simd.Width == 8 ? (GemmTile<Lanes256, Vector256<float>>.Rows, GemmTile<Lanes256, Vector256<float>>.Columns)
        : (GemmTile<Lanes128, Vector128<float>>.Rows, GemmTile<Lanes128, Vector128<float>>.Columns);

    private static void Serial(in GemmProduct g, bool byVector)
    {
        // The rows that are multiplied at once stay in L2 while B goes by.
        for (long i = 0; byVector && i < g.M; i += MaxVectorRows)
            FewRows(g.M <= MaxVectorRows ? g : g.Slice(i, Math.Min(g.M, i + MaxVectorRows), 0, g.N, 0, g.K));
        if (byVector)
            return;
        if (Simd.Width == 16)
            GemmBlock<Lanes512, Vector512<float>>.Run(g);
        else if (Simd.Width == 8)
            GemmBlock<Lanes256, Vector256<float>>.Run(g);
        else
            GemmBlock<Lanes128, Vector128<float>>.Run(g);
    }

    private static void FewRows(in GemmProduct g)
    {
        if (Simd.Width == 16)
            GemmVector<Lanes512, Vector512<float>>.Run(g);
        else if (Simd.Width == 8)
            GemmVector<Lanes256, Vector256<float>>.Run(g);
        else
            GemmVector<Lanes128, Vector128<float>>.Run(g);
    }

    /// <summary>A product over no inner axis: zeros, plus C, plus the bias.</summary>
    private static void Empty(in GemmProduct g)
    {
        for (long i = 0; i < g.M; i++)
            for (long j = 0; j < g.N; j++)
                g.C[(i * g.Ldc) + j] = (g.Accumulate ? g.C[(i * g.Ldc) + j] : 0) + (g.Bias == null ? 0 : g.Bias[j]);
    }

    /// <summary>The parts of one product, by number: depth slowest, then rows, then columns.</summary>
    private struct PartJob : IRangeJob
    {
        internal GemmProduct Product;
        internal GemmPlan Plan;
        internal bool ByVector;
        internal int TileRows;
        internal int TileColumns;
        internal float* Partials;

        public readonly void Run(long start, long end)
        {
            var (m, n, k) = (Product.M, Product.N, Product.K);
            for (var i = (int)start; i < end; i++)
            {
                var column = i % Plan.Columns;
                var row = i / Plan.Columns % Plan.Rows;
                var depth = i / Plan.Columns / Plan.Rows;
                var whole = Product;
                if (depth > 0)
                {
                    whole.Ldc = n;
                    whole.Bias = null;
                    whole.Accumulate = false;
                    whole.C = Partials + ((depth - 1) * m * n);
                }
                var part = whole.Slice(
                    GemmPlan.Start(m, TileRows, Plan.Rows, row), GemmPlan.Start(m, TileRows, Plan.Rows, row + 1),
                    GemmPlan.Start(n, TileColumns, Plan.Columns, column), GemmPlan.Start(n, TileColumns, Plan.Columns, column + 1),
                    GemmPlan.Start(k, 1, Plan.Depths, depth), GemmPlan.Start(k, 1, Plan.Depths, depth + 1));
                if (part.M > 0 && part.N > 0)
                    Serial(part, ByVector);
            }
        }
    }

    /// <summary>C[i, :] += the partial results, in order, for a range of rows i.</summary>
    private struct AddJob : IRangeJob
    {
        internal float* C;
        internal long Ldc;
        internal long M;
        internal long N;
        internal float* Partials;
        internal int Count;

        public readonly void Run(long start, long end)
        {
            for (var i = start; i < end; i++)
            {
                for (var part = 0; part < Count; part++)
                {
                    var from = Partials + (((part * M) + i) * N);
                    var to = C + (i * Ldc);
                    long j = 0;
                    for (; j + 16 <= N; j += 16)
                        (Vector512.Load(to + j) + Vector512.Load(from + j)).Store(to + j);
                    for (; j < N; j++)
                        to[j] += from[j];
                }
            }
        }
    }

    /// <summary>Whole products of a batch, each on one thread.</summary>
    private struct BatchJob : IRangeJob
    {
        internal GemmProduct Product;
        internal long StrideA;
        internal long StrideB;
        internal long StrideC;

        internal readonly GemmProduct At(long i)
        {
            var product = Product;
            product.A += i * StrideA;
            product.B += i * StrideB;
            product.C += i * StrideC;
            return product;
        }

        public readonly void Run(long start, long end)
        {
            for (var i = start; i < end; i++)
            {
                var product = At(i);
                if (product.K <= 0)
                    Empty(product);
                else if (product.M > 0 && product.N > 0)
                    Serial(product, ByVector(product));
            }
        }
    }
}
