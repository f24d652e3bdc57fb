using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary><see cref="AdamWJob"/> over tensors, which the library asks for by name: TorchSharp's optimizers take no flat buffer.</summary>
internal static unsafe class AdamW
{
    /// <summary>
    /// Changes mean, square and parameters, flat and of one length, by a step; the first <paramref name="matrices"/> elements decay.
    /// The gradient is multiplied by <paramref name="clip"/>, one element, as it is read; null: it is taken as it is. False, and
    /// nothing is changed, when a tensor is not contiguous float32. Records no graph.
    /// </summary>
    internal static bool Update(
        AdamWNumbers numbers, long matrices, torch.Tensor? clip, torch.Tensor gradient, torch.Tensor mean, torch.Tensor square,
        torch.Tensor parameters)
    {
        foreach (var tensor in (ReadOnlySpan<torch.Tensor>)[gradient, mean, square, parameters])
        {
            if (!tensor.Impl.IsContiguous || tensor.Impl.Dtype != Dtypes.Float || tensor.numel() != gradient.numel())
                return false;
        }
        var job = new AdamWJob
        {
            Numbers = numbers,
            Clip = clip is null ? 1 : *clip.Impl.Floats,
            Gradient = gradient.Impl.Floats,
            Mean = mean.Impl.Floats,
            Square = square.Impl.Floats,
            Parameters = parameters.Impl.Floats,
        };
        Run(job, matrices);
        job.Numbers = numbers with { Keep = 1 };
        job.Gradient += matrices;
        job.Mean += matrices;
        job.Square += matrices;
        job.Parameters += matrices;
        Run(job, gradient.numel() - matrices);
        mean.Impl.Touch();
        square.Impl.Touch();
        parameters.Impl.Touch();
        return true;
    }

    private static void Run(AdamWJob job, long count) => Vec.For(count, Elementwise.Grain, ref job);
}
