using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// Backward by tiles. Per task: a chunk of query blocks, with q and do both as they are (for dk, dv) and transposed (for the scores and dP);
// keys and values go by in blocks, and each tile adds to dk, dv of its keys and to dq of its queries.
internal static unsafe partial class Attention
{
    private struct BackwardJob : IVecJob
    {
        internal AttentionShape S;
        internal float* Q, K, V, O, Do, Lse, Dq, Dk, Dv, Partial;
        internal int Splits;
        internal TileMask Masks;

        public readonly void Run<TV>(long start, long end)
            where TV : struct, IVec<TV>
        {
            var work = new BackwardWork();
            using var scratch = new Scratch(work.Lay(null, (int)S.D, Padded<TV>(S.D)));
            work.Lay(scratch.Pointer, (int)S.D, Padded<TV>(S.D));
            for (var task = start; task < end; task++)
            {
                for (var i0 = 0L; i0 < S.Tq; i0 += ChunkBlocks * QueryBlock)
                {
                    var count = (int)Math.Min(ChunkBlocks * QueryBlock, S.Tq - i0);
                    Chunk<TV>(task / Splits, (int)(task % Splits), i0, count, work);
                }
                if (S.Tq == 0 || S.Causal)
                    ClearUnseen(task / Splits, (int)(task % Splits));
            }
        }

        /// <summary>A chunk of queries from i0 on and the keys from j0 on of a head, if there is such a head.</summary>
        private readonly void PrefetchNext(long head, long i0, long j0)
        {
            if (head >= S.B * S.H)
                return;
            var end = Math.Min(S.Tq, i0 + (ChunkBlocks * QueryBlock));
            Prefetch(S, Q, S.Q, head, i0, end);
            Prefetch(S, Do, S.DO, head, i0, end);
            Prefetch(S, O, S.O, head, i0, end);
            PrefetchKeys(head, j0);
        }

        private readonly void PrefetchKeys(long head, long j0)
        {
            Prefetch(S, K, S.K, head, j0, Math.Min(S.Tk, j0 + KeyBlock));
            Prefetch(S, V, S.V, head, j0, Math.Min(S.Tk, j0 + KeyBlock));
        }

