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
    private readonly Core.TrainingOptions options;
    private readonly Core.Corpus corpus;
    private readonly Beginning beginning;
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
        tokenizer = model.Tokenizer;
        this.options = options.ToCore(model.CoreConfig, nameof(options));
        corpus = CorpusOf(tokenizer, this.options, options.TrainingShare, nameof(options), text);
        var lease = model.Use();
        beginning = new(lease.Model, null, lease);
        reports = Core.Training.run(this.options, corpus, lease.Model).GetEnumerator();
    }

    private Trainer(Core.TrainingState state, Core.SavedRun run, Tokenizer tokenizer, Core.Corpus corpus)
    {
        (this.tokenizer, this.corpus, options) = (tokenizer, corpus, run.Options);
        beginning = new(state.Model, state, state);
        reports = Core.Training.resume(options, corpus, state).GetEnumerator();
        Step = run.Step;
        IsFinished = Step == options.Steps;
    }

    /// <summary>
    /// Goes on with a run that <see cref="Save"/> has kept, with its options: to the last bit the run that was never interrupted. The
    /// reports are those of the steps that it goes on with; an evaluation that was due at the step where it was saved does not come.
    /// </summary>
    /// <param name="folder">Where it was saved.</param>
    /// <param name="text">The text that the run began with.</param>
    /// <param name="trainingShare">The <see cref="TrainingOptions.TrainingShare"/> that the run began with. Default 0.9.</param>
    /// <param name="device">Where to compute; see <see cref="GptModel.Load"/>.</param>
    /// <exception cref="ArgumentException">An argument is null, the text or the share is another, or there is no such device.</exception>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="InvalidDataException">It holds no run, or a file is damaged; the message names it.</exception>
    public static Trainer Resume(string folder, string text, double trainingShare = 0.9, string device = "auto")
    {
        Require.Folder(folder);
        ArgumentNullException.ThrowIfNull(text);
        var (state, run, core) = Core.TrainingCheckpoint.load(GptModel.DeviceOf(device), folder).OrThrow(Require.BadData);
        try
        {
            var tokenizer = new Tokenizer(core);
            var corpus = CorpusOf(tokenizer, run.Options, trainingShare, nameof(trainingShare), text);
            Core.TrainingCheckpoint.checkCorpus(corpus, run).OrThrow(FSharp.Argument(nameof(text)));
            return new(state, run, tokenizer, corpus);
        }
        catch
        {
            ((IDisposable)state).Dispose();
            throw;
        }
    }

    /// <summary>How many steps have been made: one more than the last report says, where it came late (<see cref="TrainingOptions.ReportLate"/>).</summary>
    public int Step { get; private set; }

    /// <summary>
    /// Whether all steps have been made and the last evaluation, too; of a run that was saved after its last step and resumed, whether
    /// the steps have been made.
    /// </summary>
    public bool IsFinished { get; private set; }

    /// <summary>Trains to the end.</summary>
    /// <param name="progress">Is told every report, on the thread that trains.</param>
    /// <param name="cancellationToken">Looked at after every report but the last. The run stays where it is then, and another call goes on from there.</param>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    public void Run(IProgress<TrainingReport>? progress = null, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            if (!IsFinished)
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

    /// <summary>
    /// Writes the run as it is now: a checkpoint folder, which <see cref="GptModel.Load"/> reads, with what <see cref="Resume"/> needs
    /// beside it. What stood there before is whole until the new is.
    /// </summary>
    /// <param name="folder">The folder; made when it is not there.</param>
    /// <exception cref="ArgumentException">The path is empty or null.</exception>
    /// <exception cref="ObjectDisposedException">The trainer has been disposed.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if ((last?.State ?? beginning.State) is { } state)
            {
                Write(folder, state);
                return;
            }
            using IDisposable fresh = Core.Step.start(beginning.Model);
            Write(folder, (Core.TrainingState)fresh);
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
            beginning.Held.Dispose();
        }
    }

    private Core.Model Current() => last?.State.Model ?? beginning.Model;

    private void Write(string folder, Core.TrainingState state)
    {
        try
        {
            Core.TrainingCheckpoint.save(folder, tokenizer.Core, options, corpus, state);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"the checkpoint folder {folder} cannot be written: {e.Message}", e);
        }
    }

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
                Core.TrainingEvent.Stepped stepped => new TrainingStep(report.Step, stepped.Loss, stepped.GradientNorm, stepped.LearningRate),
                Core.TrainingEvent.Evaluated judged => new TrainingEvaluation(report.Step, judged.TrainingLoss, judged.ValidationLoss),
                _ => throw new InvalidOperationException("An event of training is not known here."),
            };
        }
    }

    private static Core.Corpus CorpusOf(Tokenizer tokenizer, Core.TrainingOptions options, double share, string argument, string text)
    {
        if (!(share > 0 && share < 1))
            throw new ArgumentException($"{argument}: the training share is {share}; it must be above 0 and below 1", argument);
        return Core.CorpusModule.ofText(tokenizer.Core, options.WindowLength, share, text).OrThrow(FSharp.Argument(nameof(text)));
    }

    /// <summary>What the run is before its first report, and what keeps that alive.</summary>
    private sealed record Beginning(Core.Model Model, Core.TrainingState? State, IDisposable Held);
}
