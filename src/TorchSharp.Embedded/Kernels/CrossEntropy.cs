using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Cross-entropy of rows of logits [rows, cols] against class indices [rows], with label smoothing s: the target distribution is
/// (1 - s) at the target + s / cols everywhere. loss = lse - (1 - s) x_target - s avg(x), lse = ln sum e^x.
/// </summary>
/// <remarks>
/// <para>Backward: dx = scale (e^(x - lse) - (1 - s) [c = target] - s / cols). Neither way stores probabilities: backward makes them
/// again from lse, kept in two parts, the largest logit and ln of the sum above it: one float32 would lose the digits of logits that are
/// all far from 0.</para>
/// <para>Forward reads memory once: the logits go by blocks of <see cref="Block"/> (16 KiB: they stay in the first cache), each takes its
/// maximum and then its exponentials, and the running sum is rescaled when the maximum rises.</para>
/// <para>The caller checks that a target is the ignored index or in [0, cols).</para>
/// </remarks>
internal static unsafe class CrossEntropy
{
    private const int Block = 4096;

    /// <summary>losses [rows], lse [2, rows]: maxima, logarithms. All 0 where the target is ignoreIndex.</summary>
    internal static void Forward(
        long rows, long cols, float* logits, long* target, long ignoreIndex, double smoothing, float* losses, float* lse)
    {
        var job = new ForwardJob
        {
            Rows = rows,
            Cols = cols,
            Logits = logits,
            Target = target,
            Ignore = ignoreIndex,
            Smoothing = smoothing,
            Losses = losses,
            Lse = lse,
        };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>scale [rows] is the gradient of each row's loss; dlogits is overwritten, may be logits, and is 0 in ignored rows.</summary>
    internal static void Backward(
        long rows, long cols, float* logits, long* target, long ignoreIndex, double smoothing, float* lse, float* scale, float* dlogits)
    {
        var job = new BackwardJob
        {
            Rows = rows,
            Cols = cols,
            Logits = logits,
            Target = target,
            Ignore = ignoreIndex,
            Smoothing = smoothing,
            Lse = lse,
            Scale = scale,
            Dlogits = dlogits,
        };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    private struct ForwardJob : IVecJob
    {
        internal long Rows, Cols, Ignore;
        internal float* Logits, Losses, Lse;
        internal long* Target;
        internal double Smoothing;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
            {
                if (Target[r] == Ignore)
                {
                    Losses[r] = Lse[r] = Lse[Rows + r] = 0;
                    continue;
                }
                var x = Logits + (r * Cols);
                var (top, log) = LogSumExp<V>(x);
                (Lse[r], Lse[Rows + r]) = (top, (float)log);
                var aim = (1 - Smoothing) * x[Target[r]];
                if (Smoothing != 0)
                    aim += Smoothing / Cols * Reduce.SumRow<V>(Cols, x);
                Losses[r] = (float)(top + log - aim);
            }
        }

        private readonly (float Top, double Log) LogSumExp<V>(float* x)
            where V : struct, IVec<V>
        {
            var top = float.NegativeInfinity;
            var sum = 0.0;
            for (var i = 0L; i < Cols; i += Block)
            {
                var n = Math.Min(Block, Cols - i);
                var peak = Softmax.Largest<V>(n, x + i);
                if (peak > top)
                {
                    sum *= sum == 0 ? 0 : Math.Exp(top - peak);
                    top = peak;
                }
                if (peak != float.NegativeInfinity) // NaN goes in too, and comes out
                    sum += Softmax.SumExp<V>(n, x + i, top, null);
                else if (double.IsNaN(Reduce.SumRow<V>(n, x + i))) // of NaN and -infinity the maximum may be either
                    sum = double.NaN;
            }
            return (top, Math.Log(sum));
        }
    }

    private struct BackwardJob : IVecJob
    {
        internal long Rows, Cols, Ignore;
        internal float* Logits, Lse, Scale, Dlogits;
        internal long* Target;
        internal double Smoothing;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var n = Cols;
            for (var r = start; r < end; r++)
            {
                float* x = Logits + (r * n), d = Dlogits + (r * n);
                if (Target[r] == Ignore)
                {
                    for (var c = 0L; c < n; c++)
                        d[c] = 0;
                    continue;
                }
                V top = V.Of(Lse[r]), log = V.Of(Lse[Rows + r]), scale = V.Of(Scale[r]), even = V.Of((float)(-Smoothing / n * Scale[r]));
                var i = 0L;
                for (; i + V.Count <= n; i += V.Count)
                    V.Fma(MathOps.ExpDown(V.Load(x + i) - top - log), scale, even).Store(d + i);
                var rest = (int)(n - i);
                if (rest > 0)
                    V.Fma(MathOps.ExpDown(V.Load(x + i, rest) - top - log), scale, even).Store(d + i, rest);
                d[Target[r]] -= (float)((1 - Smoothing) * Scale[r]);
            }
        }
    }
}
