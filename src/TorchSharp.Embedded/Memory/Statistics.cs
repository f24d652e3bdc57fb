namespace TorchSharp;

/// <summary>Where the counters of the calling thread's tensors are found.</summary>
public class DisposeScopeManager
{
    /// <summary>The counters of the calling thread.</summary>
    public static ThreadDisposeScopeStatistics Statistics => ThreadState.Current.Statistics;
}

/// <summary>What happened to the tensors of one thread since the start or the last <see cref="Reset"/>.</summary>
public class ThreadDisposeScopeStatistics
{
    /// <summary>The counters of tensors, the only kind of object that is counted here.</summary>
    public LifetimeStatistics TensorStatistics { get; } = new();

    /// <summary>Tensors created while no scope was open.</summary>
    public long CreatedOutsideScopeCount => TensorStatistics.CreatedOutsideScopeCount;

    /// <summary>Tensors created while a scope was open.</summary>
    public long CreatedInScopeCount => TensorStatistics.CreatedInScopeCount;

    /// <summary>Tensors disposed, by hand or by the end of the scope, while they belonged to a scope.</summary>
    public long DisposedInScopeCount => TensorStatistics.DisposedInScopeCount;

    /// <summary>Tensors disposed while they belonged to no scope.</summary>
    public long DisposedOutsideScopeCount => TensorStatistics.DisposedOutsideScopeCount;

    /// <summary>Tensors taken out of all scopes, by detaching or by moving out of the outermost.</summary>
    public long DetachedFromScopeCount => TensorStatistics.DetachedFromScopeCount;

    /// <summary>Tensors without a scope that were attached to one.</summary>
    public long AttachedToScopeCount => TensorStatistics.AttachedToScopeCount;

    /// <summary>Tensors created and not yet disposed.</summary>
    public long ThreadTotalLiveCount => TensorStatistics.ThreadTotalLiveCount;

    /// <summary>Sets all counters to zero.</summary>
    public void Reset() => TensorStatistics.Reset();

    /// <summary>All counters in one line.</summary>
    public override string ToString() => TensorStatistics.ToString();
}

/// <summary>Counts of the objects of one kind on one thread.</summary>
public class LifetimeStatistics
{
    /// <inheritdoc cref="ThreadDisposeScopeStatistics.CreatedOutsideScopeCount"/>
    public long CreatedOutsideScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.CreatedInScopeCount"/>
    public long CreatedInScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.DisposedInScopeCount"/>
    public long DisposedInScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.DisposedOutsideScopeCount"/>
    public long DisposedOutsideScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.DetachedFromScopeCount"/>
    public long DetachedFromScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.AttachedToScopeCount"/>
    public long AttachedToScopeCount { get; internal set; }

    /// <inheritdoc cref="ThreadDisposeScopeStatistics.ThreadTotalLiveCount"/>
    public long ThreadTotalLiveCount =>
        CreatedInScopeCount + CreatedOutsideScopeCount - DisposedInScopeCount - DisposedOutsideScopeCount;

    /// <summary>Sets all counters to zero.</summary>
    public void Reset()
    {
        CreatedOutsideScopeCount = CreatedInScopeCount = 0;
        DisposedInScopeCount = DisposedOutsideScopeCount = 0;
        DetachedFromScopeCount = AttachedToScopeCount = 0;
    }

    /// <summary>All counters in one line.</summary>
    public override string ToString() =>
        $"ThreadTotalLiveCount: {ThreadTotalLiveCount}; CreatedOutsideScopeCount: {CreatedOutsideScopeCount}; "
        + $"DisposedOutsideScopeCount: {DisposedOutsideScopeCount}; CreatedInScopeCount: {CreatedInScopeCount}; "
        + $"DisposedInScopeCount: {DisposedInScopeCount}; AttachedToScopeCount: {AttachedToScopeCount}; "
        + $"DetachedFromScopeCount: {DetachedFromScopeCount}";
}
