using static TorchSharp.torch;

namespace Gpt.Benchmarks.Kernels;

/// <summary>Random tensors, and a call whose tensors are freed when it ends.</summary>
internal static class Inputs
{
    public static Tensor Normal(params long[] shape) => randn(shape);

    public static Tensor Parameter(params long[] shape) => randn(shape).requires_grad_();

    /// <summary>Token ids below <paramref name="vocabulary" />.</summary>
    public static Tensor Ids(long vocabulary, params long[] shape) => randint(vocabulary, shape);

    /// <summary>Runs a forward pass without a graph.</summary>
    public static void Forward(Func<Tensor> compute)
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        Wait(compute());
    }

    /// <summary>Runs a forward pass and the gradients of its sum.</summary>
    public static void Train(Func<Tensor> compute, params Tensor[] parameters)
    {
        using var scope = NewDisposeScope();
        compute().sum().backward();
        foreach (var parameter in parameters)
        {
            Wait(parameter.grad!);
            parameter.grad!.zero_();
        }
    }

    /// <summary>Reads one number, which waits for the device.</summary>
    private static void Wait(Tensor tensor) => tensor.flatten().narrow(0, 0, 1).item<float>();
}
