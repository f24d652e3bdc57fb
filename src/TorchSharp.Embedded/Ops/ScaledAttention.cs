using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// scaled_dot_product_attention of query [..., Tq, D], key and value [..., Tk, D], scale 1 / sqrt(D). Views with a
/// contiguous last axis, such as parts of one [B, T, 3 C], are used where they lie; the result lies as [B, Tq, H, D],
/// so that its transpose is contiguous.
/// </summary>
internal static unsafe class ScaledAttention
{
    internal static TensorImpl Forward(
        TensorImpl query, TensorImpl key, TensorImpl value, TensorImpl? mask, double p, bool causal)
    {
        if (query.Dtype == Dtypes.BFloat16)
        {
            var wide = mask is { Dtype: Dtypes.BFloat16 } ? Casting.To(Dtypes.Float, mask) : mask?.Share();
            var attended = Widened.Of(
                "scaled_dot_product_attention", query, key, value, (q, k, v) => Forward(q, k, v!, wide, p, causal));
            wide?.Release();
            return attended;
        }
        Check(query, key, value, mask, p, causal);
        var dropout = p > 0 ? torch.Generator.Default.NextDropout(p) : default;
        var (q, k, v) = (Heads(query), Heads(key), Heads(value));
        var m = mask is null ? null : Expanded(mask, query, key);
        var (b, h, t, d) = (q.Sizes[0], q.Sizes[1], q.Sizes[2], q.Sizes[3]);
        var o = TensorImpl.Empty([b, t, h, d], Dtypes.Float, "scaled_dot_product_attention");
        var turned = o.View([b, h, t, d], [t * h * d, d, h * d, 1], 0);
        o.Release();
        var lse = TensorImpl.Empty([b, h, t], Dtypes.Float);
        var shape = ShapeOf(q, k, v, turned, causal);
        Attention.Forward(in shape, q.Floats, k.Floats, v.Floats, turned.Floats, lse.Floats, MaskOf(m), dropout);
        var sizes = Shape.With(query.Sizes, query.Rank - 1, d);
        var y = turned.View(sizes, StridesLike(turned, sizes), 0);
        if (Graph.Records(query, key, value))
            Graph.Record(y, new AttentionNode(q, k, v, turned, lse, m, causal, dropout, query.Rank), query, key, value);
        foreach (var temporary in (ReadOnlySpan<TensorImpl?>)[q, k, v, m, turned, lse])
            temporary?.Release();
        return y;
    }

    private static void Check(TensorImpl query, TensorImpl key, TensorImpl value, TensorImpl? mask, double p, bool causal)
    {
        const string Name = "scaled_dot_product_attention";
        foreach (var tensor in (TensorImpl[])[query, key, value])
        {
            if (tensor.Dtype != Dtypes.Float)
                throw new ArgumentException($"{Name}: defined for reals, not for {tensor}");
        }
        var fits = query.Rank is >= 2 and <= 4 && key.Rank == query.Rank && Shape.Same(key.Sizes, value.Sizes)
            && query.Sizes[^1] == key.Sizes[^1]
            && query.Sizes.AsSpan(0, query.Rank - 2).SequenceEqual(key.Sizes.AsSpan(0, query.Rank - 2));
        if (!fits)
            throw new ArgumentException(
                $"{Name}: expected query [B, H, Tq, D] and key and value [B, H, Tk, D] (or without B, H), "
                + $"got {query}, {key} and {value}");
        if (!(p >= 0 && p <= 1))
            throw new ArgumentException($"{Name}: dropout probability has to be between 0 and 1, but got {p}");
        if (mask is null)
            return;
        if (causal)
            throw new ArgumentException($"{Name}: attn_mask must be null when is_casual is true");
        long[] scores = [.. query.Sizes[..^1], key.Sizes[^2]];
        if (mask.Dtype is not (Dtypes.Bool or Dtypes.Float) || !Shape.BroadcastsTo(mask.Sizes, scores))
            throw new ArgumentException(
                $"{Name}: mask {mask} must be Bool or Float32 (or BFloat16 where the query is) and broadcast to the scores {Shape.Text(scores)}");
        if (Graph.Records(mask))
            throw new NotSupportedException($"{Name}: the embedded engine gives no gradient to a mask; detach() it");
    }

    /// <summary>As [B, H, T, D] with a contiguous last axis.</summary>
    private static TensorImpl Heads(TensorImpl x)
    {
        var flat = x.Strides[^1] == 1 || x.Sizes[^1] == 1 ? x.Share() : Copy.Clone(x);
        var missing = 4 - flat.Rank;
        if (missing == 0)
            return flat;
        var sizes = Enumerable.Repeat(1L, missing).Concat(flat.Sizes).ToArray();
        var strides = Enumerable.Repeat(0L, missing).Concat(flat.Strides).ToArray();
        var view = flat.View(sizes, strides, flat.Offset);
        flat.Release();
        return view;
    }

    private static TensorImpl Expanded(TensorImpl mask, TensorImpl query, TensorImpl key)
    {
        long[] scores = [.. Enumerable.Repeat(1L, 4 - query.Rank), .. query.Sizes[..^1], key.Sizes[^2]];
        var detached = mask.Alias();
        var view = Views.Expand(detached, scores);
        detached.Release();
        return view;
    }

