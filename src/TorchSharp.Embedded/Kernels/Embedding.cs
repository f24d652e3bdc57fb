namespace TorchSharp.Kernels;

/// <summary>
/// Rows of a table by index, y_i = table[ids_i], and the gradient: dtable[ids_i] += dy_i. table, dtable [tableRows, cols], y, dy [n, cols].
/// </summary>
/// <remarks>
/// The gradient is shared out among the threads by columns, in strips of <see cref="Strip"/> floats (four cache lines): every thread goes
/// through all indices in their order, so repeated indices need no lock and the order of additions is the same for any thread count.
/// The caller checks that indices are in [0, tableRows).
/// </remarks>
internal static unsafe class Embedding
{
    private const long Strip = 64;

    /// <summary>y_i = table[ids_i].</summary>
    internal static void Gather(long n, long cols, float* table, long* ids, float* y)
    {
        var job = new GatherJob { Cols = cols, Table = table, Ids = ids, Y = y };
        Vec.For(n, Elementwise.RowGrain(cols), ref job);
    }

    /// <summary>dtable[ids_i] += dy_i, i in order.</summary>
    internal static void ScatterAdd(long n, long cols, long tableRows, float* dy, long* ids, float* dtable)
    {
        var job = new ScatterJob { N = n, Cols = cols, Dy = dy, Ids = ids, Dtable = dtable };
        Vec.For((cols + Strip - 1) / Strip, Math.Max(1, Elementwise.Grain / Math.Max(1, n * Math.Min(Strip, cols))), ref job);
    }

    private struct GatherJob : IVecJob
    {
        internal long Cols;
        internal float* Table, Y;
        internal long* Ids;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var bytes = Cols * sizeof(float);
            for (var i = start; i < end; i++)
                Buffer.MemoryCopy(Table + (Ids[i] * Cols), Y + (i * Cols), bytes, bytes);
        }
    }

    private struct ScatterJob : IVecJob
    {
        internal long N, Cols;
        internal float* Dy, Dtable;
        internal long* Ids;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var first = start * Strip;
            var width = Math.Min(Cols, end * Strip) - first;
            for (var i = 0L; i < N; i++)
            {
                var row = Dtable + (Ids[i] * Cols) + first;
                Elementwise.Row<AddOp, V>(width, row, Dy + (i * Cols) + first, row);
            }
        }
    }
}
