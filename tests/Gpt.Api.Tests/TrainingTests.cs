using Xunit;

namespace Gpt.Api.Tests;

public sealed class TrainingTests
{
    private static readonly TrainingOptions few = new() { Steps = 20, BatchSize = 8, LearningRate = 1e-2, EvaluateEvery = 10, EvaluationBatches = 2 };

    [Fact]
    public async Task A_model_learns_a_text()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few with { Steps = 100, EvaluateEvery = 50 });
        var reports = new Reports();

        await trainer.RunAsync(reports);

        using var trained = trainer.ToModel();
        Assert.True(trained.Score(Tiny.Verse).Perplexity < model.Score(Tiny.Verse).Perplexity / 2);
        Assert.Equal(Enumerable.Range(1, 100), reports.OfType<TrainingStep>().Select(report => report.Step));
        Assert.Equal([0, 50, 100], reports.OfType<TrainingEvaluation>().Select(report => report.Step));
        Assert.True(trainer.IsFinished);
        Assert.Equal(100, trainer.Step);
    }

    [Fact]
    public void The_model_it_began_at_stays_as_it_is()
    {
        using var model = Tiny.Model();
        var before = model.NextTokens("to be");
        using var trainer = new Trainer(model, Tiny.Verse, few);
        using var untouched = trainer.ToModel();

        trainer.Run();

        Assert.Equal(before, model.NextTokens("to be"));
        Assert.Equal(before, untouched.NextTokens("to be"));
    }

    [Fact]
    public void The_same_seed_gives_the_same_run()
    {
        Assert.Equal(Run(few), Run(few));
        Assert.NotEqual(Run(few), Run(few with { Seed = 1 }));
    }

    [Fact]
    public void A_cancelled_run_goes_on_where_it_stopped()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        using var source = new CancellationTokenSource();
        var reports = new Reports(report =>
        {
            if (report is TrainingStep { Step: 7 })
                source.Cancel();
        });

        Assert.Throws<OperationCanceledException>(() => trainer.Run(reports, source.Token));
        Assert.Equal(7, trainer.Step);
        Assert.False(trainer.IsFinished);
        trainer.Run(reports);

        Assert.Equal(Run(few), reports);
    }

    [Fact]
    public void A_finished_run_has_nothing_left_to_do()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        trainer.Run();
        var reports = new Reports();

        trainer.Run(reports);

        Assert.Empty(reports);
    }

    [Fact]
    public async Task A_disposed_trainer_says_so()
    {
        using var model = Tiny.Model();
        var trainer = new Trainer(model, Tiny.Verse, few);
        trainer.Dispose();
        trainer.Dispose();

        Assert.Throws<ObjectDisposedException>(() => trainer.Run());
        Assert.Throws<ObjectDisposedException>(trainer.ToModel);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => trainer.RunAsync());
    }

    private static Reports Run(TrainingOptions options)
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, options);
        var reports = new Reports();
        trainer.Run(reports);
        return reports;
    }
}

/// <summary>Reports gathered on the thread that makes them; <c>Progress&lt;T&gt;</c> would hand them on later.</summary>
internal sealed class Reports(Action<TrainingReport>? then = null) : List<TrainingReport>, IProgress<TrainingReport>
{
    public void Report(TrainingReport value)
    {
        Add(value);
        then?.Invoke(value);
    }
}
