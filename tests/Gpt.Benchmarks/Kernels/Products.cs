using BenchmarkDotNet.Attributes;
using static TorchSharp.torch;

namespace Gpt.Benchmarks.Kernels;

/// <summary>C = A B of (M, K) and (K, N), each operand as it lies or transposed.</summary>
public class Products
{
    private Tensor a = null!, b = null!;

    [Params("512x512x512", "1024x1024x1024", "512x3072x768", "512x768x3072", "8192x384x128")]
    public string Size { get; set; } = "";

    [Params("NN", "NT", "TN", "TT")]
    public string Layout { get; set; } = "";

    public double Flops => Sides().Aggregate(2.0, (product, side) => product * side);

    private long[] Sides() => [.. Size.Split('x').Select(long.Parse)];

    [GlobalSetup]
    public void Setup()
    {
        var (m, n, k) = (Sides()[0], Sides()[1], Sides()[2]);
        a = Layout[0] == 'N' ? Inputs.Normal(m, k) : Inputs.Normal(k, m).transpose(0, 1);
        b = Layout[1] == 'N' ? Inputs.Normal(k, n) : Inputs.Normal(n, k).transpose(0, 1);
    }

    [Benchmark]
    [Work(nameof(Flops), "GFLOP/s")]
    public void Product() => Inputs.Forward(() => a.matmul(b));
}

/// <summary>One row times a matrix: what a token costs. The weights are larger than a cache, so memory is the limit.</summary>
public class RowProducts
{
    private Tensor row = null!, weights = null!;

    [Params("768x3072", "768x50257")]
    public string Size { get; set; } = "";

    public double Bytes => Size.Split('x').Select(double.Parse).Aggregate(4.0, (product, side) => product * side);

    [GlobalSetup]
    public void Setup()
    {
        var sides = Size.Split('x').Select(long.Parse).ToArray();
        row = Inputs.Normal(1, sides[0]);
        weights = Inputs.Normal(sides[1], sides[0]);
    }

    [Benchmark]
    [Work(nameof(Bytes), "GB/s")]
    public void Row() => Inputs.Forward(() => nn.functional.linear(row, weights));
}
