namespace TorchSharp;

/// <summary>What the engine remembers about a thread: whether gradients are recorded, and the open dispose scopes.</summary>
internal sealed class ThreadState
{
    private const int HeldBlocks = 32;

    [ThreadStatic]
    private static ThreadState? current;

    internal readonly ThreadDisposeScopeStatistics Statistics = new();
    internal bool GradEnabled = true;
    internal bool InferenceMode;
    internal DisposeScope? Scope;

    private readonly Storage?[] held = new Storage?[HeldBlocks];
    private int holds;

    internal static ThreadState Current => current ?? Create();

    /// <summary>
    /// The one place that keeps memory alive under running kernels: whoever takes a pointer puts its block here, where
    /// it is reachable, so no finalizer can return it to the pool. An operation takes fewer than
    /// <see cref="HeldBlocks"/> pointers between its first and the end of its kernel.
    /// </summary>
    internal void Hold(Storage storage) => held[holds++ & (HeldBlocks - 1)] = storage;

    /// <summary>Called where no kernel of this thread runs: when a handle is made or disposed.</summary>
    internal void LetGo()
    {
        Array.Clear(held, 0, Math.Min(holds, HeldBlocks));
        holds = 0;
    }

    private static ThreadState Create() => current = new ThreadState();
}
