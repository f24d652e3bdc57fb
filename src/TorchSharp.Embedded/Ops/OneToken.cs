using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>A LayerNorm as tensors, [C] each.</summary>
internal readonly record struct NormTensors(torch.Tensor Weight, torch.Tensor Bias);

/// <summary>A dense layer as tensors: weight [out, in] in float32, bfloat16 or int8, scale and bias [out] or null.</summary>
internal readonly record struct DenseTensors(torch.Tensor Weight, torch.Tensor? Scale, torch.Tensor? Bias);

/// <summary>A block as tensors, with its layer's cache: keys and values [B, H, capacity, D].</summary>
internal readonly record struct BlockTensors(
    NormTensors AttentionNorm, DenseTensors QueryKeyValue, DenseTensors Output, NormTensors FeedForwardNorm, DenseTensors Up,
    DenseTensors Down, torch.Tensor Keys, torch.Tensor Values);

/// <summary>
/// <see cref="NextToken"/> over tensors: the one way in which the library asks this engine for more than TorchSharp has, where each
/// operator by itself would cost more than its work.
/// </summary>
internal static unsafe class OneToken
{
    /// <summary>Rows up to which the pass is made for; more give the operators enough to do.</summary>
    internal const int MostRows = 8;

    /// <summary>Multiply-adds of a pass that make a further thread worth it.</summary>
    private const double WorkOfThread = 1 << 17;

    /// <summary>
    /// The logits [B, V] of the tokens behind ids [B, 1], which are written into the cache behind lengths[b] others; null where a tensor
    /// does not lie as the kernel needs it. Records no graph.
    /// </summary>
    internal static torch.Tensor? Logits(
        BlockTensors[] blocks, DenseTensors embedding, torch.Tensor positions, NormTensors finalNorm, DenseTensors head, int heads,
        double epsilon, Nonlinearity nonlinearity, torch.Tensor ids, int[] lengths)
    {
        var fits = true;
        var (rows, width) = (ids.Impl.Sizes[0], positions.Impl.Sizes[1]);
        var views = stackalloc Block[blocks.Length];
        var work = (double)Size(head);
        for (var i = 0; i < blocks.Length; i++)
        {
            views[i] = View(blocks[i], ref fits);
            work += Size(blocks[i].QueryKeyValue) + Size(blocks[i].Output) + Size(blocks[i].Up) + Size(blocks[i].Down);
        }
        var tokens = View(embedding, ref fits);
        var places = Floats(positions, ref fits);
        var (last, norm) = (View(head, ref fits), View(finalNorm, ref fits));
        if (!fits || !ids.Impl.IsContiguous || blocks.Length == 0)
            return null;
        var hidden = blocks[0].Up.Weight.Impl.Sizes[0];
        using var scratch = new Scratch(rows * ((5 * width) + hidden));
        var x = scratch.Pointer;
        for (long r = 0; r < rows; r++)
        {
            tokens.Row(Id(ids.Impl.Longs[r], tokens.Outputs), x + (r * width));
            Elementwise.Binary<AddOp>(width, x + (r * width), places + (lengths[r] * width), x + (r * width));
        }
        var logits = TensorImpl.Empty([rows, last.Outputs], Dtypes.Float);
        fixed (int* past = lengths)
        {
            var job = new NextToken
            {
                Blocks = views,
                Layers = blocks.Length,
                Rows = rows,
                Width = width,
                Heads = heads,
                Hidden = hidden,
                Epsilon = (float)epsilon,
                Nonlinearity = nonlinearity,
                FinalNorm = norm,
                Head = last,
                Lengths = past,
                X = x,
                Projected = x + (rows * width),
                Attended = x + (rows * 4 * width),
                Raised = x + (rows * 5 * width),
                Logits = logits.Floats,
            };
            Threading.WorkerPool.Together((int)Math.Clamp(rows * work / WorkOfThread, 1, int.MaxValue), ref job);
        }
        foreach (var block in blocks)
        {
            block.Keys.Impl.Touch();
            block.Values.Impl.Touch();
        }
        return new torch.Tensor(logits);
    }

    private static double Size(DenseTensors layer) => layer.Weight.Impl.Count;

    private static long Id(long id, long count) => id >= 0 && id < count
        ? id
        : throw new ArgumentOutOfRangeException(nameof(id), $"token {id} is not in the vocabulary, 0 to {count - 1}");

    private static Block View(in BlockTensors block, ref bool fits)
    {
        var (keys, values) = (block.Keys.Impl, block.Values.Impl);
        fits &= keys.Strides[3] == 1 && keys.Strides[2] == keys.Sizes[3] && keys.Strides.AsSpan().SequenceEqual(values.Strides);
        return new Block
        {
            AttentionNorm = View(block.AttentionNorm, ref fits),
            QueryKeyValue = View(block.QueryKeyValue, ref fits),
            Output = View(block.Output, ref fits),
            FeedForwardNorm = View(block.FeedForwardNorm, ref fits),
            Up = View(block.Up, ref fits),
            Down = View(block.Down, ref fits),
            Keys = keys.Floats,
            Values = values.Floats,
            CacheRow = keys.Strides[0],
            CacheHead = keys.Strides[1],
        };
    }

    private static Norm View(in NormTensors norm, ref bool fits) =>
        new() { Weight = Floats(norm.Weight, ref fits), Bias = Floats(norm.Bias, ref fits) };

    private static Dense View(in DenseTensors layer, ref bool fits)
    {
        var weight = layer.Weight.Impl;
        fits &= weight.IsContiguous && weight.Dtype is torch.ScalarType.Float32 or torch.ScalarType.BFloat16 or torch.ScalarType.Int8;
        return new Dense
        {
            Kind = weight.Dtype switch
            {
                torch.ScalarType.BFloat16 => WeightKind.BFloat16,
                torch.ScalarType.Int8 => WeightKind.Int8,
                _ => WeightKind.Float32,
            },
            Weight = weight.Bytes,
            Scale = layer.Scale is null ? null : Floats(layer.Scale, ref fits),
            Bias = layer.Bias is null ? null : Floats(layer.Bias, ref fits),
            Outputs = weight.Sizes[0],
            Inputs = weight.Sizes[1],
        };
    }

    private static float* Floats(torch.Tensor tensor, ref bool fits)
    {
        fits &= tensor.Impl.IsContiguous && tensor.Impl.Dtype == torch.ScalarType.Float32;
        return fits ? tensor.Impl.Floats : null;
    }
}
