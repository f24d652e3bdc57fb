using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>A LayerNorm's weight and bias.</summary>
internal unsafe struct Norm
{
    internal float* Weight;
    internal float* Bias;
}

/// <summary>A pre-norm block of a GPT, and its layer's keys and values: rows and heads lie this far apart, times D floats.</summary>
internal unsafe struct Block
{
    internal Norm AttentionNorm;
    internal Dense QueryKeyValue;
    internal Dense Output;
    internal Norm FeedForwardNorm;
    internal Dense Up;
    internal Dense Down;
    internal float* Keys;
    internal float* Values;
    internal long CacheRow;
    internal long CacheHead;
}

/// <summary>The nonlinearity of a block.</summary>
internal enum Nonlinearity
{
    Gelu,
    GeluTanh,
    Relu,
}

/// <summary>
/// One new token for each of a few rows through a whole GPT with a cache: the logits of the tokens that follow.
/// </summary>
/// <remarks>
/// <para>For one token the operators are so short that forking for each and looking after its tensors costs more than they do. Here all
/// threads go through the model together, in one fork: each has its share of every matrix's outputs and its own heads, and they
/// meet four times a block, whenever all of a vector is needed. Norms are so short that each thread does them for itself.</para>
/// <para>Every number has the bits of the operator at a time, at any number of threads: the sums are those of the same kernels.</para>
/// <code>
/// share of heads:   n = norm x;  q, k, v = n W^T + b;  k, v into the cache;  y = attention       meet
/// share of outputs: x += y W^T + b                                                               meet
///                   n = norm x;  h = gelu(n W^T + b)                                             meet
///                   x += h W^T + b                                                               meet
/// at last:          n = norm x;  logits = n W^T
/// </code>
/// </remarks>
internal unsafe struct NextToken : ITeamJob
{
    /// <summary>Outputs in one share, so that two threads do not write to one line of the cache.</summary>
    private const long Unit = 16;

    internal Block* Blocks;
    internal long Layers;
    internal long Rows;
    internal long Width;
    internal long Heads;
    internal long Hidden;
    internal float Epsilon;
    internal Nonlinearity Nonlinearity;
    internal Norm FinalNorm;
    internal Dense Head;

    /// <summary>How many tokens each row holds already: where the new one goes.</summary>
    internal int* Lengths;

    /// <summary>[rows, width], the embeddings; overwritten.</summary>
    internal float* X;

    /// <summary>[rows, 3 width], [rows, width] and [rows, hidden], to be filled.</summary>
    internal float* Projected;
    internal float* Attended;
    internal float* Raised;

    /// <summary>[rows, vocabulary], the result.</summary>
    internal float* Logits;

    public readonly void Run(Team team)
    {
        using var scratch = new Scratch((Rows * Width) + (2 * Rows) + Heads);
        var normed = scratch.Pointer;
        var (firstHead, lastHead) = team.Share(Heads, 1);
        var (firstWide, lastWide) = team.Share(Width, Unit);
        var (firstHidden, lastHidden) = team.Share(Hidden, Unit);
        for (long layer = 0; layer < Layers; layer++)
        {
            ref readonly var block = ref Blocks[layer];
            Normalize(block.AttentionNorm, normed);
            Attend(block, firstHead, lastHead, normed);
            team.Meet();
            block.Output.Run(Rows, Attended, firstWide, lastWide, X, Width, add: true);
            team.Meet();
            Normalize(block.FeedForwardNorm, normed);
            block.Up.Run(Rows, normed, firstHidden, lastHidden, Raised, Hidden, add: false);
            for (long r = 0; r < Rows; r++)
                Activate(lastHidden - firstHidden, Raised + (r * Hidden) + firstHidden);
            team.Meet();
            block.Down.Run(Rows, Raised, firstWide, lastWide, X, Width, add: true);
            team.Meet();
        }
        Normalize(FinalNorm, normed);
        var (first, last) = team.Share(Head.Outputs, Unit);
        Head.Run(Rows, normed, first, last, Logits, Head.Outputs, add: false);
    }

    private readonly void Normalize(in Norm norm, float* y)
    {
        var statistics = y + (Rows * Width);
        LayerNorm.Forward(Rows, Width, X, norm.Weight, norm.Bias, y, statistics, statistics + Rows, Epsilon);
    }

    private readonly void Attend(in Block block, long first, long last, float* normed)
    {
        var d = Width / Heads;
        if (first == last)
            return;
        for (var part = 0; part < 3; part++)
            block.QueryKeyValue.Run(
                Rows, normed, (part * Width) + (first * d), (part * Width) + (last * d), Projected, 3 * Width, add: false);
        var lse = normed + (Rows * Width) + (2 * Rows);
        for (long r = 0; r < Rows; r++)
        {
            var q = Projected + (r * 3 * Width);
            float* keys = block.Keys + (r * block.CacheRow), values = block.Values + (r * block.CacheRow);
            for (var h = first; h < last; h++)
            {
                var at = (h * block.CacheHead) + (Lengths[r] * d);
                new Span<float>(q + Width + (h * d), (int)d).CopyTo(new Span<float>(keys + at, (int)d));
                new Span<float>(q + (2 * Width) + (h * d), (int)d).CopyTo(new Span<float>(values + at, (int)d));
            }
            var shape = new AttentionShape
            {
                B = 1,
                H = Heads,
                Tq = 1,
                Tk = Lengths[r] + 1,
                D = d,
                Scale = (float)(1 / Math.Sqrt(d)),
                Q = new AttentionStrides(0, d, 0),
                K = new AttentionStrides(0, block.CacheHead, d),
                V = new AttentionStrides(0, block.CacheHead, d),
                O = new AttentionStrides(0, d, 0),
            };
            Attention.OneQuery(shape, q, keys, values, Attended + (r * Width), lse, first, last);
        }
    }

    private readonly void Activate(long count, float* h)
    {
        if (count <= 0)
            return;
        if (Nonlinearity == Nonlinearity.Relu)
            Elementwise.Unary<ReluOp>(count, h, h);
        else
            Gelu.Forward(count, h, h, Nonlinearity == Nonlinearity.GeluTanh);
    }
}
