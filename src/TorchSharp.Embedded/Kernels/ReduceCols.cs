using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// Sums down the columns, y_c = sum over r of x_rc: the gradient of a bias. Eight registers stand side by side over a strip of columns
// while the rows go by; after SubRows rows they are added to the strip's total, so that no chain of additions is long. Strips, and
// parts of the rows where there are few strips, are shared out among the threads; the cut depends on the sizes alone.
internal static unsafe partial class Reduce
{
    private const int SubRows = 128;
    private const int Units = 16;
    private const int PartRows = 256;

    /// <summary>y_c = sum over r of x_rc, or added to y_c: x [rows, cols], y [cols].</summary>
    internal static void SumCols(long rows, long cols, float* x, float* y, bool accumulate)
    {
        var strip = 8 * Simd.Width;
        var strips = (cols + strip - 1) / strip;
        var parts = strips == 0 ? 1 : Math.Clamp(Math.Min(Units / strips, rows / PartRows), 1, Units);
        using var scratch = new Scratch(parts * cols);
        Elementwise.Fill(parts * cols, 0, scratch.Pointer);
        var job = new ColsJob
        {
            Rows = rows,
            Cols = cols,
            Strips = strips,
            PartLength = (rows + parts - 1) / parts,
            X = x,
            Partial = scratch.Pointer,
        };
        Vec.For(strips * parts, Math.Max(1, Elementwise.Grain / Math.Max(1, job.PartLength * Math.Min(strip, cols))), ref job);
        if (!accumulate)
            Elementwise.Fill(cols, 0, y);
        for (var p = 0L; p < parts; p++)
            Elementwise.Binary<AddOp>(cols, y, scratch.Pointer + (p * cols), y);
    }

    private struct ColsJob : IVecJob
    {
        internal long Rows, Cols, Strips, PartLength;
        internal float* X, Partial;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var unit = start; unit < end; unit++)
            {
                var (part, first) = (unit / Strips, unit % Strips * 8 * V.Count);
                var last = Math.Min(Rows, (part + 1) * PartLength);
                for (var r = part * PartLength; r < last; r += SubRows)
                    Strip<V>((int)Math.Min(SubRows, last - r), Cols, (int)Math.Min(8 * V.Count, Cols - first),
                        X + (r * Cols) + first, Partial + (part * Cols) + first);
            }
        }

        private static void Strip<V>(int rows, long stride, int cols, float* x, float* total)
            where V : struct, IVec<V>
        {
            if (cols == 8 * V.Count)
                Eight<V>(rows, stride, x, total);
            else
                for (var c = 0; c < cols; c += V.Count)
                    One<V>(rows, stride, Math.Min(V.Count, cols - c), x + c, total + c);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void Eight<V>(int rows, long stride, float* x, float* total)
            where V : struct, IVec<V>
        {
            V a = V.Of(0), b = a, c = a, d = a, e = a, f = a, g = a, h = a;
            for (var r = 0; r < rows; r++, x += stride)
            {
                a += V.Load(x);
                b += V.Load(x + V.Count);
                c += V.Load(x + (2 * V.Count));
                d += V.Load(x + (3 * V.Count));
                e += V.Load(x + (4 * V.Count));
                f += V.Load(x + (5 * V.Count));
                g += V.Load(x + (6 * V.Count));
                h += V.Load(x + (7 * V.Count));
            }
            (V.Load(total) + a).Store(total);
            (V.Load(total + V.Count) + b).Store(total + V.Count);
            (V.Load(total + (2 * V.Count)) + c).Store(total + (2 * V.Count));
            (V.Load(total + (3 * V.Count)) + d).Store(total + (3 * V.Count));
            (V.Load(total + (4 * V.Count)) + e).Store(total + (4 * V.Count));
            (V.Load(total + (5 * V.Count)) + f).Store(total + (5 * V.Count));
            (V.Load(total + (6 * V.Count)) + g).Store(total + (6 * V.Count));
            (V.Load(total + (7 * V.Count)) + h).Store(total + (7 * V.Count));
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void One<V>(int rows, long stride, int count, float* x, float* total)
            where V : struct, IVec<V>
        {
            var sum = V.Of(0);
            for (var r = 0; r < rows; r++, x += stride)
                sum += V.Load(x, count);
            (V.Load(total, count) + sum).Store(total, count);
        }
    }
}
