namespace TorchSharp;

public static partial class torch
{
    /// <summary>
    /// A handle to an array of float32, int64 or bool with any number of axes. Operations return new tensors; views
    /// share their elements; names that end in _ change the tensor itself and return it. Dispose gives the memory back
    /// to the pool at once, by hand or through a <see cref="DisposeScope"/>; a handle that is dropped without it costs
    /// memory until the collector finds it. A tensor may be read by several threads, and changed or disposed by one
    /// that has it alone.
    /// </summary>
    public partial class Tensor : IDisposable
    {
        private static long total;
        private static long peak;

        private TensorImpl? impl;

        /// <summary>A handle of its own to a tensor whose reference the caller gives up.</summary>
        internal Tensor(TensorImpl impl)
        {
            this.impl = impl;
            impl.Storage.CountHandle(1);
            var count = Interlocked.Increment(ref total);
            if (count > peak)
                peak = count;
            var thread = ThreadState.Current;
            thread.LetGo();
            if (thread.Scope is { } scope)
            {
                thread.Statistics.TensorStatistics.CreatedInScopeCount++;
                scope.Add(this);
            }
            else
            {
                thread.Statistics.TensorStatistics.CreatedOutsideScopeCount++;
            }
        }

        /// <summary>How many tensors there are that nobody has disposed yet, in all threads.</summary>
        public static long TotalCount => Interlocked.Read(ref total);

        /// <summary>The largest <see cref="TotalCount"/> so far.</summary>
        public static long PeakCount => Interlocked.Read(ref peak);

        /// <summary>The scope that will dispose the tensor.</summary>
        internal DisposeScope? Scope { get; set; }

        /// <summary>Its place in that scope's list.</summary>
        internal int ScopeSlot { get; set; }

        /// <summary>What the handle refers to. Borrowed.</summary>
        internal TensorImpl Impl =>
            impl ?? throw new ObjectDisposedException(nameof(Tensor), "Tensor invalid: it was disposed.");

        /// <summary>Whether the tensor was disposed.</summary>
        public bool IsInvalid => impl is null;

        /// <summary>The address of the first element, which identifies the tensor while it lives.</summary>
        public unsafe IntPtr Handle => (IntPtr)Impl.Bytes;

        /// <summary>Gives the tensor up. The memory goes back to the pool when no view and no graph needs it. Again: nothing.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref impl, null) is not { } tensor)
                return;
            var thread = ThreadState.Current;
            thread.LetGo();
            var statistics = thread.Statistics.TensorStatistics;
            if (Scope is { } scope)
            {
                scope.Take(this);
                statistics.DisposedInScopeCount++;
            }
            else
            {
                statistics.DisposedOutsideScopeCount++;
            }
            Free(tensor);
        }

        /// <summary>Takes the tensor out of its scope: the caller disposes it.</summary>
        public Tensor DetachFromDisposeScope()
        {
            Scope?.Detach(this);
            return this;
        }

        /// <summary>Hands the tensor to the scope outside its own.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            Scope?.MoveToOuter(this);
            return this;
        }

        /// <summary>Hands the tensor to another scope; null stands for nobody.</summary>
        public Tensor MoveToOtherDisposeScope(DisposeScope? other)
        {
            Scope?.MoveToOther(other!, this);
            return this;
        }

        /// <summary>Hands the tensor to the scope of another tensor.</summary>
        public Tensor MoveToOtherDisposeScope(Tensor other) => MoveToOtherDisposeScope(other.Scope);

        /// <summary>Called by a scope's end, which counts for itself.</summary>
        internal void DisposeByScope()
        {
            if (Interlocked.Exchange(ref impl, null) is { } tensor)
                Free(tensor);
        }

        /// <summary>Called for handles that were dropped without being disposed, once their memory was found.</summary>
        internal static void Lost(int handles) => Interlocked.Add(ref total, -handles);

        private static void Free(TensorImpl tensor)
        {
            Interlocked.Decrement(ref total);
            tensor.Storage.CountHandle(-1);
            tensor.Release();
        }
    }

    /// <summary>Opens a scope that disposes the tensors made inside it, on this thread.</summary>
    public static DisposeScope NewDisposeScope() => new(ThreadState.Current);

    /// <summary>The innermost open scope of this thread; null without one.</summary>
    public static DisposeScope? CurrentDisposeScope => ThreadState.Current.Scope;

    /// <summary>Runs an expression in a scope of its own and moves its result out.</summary>
    public static Tensor WrappedTensorDisposeScope(Func<Tensor> expr)
    {
        using var scope = NewDisposeScope();
        return expr().MoveToOuterDisposeScope();
    }
}
