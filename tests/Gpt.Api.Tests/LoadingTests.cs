using Xunit;

namespace Gpt.Api.Tests;

public sealed class LoadingTests
{
    [Fact]
    public void A_saved_model_is_loaded_and_writes_the_same_text()
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        model.Save(folder.File("mine"));

        using var loaded = GptModel.Load(folder.File("mine"));

        Assert.Equal(model.Generate("to be", Tiny.Short).Text, loaded.Generate("to be", Tiny.Short).Text);
        Assert.Equal("mine", loaded.Name);
    }

    [Fact]
    public void A_model_tells_its_sizes()
    {
        using var model = Tiny.Model();

        Assert.Equal(Tiny.Config with { FeedForward = 64 }, model.Config);
        Assert.Equal(Tiny.Tokenizer.VocabSize, model.Tokenizer.VocabSize);
        // Embeddings, two blocks of 12 C² + 13 C, the last norm.
        Assert.Equal((Tiny.Tokenizer.VocabSize + 16) * 16 + 2 * (12 * 16 * 16 + 13 * 16) + 2 * 16, model.ParameterCount);
    }

    [Fact]
    public void One_seed_makes_one_model()
    {
        using var one = Tiny.Model(seed: 5);
        using var same = Tiny.Model(seed: 5);
        using var other = Tiny.Model(seed: 6);

        Assert.Equal(one.NextTokens("to be"), same.NextTokens("to be"));
        Assert.NotEqual(one.NextTokens("to be"), other.NextTokens("to be"));
    }

    [Fact]
    public void The_sizes_of_GPT2_are_known_by_name()
    {
        Assert.Equal(768, GptConfig.Preset("gpt2").Dim);
        Assert.Equal(1024, GptConfig.Preset("gpt2").Context);
        Assert.Contains("gpt2-xl", GptConfig.PresetNames);
        Assert.Equal(GptConfig.Mini with { FeedForward = 512 }, GptConfig.Preset("mini"));
    }

    [Fact]
    public async Task A_folder_is_loaded_by_name_without_any_network()
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        model.Save(folder.Path);

        using var loaded = await GptModel.LoadPretrainedAsync(folder.Path, cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal(model.ParameterCount, loaded.ParameterCount);
    }

    [Fact]
    public async Task A_download_is_cancelled()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            GptModel.LoadPretrainedAsync("nobody/nothing-of-the-kind", cancellationToken: source.Token));
    }

    [Fact]
    public void What_is_missing_or_damaged_is_named()
    {
        using var folder = new TempFolder();
        Assert.Contains("nowhere", Assert.Throws<DirectoryNotFoundException>(() => GptModel.Load(folder.File("nowhere"))).Message);
        Assert.Contains("tokenizer", Assert.Throws<InvalidDataException>(() => GptModel.Load(folder.Path)).Message);

        using var model = Tiny.Model();
        model.Save(folder.Path);
        File.WriteAllText(folder.File("config.json"), "{");

        Assert.Contains("config.json", Assert.Throws<InvalidDataException>(() => GptModel.Load(folder.Path)).Message);
    }

    [Fact]
    public void A_disposed_model_says_so()
    {
        var model = Tiny.Model();
        model.Dispose();
        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => model.Generate("to be"));
        Assert.Throws<ObjectDisposedException>(() => model.Stream("to be"));
        Assert.Throws<ObjectDisposedException>(() => model.NextTokens("to be"));
        Assert.Throws<ObjectDisposedException>(() => model.Score("to be"));
        Assert.Throws<ObjectDisposedException>(() => model.BeamSearch("to be"));
        Assert.Throws<ObjectDisposedException>(() => model.Save("nowhere"));
        Assert.Throws<ObjectDisposedException>(() => new Trainer(model, Tiny.Verse));
    }
}
