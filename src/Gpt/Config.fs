namespace Gpt

/// The nonlinearity inside a block's feed-forward half.
type Activation =
    /// Exact GELU, x Φ(x) (Hendrycks and Gimpel 2016): the article's.
    | Gelu
    /// GELU by its tanh approximation: GPT-2's (`gelu_new`).
    | GeluTanh
    /// max(x, 0).
    | Relu

/// The sizes of a GPT: everything that decides the shapes of its parameters and what its forward pass computes.
type GptConfig = {
    /// V, the number of different tokens. At least 1.
    VocabSize: int
    /// The longest sequence the model can see, in tokens. At least 1.
    Context: int
    /// C, the width of the residual stream. A positive multiple of `Heads`.
    Dim: int
    /// The number of blocks. At least 1.
    Layers: int
    /// H, the number of attention heads. At least 1.
    Heads: int
    /// The width inside the feed-forward half, 4 C as a rule. At least 1.
    FeedForward: int
    /// The chance that a value is dropped while training, in [0, 1).
    Dropout: float
    /// What LayerNorm adds to the variance. Positive.
    NormEpsilon: float
    /// The nonlinearity between the two layers of the feed-forward half.
    Activation: Activation
    /// Whether the token embedding also makes the logits, as in GPT-2; else a matrix of its own, (V, C), does.
    TiedHead: bool
    /// Whether attention divides its scores by √D: always, but for a few GPT-2s trained otherwise.
    ScaleAttention: bool
    /// Whether attention also divides them by the number of its layer, counted from 1 (Mistral's GPT-2s).
    ScaleByLayer: bool
}

[<RequireQualifiedAccess>]
module GptConfig =

    /// The article's MiniGPT: width 128, 4 heads, 4 layers, context 256, dropout 0.1. Vocabulary 65: tiny Shakespeare's.
    let mini = {
        VocabSize = 65
        Context = 256
        Dim = 128
        Layers = 4
        Heads = 4
        FeedForward = 512
        Dropout = 0.1
        NormEpsilon = 1e-5
        Activation = Gelu
        TiedHead = true
        ScaleAttention = true
        ScaleByLayer = false
    }

    let private gpt2Sized dim layers heads = {
        VocabSize = 50257
        Context = 1024
        Dim = dim
        Layers = layers
        Heads = heads
        FeedForward = 4 * dim
        Dropout = 0.1
        NormEpsilon = 1e-5
        Activation = GeluTanh
        TiedHead = true
        ScaleAttention = true
        ScaleByLayer = false
    }

    /// Named sizes: the article's, nanoGPT's Shakespeare model, and the GPT-2 family (Radford et al. 2019).
    let presets: (string * GptConfig) list = [
        "mini", mini
        "nano",
        {
            mini with
                Dim = 384
                Layers = 6
                Heads = 6
                FeedForward = 1536
                Dropout = 0.2
        }
        "distilgpt2", gpt2Sized 768 6 12
        "gpt2", gpt2Sized 768 12 12
        "gpt2-medium", gpt2Sized 1024 24 16
        "gpt2-large", gpt2Sized 1280 36 20
        "gpt2-xl", gpt2Sized 1600 48 25
    ]

    /// The preset of a name, or a sentence that lists the names.
    let preset (name: string) : Result<GptConfig, string> =
        match List.tryFind (fun (known, _) -> known = name) presets with
        | Some(_, config) -> Ok config
        | None ->
            let names = presets |> List.map fst |> String.concat ", "
            Error $"preset {name}: expected one of {names}"

    /// D, the width of one head.
    let headDim (config: GptConfig) = config.Dim / config.Heads

    /// What attention multiplies the scores q k of layer `layer`, counted from 0, by: 1 / √D unless the configuration says
    /// otherwise.
    let attentionScale (config: GptConfig) (layer: int) : float =
        let byWidth =
            if config.ScaleAttention then
                1.0 / sqrt (float (headDim config))
            else
                1.0

        if config.ScaleByLayer then
            byWidth / float (layer + 1)
        else
            byWidth

    /// The configuration itself when a model can be built from it; else one sentence that names the field, its value
    /// and what would be right.
    let validate (config: GptConfig) : Result<GptConfig, string> =
        let positive name value =
            if value < 1 then
                Some $"{name} is {value}; it must be at least 1"
            else
                None

        let problem =
            [
                positive "vocab" config.VocabSize
                positive "context" config.Context
                positive "dim" config.Dim
                positive "layers" config.Layers
                positive "heads" config.Heads
                positive "feed-forward width" config.FeedForward
                if config.Heads > 0 && config.Dim % config.Heads <> 0 then
                    Some
                        $"heads is {config.Heads}, which does not divide dim {config.Dim}; each head gets dim / heads channels"
                if not (config.Dropout >= 0.0 && config.Dropout < 1.0) then
                    Some $"dropout is {config.Dropout}; it must be at least 0 and below 1"
                if not (config.NormEpsilon > 0.0 && config.NormEpsilon < infinity) then
                    Some $"norm epsilon is {config.NormEpsilon}; it must be positive and finite"
            ]
            |> List.tryPick id

        match problem with
        | Some sentence -> Error sentence
        | None -> Ok config

    /// `validate`, for callers to whom a wrong configuration is a programming error: raises ArgumentException.
    let require (config: GptConfig) : GptConfig =
        match validate config with
        | Ok config -> config
        | Error sentence -> invalidArg (nameof config) sentence