        /// <summary>Queries [i0, i0 + count) of one head against every Splits-th block of keys.</summary>
        private readonly void Chunk<TV>(long head, int split, long i0, int count, in BackwardWork w)
            where TV : struct, IVec<TV>
        {
            LoadQueries<TV>(head, i0, count, w);
            float* k = K + Offset(S.K, S.H, head), v = V + Offset(S.V, S.H, head);
            float* dk = Dk + Offset(S.DK, S.H, head), dv = Dv + Offset(S.DV, S.H, head);
            var seen = S.Causal ? Math.Min(S.Tk, i0 + count) : S.Tk;
            for (var j0 = (long)split * KeyBlock; j0 < seen; j0 += Splits * KeyBlock)
            {
                var keys = (int)Math.Min(KeyBlock, S.Tk - j0);
                PackRows<TV>(keys, KeyBlock, S.D, k + (j0 * S.K.Time), S.K.Time, w.K, w.Ld);
                PackRows<TV>(keys, KeyBlock, S.D, v + (j0 * S.V.Time), S.V.Time, w.V, w.Ld);
                Prefetch(S, Dk, S.DK, head, j0, j0 + keys);
                Prefetch(S, Dv, S.DV, head, j0, j0 + keys);
                if (j0 + (Splits * KeyBlock) < seen)
                    PrefetchKeys(head, j0 + (Splits * KeyBlock));
                else
                {
                    if (Splits == 1)
                        Prefetch(S, Dq, S.DQ, head, i0, i0 + count);
                    var last = i0 + count == S.Tq;
                    PrefetchNext(last ? head + 1 : head, last ? 0 : i0 + count, split * KeyBlock);
                }
                PackRows<TV>(0, KeyBlock, S.D, null, 0, w.Dk, w.Ld);
                PackRows<TV>(0, KeyBlock, S.D, null, 0, w.Dv, w.Ld);
                for (var b = 0; b * QueryBlock < count; b++)
                {
                    var first = i0 + (b * QueryBlock);
                    if (!S.Causal || j0 < first + QueryBlock)
                        Tile<TV>(head, first, j0, (int)Math.Min(QueryBlock, S.Tq - first), keys, b, w);
                }
                var again = i0 > (S.Causal ? j0 / (ChunkBlocks * QueryBlock) * (ChunkBlocks * QueryBlock) : 0);
                ScaleRows<TV>(keys, S.D, S.Scale, w.Dk, w.Ld, dk + (j0 * S.DK.Time), S.DK.Time, again);
                ScaleRows<TV>(keys, S.D, Masks.Keep, w.Dv, w.Ld, dv + (j0 * S.DV.Time), S.DV.Time, again);
            }
            var dq = Splits == 1 ? Dq + Offset(S.DQ, S.H, head) : Partial + (((head * Splits) + split) * S.Tq * S.D);
            var stride = Splits == 1 ? S.DQ.Time : S.D;
            ScaleRows<TV>(count, S.D, S.Scale, w.Dq, w.Ld, dq + (i0 * stride), stride, false);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private readonly void LoadQueries<TV>(long head, long i0, int count, in BackwardWork w)
            where TV : struct, IVec<TV>
        {
            float* q = Q + Offset(S.Q, S.H, head) + (i0 * S.Q.Time), dO = Do + Offset(S.DO, S.H, head) + (i0 * S.DO.Time);
            float* o = O + Offset(S.O, S.H, head) + (i0 * S.O.Time), lse = Lse + (head * S.Tq) + i0;
            PackRows<TV>(count, count, S.D, q, S.Q.Time, w.Q, w.Ld);
            PackRows<TV>(count, count, S.D, dO, S.DO.Time, w.Do, w.Ld);
            PackRows<TV>(0, ChunkBlocks * QueryBlock, S.D, null, 0, w.Dq, w.Ld);
            for (var i = 0; i < count; i += QueryBlock)
            {
                var n = Math.Min(QueryBlock, count - i);
                Transpose(n, S.D, q + (i * S.Q.Time), S.Q.Time, S.Scale * MathOps.Log2E, w.Qt + (i * S.D));
                Transpose(n, S.D, dO + (i * S.DO.Time), S.DO.Time, 1, w.Dot + (i * S.D));
            }
            for (var i = 0; i < ChunkBlocks * QueryBlock; i++)
            {
                // Past the end, and where no key was seen, lse = infinity makes P = 0.
                var sees = i < count && lse[i] != float.NegativeInfinity;
                w.Lse[i] = sees ? lse[i] * MathOps.Log2E : float.PositiveInfinity;
                w.Delta[i] = sees ? Dot<TV>(S.D, dO + (i * S.DO.Time), o + (i * S.O.Time)) : 0;
            }
        }

        /// <summary>One block of queries against one block of keys.</summary>
        private readonly void Tile<TV>(long head, long i0, long j0, int queries, int keys, int b, in BackwardWork w)
            where TV : struct, IVec<TV>
        {
            var width = (queries + TV.Count - 1) / TV.Count * TV.Count;
            var ahead = S.Causal ? (int)Math.Min(KeyBlock, i0 - j0) : KeyBlock; // query c of the block sees keys to c + ahead
            var visible = Math.Min(keys, ahead + queries);
            var rows = GroupRows<TV>();
            var (block, depth) = (b * QueryBlock * w.Ld, (int)S.D);
            var blockT = b * QueryBlock * depth;
            for (var j = 0; j < visible; j += rows)
            {
                var c = FirstColumn<TV>(j, ahead);
                var to = (j * QueryBlock) + c;
                Group<TV>(width - c, depth, w.K + (j * w.Ld), w.Ld, 1, w.Qt + blockT + c, QueryBlock, w.P + to, QueryBlock, false);
                Group<TV>(width - c, depth, w.V + (j * w.Ld), w.Ld, 1, w.Dot + blockT + c, QueryBlock, w.Ds + to, QueryBlock, false);
            }
            Masks.Add<TV>(head, i0, j0, queries, visible, w.P, w.Mask);
            if (Masks.HasDropout)
                Masks.Words<TV>(head, i0, j0, visible, w.Words);
            // Whole groups: the keys that fill up the last one have P = 0 where they lie beyond the queries.
            Slopes<TV>(width, (visible + rows - 1) / rows * rows, ahead, b, w);
            for (var j = 0; j < visible; j += rows)
            {
                var c = Math.Max(0, j - ahead); // the first query that sees key j
                var (from, at) = ((j * QueryBlock) + c, block + (c * w.Ld));
                Group<TV>(w.Ld, queries - c, w.P + from, QueryBlock, 1, w.Do + at, w.Ld, w.Dv + (j * w.Ld), w.Ld, true);
                Group<TV>(w.Ld, queries - c, w.Ds + from, QueryBlock, 1, w.Q + at, w.Ld, w.Dk + (j * w.Ld), w.Ld, true);
            }
            for (var i = 0; i < queries; i += rows)
                Group<TV>(w.Ld, Math.Min(visible, ahead + i + rows), w.Ds + i, 1, QueryBlock, w.K, w.Ld,
                    w.Dq + block + (i * w.Ld), w.Ld, true);
        }

        /// <summary>Scores to P (what dropout leaves of it, not rescaled) and dP to dS.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private readonly void Slopes<TV>(int width, int visible, int ahead, int b, in BackwardWork w)
            where TV : struct, IVec<TV>
        {
            TV threshold = TV.OfBits((uint)Masks.Dropout.Threshold), keep = TV.Of(Masks.Keep);
            var words = Masks.HasDropout ? w.Words : null;
            for (var c = 0; c < width; c += TV.Count)
            {
                TV lse = TV.Load(w.Lse + (b * QueryBlock) + c), delta = TV.Load(w.Delta + (b * QueryBlock) + c);
                float* s = w.P + c, ds = w.Ds + c;
                var rows = Math.Min(visible, ahead + c + TV.Count);
                for (var j = Math.Max(0, ahead + c + 1); j < rows; j++)
                {
                    var sees = TV.GreaterOrEqualInt(TV.Iota, TV.OfBits((uint)(j - ahead - c)));
                    TV.Select(sees, TV.Load(s + (j * QueryBlock)), TV.Of(float.NegativeInfinity)).Store(s + (j * QueryBlock));
                }
                for (var j = 0; j < rows; j++)
                {
                    var at = j * QueryBlock;
                    TV p = MathOps.Exp2Down(TV.Load(s + at) - lse), dp = TV.Load(ds + at);
                    if (words == null)
                    {
                        p.Store(s + at);
                        (p * (dp - delta)).Store(ds + at);
                        continue;
                    }
                    var kept = TV.GreaterOrEqualInt(TV.Load(words + at + c), threshold);
                    (p & kept).Store(s + at);
                    (p * (((dp * keep) & kept) - delta)).Store(ds + at);
                }
            }
        }

        /// <summary>Keys after the last query have no gradient (and with no queries, none has).</summary>
        private readonly void ClearUnseen(long head, int split)
        {
            for (var j0 = (long)split * KeyBlock; j0 < S.Tk; j0 += Splits * KeyBlock)
                for (var j = j0; j < Math.Min(S.Tk, j0 + KeyBlock) && j0 >= S.Tq; j++)
                {
                    Clear(S.D, Dk + Offset(S.DK, S.H, head) + (j * S.DK.Time));
                    Clear(S.D, Dv + Offset(S.DV, S.H, head) + (j * S.DV.Time));
                }
        }
    }

