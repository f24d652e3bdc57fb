using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Normalization of rows: h = (x - mean) rstd, y = h weight + bias, with rstd = 1 / sqrt(variance + eps) and the biased variance.
/// x, y [rows, cols], weight, bias [cols], mean, rstd [rows].
/// </summary>
/// <remarks>
/// <para>Backward, with g = dy weight: dx = rstd (g - avg(g) - h avg(g h)), dweight = sum over rows of dy h, dbias = sum over rows of dy.</para>
/// <para>The variance is summed from x - mean, in a second pass over a row that is still in the first cache; the mean is bettered by
/// the average of x - mean on the way. Backward goes by four rows at
/// a time, so that a quarter of the loads and stores of dweight and dbias is enough; these are summed in at most <see cref="MaxParts"/>
/// parts of the rows, cut by the sizes alone, and the parts are added in order.</para>
/// </remarks>
internal static unsafe class LayerNorm
{
    private const int MaxParts = 32;
    private const int Group = 4;

    /// <summary>weight and bias may be null: 1 and 0.</summary>
    internal static void Forward(
        long rows, long cols, float* x, float* weight, float* bias, float* y, float* mean, float* rstd, float eps)
    {
        var job = new ForwardJob
        {
            Cols = cols,
            X = x,
            Weight = weight,
            Bias = bias,
            Y = y,
            Mean = mean,
            Rstd = rstd,
            Eps = eps,
        };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>dx (null: not wanted; may be dy) is overwritten, dweight and dbias (null: not wanted) are added to.</summary>
    internal static void Backward(
        long rows, long cols, float* x, float* weight, float* mean, float* rstd, float* dy, float* dx, float* dweight, float* dbias)
    {
        var part = Math.Max((rows + MaxParts - 1) / MaxParts, Math.Min(rows, Elementwise.RowGrain(cols) / 4));
        part = Math.Max(Group, (part + Group - 1) / Group * Group);
        var parts = (rows + part - 1) / part;
        using var scratch = new Scratch(2 * parts * cols);
        Elementwise.Fill(2 * parts * cols, 0, scratch.Pointer);
        var job = new BackwardJob
        {
            Rows = rows,
            Cols = cols,
            Part = part,
            X = x,
            Weight = weight,
            Mean = mean,
            Rstd = rstd,
            Dy = dy,
            Dx = dx,
            Partial = scratch.Pointer,
        };
        Vec.For(parts, Math.Max(1, Elementwise.RowGrain(cols) / part), ref job);
        for (var p = 0L; p < parts; p++)
        {
            if (dweight != null)
                Elementwise.Binary<AddOp>(cols, dweight, scratch.Pointer + (2 * p * cols), dweight);
            if (dbias != null)
                Elementwise.Binary<AddOp>(cols, dbias, scratch.Pointer + (((2 * p) + 1) * cols), dbias);
        }
    }

    private struct ForwardJob : IVecJob
    {
        internal long Cols;
        internal float* X, Weight, Bias, Y, Mean, Rstd;
        internal float Eps;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var n = Cols;
            V zero = V.Of(0f), one = V.Of(1f);
            float* weight = Weight, bias = Bias;
            for (var r = start; r < end; r++)
            {
                float* x = X + (r * n), y = Y + (r * n);
                var mean = (float)(Reduce.SumRow<V>(n, x) / n);
                var (error, squares) = Deviation<V>(n, x, mean);
                mean += (float)error;
                var rstd = (float)(1 / Math.Sqrt(Math.Max(0, squares - (error * error)) + Eps));
                Mean[r] = mean;
                Rstd[r] = rstd;
                V center = V.Of(mean), scale = V.Of(rstd);
                var i = 0L;
                for (; i + V.Count <= n; i += V.Count)
                {
                    var h = (V.Load(x + i) - center) * scale;
                    V.Fma(h, weight == null ? one : V.Load(weight + i), bias == null ? zero : V.Load(bias + i)).Store(y + i);
                }
                var rest = (int)(n - i);
                if (rest > 0)
                {
                    var h = (V.Load(x + i, rest) - center) * scale;
                    V.Fma(h, weight == null ? one : V.Load(weight + i, rest), bias == null ? zero : V.Load(bias + i, rest))
                        .Store(y + i, rest);
                }
            }
        }

        /// <summary>The averages of x - center and of its square; by blocks of 64 registers, as <see cref="Reduce"/> does.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (double Error, double Squares) Deviation<V>(long n, float* x, float center)
            where V : struct, IVec<V>
        {
            var c = V.Of(center);
            double error = 0, squares = 0;
            for (var block = 0L; block < n; block += 64 * V.Count)
            {
                V a = V.Of(0f), b = a;
                var last = Math.Min(n, block + (64 * V.Count));
                var i = block;
                for (; i + V.Count <= last; i += V.Count)
                {
                    var d = V.Load(x + i) - c;
                    (a, b) = (a + d, V.Fma(d, d, b));
                }
                if (i < last)
                {
                    var d = (V.Load(x + i, (int)(last - i)) - c) & V.First((int)(last - i));
                    (a, b) = (a + d, V.Fma(d, d, b));
                }
                (error, squares) = (error + a.Sum(), squares + b.Sum());
            }
            return (error / n, squares / n);
        }
    }

