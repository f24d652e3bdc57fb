namespace TorchSharp;

/// <summary>
/// The walk back. Operations run in the order opposite to the one in which they were recorded: when the youngest that
/// waits is taken, everything computed from it has delivered. A gradient is released or handed on as soon as its
/// operation has used it, and is added to in place where nobody else sees it.
/// </summary>
internal sealed class BackwardPass
{
    [ThreadStatic]
    private static BackwardPass? current;

    private readonly PriorityQueue<Node, long> waiting = new();
    private readonly Dictionary<TensorImpl, TensorImpl?>? only;
    private readonly bool accumulate;

    private BackwardPass(Dictionary<TensorImpl, TensorImpl?>? only, bool accumulate)
    {
        this.only = only;
        this.accumulate = accumulate;
    }

    /// <summary>Whether saved values are needed for another walk.</summary>
    internal bool Retains { get; private set; }

    /// <summary>The walk in progress on this thread.</summary>
    internal static BackwardPass Current => current ?? throw new InvalidOperationException("no walk back is in progress");

    /// <summary>
    /// Adds the gradients of <paramref name="roots"/> to the slots of all leaves, or of the leaves in
    /// <paramref name="inputs"/> alone. Seeds are borrowed; null stands for 1.
    /// </summary>
    internal static void Accumulate(
        IReadOnlyList<TensorImpl> roots, IReadOnlyList<TensorImpl?> seeds, bool retain, IReadOnlyList<TensorImpl>? inputs)
    {
        var only = inputs?.Distinct().ToDictionary(i => i, _ => (TensorImpl?)null);
        new BackwardPass(only, accumulate: true).Walk(roots, seeds, retain);
    }

    /// <summary>The gradients of <paramref name="roots"/> with respect to <paramref name="inputs"/>, owned by the caller.</summary>
    internal static TensorImpl?[] Gradients(
        IReadOnlyList<TensorImpl> roots, IReadOnlyList<TensorImpl?> seeds, bool retain, IReadOnlyList<TensorImpl> inputs)
    {
        var only = inputs.Distinct().ToDictionary(i => i, _ => (TensorImpl?)null);
        new BackwardPass(only, accumulate: false).Walk(roots, seeds, retain);
        TensorImpl?[] gradients = [.. inputs.Select(i => only[i]?.Share())];
        foreach (var gradient in only.Values)
            gradient?.Release();
        return gradients;
    }

    /// <summary>Takes a gradient to where an edge leads. Owns <paramref name="gradient"/>.</summary>
    internal void Deliver(ref Edge edge, TensorImpl gradient)
    {
        if (edge.From is { } node)
        {
            ref var slot = ref node.ArrivedAt(edge.Index);
            slot = slot is null ? gradient : Sum(slot, gradient);
            Queue(node);
        }
        else if (edge.Leaf is { } leaf)
        {
            DeliverToLeaf(leaf, gradient);
        }
        else
        {
            gradient.Release();
        }
    }

    /// <summary>Whether anything is to be delivered along an edge.</summary>
    internal bool Wants(ref Edge edge) =>
        edge.From is not null || (edge.Leaf is { IsLive: true } leaf && only?.ContainsKey(leaf) != false);

    internal TensorImpl? Existing(ref Edge edge, TensorImpl read, TensorImpl? alsoRead)
    {
        if (edge.From is { } node)
            return node.ArrivedAt(edge.Index) is { MayOverwrite: true } arrived ? arrived : null;
        if (edge.Leaf is not { IsLive: true, Grad: { IsContiguous: true } grad } || only is not null
            || grad.Storage == read.Storage || grad.Storage == alsoRead?.Storage)
            return null;
        grad.Touch();
        return grad;
    }

    internal TensorImpl Accumulator(ref Edge edge, long[] sizes)
    {
        if (edge.From is { } node)
        {
            ref var slot = ref node.ArrivedAt(edge.Index);
            if (slot is null)
            {
                slot = Fill.Zeros(sizes, Dtypes.Float);
                Queue(node);
            }
            else if (!slot.MayOverwrite)
            {
                slot = Copy.Owned(slot);
            }
            return slot;
        }
        var leaf = edge.Leaf!;
        if (accumulate && leaf.Grad is { } grad)
        {
            grad.Touch();
            return grad;
        }
        DeliverToLeaf(leaf, Fill.Zeros(sizes, Dtypes.Float));
        return accumulate ? leaf.Grad! : only![leaf]!;
    }

