namespace TorchSharp;

/// <summary>What the engine remembers about a thread: whether gradients are recorded, and the open dispose scopes.</summary>
internal sealed class ThreadState
{
    private const int HeldTensors = 32;

    [ThreadStatic]
    private static ThreadState? current;

    internal readonly ThreadDisposeScopeStatistics Statistics = new();
    internal bool GradEnabled = true;
    internal bool InferenceMode;
    internal DisposeScope? Scope;

    private readonly TensorImpl?[] held = new TensorImpl?[HeldTensors];
    private int holds;

    internal static ThreadState Current => current ?? Create();

    /// <summary>
    /// The one place that keeps memory alive under running kernels: whoever takes a pointer is put here, where it is
    /// reachable, so no finalizer can return its block to the pool. An operation takes fewer than
    /// <see cref="HeldTensors"/> pointers between its first and the end of its kernel. (Tensors, not blocks: a tensor that
    /// is gone no longer knows its block, which may have another owner by then.)
    /// </summary>
    internal void Hold(TensorImpl tensor) => held[holds++ & (HeldTensors - 1)] = tensor;

    /// <summary>Called where no kernel of this thread runs: when a handle is made or disposed.</summary>
    internal void LetGo()
    {
        Array.Clear(held, 0, Math.Min(holds, HeldTensors));
        holds = 0;
    }

    private static ThreadState Create() => current = new ThreadState();
}
