namespace Gpt.Api;

/// <summary>
/// A model that many threads use and one disposes: its memory is freed when it has been disposed and the last of those who were at
/// work with it has left.
/// </summary>
internal sealed class SharedModel(Core.Model model) : IDisposable
{
    private readonly Lock gate = new();
    private int users;
    private bool disposed;

    /// <summary>What never changes and may be read whenever.</summary>
    internal Core.GptConfig Config => model.Config;

    /// <summary>The model, to be used until the lease is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It has been disposed.</exception>
    internal Lease Use()
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(disposed, typeof(GptModel));
            users++;
        }
        return new(this, model);
    }

    internal void ThrowIfDisposed()
    {
        lock (gate)
            ObjectDisposedException.ThrowIf(disposed, typeof(GptModel));
    }

    public void Dispose()
    {
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            if (users > 0)
                return;
        }
        ((IDisposable)model).Dispose();
    }

    private void Leave()
    {
        lock (gate)
        {
            if (--users > 0 || !disposed)
                return;
        }
        ((IDisposable)model).Dispose();
    }

    /// <summary>One user's hold on the model.</summary>
    internal sealed class Lease(SharedModel owner, Core.Model model) : IDisposable
    {
        private int left;

        internal Core.Model Model => model;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref left, 1) == 0)
                owner.Leave();
        }
    }
}
