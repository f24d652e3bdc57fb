namespace Gpt.Benchmarks.Comparison;

/// <summary>What a figure counts; the ratio to the peer is always "so many times as fast".</summary>
internal enum Unit
{
    Milliseconds,
    TokensPerSecond,

    /// <summary>The wall time of a whole process.</summary>
    Seconds,
}

/// <summary>A program with its arguments.</summary>
/// <param name="Figure">The field of the JSON it prints that is the figure; of a list of objects, the last one's.</param>
internal sealed record Run(string Command, string Figure);

/// <summary>A line of the table: work that this library and a peer both do.</summary>
/// <param name="Ours">Arguments of <c>gpt</c>.</param>
/// <param name="Peer">Who else does it, and how, as the table says it.</param>
/// <param name="Theirs">A command among the peers.</param>
internal sealed record Work(string Name, Unit Unit, Run Ours, string Peer, Run Theirs)
{
    private const string Gpt2 = "--preset gpt2 --context 256";
    private const string Step = "stepMsMedian";
    private const string Rate = "tokensPerSecond";
    private const string Article = "python3 /peers/minigpt_torch.py";

    /// <summary>The table, top to bottom.</summary>
    public static readonly IReadOnlyList<Work> All =
    [
        new("optimizer step, the article's model, batch 64, dropout 0", Unit.Milliseconds,
            new("bench train --steps 14 --json", Step),
            "PyTorch, fused attention", new($"{Article} --dropout 0 --sdpa --steps 12 --new-tokens 1", Step)),
        new("the same with dropout 0.1", Unit.Milliseconds,
            new("bench train --steps 14 --dropout 0.1 --json", Step),
            "PyTorch, the article's attention", new($"{Article} --dropout 0.1 --steps 12 --new-tokens 1", Step)),
        new("2,000 steps of nanoGPT's CPU recipe, the whole process", Unit.Seconds,
            new("train --batch 12 --context 64 --steps 2000 --lr 1e-3 --min-lr 1e-4 --warmup 100 --out .", ""),
            "PyTorch, steps only",
            new($"{Article} --context 64 --batch 12 --steps 2000 --lr 1e-3 --dropout 0 --sdpa --new-tokens 1", "")),
        new("optimizer step, GPT-2 124M, batch 4 x 256", Unit.Milliseconds,
            new($"bench train {Gpt2} --batch 4 --steps 6 --json", Step),
            "transformers", new("python3 - 4 256 5", Step)),
        new("one text, the article's model", Unit.TokensPerSecond,
            new("bench generate --new-tokens 20000 --json", Rate),
            "PyTorch, the article's loop", new($"{Article} --dropout 0 --steps 2", "generateTokensPerSecond")),
        new("one text, GPT-2 124M, float32", Unit.TokensPerSecond,
            new($"bench generate {Gpt2} --new-tokens 64 --json", Rate),
            "transformers", new("python3 /peers/gpt2_hf.py --prefill 1", "decodeTokensPerSecond")),
        Llama("float32", "F32", "f32"),
        Llama("bfloat16", "F16", "f16"),
        Llama("int8", "Q8_0", "q8_0"),
        new("reading 512 tokens, GPT-2 124M", Unit.TokensPerSecond,
            new("bench prefill --preset gpt2 --context 512 --json", Rate),
            "transformers", new("python3 /peers/gpt2_hf.py --new-tokens 1", "prefillTokensPerSecond")),
    ];

    private static Work Llama(string dtype, string theirs, string file) =>
        new($"one text, GPT-2 124M, {dtype}", Unit.TokensPerSecond,
            new($"bench generate {Gpt2} --dtype {dtype} --new-tokens 64 --json", Rate),
            $"llama.cpp, {theirs}", new($"llama-bench -m /peers/gpt2-{file}.gguf -p 0 -n 64 -r 1 -o json", "avg_ts"));

    /// <summary>How many times as fast ours is, from a figure of each.</summary>
    public double Ratio(double ours, double theirs) => Unit == Unit.TokensPerSecond ? ours / theirs : theirs / ours;
}
