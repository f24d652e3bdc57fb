using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>Steps in floats from one batch, head and time to the next; the last axis (head width) is contiguous.</summary>
internal readonly record struct AttentionStrides(long Batch, long Head, long Time)
{
    /// <summary>Strides of a contiguous [batch, heads, time, width].</summary>
    internal static AttentionStrides Contiguous(long heads, long time, long width) => new(heads * time * width, time * width, width);
}

/// <summary>Sizes and layouts of an attention. Causal: query i sees keys 0 to i (aligned top-left where Tq and Tk differ, as torch).</summary>
internal struct AttentionShape
{
    internal long B, H, Tq, Tk, D;
    internal float Scale;
    internal bool Causal;

    /// <summary>Layouts of q, k, v, o and, for backward, of the gradients of o, q, k and v.</summary>
    internal AttentionStrides Q, K, V, O, DO, DQ, DK, DV;
}

/// <summary>What a <see cref="MaskView"/> holds.</summary>
internal enum MaskKind
{
    /// <summary>No mask.</summary>
    None,

    /// <summary>Bytes: not zero where a query may see a key.</summary>
    Bool,

    /// <summary>Floats that are added to the scaled scores; -infinity hides a key.</summary>
    Additive,
}

/// <summary>A mask over [B, H, Tq, Tk]: pointer and steps in elements, 0 along axes over which it is broadcast.</summary>
internal readonly unsafe struct MaskView(MaskKind kind, void* data, long batch, long head, long query, long key)
{
    internal readonly MaskKind Kind = kind;
    internal readonly void* Data = data;
    internal readonly long Batch = batch, Head = head, Query = query, Key = key;
}

/// <summary>
/// Scaled dot-product attention: o_i = sum over j of P_ij v_j, P_ij = e^(s_ij - lse_i), s_ij = scale q_i . k_j + mask_ij,
/// lse_i = ln sum over j of e^s_ij, without ever holding more of P than a tile.
/// </summary>
/// <remarks>
/// <para>The scheme is FlashAttention's (T. Dao et al., 2022; T. Dao, 2023): keys come by blocks, a running maximum and sum for each query
/// is kept (M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax", 2018), and backward makes P again from lse:
/// dv_j = sum_i P_ij do_i, dP_ij = do_i . v_j, dS_ij = P_ij (dP_ij - do_i . o_i), dq_i = scale sum_j dS_ij k_j,
/// dk_j = scale sum_i dS_ij q_i.</para>
/// <para>A tile is <see cref="KeyBlock"/> keys by <see cref="QueryBlock"/> queries, with the queries along the registers: maxima and sums
/// over keys are then plain operations of registers, and of the five products of a tile only two need a transposed operand, q and do,
/// which are transposed once for all keys. 64 x 32 floats are 8 KiB: the tile, the block of keys and the block of values share a first
/// cache of 32 to 48 KiB at width 32. Exponentials are powers of 2; scale log2(e) goes into the transposed q.</para>
/// <para>Work is split by batch and head; where these are few, each is split further into every n-th block of queries (forward) or of keys
/// (backward, with partial dq that are added in order). The split depends on sizes and <see cref="WorkerPool.Threads"/> only. Forward
/// gives the same bits at any thread count.</para>
/// <para>A query that may see no key gets zeros, lse -infinity and a zero gradient (torch gives NaN).</para>
/// <para>Dropout acts on P: the number of element (b, h, i, j) is described in AttentionMask.cs.</para>
/// </remarks>
internal static unsafe partial class Attention
{
    private const int QueryBlock = 32;
    private const int KeyBlock = 64;

    /// <summary>Blocks of queries that are held at once.</summary>
    private const int ChunkBlocks = 8;

    /// <summary>
    /// Up to so many queries go one by one, without tiles: generation with a cache. Not the first queries of a causal text: by tiles they
    /// have the bits that they have in a longer one. (A single key's value is exact either way.)
    /// </summary>
    private const int FewQueries = 4;

    /// <summary>Multiplications worth a thread.</summary>
    private const long Grain = 256 * 1024;

    /// <summary>o [B, H, Tq, D] and lse [B, H, Tq] (contiguous).</summary>
    internal static void Forward(
        in AttentionShape s, float* q, float* k, float* v, float* o, float* lse, MaskView mask, DropoutKey dropout)
    {
        var heads = s.B * s.H;
        var grain = Math.Max(1, Grain / Math.Max(1, 2 * s.Tq * s.Tk * s.D));
        if (s.Tq <= (s.Causal ? 1 : FewQueries) && !dropout.Active)
        {
            var few = new FewJob { S = s, Q = q, K = k, V = v, O = o, Lse = lse, Mask = mask };
            Vec.For(heads, grain, ref few);
            return;
        }
        var keys = stackalloc uint[2 * Philox.Rounds];
        Philox.Schedule(dropout.Seed, keys);
        var splits = Splits(heads);
        var job = new ForwardJob
        {
            S = s,
            Q = q,
            K = k,
            V = v,
            O = o,
            Lse = lse,
            Splits = splits,
            Masks = new TileMask(s, mask, dropout, keys),
        };
        Vec.For(heads * splits, grain, ref job);
    }

    /// <summary>dq, dk, dv are overwritten; o and lse are what <see cref="Forward"/> gave for the same mask and dropout.</summary>
    internal static void Backward(
        in AttentionShape s, float* q, float* k, float* v, float* o, float* dO, float* lse, float* dq, float* dk, float* dv,
        MaskView mask, DropoutKey dropout)
    {
        var heads = s.B * s.H;
        var grain = Math.Max(1, Grain / Math.Max(1, 5 * s.Tq * s.Tk * s.D));
        var keys = stackalloc uint[2 * Philox.Rounds];
        Philox.Schedule(dropout.Seed, keys);
        var splits = Splits(heads);
        using var partial = new Scratch(splits > 1 ? heads * splits * s.Tq * s.D : 0);
        var job = new BackwardJob
        {
            S = s,
            Q = q,
            K = k,
            V = v,
            O = o,
            Do = dO,
            Lse = lse,
            Dq = dq,
            Dk = dk,
            Dv = dv,
            Splits = splits,
            Partial = partial.Pointer,
            Masks = new TileMask(s, mask, dropout, keys),
        };
        Vec.For(heads * splits, grain, ref job);
        if (splits > 1)
        {
            var join = new JoinJob { S = s, Dq = dq, Splits = splits, Partial = partial.Pointer };
            Vec.For(heads, grain, ref join);
        }
    }

    /// <summary>Into how many tasks a head is cut: 1 where heads alone keep all threads busy.</summary>
    private static int Splits(long heads)
    {
        var threads = WorkerPool.Threads;
        return heads % threads == 0 || heads >= 8 * threads ? 1 : threads;
    }

    private static long Offset(in AttentionStrides strides, long heads, long head) =>
        (head / heads * strides.Batch) + (head % heads * strides.Head);
}
