using BenchmarkDotNet.Attributes;
using static TorchSharp.torch;

namespace Gpt.Benchmarks.Kernels;

/// <summary>AdamW over a flat buffer: reads parameters, gradients and two moments, writes all but the gradients.</summary>
public class Updates
{
    private Tensor parameters = null!, gradients = null!;
    private AdamWState state = null!;

    [Params(834_432, 20_000_000)]
    public int Count { get; set; }

    public double Bytes => 7.0 * 4 * Count;

    [GlobalSetup]
    public void Setup()
    {
        parameters = Inputs.Normal(Count);
        gradients = Inputs.Normal(Count);
        state = new AdamWState(0, zeros(Count), zeros(Count));
    }

    [Benchmark]
    [Work(nameof(Bytes), "GB/s")]
    public void Step()
    {
        using var scope = NewDisposeScope();
        AdamW.update(AdamW.defaults, 1e-3, Count / 2, parameters, gradients, state);
    }
}
