[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace Gpt.Api.Tests;

/// <summary>Models that are made in a moment, and folders that go away.</summary>
internal static class Tiny
{
    /// <summary>A text with enough of a pattern to be learned.</summary>
    internal static string Verse { get; } = string.Concat(Enumerable.Repeat("to be or not to be, that is the question.\n", 30));

    internal static Tokenizer Tokenizer { get; } = Tokenizer.FromText(Verse);

    internal static GptConfig Config { get; } = new()
    {
        VocabSize = Tokenizer.VocabSize,
        Context = 16,
        Dim = 16,
        Layers = 2,
        Heads = 2,
        Dropout = 0,
    };

    /// <summary>A fresh model over the letters of <see cref="Verse"/>.</summary>
    internal static GptModel Model(ulong seed = 1) => GptModel.Create(Config, Tokenizer, seed);

    /// <summary>A short text, drawn by a known seed.</summary>
    internal static GenerationOptions Short { get; } = new() { MaxNewTokens = 12, Seed = 7 };
}

/// <summary>A folder of its own for a test.</summary>
internal sealed class TempFolder : IDisposable
{
    internal TempFolder() => Directory.CreateDirectory(Path);

    internal string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), $"gpt-api-{Guid.NewGuid():N}");

    internal string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
