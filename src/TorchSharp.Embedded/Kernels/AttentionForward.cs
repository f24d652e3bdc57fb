using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// Forward by tiles. Per task: a chunk of query blocks (transposed and scaled), their sums o and their running maxima and sums; keys and
// values go by in blocks of KeyBlock, each against every query block of the chunk that may see it.
internal static unsafe partial class Attention
{
    private struct ForwardJob : IVecJob
    {
        internal AttentionShape S;
        internal float* Q, K, V, O, Lse;
        internal int Splits;
        internal TileMask Masks;

        public readonly void Run<TV>(long start, long end)
            where TV : struct, IVec<TV>
        {
            var work = new ForwardWork();
            using var scratch = new Scratch(work.Lay(null, (int)S.D, Padded<TV>(S.D)));
            work.Lay(scratch.Pointer, (int)S.D, Padded<TV>(S.D));
            var blocks = (S.Tq + QueryBlock - 1) / QueryBlock;
            for (var task = start; task < end; task++)
                for (var first = task % Splits; first < blocks; first += ChunkBlocks * Splits)
                {
                    var count = (int)Math.Min(ChunkBlocks, (blocks - first + Splits - 1) / Splits);
                    Chunk<TV>(task / Splits, first, count, work);
                }
        }

        /// <summary>The queries from i0 on and the first keys of a head, if there is such a head.</summary>
        private readonly void PrefetchNext(long head, long i0)
        {
            if (head >= S.B * S.H)
                return;
            Prefetch(S, Q, S.Q, head, i0, Math.Min(S.Tq, i0 + (ChunkBlocks * QueryBlock)));
            PrefetchKeys(head, 0);
        }

        private readonly void PrefetchKeys(long head, long j0)
        {
            Prefetch(S, K, S.K, head, j0, Math.Min(S.Tk, j0 + KeyBlock));
            Prefetch(S, V, S.V, head, j0, Math.Min(S.Tk, j0 + KeyBlock));
        }

        /// <summary>Query blocks first, first + Splits ..., count of them, of one head.</summary>
        private readonly void Chunk<TV>(long head, long first, int count, in ForwardWork w)
            where TV : struct, IVec<TV>
        {
            float* q = Q + Offset(S.Q, S.H, head), k = K + Offset(S.K, S.H, head), v = V + Offset(S.V, S.H, head);
            for (var b = 0; b < count; b++)
            {
                var i0 = (first + (b * Splits)) * QueryBlock;
                var queries = (int)Math.Min(QueryBlock, S.Tq - i0);
                Prefetch(S, O, S.O, head, i0, i0 + queries);
                Transpose(queries, S.D, q + (i0 * S.Q.Time), S.Q.Time, S.Scale * MathOps.Log2E, w.Qt + (b * w.BlockQt));
            }
            for (var i = 0; i < count * QueryBlock; i += TV.Count)
            {
                TV.Of(float.NegativeInfinity).Store(w.Top + i);
                TV.Of(0f).Store(w.Sum + i);
            }
            var lastQuery = Math.Min(S.Tq, ((first + ((count - 1) * Splits)) * QueryBlock) + QueryBlock) - 1;
            var seen = S.Causal ? Math.Min(S.Tk, lastQuery + 1) : S.Tk;
            for (var j0 = 0L; j0 < seen; j0 += KeyBlock)
            {
                var keys = (int)Math.Min(KeyBlock, S.Tk - j0);
                PackRows<TV>(keys, KeyBlock, S.D, k + (j0 * S.K.Time), S.K.Time, w.K, w.Ld);
                PackRows<TV>(keys, KeyBlock, S.D, v + (j0 * S.V.Time), S.V.Time, w.V, w.Ld);
                if (j0 + KeyBlock < seen)
                    PrefetchKeys(head, j0 + KeyBlock);
                else
                    PrefetchNext(lastQuery + 1 < S.Tq ? head : head + 1, lastQuery + 1 < S.Tq ? lastQuery + 1 : 0);
                for (var b = 0; b < count; b++)
                {
                    var i0 = (first + (b * Splits)) * QueryBlock;
                    if (!S.Causal || j0 < i0 + QueryBlock)
                        Tile<TV>(head, i0, j0, keys, b, w);
                }
            }
            for (var b = 0; b < count; b++)
                Finish<TV>(head, (first + (b * Splits)) * QueryBlock, b, w);
        }

        /// <summary>One block of queries against one block of keys.</summary>
        private readonly void Tile<TV>(long head, long i0, long j0, int keys, int b, in ForwardWork w)
            where TV : struct, IVec<TV>
        {
            var queries = (int)Math.Min(QueryBlock, S.Tq - i0);
            var width = (queries + TV.Count - 1) / TV.Count * TV.Count;
            var ahead = S.Causal ? (int)Math.Min(KeyBlock, i0 - j0) : KeyBlock; // query c of the block sees keys to c + ahead
            var visible = Math.Min(keys, ahead + queries);
            var rows = GroupRows<TV>();
            for (var j = 0; j < visible; j += rows)
            {
                var column = FirstColumn<TV>(j, ahead);
                Group<TV>(width - column, (int)S.D, w.K + (j * w.Ld), w.Ld, 1, w.Qt + (b * w.BlockQt) + column, QueryBlock,
                    w.S + (j * QueryBlock) + column, QueryBlock, false);
            }
            Masks.Add<TV>(head, i0, j0, queries, visible, w.S, w.Mask);
            if (Masks.HasDropout)
                Masks.Words<TV>(head, i0, j0, visible, w.Words);
            var o = w.O + (b * QueryBlock * w.Ld);
            var rescale = Exponentials<TV>(width, visible, ahead, b, w);
            if (rescale && j0 > 0)
                for (var i = 0; i < queries; i++)
                    ScaleRows<TV>(1, w.Ld, w.Factor[i], o + (i * w.Ld), 0, o + (i * w.Ld), 0, false);
            for (var i = 0; i < queries; i += rows)
                Group<TV>(w.Ld, Math.Min(visible, ahead + i + rows), w.S + i, 1, QueryBlock, w.V, w.Ld, o + (i * w.Ld), w.Ld, j0 > 0);
        }

