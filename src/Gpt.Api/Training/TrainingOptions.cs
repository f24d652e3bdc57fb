namespace Gpt.Api;

/// <summary>How a model is trained: by AdamW, with a rate that rises over the warm-up and falls along half a cosine.</summary>
public sealed record TrainingOptions
{
    /// <summary>The number of optimizer steps, at least 1. Default 2000.</summary>
    public int Steps { get; init; } = 2000;

    /// <summary>How many windows of text a step sees, at least 1. Default 16.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>The length of a window in tokens, 1 to the model's context; null, the default, is the context.</summary>
    public int? WindowLength { get; init; }

    /// <summary>The highest learning rate, at least 0. Default 2e-3, for a small fresh model; 5e-5 suits one that has learned already.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>The learning rate at the end, at least 0; null, the default, is a tenth of <see cref="LearningRate"/>.</summary>
    public double? MinimumLearningRate { get; init; }

    /// <summary>Over how many steps the rate rises, at least 0; null, the default, is a twentieth of <see cref="Steps"/>.</summary>
    public int? WarmupSteps { get; init; }

    /// <summary>How much of each matrix is taken off a step, times the learning rate; at least 0. Default 0.1.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>The largest norm a gradient may have, above 0; null is any. Default 1.</summary>
    public double? ClipNorm { get; init; } = 1;

    /// <summary>How slowly the mean of the gradient forgets, in [0, 1). Default 0.9.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>How slowly the mean of its square forgets, in [0, 1). Default 0.999.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root in the denominator, above 0. Default 1e-8.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>A <see cref="TrainingStep"/> is reported after every so many steps, at least 1; between two of them training is not cancelled. Default 1.</summary>
    public int ReportEvery { get; init; } = 1;

    /// <summary>
    /// Whether a <see cref="TrainingStep"/> is reported one step late, when the device is busy with that one: a GPU then never stands
    /// idle for a report. Where an evaluation follows, which waits for the device anyway, it comes at once. Null, the default, is late
    /// where the device is not the processor, which gains nothing by it.
    /// </summary>
    public bool? ReportLate { get; init; }

    /// <summary>A <see cref="TrainingEvaluation"/> is reported after every so many steps and after the last, at least 1; null, the default, is a tenth of <see cref="Steps"/>.</summary>
    public int? EvaluateEvery { get; init; }

    /// <summary>How many batches each part of the text is judged by, at least 1. Default 10.</summary>
    public int EvaluationBatches { get; init; } = 10;

    /// <summary>Which share of the text is learned from, its beginning; the rest is judged by. In (0, 1). Default 0.9.</summary>
    public double TrainingShare { get; init; } = 0.9;

    /// <summary>What the dense layers compute in; what is learned is float32 always. Default <see cref="TrainingPrecision.Float32"/>.</summary>
    public TrainingPrecision Precision { get; init; } = TrainingPrecision.Float32;

    /// <summary>In how many equal parts the windows of a step are computed, one after the other, at least 1: a step takes the memory of one part. It divides <see cref="BatchSize"/>. Default 1.</summary>
    public int Accumulate { get; init; } = 1;

    /// <summary>Whether the blocks are computed again on the way back, so that what they compute need not be kept: a third more work, far less memory. Default false.</summary>
    public bool Recompute { get; init; }

    /// <summary>Decides the batches, the dropout masks and the windows of the evaluation. Default 0.</summary>
    public ulong Seed { get; init; }

    /// <summary>Raises ArgumentException that names <paramref name="argument"/> and the field that cannot be.</summary>
    internal Core.TrainingOptions ToCore(Core.GptConfig config, string argument)
    {
        var optimizer = new Core.AdamWOptions(Beta1, Beta2, Epsilon, WeightDecay, FSharp.Option(ClipNorm));
        var schedule = Core.Schedule.NewWarmupCosine(
            LearningRate, MinimumLearningRate ?? LearningRate / 10, WarmupSteps ?? Steps / 20, Steps);
        var step = new Core.StepOptions(
            Precision switch
            {
                TrainingPrecision.Float32 => Core.Precision.Float32,
                TrainingPrecision.BFloat16 => Core.Precision.BFloat16,
                _ => throw new ArgumentException($"{argument}: precision is {Precision}; it must be Float32 or BFloat16", argument),
            },
            Accumulate,
            Recompute);
        var options = new Core.TrainingOptions(
            Steps,
            BatchSize,
            WindowLength ?? config.Context,
            schedule,
            optimizer,
            step,
            ReportEvery,
            FSharp.Option(ReportLate),
            EvaluateEvery ?? Math.Max(1, Steps / 10),
            EvaluationBatches,
            Seed);
        return Core.Training.validate(config, options).OrThrow(FSharp.Argument(argument));
    }
}

/// <summary>What the dense layers of a training step compute in.</summary>
public enum TrainingPrecision
{
    /// <summary>Float32.</summary>
    Float32,

    /// <summary>The upper half of a float32: many times faster on a GPU, no faster on a processor.</summary>
    BFloat16,
}

/// <summary>What happened in a training run: a <see cref="TrainingStep"/> or a <see cref="TrainingEvaluation"/>.</summary>
/// <param name="Step">How many steps have been made.</param>
public abstract record TrainingReport(int Step);

/// <summary>Steps were made.</summary>
/// <param name="Step">How many steps have been made.</param>
/// <param name="Loss">The mean training loss since the last such report, in nats a token.</param>
/// <param name="GradientNorm">The norm of the last step's gradient, before clipping.</param>
/// <param name="LearningRate">The last step's learning rate.</param>
public sealed record TrainingStep(int Step, double Loss, double GradientNorm, double LearningRate) : TrainingReport(Step);

/// <summary>The model was judged, without dropout, on fixed windows of both parts of the text.</summary>
/// <param name="Step">How many steps have been made.</param>
/// <param name="TrainingLoss">The loss on what it learns from, in nats a token.</param>
/// <param name="ValidationLoss">The loss on what it never learns from.</param>
public sealed record TrainingEvaluation(int Step, double TrainingLoss, double ValidationLoss) : TrainingReport(Step);
