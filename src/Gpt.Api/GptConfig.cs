namespace Gpt.Api;

/// <summary>The nonlinearity inside a block's feed-forward half.</summary>
public enum Activation
{
    /// <summary>Exact GELU, x Φ(x).</summary>
    Gelu,

    /// <summary>GELU by its tanh approximation: GPT-2's.</summary>
    GeluTanh,

    /// <summary>max(x, 0).</summary>
    Relu,
}

/// <summary>
/// The sizes of a GPT. The defaults are those of MiniGPT, <see cref="Mini"/>; change what is to be different:
/// <c>GptConfig.Mini with { Layers = 2, VocabSize = tokenizer.VocabSize }</c>.
/// </summary>
public sealed record GptConfig
{
    /// <summary>The number of different tokens, at least 1. Default 65, tiny Shakespeare's characters.</summary>
    public int VocabSize { get; init; } = 65;

    /// <summary>The longest sequence the model can see, in tokens, at least 1. Default 256.</summary>
    public int Context { get; init; } = 256;

    /// <summary>The width of the residual stream: a positive multiple of <see cref="Heads"/>. Default 128.</summary>
    public int Dim { get; init; } = 128;

    /// <summary>The number of blocks, at least 1. Default 4.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>The number of attention heads, at least 1. Default 4.</summary>
    public int Heads { get; init; } = 4;

    /// <summary>The width inside the feed-forward half, at least 1; null, the default, is four times <see cref="Dim"/>.</summary>
    public int? FeedForward { get; init; }

    /// <summary>The chance that a value is dropped while training, in [0, 1). Default 0.1.</summary>
    public double Dropout { get; init; } = 0.1;

    /// <summary>What LayerNorm adds to the variance, above 0. Default 1e-5.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The nonlinearity. Default <see cref="Activation.Gelu"/>.</summary>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>Whether the token embedding also makes the logits. Default true.</summary>
    public bool TiedHead { get; init; } = true;

    /// <summary>Whether attention divides its scores by the root of a head's width. Default true.</summary>
    public bool ScaleAttention { get; init; } = true;

    /// <summary>Whether attention also divides them by the number of its layer, counted from 1. Default false.</summary>
    public bool ScaleByLayer { get; init; }

    /// <summary>MiniGPT: width 128, 4 heads, 4 layers, context 256, vocabulary 65.</summary>
    public static GptConfig Mini { get; } = new();

    /// <summary>The names that <see cref="Preset"/> knows.</summary>
    public static IReadOnlyList<string> PresetNames { get; } = [.. Core.GptConfigModule.presets.Select(preset => preset.Item1)];

    /// <summary>The sizes of a name: mini, nano, distilgpt2, gpt2, gpt2-medium, gpt2-large or gpt2-xl.</summary>
    /// <exception cref="ArgumentException">There is no preset of that name.</exception>
    public static GptConfig Preset(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return Of(Core.GptConfigModule.preset(name).OrThrow(FSharp.Argument(nameof(name))));
    }

    internal static GptConfig Of(Core.GptConfig config) => new()
    {
        VocabSize = config.VocabSize,
        Context = config.Context,
        Dim = config.Dim,
        Layers = config.Layers,
        Heads = config.Heads,
        FeedForward = config.FeedForward,
        Dropout = config.Dropout,
        NormEpsilon = config.NormEpsilon,
        Activation = config.Activation.IsGelu ? Activation.Gelu : config.Activation.IsRelu ? Activation.Relu : Activation.GeluTanh,
        TiedHead = config.TiedHead,
        ScaleAttention = config.ScaleAttention,
        ScaleByLayer = config.ScaleByLayer,
    };

    /// <summary>The library's configuration. Raises ArgumentException that names <paramref name="argument"/> when no model can have it.</summary>
    internal Core.GptConfig ToCore(string argument)
    {
        var activation = Activation switch
        {
            Activation.Gelu => Core.Activation.Gelu,
            Activation.GeluTanh => Core.Activation.GeluTanh,
            Activation.Relu => Core.Activation.Relu,
            _ => throw new ArgumentException($"{argument}: activation is {Activation}; it must be Gelu, GeluTanh or Relu", argument),
        };
        var config = new Core.GptConfig(
            VocabSize, Context, Dim, Layers, Heads, FeedForward ?? 4 * Dim, Dropout, NormEpsilon, activation, TiedHead, ScaleAttention, ScaleByLayer);
        return Core.GptConfigModule.validate(config).OrThrow(FSharp.Argument(argument));
    }
}