    private void Walk(IReadOnlyList<TensorImpl> roots, IReadOnlyList<TensorImpl?> seeds, bool retain)
    {
        Retains = retain;
        var thread = ThreadState.Current;
        var (outerPass, outerGrad) = (current, thread.GradEnabled);
        (current, thread.GradEnabled) = (this, false);
        Node? node = null;
        try
        {
            for (var i = 0; i < roots.Count; i++)
                Seed(roots[i], seeds[i]);
            while (waiting.TryDequeue(out node, out _))
            {
                node.Queued = false;
                Keep(node);
                if (node.IsNeeded)
                    node.Run();
                else
                    node.Forget();
                if (!retain)
                    node.ReleaseSaved();
            }
        }
        finally
        {
            // After an error: nothing that has arrived may be there in the next walk.
            node?.Forget();
            while (waiting.TryDequeue(out node, out _))
            {
                node.Queued = false;
                node.Forget();
            }
            (current, thread.GradEnabled) = (outerPass, outerGrad);
        }
    }

    private void Seed(TensorImpl root, TensorImpl? seed)
    {
        var edge = new Edge { From = root.GradFn, Leaf = root.IsLeaf ? root : null, Index = root.ResultIndex };
        // A copy: the seed may be a leaf's gradient, which is added to on the way.
        Deliver(ref edge, seed is null ? Fill.Full(root.Sizes, Dtypes.Float, 1.0) : Copy.Converted(Dtypes.Float, seed));
    }

    private void Queue(Node node)
    {
        if (node.Queued)
            return;
        node.Queued = true;
        waiting.Enqueue(node, -node.Order);
    }

    /// <summary>Copies what arrived at a tensor that is not a leaf to where somebody asked for it.</summary>
    private void Keep(Node node)
    {
        if (node.Retaining is { } retaining && accumulate)
        {
            foreach (var tensor in retaining)
            {
                if (node.ArrivedAt(tensor.ResultIndex) is { } gradient && tensor.GradFn == node && tensor.IsLive)
                    AddTo(ref tensor.Grad, gradient.Share());
            }
        }
        if (only is null)
            return;
        foreach (var tensor in only.Keys.Where(t => t.GradFn == node).ToArray())
        {
            if (node.ArrivedAt(tensor.ResultIndex) is { } gradient)
                Capture(tensor, gradient.Share());
        }
    }

    private void DeliverToLeaf(TensorImpl leaf, TensorImpl gradient)
    {
        if (only is not null && only.ContainsKey(leaf))
            Capture(leaf, gradient);
        else if (only is null && leaf.IsLive)
            AddTo(ref leaf.Grad, gradient);
        else
            gradient.Release();
    }

    private void Capture(TensorImpl tensor, TensorImpl gradient)
    {
        if (accumulate)
        {
            AddTo(ref tensor.Grad, gradient);
            return;
        }
        var captured = only![tensor];
        AddTo(ref captured, gradient);
        only[tensor] = captured;
    }

    /// <summary>Adds into the slot's tensor, in place, or puts a tensor of its own there. Owns the gradient.</summary>
    private static void AddTo(ref TensorImpl? slot, TensorImpl gradient)
    {
        if (slot is null)
        {
            slot = gradient.MayOverwrite ? gradient : Copy.Owned(gradient);
            return;
        }
        Pointwise.AddInto(slot, gradient);
        slot.Touch();
        gradient.Release();
    }

    /// <summary>The sum of two owned gradients, in the memory of one of them where that is possible.</summary>
    private static TensorImpl Sum(TensorImpl a, TensorImpl b)
    {
        if (!a.MayOverwrite)
            (a, b) = (b, a);
        if (!a.MayOverwrite)
            a = Copy.Owned(a);
        Pointwise.AddInto(a, b);
        b.Release();
        return a;
    }
}
