namespace TorchSharp;

/// <summary>What the engine remembers about a thread: whether gradients are recorded, and the open dispose scopes.</summary>
internal sealed class ThreadState
{
    private const int RecentBlocks = 32;

    [ThreadStatic]
    private static ThreadState? current;

    internal readonly ThreadDisposeScopeStatistics Statistics = new();
    internal bool GradEnabled = true;
    internal bool InferenceMode;
    internal DisposeScope? Scope;

    private readonly Storage?[] recent = new Storage?[RecentBlocks];
    private int next;

    internal static ThreadState Current => current ?? Create();

    /// <summary>
    /// The one place that keeps memory alive under running kernels: whoever takes a pointer is among the last blocks
    /// here, reachable, so no finalizer can return its block to the pool. An operation takes fewer than
    /// <see cref="RecentBlocks"/> pointers between its first and the end of its kernel.
    /// </summary>
    internal void Hold(Storage storage)
    {
        next = (next + 1) & (RecentBlocks - 1);
        recent[next] = storage;
    }

    private static ThreadState Create() => current = new ThreadState();
}
