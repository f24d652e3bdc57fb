using BenchmarkDotNet.Attributes;
using static TorchSharp.torch;

namespace Gpt.Benchmarks.Kernels;

/// <summary>Causal attention of (B, H, T, D): batch 64, 4 heads of width 32 over the context T.</summary>
public class Attention
{
    private Tensor query = null!, key = null!, value = null!;

    [Params(128, 256)]
    public int Context { get; set; }

    /// <summary>Two products over the lower triangle.</summary>
    public double Flops => 2.0 * 64 * 4 * 32 * Context * (Context + 1);

    /// <summary>Backward: five products, after the forward pass's two.</summary>
    public double TrainFlops => 3.5 * Flops;

    [GlobalSetup]
    public void Setup()
    {
        query = Inputs.Parameter(64, 4, Context, 32);
        key = Inputs.Parameter(64, 4, Context, 32);
        value = Inputs.Parameter(64, 4, Context, 32);
    }

    private Tensor Attend() => nn.functional.scaled_dot_product_attention(query, key, value, is_casual: true);

    [Benchmark]
    [Work(nameof(Flops), "GFLOP/s")]
    public void Forward() => Inputs.Forward(Attend);

    [Benchmark]
    [Work(nameof(TrainFlops), "GFLOP/s")]
    public void ForwardBackward() => Inputs.Train(Attend, query, key, value);
}

/// <summary>The layers between the products, on the 8,192 rows of width 128 that a step of the article's model has.</summary>
public class Rows
{
    private Tensor input = null!, gain = null!, bias = null!, weights = null!, wide = null!;

    public double Bytes => 2.0 * 4 * 8192 * 128;

    public double WideFlops => 2.0 * 8192 * 128 * 512;

    [GlobalSetup]
    public void Setup()
    {
        input = Inputs.Parameter(8192, 128);
        gain = Inputs.Parameter(128);
        bias = Inputs.Parameter(128);
        weights = Inputs.Parameter(512, 128);
        wide = Inputs.Parameter(512);
    }

    private Tensor Normed() => nn.functional.layer_norm(input, [128], gain, bias);

    private Tensor Widened() => nn.functional.gelu(nn.functional.linear(input, weights, wide));

    [Benchmark]
    [Work(nameof(Bytes), "GB/s")]
    public void LayerNorm() => Inputs.Forward(Normed);

    [Benchmark]
    public void LayerNormBackward() => Inputs.Train(Normed, input, gain, bias);

    [Benchmark]
    [Work(nameof(WideFlops), "GFLOP/s")]
    public void LinearGelu() => Inputs.Forward(Widened);

    [Benchmark]
    public void LinearGeluBackward() => Inputs.Train(Widened, input, weights, wide);

    [Benchmark]
    [Work(nameof(Bytes), "GB/s")]
    public void Dropout() => Inputs.Forward(() => nn.functional.dropout(input, 0.1, true));
}

/// <summary>The two ends of a language model, over a small and a large vocabulary.</summary>
public class Vocabularies
{
    private Tensor logits = null!, targets = null!, table = null!;

    [Params(65, 50257)]
    public int Vocabulary { get; set; }

    private int Count => Vocabulary == 65 ? 8192 : 512;

    public double Bytes => 4.0 * Count * Vocabulary;

    [GlobalSetup]
    public void Setup()
    {
        logits = Inputs.Parameter(Count, Vocabulary);
        targets = Inputs.Ids(Vocabulary, Count);
        table = Inputs.Parameter(Vocabulary, 128);
    }

    private Tensor Loss() => nn.functional.cross_entropy(logits, targets);

    [Benchmark]
    [Work(nameof(Bytes), "GB/s")]
    public void CrossEntropy() => Inputs.Forward(Loss);

    [Benchmark]
    public void CrossEntropyBackward() => Inputs.Train(Loss, logits);

    [Benchmark]
    public void EmbeddingBackward() => Inputs.Train(() => table.index_select(0, targets), table);
}
