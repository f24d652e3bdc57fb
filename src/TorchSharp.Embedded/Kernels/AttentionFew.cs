using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// Forward for a few queries against many keys: the next token with a cache. Nothing is packed. A block of keys is read once (each score is
// a dot product along the head), then the block of values; all queries use the block while it is in the first cache.
internal static unsafe partial class Attention
{
    private const int FewBlock = 64;

    /// <summary>
    /// One query a head against s.Tk keys, for heads [start, end) on the calling thread: for a kernel that shares out the work itself.
    /// lse has room for all heads.
    /// </summary>
    internal static void OneQuery(in AttentionShape s, float* q, float* k, float* v, float* o, float* lse, long start, long end)
    {
        var job = new FewJob { S = s, Q = q, K = k, V = v, O = o, Lse = lse };
        Vec.Here(ref job, start, end);
    }

    private struct FewJob : IVecJob
    {
        internal AttentionShape S;
        internal float* Q, K, V, O, Lse;
        internal MaskView Mask;

        public readonly void Run<TV>(long start, long end)
            where TV : struct, IVec<TV>
        {
            var ld = Padded<TV>(S.D);
            using var scratch = new Scratch((FewQueries + 1) * (long)ld);
            float* scores = stackalloc float[FewBlock], top = stackalloc float[FewQueries], sum = stackalloc float[FewQueries];
            var masks = new TileMask(S, Mask, default, null);
            for (var head = start; head < end; head++)
            {
                float* q = Q + Offset(S.Q, S.H, head), k = K + Offset(S.K, S.H, head), v = V + Offset(S.V, S.H, head);
                var maskAt = (head / S.H * Mask.Batch) + (head % S.H * Mask.Head);
                for (var i = 0; i < S.Tq; i++)
                    (top[i], sum[i]) = (float.NegativeInfinity, 0);
                for (var i = 0L; i < S.Tq * ld; i++)
                    scratch.Pointer[i] = 0;
                for (var j0 = 0L; j0 < S.Tk; j0 += FewBlock)
                {
                    for (var i = 0; i < S.Tq; i++)
                    {
                        var keys = (int)Math.Min(FewBlock, (S.Causal ? Math.Min(S.Tk, i + 1) : S.Tk) - j0);
                        if (keys <= 0)
                            continue;
                        masks.Row<TV>(keys, maskAt + (i * Mask.Query) + (j0 * Mask.Key), scores);
                        Scores<TV>(keys, S.D, q + (i * S.Q.Time), S.Scale * MathOps.Log2E, k + (j0 * S.K.Time), S.K.Time, scores);
                        var past = Renew<TV>(keys, scores, ref top[i], ref sum[i]);
                        Gather<TV>(keys, S.D, scores, v + (j0 * S.V.Time), S.V.Time, past, scratch.Pointer + (i * ld));
                    }
                }
                for (var i = 0; i < S.Tq; i++)
                {
                    Lse[(head * S.Tq) + i] = (top[i] + MathF.Log2(sum[i])) * MathOps.Ln2;
                    Scale<TV>(S.D, sum[i] == 0 ? 0 : 1 / sum[i], scratch.Pointer + (i * ld),
                        O + Offset(S.O, S.H, head) + (i * S.O.Time), false);
                }
            }
        }

        /// <summary>s_j += factor q . k_j.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void Scores<TV>(int keys, long width, float* q, float factor, float* k, long stride, float* s)
            where TV : struct, IVec<TV>
        {
            for (var j = 0; j < keys; j++, k += stride)
                s[j] += factor * Dot<TV>(width, q, k);
        }

        /// <summary>Scores to exponentials over the running maximum; the factor for what was summed before.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static float Renew<TV>(int keys, float* s, ref float top, ref float sum)
            where TV : struct, IVec<TV>
        {
            for (var j = keys; j < FewBlock; j++)
                s[j] = float.NegativeInfinity;
            TV peak = TV.Of(top);
            for (var j = 0; j < keys; j += TV.Count)
                peak = TV.Max(peak, TV.Load(s + j));
            var old = top;
            top = peak.Max();
            var origin = top == float.NegativeInfinity ? 0 : top;
            TV total = TV.Of(0f);
            for (var j = 0; j < keys; j += TV.Count)
            {
                var p = MathOps.Exp2Down(TV.Load(s + j) - TV.Of(origin));
                total += p;
                p.Store(s + j);
            }
            var past = MathF.Pow(2, old - origin);
            sum = (sum * past) + total.Sum();
            return past;
        }

        /// <summary>o = past o + sum over j of p_j v_j, four values at a time.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        private static void Gather<TV>(int keys, long width, float* p, float* v, long stride, float past, float* o)
            where TV : struct, IVec<TV>
        {
            for (var d = 0L; d < width; d += 4 * TV.Count)
            {
                var whole = width - d >= 4 * TV.Count;
                if (whole)
                {
                    TV f = TV.Of(past);
                    TV a = TV.Load(o + d) * f, b = TV.Load(o + d + TV.Count) * f;
                    TV e = TV.Load(o + d + (2 * TV.Count)) * f, g = TV.Load(o + d + (3 * TV.Count)) * f;
                    var x = v + d;
                    for (var j = 0; j < keys; j++, x += stride)
                    {
                        var t = TV.Of(p[j]);
                        a = TV.Fma(t, TV.Load(x), a);
                        b = TV.Fma(t, TV.Load(x + TV.Count), b);
                        e = TV.Fma(t, TV.Load(x + (2 * TV.Count)), e);
                        g = TV.Fma(t, TV.Load(x + (3 * TV.Count)), g);
                    }
                    a.Store(o + d);
                    b.Store(o + d + TV.Count);
                    e.Store(o + d + (2 * TV.Count));
                    g.Store(o + d + (3 * TV.Count));
                    continue;
                }
                for (var c = d; c < width; c += TV.Count)
                {
                    var lanes = (int)Math.Min(TV.Count, width - c);
                    var a = TV.Load(o + c) * TV.Of(past);
                    var x = v + c;
                    if (lanes == TV.Count)
                        for (var j = 0; j < keys; j++, x += stride)
                            a = TV.Fma(TV.Of(p[j]), TV.Load(x), a);
                    else
                        for (var j = 0; j < keys; j++, x += stride)
                            a = TV.Fma(TV.Of(p[j]), TV.Load(x, lanes), a);
                    a.Store(o + c);
                }
            }
        }
    }
}
