namespace Gpt.Api.Tests;

/// <summary>Tiny models that have learned their verse; trained once, a copy for each test.</summary>
internal static class Trained
{
    // A JSON text needs its quotes, which the verse has none of.
    private static readonly string text = "\"" + Tiny.Verse;

    internal static Tokenizer Letters { get; } = Tokenizer.FromText(text);

    private static readonly Lazy<Trainer> whole = new(() => Train(300));
    private static readonly Lazy<Trainer> half = new(() => Train(60));

    /// <summary>A model that knows the verse.</summary>
    internal static GptModel Model() => whole.Value.ToModel();

    /// <summary>A model that still hesitates, so that how it is asked makes a difference.</summary>
    internal static GptModel HalfWay() => half.Value.ToModel();

    private static Trainer Train(int steps)
    {
        using var fresh = GptModel.Create(Tiny.Config with { VocabSize = Letters.VocabSize }, Letters, seed: 1);
        var trainer = new Trainer(fresh, text, new() { Steps = steps, BatchSize = 8, LearningRate = 1e-2, EvaluationBatches = 1 });
        trainer.Run();
        return trainer;
    }
}
