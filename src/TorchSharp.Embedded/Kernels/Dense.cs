namespace TorchSharp.Kernels;

/// <summary>What the weights of a <see cref="Dense"/> are stored in.</summary>
internal enum WeightKind
{
    Float32,
    BFloat16,
    Int8,
}

/// <summary>
/// A dense layer for a few rows, by parts of its outputs: y = (x W^T) scale + bias, W [Outputs, Inputs] without gaps in any of three
/// types, scale and bias [Outputs] or null.
/// </summary>
/// <remarks>Each y has the bits that <see cref="Gemm"/> and <see cref="GemmNarrow"/> with rows alone, then a product and a sum, give it.</remarks>
internal unsafe struct Dense
{
    internal WeightKind Kind;
    internal void* Weight;
    internal float* Scale;
    internal float* Bias;
    internal long Outputs;
    internal long Inputs;

    /// <summary>y[r, j] (+)= layer(x[r, :])_j for first &lt;= j &lt; end and r &lt; rows, on the calling thread; strides from row to row.</summary>
    internal readonly void Run(long rows, float* x, long first, long end, float* y, long stride, bool add)
    {
        var count = end - first;
        if (count <= 0)
            return;
        if (Kind == WeightKind.Float32)
        {
            var product = new GemmProduct
            {
                TransB = true,
                M = rows,
                N = count,
                K = Inputs,
                A = x,
                Lda = Inputs,
                B = (float*)Weight + (first * Inputs),
                Ldb = Inputs,
                C = y + first,
                Ldc = stride,
                Bias = Bias == null ? null : Bias + first,
                Accumulate = add,
                RowsAlone = true,
            };
            Gemm.RowsHere(product);
        }
        else if (Kind == WeightKind.BFloat16)
            Narrow<BFloat16Element, ushort>(rows, x, first, count, y, stride, add);
        else
            Narrow<Int8Element, sbyte>(rows, x, first, count, y, stride, add);
    }

    private readonly void Narrow<E, T>(long rows, float* x, long first, long count, float* y, long stride, bool add)
        where E : INarrow<T>
        where T : unmanaged
    {
        var aside = add || Scale != null;
        using var scratch = new Scratch(aside ? rows * count : 0);
        var product = new NarrowProduct<T>
        {
            M = rows,
            N = count,
            K = Inputs,
            A = x,
            Lda = Inputs,
            B = (T*)Weight + (first * Inputs),
            Ldb = Inputs,
            C = aside ? scratch.Pointer : y + first,
            Ldc = aside ? count : stride,
            Bias = Bias == null || Scale != null ? null : Bias + first,
        };
        GemmNarrow.RowsHere<E, T>(product);
        for (long r = 0; aside && r < rows; r++)
        {
            float* from = scratch.Pointer + (r * count), to = y + (r * stride) + first;
            if (Scale != null)
                Elementwise.Binary<MulOp>(count, from, Scale + first, from);
            if (Scale != null && Bias != null)
                Elementwise.Binary<AddOp>(count, from, Bias + first, from);
            if (add)
                Elementwise.Binary<AddOp>(count, to, from, to);
            else
                new Span<float>(from, (int)count).CopyTo(new Span<float>(to, (int)count));
        }
    }

    /// <summary>row = the widened row of the weights, times its scale: an embedding.</summary>
    internal readonly void Row(long id, float* row)
    {
        var at = id * Inputs;
        if (Kind == WeightKind.Float32)
            new Span<float>((float*)Weight + at, (int)Inputs).CopyTo(new Span<float>(row, (int)Inputs));
        else if (Kind == WeightKind.BFloat16)
            Widening.Row<BFloat16Element, ushort>((ushort*)Weight + at, row, Inputs);
        else
            Widening.Row<Int8Element, sbyte>((sbyte*)Weight + at, row, Inputs);
        for (long i = 0; Scale != null && i < Inputs; i++)
            row[i] *= Scale[id];
    }
}
