namespace TorchSharp.Threading;

/// <summary>
/// Work over the indices [0, count), cut into contiguous ranges by <see cref="WorkerPool.For"/>. A struct that holds pointers and
/// sizes: all ranges run on the same copy, at the same time, so <see cref="Run"/> must not write the struct's own fields.
/// </summary>
internal interface IRangeJob
{
    /// <summary>Does the indices start &lt;= i &lt; end.</summary>
    void Run(long start, long end);
}
