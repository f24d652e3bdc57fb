namespace Gpt.Api.Tests;

/// <summary>A tiny model that has learned its verse; trained once, a copy for each test.</summary>
internal static class Trained
{
    // A JSON text needs its quotes, which the verse has none of.
    private static readonly string text = "\"" + Tiny.Verse;

    internal static Tokenizer Letters { get; } = Tokenizer.FromText(text);

    private static readonly Lazy<Trainer> trainer = new(() =>
    {
        using var fresh = GptModel.Create(Tiny.Config with { VocabSize = Letters.VocabSize }, Letters, seed: 1);
        var trainer = new Trainer(fresh, text, new() { Steps = 60, BatchSize = 8, LearningRate = 1e-2, EvaluationBatches = 1 });
        trainer.Run();
        return trainer;
    });

    internal static GptModel Model() => trainer.Value.ToModel();
}
