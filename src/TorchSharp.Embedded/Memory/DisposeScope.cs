namespace TorchSharp;

/// <summary>
/// Collects the tensors that are created on its thread while it is the innermost open scope, and disposes them at its
/// end, except for those that were moved or detached. Made by <see cref="torch.NewDisposeScope"/>. Belongs to its
/// thread; but its members may be disposed, each by one, on any thread.
/// </summary>
/// <example><code>
/// using var scope = torch.NewDisposeScope();
/// return scope.MoveToOuter(x.matmul(w).add(b).exp());   // the product and the sum are disposed here
/// </code></example>
public sealed class DisposeScope : IDisposable
{
    private readonly ThreadState thread;
    private readonly List<IDisposable> members = [];
    private DisposeScope? outer;

    internal DisposeScope(ThreadState thread)
    {
        this.thread = thread;
        outer = thread.Scope;
        thread.Scope = this;
    }

    /// <summary>How many objects the scope would dispose now.</summary>
    public int DisposablesCount => members.Count;

    /// <summary>A copy of the list of objects that the scope would dispose now.</summary>
    public IReadOnlyList<IDisposable> DisposablesView
    {
        get
        {
            lock (members)
                return [.. members];
        }
    }

    /// <summary>Whether the scope will dispose <paramref name="disposable"/>.</summary>
    public bool Contains(IDisposable disposable) =>
        disposable is torch.Tensor tensor ? tensor.Scope == this : SlotOf(disposable) >= 0;

    /// <summary>Hands the object to the next outer scope; without one it belongs to nobody.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(outer!, disposable);

