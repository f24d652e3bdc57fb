using Xunit;

namespace Gpt.Api.Tests;

/// <summary>One model, many threads: each gets what it would get alone.</summary>
public sealed class ThreadTests
{
    private const int Threads = 8;
    private const int Rounds = 12;

    [Fact]
    public async Task Many_threads_generate_with_one_model_at_once()
    {
        using var model = Tiny.Model();
        var alone = Enumerable.Range(0, Threads).Select(i => model.Generate("to be", Of(i)).Text).ToList();

        var together = await Task.WhenAll(Enumerable.Range(0, Threads).Select(i => Task.Factory.StartNew(
            () => Enumerable.Range(0, Rounds).Select(_ => model.Generate("to be", Of(i)).Text).ToList(),
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

        for (var i = 0; i < Threads; i++)
            Assert.All(together[i], text => Assert.Equal(alone[i], text));
    }

    /// <summary>At these sizes a prompt is read by several of the engine's workers, which one call has at a time.</summary>
    [Fact]
    public async Task Threads_that_share_the_engines_workers_get_what_they_would_get_alone()
    {
        using var model = GptModel.Create(Tiny.Config with { Context = 160, Dim = 128, Heads = 4 }, Tiny.Tokenizer, seed: 3);
        string Text(int i)
        {
            var found = model.Generate(Tiny.Verse[i..(i + 140)], Of(i) with { MaxNewTokens = 8, LogProbabilities = 0 });
            return $"{found.Text} {string.Join(' ', found.LogProbabilities)}";
        }
        var alone = Enumerable.Range(0, Threads).Select(Text).ToList();

        var together = await Task.WhenAll(Enumerable.Range(0, Threads).Select(i => Task.Factory.StartNew(
            () => Enumerable.Range(0, Rounds).Select(_ => Text(i)).ToList(),
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

        for (var i = 0; i < Threads; i++)
            Assert.All(together[i], text => Assert.Equal(alone[i], text));
    }

    [Fact]
    public async Task Every_kind_of_call_may_run_beside_every_other()
    {
        using var model = Tiny.Model();
        using var folder = new TempFolder();
        Func<string>[] calls =
        [
            () => model.Generate("to be", Of(1)).Text,
            () => string.Concat(model.Stream("not to be", Of(2)).Select(token => token.Text)),
            () => string.Concat(model.GenerateSamples("to be", 3, Of(3)).Select(sample => sample.Text)),
            () => string.Concat(model.GenerateBatch(["to be", "not", "that"], Of(4)).Select(sample => sample.Text)),
            () => model.BeamSearch("to be", new() { MaxNewTokens = 6 })[0].Text,
            () => model.Score(Tiny.Verse[..200]).Perplexity.ToString("R"),
            () => string.Concat(model.NextTokens("to be").Select(token => token.Text)),
            () => model.Generate("to be", Of(5) with { Pattern = "[a-z ]{4,8}" }).Text,
            () => Reloaded(model, folder.File($"{Guid.NewGuid():N}")),
            Trained,
        ];
        var alone = calls.Select(call => call()).ToList();

        var together = await Task.WhenAll(calls.Select(call => Task.Factory.StartNew(
            () => Enumerable.Range(0, Rounds / 3).Select(_ => call()).ToList(),
            TestContext.Current.CancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));

        for (var i = 0; i < calls.Length; i++)
            Assert.All(together[i], text => Assert.Equal(alone[i], text));
    }

    [Fact]
    public async Task Streams_that_jump_between_threads_stay_themselves()
    {
        using var model = Tiny.Model();
        var alone = Enumerable.Range(0, Threads).Select(i => model.Generate("to be", Of(i)).Text).ToList();

        var together = await Task.WhenAll(Enumerable.Range(0, Threads).Select(async i =>
        {
            var text = "";
            await foreach (var token in model.StreamAsync("to be", Of(i)))
            {
                text += token.Text;
                await Task.Yield();
            }
            return text;
        }));

        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task Disposing_a_model_beside_its_users_is_no_harm()
    {
        for (var round = 0; round < 20; round++)
        {
            var model = Tiny.Model();
            var text = model.Generate("to be", Of(0)).Text;
            var users = Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
            {
                try
                {
                    while (true)
                        Assert.Equal(text, model.Generate("to be", Of(0)).Text);
                }
                catch (ObjectDisposedException)
                {
                }
            })).ToList();
            await Task.Delay(5, TestContext.Current.CancellationToken);
            model.Dispose();
            await Task.WhenAll(users);
        }
    }

    private static GenerationOptions Of(int seed) => Tiny.Short with { MaxNewTokens = 24, Seed = (ulong)seed };

    private static string Reloaded(GptModel model, string folder)
    {
        model.Save(folder);
        using var loaded = GptModel.Load(folder);
        return loaded.Generate("to be", Of(6)).Text;
    }

    private static string Trained()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, new() { Steps = 3, BatchSize = 2, EvaluationBatches = 1 });
        trainer.Run();
        using var trained = trainer.ToModel();
        return trained.Generate("to be", Of(7)).Text;
    }
}