    private struct BackwardJob : IVecJob
    {
        internal long Rows, Cols, Part;
        internal float* X, Weight, Mean, Rstd, Dy, Dx, Partial;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var averages = stackalloc float[2 * Group];
            for (var p = start; p < end; p++)
            {
                var last = Math.Min(Rows, (p + 1) * Part);
                for (var r = p * Part; r < last; r += Group)
                    Rows4<V>(r, (int)Math.Min(Group, last - r), averages, Partial + (2 * p * Cols));
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private readonly void Rows4<V>(long first, int count, float* averages, float* dweight)
            where V : struct, IVec<V>
        {
            var n = Cols;
            float* weight = Weight, dbias = dweight + n;
            for (var j = 0; j < count; j++)
            {
                float* x = X + ((first + j) * n), dy = Dy + ((first + j) * n);
                V sum = V.Of(0f), product = sum, mean = V.Of(Mean[first + j]);
                var i = 0L;
                for (; i + V.Count <= n; i += V.Count)
                {
                    var g = weight == null ? V.Load(dy + i) : V.Load(dy + i) * V.Load(weight + i);
                    sum += g;
                    product = V.Fma(g, V.Load(x + i) - mean, product);
                }
                var rest = (int)(n - i);
                if (rest > 0)
                {
                    var g = weight == null ? V.Load(dy + i, rest) : V.Load(dy + i, rest) * V.Load(weight + i, rest);
                    sum += g;
                    product = V.Fma(g, V.Load(x + i, rest) - mean, product);
                }
                averages[2 * j] = sum.Sum() / n;
                averages[(2 * j) + 1] = product.Sum() * Rstd[first + j] / n;
            }
            for (var i = 0L; i < n; i += V.Count)
            {
                var lanes = (int)Math.Min(V.Count, n - i);
                V w = V.Of(1f), dw = Load<V>(dweight + i, lanes), db = Load<V>(dbias + i, lanes);
                if (weight != null)
                    w = Load<V>(weight + i, lanes);
                for (var j = 0; j < count; j++)
                {
                    var at = ((first + j) * n) + i;
                    var rstd = V.Of(Rstd[first + j]);
                    V dy = Load<V>(Dy + at, lanes), h = (Load<V>(X + at, lanes) - V.Of(Mean[first + j])) * rstd;
                    dw = V.Fma(dy, h, dw);
                    db += dy;
                    if (Dx != null)
                        Store((V.Fma(dy, w, V.Of(-averages[2 * j])) - (h * V.Of(averages[(2 * j) + 1]))) * rstd, Dx + at, lanes);
                }
                Store(dw, dweight + i, lanes);
                Store(db, dbias + i, lanes);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static V Load<V>(float* p, int lanes)
            where V : struct, IVec<V> => lanes == V.Count ? V.Load(p) : V.Load(p, lanes);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Store<V>(V v, float* p, int lanes)
            where V : struct, IVec<V>
        {
            if (lanes == V.Count)
                v.Store(p);
            else
                v.Store(p, lanes);
        }
    }
}
