namespace Gpt.Api;

/// <summary>
/// A training run of a copy of a model. It can be cancelled and gone on with, looked at in between, and saved so that another process
/// goes on with it.
/// <code>
/// var tokenizer = Tokenizer.FromText(text);
/// using var fresh = GptModel.Create(GptConfig.Mini with { VocabSize = tokenizer.VocabSize }, tokenizer);
/// using var trainer = new Trainer(fresh, text, new TrainingOptions { Steps = 500 });
/// await trainer.RunAsync(new Progress&lt;TrainingReport&gt;(Console.WriteLine));
/// using var trained = trainer.ToModel();
/// </code>
/// </summary>
/// <remarks>
/// The same model, text and options give the same run, report for report. Members may be called from any thread; they wait for the
/// step that is being made. Dropout draws from the engine's one generator: two runs at once with dropout above 0 are no harm, but
/// cannot be repeated.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private readonly Lock gate = new();
    private readonly Tokenizer tokenizer;
    private readonly SharedModel.Lease? source;
    private readonly Core.TrainingOptions options;
    private readonly IEnumerator<Core.TrainingReport> reports;
    private Core.TrainingReport? last;
    private bool disposed;

    /// <summary>A run that begins at a copy of <paramref name="model"/>; nothing is computed yet.</summary>
    /// <param name="model">The model to begin at; it stays as it is.</param>
    /// <param name="text">What to learn: each part of it, see <see cref="TrainingOptions.TrainingShare"/>, holds more than a window.</param>
    /// <param name="options">How; null is the defaults.</param>
    /// <exception cref="ArgumentException">An argument is null, the text is too short or cannot be encoded, or the options cannot be met.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Trainer(GptModel model, string text, TrainingOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(text);
        options ??= new();
        source = model.Use();
        try
        {
            tokenizer = model.Tokenizer;
            this.options = options.ToCore(source.Model.Config, nameof(options));
            reports = Core.Training.run(this.options, CorpusOf(tokenizer, this.options, options, text), source.Model).GetEnumerator();
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <summary>How many steps have been made.</summary>
    public int Step { get; private set; }

    /// <summary>Whether all steps have been made and the last evaluation, too.</summary>
    public bool IsFinished { get; private set; }

    /// <summary>Trains to the end.</summary>
    /// <param name="progress">Is told every report, on the thread that trains.</param>
    /// <param name="cancellationToken">Looked at after every report. The run stays where it is then, and another call goes on from there.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public void Run(IProgress<TrainingReport>? progress = null, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Next() is not { } report)
                return;
            progress?.Report(report);
        }
    }

    /// <summary><see cref="Run"/> on the thread pool.</summary>
    /// <inheritdoc cref="Run"/>
    public Task RunAsync(IProgress<TrainingReport>? progress = null, CancellationToken cancellationToken = default)
    {
        lock (gate)
            ObjectDisposedException.ThrowIf(disposed, this);
        return Task.Run(() => Run(progress, cancellationToken), cancellationToken);
    }

    /// <summary>A copy of the model as the steps so far have left it: the caller's, to be disposed.</summary>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public GptModel ToModel()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            return new(Core.ModelModule.copy(Current()), tokenizer, "gpt");
        }
    }

    /// <summary>Frees the run's memory, when the step that is being made is done.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            reports.Dispose();
            source?.Dispose();
        }
    }

    private Core.Model Current() => last?.State.Model ?? source!.Model;

    /// <summary>The next report; null at the end. The library frees the run when it is enumerated beyond its last report, so it is not.</summary>
    private TrainingReport? Next()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (IsFinished || !reports.MoveNext())
                return null;
            var report = last = reports.Current;
            Step = report.State.Step;
            IsFinished = Step == options.Steps && report.Event.IsEvaluated;
            return report.Event switch
            {
                Core.TrainingEvent.Stepped stepped => new TrainingStep(Step, stepped.Loss, stepped.GradientNorm, stepped.LearningRate),
                Core.TrainingEvent.Evaluated judged => new TrainingEvaluation(Step, judged.TrainingLoss, judged.ValidationLoss),
                _ => throw new InvalidOperationException("An event of training is not known here."),
            };
        }
    }

    private static Core.Corpus CorpusOf(Tokenizer tokenizer, Core.TrainingOptions options, TrainingOptions asked, string text)
    {
        if (!(asked.TrainingShare > 0 && asked.TrainingShare < 1))
            throw new ArgumentException($"{nameof(options)}: the training share is {asked.TrainingShare}; it must be above 0 and below 1", nameof(options));
        return Core.CorpusModule.ofText(tokenizer.Core, options.WindowLength, asked.TrainingShare, text).OrThrow(FSharp.Argument(nameof(text)));
    }
}
