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
    public void How_a_step_is_computed_can_be_chosen()
    {
        var plain = Losses(few);
        Assert.NotEqual(plain, Losses(few with { Precision = TrainingPrecision.BFloat16 }));
        Assert.Equal(plain[^1], Losses(few with { Accumulate = 2, Recompute = true })[^1], 0.01);
        using var model = Tiny.Model();
        var wrong = Assert.Throws<ArgumentException>(() => new Trainer(model, Tiny.Verse, few with { Accumulate = 3 }));
        Assert.Contains("accumulate is 3", wrong.Message, StringComparison.Ordinal);

        static double[] Losses(TrainingOptions options) =>
            [.. Run(options).OfType<TrainingEvaluation>().Select(report => report.ValidationLoss)];
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

    private static Reports CancellingAt(int step, CancellationTokenSource source) => new(report =>
    {
        if (report is TrainingStep made && made.Step == step)
            source.Cancel();
    });

    [Fact]
    public void A_cancelled_run_goes_on_where_it_stopped()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        using var source = new CancellationTokenSource();
        var reports = CancellingAt(7, source);

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
    public void A_run_that_is_cancelled_at_its_last_report_has_ended_well()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        using var source = new CancellationTokenSource();

        trainer.Run(new Reports(report =>
        {
            if (report is TrainingEvaluation { Step: 20 })
                source.Cancel();
        }), source.Token);

        Assert.True(trainer.IsFinished);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(20)]
    public void A_saved_run_goes_on_in_another_process_as_if_nothing_had_been(int step)
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        using (var trainer = new Trainer(model, Tiny.Verse, few))
        using (var source = new CancellationTokenSource())
        {
            var stop = new Reports(report =>
            {
                if (report.Step == step && (report is TrainingStep || step == 0))
                    source.Cancel();
            });
            Assert.Throws<OperationCanceledException>(() => trainer.Run(stop, source.Token));
            trainer.Save(folder.Path);
        }
        var reports = new Reports();

        using var resumed = Trainer.Resume(folder.Path, Tiny.Verse);
        Assert.Equal(step, resumed.Step);
        Assert.Equal(step == few.Steps, resumed.IsFinished);
        resumed.Run(reports);

        Assert.Equal(Run(few).Where(report => report.Step > step || step == 0), reports);
        Assert.True(resumed.IsFinished);
        using var saved = GptModel.Load(folder.Path);
        Assert.Equal(model.ParameterCount, saved.ParameterCount);
    }

    [Fact]
    public void A_run_is_saved_before_its_first_step_too()
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        trainer.Save(folder.Path);
        var reports = new Reports();

        using var resumed = Trainer.Resume(folder.Path, Tiny.Verse);
        resumed.Run(reports);

        Assert.Equal(Run(few), reports);
    }

    [Fact]
    public void A_run_goes_on_with_its_own_text_alone()
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few);
        trainer.Save(folder.Path);

        Assert.Equal("text", Assert.Throws<ArgumentException>(() => Trainer.Resume(folder.Path, Tiny.Verse + "to be")).ParamName);
        Assert.Equal("text", Assert.Throws<ArgumentException>(() => Trainer.Resume(folder.Path, Tiny.Verse, 0.8)).ParamName);
        model.Save(folder.File("model"));
        Assert.Throws<InvalidDataException>(() => Trainer.Resume(folder.File("model"), Tiny.Verse));
    }

    [Fact]
    public void Late_reports_are_the_same_reports()
    {
        var plain = Run(few);

        Assert.Equal(plain, Run(few with { ReportLate = false }));
        Assert.Equal(plain, Run(few with { ReportLate = true }));
        Assert.Equal(Run(few with { ReportEvery = 3 }), Run(few with { ReportEvery = 3, ReportLate = true }));
    }

    [Fact]
    public void The_run_is_a_step_further_than_a_late_report()
    {
        using var model = Tiny.Model();
        using var trainer = new Trainer(model, Tiny.Verse, few with { ReportLate = true });
        var ahead = new List<int>();

        trainer.Run(new Reports(report => ahead.Add(trainer.Step - report.Step)));

        // Before the first step; 1 to 9; 10, after which the model is judged, both at once; the same again.
        Assert.Equal([0, .. Enumerable.Repeat(1, 9), 0, 0, .. Enumerable.Repeat(1, 9), 0, 0], ahead);
        Assert.True(trainer.IsFinished);
    }

    [Fact]
    public void A_run_saved_at_a_late_report_goes_on_from_the_step_that_it_is_at()
    {
        using var folder = new TempFolder();
        using var model = Tiny.Model();
        using (var trainer = new Trainer(model, Tiny.Verse, few with { ReportLate = true }))
        using (var source = new CancellationTokenSource())
        {
            Assert.Throws<OperationCanceledException>(() => trainer.Run(CancellingAt(7, source), source.Token));
            Assert.Equal(8, trainer.Step);
            trainer.Save(folder.Path);
        }
        var reports = new Reports();

        using var resumed = Trainer.Resume(folder.Path, Tiny.Verse);
        Assert.Equal(8, resumed.Step);
        resumed.Run(reports);

        Assert.Equal(Run(few).Where(report => report.Step > 8), reports);
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
        Assert.Throws<ObjectDisposedException>(() => trainer.Save("nowhere"));
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