        /// <summary>Scores to exponentials; running maxima and sums. True if some maximum has changed, Factor then scales the past.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private readonly bool Exponentials<TV>(int width, int visible, int ahead, int b, in ForwardWork w)
            where TV : struct, IVec<TV>
        {
            TV hidden = TV.Of(float.NegativeInfinity), threshold = TV.OfBits((uint)Masks.Dropout.Threshold);
            var words = Masks.HasDropout ? w.Words : null;
            var change = TV.Of(0f);
            for (var c = 0; c < width; c += TV.Count)
            {
                var s = w.S + c;
                var rows = Math.Min(visible, ahead + c + TV.Count);
                for (var j = Math.Max(0, ahead + c + 1); j < rows; j++)
                {
                    var sees = TV.GreaterOrEqualInt(TV.Iota, TV.OfBits((uint)(j - ahead - c)));
                    TV.Select(sees, TV.Load(s + (j * QueryBlock)), hidden).Store(s + (j * QueryBlock));
                }
                TV old = TV.Load(w.Top + (b * QueryBlock) + c), top = old, other = old;
                var r = 0;
                for (; r + 2 <= rows; r += 2)
                {
                    top = TV.Max(top, TV.Load(s + (r * QueryBlock)));
                    other = TV.Max(other, TV.Load(s + (r * QueryBlock) + QueryBlock));
                }
                if (r < rows)
                    top = TV.Max(top, TV.Load(s + (r * QueryBlock)));
                top = TV.Max(top, other);
                top.Store(w.Top + (b * QueryBlock) + c);
                change |= TV.Less(old, top);
                var origin = TV.Select(TV.Equal(top, hidden), TV.Of(0f), top); // nothing seen yet: 2^(-inf - 0) = 0
                var factor = MathOps.Exp2Down(old - origin);
                factor.Store(w.Factor + c);
                var sum = TV.Load(w.Sum + (b * QueryBlock) + c) * factor;
                for (var j = 0; j < rows; j++)
                {
                    var p = MathOps.Exp2Down(TV.Load(s + (j * QueryBlock)) - origin);
                    sum += p;
                    if (words != null)
                        p &= TV.GreaterOrEqualInt(TV.Load(words + (j * QueryBlock) + c), threshold);
                    p.Store(s + (j * QueryBlock));
                }
                sum.Store(w.Sum + (b * QueryBlock) + c);
            }
            return (change & TV.Of(1f)).Max() > 0;
        }

        /// <summary>A block of queries whose keys have all gone by.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private readonly void Finish<TV>(long head, long i0, int b, in ForwardWork w)
            where TV : struct, IVec<TV>
        {
            var o = O + Offset(S.O, S.H, head);
            for (var i = 0; i < Math.Min(QueryBlock, S.Tq - i0); i++)
            {
                var at = (b * QueryBlock) + i;
                var sum = w.Sum[at];
                Lse[(head * S.Tq) + i0 + i] = (w.Top[at] + MathF.Log2(sum)) * MathOps.Ln2;
                var to = o + ((i0 + i) * S.O.Time);
                if (sum == 0)
                    Clear(S.D, to); // nothing was seen, w.O may be unset
                else
                    Scale<TV>(S.D, Masks.Keep / sum, w.O + (at * w.Ld), to, false);
            }
        }
    }

    /// <summary>The first register of queries that sees key j of a block (all of them past it do).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int FirstColumn<V>(int j, int ahead)
        where V : struct, IVec<V> => Math.Max(0, j - ahead) / V.Count * V.Count;

    /// <summary>The width rounded up to whole registers.</summary>
    private static int Padded<V>(long width)
        where V : struct, IVec<V> => (int)((width + V.Count - 1) / V.Count * V.Count);

    private static void Clear(long n, float* x)
    {
        for (var i = 0L; i < n; i++)
            x[i] = 0;
    }

    /// <summary>A thread's work memory.</summary>
    private struct ForwardWork
    {
        internal int Ld, BlockQt;
        internal float* Qt, O, Top, Sum, K, V, S, Words, Mask, Factor;

        /// <summary>Lays the parts out from memory on; the length.</summary>
        internal long Lay(float* memory, int width, int ld)
        {
            (Ld, BlockQt) = (ld, width * QueryBlock);
            var p = memory;
            S = Take(ref p, KeyBlock * QueryBlock);
            K = Take(ref p, KeyBlock * ld);
            V = Take(ref p, KeyBlock * ld);
            Factor = Take(ref p, QueryBlock);
            Top = Take(ref p, ChunkBlocks * QueryBlock);
            Sum = Take(ref p, ChunkBlocks * QueryBlock);
            Qt = Take(ref p, ChunkBlocks * BlockQt);
            O = Take(ref p, ChunkBlocks * QueryBlock * ld);
            Words = Take(ref p, KeyBlock * QueryBlock);
            Mask = Take(ref p, TileMask.Work);
            return p - memory;
        }
    }

    private static float* Take(ref float* memory, long floats)
    {
        var taken = memory;
        memory += floats;
        return taken;
    }
}