    /// <summary>Hands two objects to the next outer scope.</summary>
    public (T1 first, T2 second) MoveToOuter<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second));

    /// <summary>Hands three objects to the next outer scope.</summary>
    public (T1 first, T2 second, T3 third) MoveToOuter<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOuter(first), MoveToOuter(second), MoveToOuter(third));

    /// <summary>Hands the objects to the next outer scope.</summary>
    public void MoveToOuter(params IDisposable[] disposables) => MoveToOther(outer!, disposables);

    /// <summary>Hands the objects to the next outer scope.</summary>
    public void MoveToOuter(IEnumerable<IDisposable> disposables) => MoveToOther(outer!, disposables);

    /// <summary>Hands the object to <paramref name="scope"/>; null stands for nobody.</summary>
    public T MoveToOther<T>(DisposeScope scope, T disposable) where T : IDisposable
    {
        Move(scope, disposable);
        return disposable;
    }

    /// <summary>Hands two objects to <paramref name="scope"/>.</summary>
    public (T1 first, T2 second) MoveToOther<T1, T2>(DisposeScope scope, T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable => (MoveToOther(scope, first), MoveToOther(scope, second));

    /// <summary>Hands three objects to <paramref name="scope"/>.</summary>
    public (T1 first, T2 second, T3 third) MoveToOther<T1, T2, T3>(DisposeScope scope, T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (MoveToOther(scope, first), MoveToOther(scope, second), MoveToOther(scope, third));

    /// <summary>Hands the objects to <paramref name="scope"/>.</summary>
    public void MoveToOther(DisposeScope scope, params IDisposable[] disposables) =>
        MoveToOther(scope, (IEnumerable<IDisposable>)disposables);

    /// <summary>Hands the objects to <paramref name="scope"/>.</summary>
    public void MoveToOther(DisposeScope scope, IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables)
            Move(scope, disposable);
    }

    /// <summary>Takes the object out of the scope: the caller disposes it.</summary>
    public T Detach<T>(T disposable) where T : IDisposable
    {
        Move(null, disposable);
        return disposable;
    }

    /// <summary>Takes two objects out of the scope.</summary>
    public (T1 first, T2 second) Detach<T1, T2>(T1 first, T2 second) where T1 : IDisposable where T2 : IDisposable =>
        (Detach(first), Detach(second));

    /// <summary>Takes three objects out of the scope.</summary>
    public (T1 first, T2 second, T3 third) Detach<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable =>
        (Detach(first), Detach(second), Detach(third));

    /// <summary>Takes the objects out of the scope.</summary>
    public void Detach(params IDisposable[] disposables) => Detach((IEnumerable<IDisposable>)disposables);

    /// <summary>Takes the objects out of the scope.</summary>
    public void Detach(IEnumerable<IDisposable> disposables)
    {
        foreach (var disposable in disposables)
            Move(null, disposable);
    }

    /// <summary>Adds the object to this scope, out of whichever scope it is in.</summary>
    public void Attach(IDisposable disposable)
    {
        var tensor = disposable as torch.Tensor;
        if (Contains(disposable) || tensor is { IsInvalid: true })
            return;
        if (tensor is { Scope: { } owner })
            owner.Take(tensor);
        else if (tensor is not null)
            thread.Statistics.TensorStatistics.AttachedToScopeCount++;
        Add(disposable);
    }

    /// <summary>Adds the objects to this scope, out of whichever scopes they are in.</summary>
    public void Attach(params IDisposable[] disposables) => Attach((IEnumerable<IDisposable>)disposables);

    /// <summary>Adds the objects to this scope, out of whichever scopes they are in.</summary>
    public IReadOnlyList<IDisposable> Attach(IEnumerable<IDisposable> disposables)
    {
        var list = disposables.ToList();
        list.ForEach(Attach);
        return list;
    }

    /// <summary>Disposes all members now; the scope stays open.</summary>
    public void DisposeEverything()
    {
        ThreadState.Current.LetGo(); // not the kernels of the thread that made the scope
        while (TakeLast() is { } last)
        {
            if (last is not torch.Tensor tensor)
            {
                last.Dispose();
                continue;
            }
            thread.Statistics.TensorStatistics.DisposedInScopeCount++;
            tensor.DisposeByScope();
        }
    }

    /// <summary>Disposes all members now but <paramref name="keep"/>.</summary>
    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        DisposeEverythingBut((IEnumerable<IDisposable>)[keep]);
        return keep;
    }

    /// <summary>Disposes all members now but two.</summary>
    public (T1 first, T2 second) DisposeEverythingBut<T1, T2>(T1 first, T2 second)
        where T1 : IDisposable where T2 : IDisposable
    {
        DisposeEverythingBut((IEnumerable<IDisposable>)[first, second]);
        return (first, second);
    }

    /// <summary>Disposes all members now but three.</summary>
    public (T1 first, T2 second, T3 third) DisposeEverythingBut<T1, T2, T3>(T1 first, T2 second, T3 third)
        where T1 : IDisposable where T2 : IDisposable where T3 : IDisposable
    {
        DisposeEverythingBut((IEnumerable<IDisposable>)[first, second, third]);
        return (first, second, third);
    }

    /// <summary>Disposes all members now but those in <paramref name="keep"/>.</summary>
    public void DisposeEverythingBut(params IDisposable[] keep) => DisposeEverythingBut((IEnumerable<IDisposable>)keep);

    /// <summary>Disposes all members now but those in <paramref name="inKeep"/>.</summary>
    public void DisposeEverythingBut(IEnumerable<IDisposable> inKeep)
    {
        var kept = inKeep.Where(Contains).Distinct(ReferenceEqualityComparer.Instance).Cast<IDisposable>().ToList();
        foreach (var member in kept)
            Take(member);
        DisposeEverything();
        kept.ForEach(Add);
    }

    /// <summary>Forgets an object that was disposed elsewhere, and counts it as disposed in the scope.</summary>
    public void MarkAsDisposed(IDisposable disposable)
    {
        if (Take(disposable) && disposable is torch.Tensor)
            thread.Statistics.TensorStatistics.DisposedInScopeCount++;
    }

    /// <summary>Disposes all members and closes the scope.</summary>
    public void Dispose()
    {
        DisposeEverything();
        if (thread.Scope == this)
        {
            thread.Scope = outer;
            return;
        }
        // Closed out of order: the scopes inside go on with what is outside.
        for (var inner = thread.Scope; inner != null; inner = inner.outer)
        {
            if (inner.outer == this)
            {
                inner.outer = outer;
                return;
            }
        }
    }

    internal void Add(torch.Tensor tensor)
    {
        lock (members)
        {
            tensor.Scope = this;
            tensor.ScopeSlot = members.Count;
            members.Add(tensor);
        }
    }

    private void Add(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            Add(tensor);
            return;
        }
        lock (members)
            members.Add(disposable);
    }

    /// <summary>Takes a member out; the last one moves into its place, so the list has no holes.</summary>
    internal bool Take(IDisposable disposable)
    {
        lock (members)
        {
            if (!Contains(disposable))
                return false;
            var slot = SlotOf(disposable);
            var last = members[^1];
            members[slot] = last;
            members.RemoveAt(members.Count - 1);
            if (last is torch.Tensor moved)
                moved.ScopeSlot = slot;
            if (disposable is torch.Tensor tensor)
                tensor.Scope = null;
            return true;
        }
    }

    /// <summary>Takes the youngest member out; null when none is left.</summary>
    private IDisposable? TakeLast()
    {
        lock (members)
        {
            if (members.Count == 0)
                return null;
            var last = members[^1];
            members.RemoveAt(members.Count - 1);
            if (last is torch.Tensor tensor)
                tensor.Scope = null;
            return last;
        }
    }

    private int SlotOf(IDisposable disposable) =>
        disposable is torch.Tensor tensor ? tensor.ScopeSlot : members.FindIndex(m => ReferenceEquals(m, disposable));

    private void Move(DisposeScope? to, IDisposable disposable)
    {
        if (!Take(disposable))
            return;
        if (to is not null)
            to.Add(disposable);
        else if (disposable is torch.Tensor)
            thread.Statistics.TensorStatistics.DetachedFromScopeCount++;
    }
}