    /// <summary>dq of a head: the sum of its tasks' parts, in order.</summary>
    private struct JoinJob : IVecJob
    {
        internal AttentionShape S;
        internal float* Dq, Partial;
        internal int Splits;

        public readonly void Run<TV>(long start, long end)
            where TV : struct, IVec<TV>
        {
            for (var head = start; head < end; head++)
                for (var i = 0L; i < S.Tq; i++)
                    for (var split = 0; split < Splits; split++)
                        Scale<TV>(S.D, 1, Partial + (((((head * Splits) + split) * S.Tq) + i) * S.D),
                            Dq + Offset(S.DQ, S.H, head) + (i * S.DQ.Time), split > 0);
        }
    }

    /// <summary>A thread's work memory.</summary>
    private struct BackwardWork
    {
        internal int Ld;
        internal float* P, Ds, K, V, Dk, Dv, Qt, Dot, Q, Do, Dq, Lse, Delta, Words, Mask;

        /// <summary>Lays the parts out from memory on; the length.</summary>
        internal long Lay(float* memory, int width, int ld)
        {
            Ld = ld;
            var p = memory;
            const int chunk = ChunkBlocks * QueryBlock;
            P = Take(ref p, KeyBlock * QueryBlock);
            Ds = Take(ref p, KeyBlock * QueryBlock);
            K = Take(ref p, KeyBlock * ld);
            V = Take(ref p, KeyBlock * ld);
            Dk = Take(ref p, KeyBlock * ld);
            Dv = Take(ref p, KeyBlock * ld);
            Lse = Take(ref p, chunk);
            Delta = Take(ref p, chunk);
            Qt = Take(ref p, chunk * width);
            Dot = Take(ref p, chunk * width);
            Q = Take(ref p, chunk * ld);
            Do = Take(ref p, chunk * ld);
            Dq = Take(ref p, chunk * ld);
            Words = Take(ref p, KeyBlock * QueryBlock);
            Mask = Take(ref p, TileMask.Work);
            return p - memory;
        }
    }
}