    private static MaskView MaskOf(TensorImpl? m) => m is null
        ? default
        : new MaskView(
            m.Dtype == Dtypes.Bool ? MaskKind.Bool : MaskKind.Additive, m.Bytes, m.Strides[0], m.Strides[1], m.Strides[2], m.Strides[3]);

    private static AttentionStrides Steps(TensorImpl x) => new(x.Strides[0], x.Strides[1], x.Strides[2]);

    private static AttentionShape ShapeOf(TensorImpl q, TensorImpl k, TensorImpl v, TensorImpl o, bool causal) => new()
    {
        B = q.Sizes[0],
        H = q.Sizes[1],
        Tq = q.Sizes[2],
        Tk = k.Sizes[2],
        D = q.Sizes[3],
        Scale = (float)(1 / Math.Sqrt(q.Sizes[3])),
        Causal = causal,
        Q = Steps(q),
        K = Steps(k),
        V = Steps(v),
        O = Steps(o),
    };

    private static long[] StridesLike(TensorImpl four, long[] sizes) => four.Strides[(4 - sizes.Length)..];

    private sealed class AttentionNode : Node
    {
        private readonly bool causal;
        private readonly DropoutKey dropout;
        private readonly int rank;
        private Saved q;
        private Saved k;
        private Saved v;
        private Saved o;
        private Saved lse;
        private Saved mask;

        internal AttentionNode(
            TensorImpl q, TensorImpl k, TensorImpl v, TensorImpl o, TensorImpl lse, TensorImpl? mask, bool causal,
            DropoutKey dropout, int rank)
        {
            (this.q, this.k, this.v, this.o, this.lse) = (new Saved(q), new Saved(k), new Saved(v), new Saved(o), new Saved(lse));
            this.mask = mask is null ? default : new Saved(mask);
            (this.causal, this.dropout, this.rank) = (causal, dropout, rank);
        }

        internal override void ReleaseSaved()
        {
            q.Release();
            k.Release();
            v.Release();
            o.Release();
            lse.Release();
            mask.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var (x, y, z) = (q.Get(this), k.Get(this), v.Get(this));
            var result = o.Get(this);
            var upstream = Heads(gradient);
            gradient.Release();
            var (dq, dk, dv) = GradientsLike(x, y, z);
            var shape = ShapeOf(x, y, z, result, causal);
            (shape.DO, shape.DQ, shape.DK, shape.DV) = (Steps(upstream), Steps(dq), Steps(dk), Steps(dv));
            Attention.Backward(
                in shape, x.Floats, y.Floats, z.Floats, result.Floats, upstream.Floats, lse.Get(this).Floats, dq.Floats, dk.Floats,
                dv.Floats, MaskOf(mask.GetOrNull(this)), dropout);
            upstream.Release();
            Deliver(0, dq);
            Deliver(1, dk);
            Deliver(2, dv);
        }

        /// <summary>
        /// Three gradients. Where q, k and v are interleaved parts of one buffer theirs are, too: then the gradient of
        /// that buffer is there without a copy (<see cref="Parts"/> sees it).
        /// </summary>
        private static (TensorImpl Q, TensorImpl K, TensorImpl V) GradientsLike(TensorImpl q, TensorImpl k, TensorImpl v)
        {
            var together = q.Storage == k.Storage && k.Storage == v.Storage && Shape.Same(q.Sizes, k.Sizes)
                && Shape.Same(q.Strides, k.Strides) && Shape.Same(k.Strides, v.Strides)
                && k.Offset - q.Offset == q.Sizes[1] * q.Sizes[3] && v.Offset - k.Offset == q.Sizes[1] * q.Sizes[3]
                && q.Strides[1] == q.Sizes[3] && q.Strides[2] == 3 * q.Sizes[1] * q.Sizes[3]
                && q.Strides[0] == q.Sizes[2] * q.Strides[2];
            if (!together)
                return (ByTime(q), ByTime(k), ByTime(v));
            var whole = TensorImpl.Empty([q.Sizes[0], q.Sizes[2], 3, q.Sizes[1], q.Sizes[3]], Dtypes.Float);
            var part = q.Sizes[1] * q.Sizes[3];
            var three = (
                whole.View(q.Sizes, q.Strides, 0), whole.View(q.Sizes, q.Strides, part), whole.View(q.Sizes, q.Strides, 2 * part));
            whole.Release();
            return three;
        }

        /// <summary>A gradient that lies as [B, T, H, D], the layout before heads were split off.</summary>
        private static TensorImpl ByTime(TensorImpl x)
        {
            var (b, h, t, d) = (x.Sizes[0], x.Sizes[1], x.Sizes[2], x.Sizes[3]);
            var memory = TensorImpl.Empty([b, t, h, d], Dtypes.Float);
            var view = memory.View(x.Sizes, [t * h * d, d, h * d, 1], 0);
            memory.Release();
            return view;
        }

        private void Deliver(int input, TensorImpl gradient)
        {
            if (!Needs(input))
            {
                gradient.Release();
                return;
            }
            var view = gradient.View(gradient.Sizes[(4 - rank)..], gradient.Strides[(4 - rank)..], gradient.Offset);
            gradient.Release();
            Give(input, view);
        }
    }
}
