using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// The caller's mask and the dropout of one tile, brought into the tile's layout: rows are keys, columns are queries.
/// </summary>
/// <remarks>
/// Dropout numbers: element (b, h, i, j) is number 64 n + 32 (j mod 2) + i mod 32 of the stream, with
/// n = ((b H + h) ceil(Tk / 2) + floor(j / 2)) ceil(Tq / 32) + floor(i / 32): a <see cref="Philox"/> block serves two keys and 32 queries.
/// </remarks>
internal readonly unsafe struct TileMask
{
    internal const int Queries = 32;
    internal const int Keys = 64;

    /// <summary>Floats of work memory that <see cref="Add{V}"/> wants.</summary>
    internal const int Work = 2 * Queries * Keys;

    private readonly long heads, keyPairs, queryBlocks;
    private readonly MaskView mask;
    private readonly DropoutKey dropout;
    private readonly uint* schedule;

    internal TileMask(in AttentionShape s, MaskView mask, DropoutKey dropout, uint* schedule)
    {
        heads = s.H;
        keyPairs = (s.Tk + 1) / 2;
        queryBlocks = (s.Tq + Queries - 1) / Queries;
        this.mask = mask;
        this.dropout = dropout;
        this.schedule = schedule;
    }

    internal bool HasDropout => dropout.Active;

    internal DropoutKey Dropout => dropout;

    /// <summary>What kept probabilities are multiplied by.</summary>
    internal float Keep => HasDropout ? dropout.Scale : 1;

    /// <summary>Adds log2(e) times the mask to the tile of scores at query i0, key j0.</summary>
    internal void Add<V>(long head, long i0, long j0, int queries, int keys, float* scores, float* work)
        where V : struct, IVec<V>
    {
        if (mask.Kind == MaskKind.None)
            return;
        var at = (head / heads * mask.Batch) + (head % heads * mask.Head) + (i0 * mask.Query) + (j0 * mask.Key);
        if (mask.Query == 0)
        {
            for (var j = 0; j < keys; j++)
                AddTo<V>(V.Of(Value(at + (j * mask.Key))), scores + (j * Queries));
            return;
        }
        if (mask.Kind == MaskKind.Additive && mask.Key == 1)
            Attention.Transpose(queries, keys, (float*)mask.Data + at, mask.Query, MathOps.Log2E, work);
        else
        {
            var rows = work + (Queries * Keys);
            for (var i = 0; i < queries; i++)
                Row<V>(keys, at + (i * mask.Query), rows + (i * Keys));
            Attention.Transpose(queries, keys, rows, Keys, 1, work);
        }
        for (var i = 0; i < keys * Queries; i += V.Count)
            (V.Load(scores + i) + V.Load(work + i)).Store(scores + i);
    }

    /// <summary>The random words of a tile, those of two keys in a row of 64.</summary>
    internal void Words<V>(long head, long i0, long j0, int keys, float* words)
        where V : struct, IVec<V>
    {
        for (var j = 0; j < keys; j += 2, words += Philox.BlockLength)
        {
            var block = (((head * keyPairs) + ((j0 + j) / 2)) * queryBlocks) + (i0 / Queries);
            Philox.Block<V>(schedule, dropout.Stream, (ulong)block, words);
        }
    }

    /// <summary>The mask's value times log2(e).</summary>
    internal float Value(long at) =>
        mask.Kind switch
        {
            MaskKind.None => 0,
            MaskKind.Bool => ((byte*)mask.Data)[at] != 0 ? 0 : float.NegativeInfinity,
            _ => ((float*)mask.Data)[at] * MathOps.Log2E,
        };

    /// <summary>The values of one query, times log2(e).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal void Row<V>(int keys, long at, float* values)
        where V : struct, IVec<V>
    {
        var j = 0;
        if (mask.Kind == MaskKind.Bool && mask.Key == 1)
            for (; j + V.Count <= keys; j += V.Count)
                V.Select(V.LoadMask((byte*)mask.Data + at + j), V.Of(0f), V.Of(float.NegativeInfinity)).Store(values + j);
        if (mask.Kind == MaskKind.None)
            for (; j + V.Count <= keys; j += V.Count)
                V.Of(0f).Store(values + j);
        for (; j < keys; j++)
            values[j] = Value(at + (j * mask.Key));
    }

    private static void AddTo<V>(V value, float* row)
        where V : struct, IVec<V>
    {
        for (var i = 0; i < Queries; i += V.Count)
            (V.Load(row + i) + value).Store(row + i);
    }
}
