using System.Runtime.CompilerServices;

namespace TorchSharp;

/// <summary>Where a gradient goes: to a result of another operation, to a leaf's gradient slot, or nowhere.</summary>
internal struct Edge
{
    internal Node? From;
    internal TensorImpl? Leaf;
    internal int Index;
}

/// <summary>
/// One recorded operation: edges to what it was computed from, the values its gradient needs, and the gradient itself.
/// Counted by reference (its results and the operations after it), so that a graph which is dropped without a walk
/// back returns its saved values at once.
/// </summary>
internal abstract class Node
{
    private const int InlineEdges = 3;

    [InlineArray(InlineEdges)]
    private struct FewEdges
    {
        private Edge first;
    }

    [ThreadStatic]
    private static Stack<Node>? abandoned;

    private static long made;

    /// <summary>Grows with every operation, so an operation's number is above those of all it was computed from.</summary>
    internal readonly long Order = Interlocked.Increment(ref made);

    /// <summary>Set while the node waits in a walk back.</summary>
    internal bool Queued;

    /// <summary>The gradient of the first result that has arrived so far in a walk back.</summary>
    internal TensorImpl? Arrived;

    /// <summary>The tensors that asked to keep their gradient (<c>retain_grad</c>).</summary>
    internal List<TensorImpl>? Retaining;

    private readonly Edge[]? many;
    private FewEdges few;
    private int references = 1;

    protected Node(int inputs = InlineEdges)
    {
        if (inputs > InlineEdges)
            many = new Edge[inputs];
    }

    /// <summary>Points edge <paramref name="i"/> to where <paramref name="input"/> came from.</summary>
    internal void Connect(int i, TensorImpl? input)
    {
        if (input is null)
            return;
        if (input.IsOutdatedView)
            throw new InvalidOperationException(
                "This view was made before its base was changed in place by a recorded operation; "
                + "the embedded engine does not follow such views: make the view after the change.");
        if (!input.RequiresGrad)
            return;
        ref var edge = ref EdgeAt(i);
        if (input.GradFn is { } from)
        {
            from.AddReference();
            edge.From = from;
            edge.Index = input.ResultIndex;
        }
        else
        {
            edge.Leaf = input;
        }
    }

    /// <summary>The slot where the walk back gathers the gradient of result <paramref name="index"/>.</summary>
    internal virtual ref TensorImpl? ArrivedAt(int index) => ref Arrived;

    /// <summary>Runs the gradient on what has arrived, and leaves the slots empty.</summary>
    internal virtual void Run()
    {
        var gradient = Arrived!;
        Arrived = null;
        Backward(gradient);
    }

    /// <summary>Throws away what has arrived, after an error.</summary>
    internal virtual void Forget()
    {
        Arrived?.Release();
        Arrived = null;
    }

    /// <summary>Gives up the saved values. Called once a walk back has used them, or when the graph is dropped.</summary>
    internal virtual void ReleaseSaved()
    {
    }

    /// <summary>
    /// Computes the gradients of the inputs from the gradient of the result, which it owns: it hands it on or releases
    /// it. Each result goes to <see cref="Give"/>.
    /// </summary>
    protected abstract void Backward(TensorImpl gradient);

    /// <summary>Whether anybody wants a gradient of any input; if not, <see cref="Run"/> is not called.</summary>
    internal bool IsNeeded
    {
        get
        {
            for (var i = 0; i < EdgeCount; i++)
            {
                if (Needs(i))
                    return true;
            }
            return false;
        }
    }

    /// <summary>Whether anybody wants the gradient of input <paramref name="i"/>.</summary>
    protected bool Needs(int i) => BackwardPass.Current.Wants(ref EdgeAt(i));

    /// <summary>Hands on the gradient of input <paramref name="i"/>; the walk back owns it from here.</summary>
    protected void Give(int i, TensorImpl gradient) => BackwardPass.Current.Deliver(ref EdgeAt(i), gradient);

    /// <summary>
    /// A gradient of input <paramref name="i"/> that already exists and may be added to, contiguous; null where there
    /// is none, or where it is what the kernel reads. Lets a kernel accumulate instead of making a temporary. Borrowed.
    /// </summary>
    protected TensorImpl? Existing(int i, TensorImpl read, TensorImpl? alsoRead = null) =>
        BackwardPass.Current.Existing(ref EdgeAt(i), read, alsoRead);

    /// <summary>
    /// The gradient of input <paramref name="i"/> to add a part to: the existing one, or zeros of
    /// <paramref name="sizes"/>. Borrowed; may be strided.
    /// </summary>
    protected TensorImpl Accumulator(int i, long[] sizes) => BackwardPass.Current.Accumulator(ref EdgeAt(i), sizes);

    internal void AddReference() => Interlocked.Increment(ref references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref references) != 0)
            return;
        // Not by recursion: a chain may be longer than the stack is deep.
        var waiting = abandoned ??= new Stack<Node>();
        var outermost = waiting.Count == 0;
        waiting.Push(this);
        if (!outermost)
            return;
        while (waiting.TryPeek(out var node))
        {
            node.ReleaseSaved();
            waiting.Pop();
            for (var i = 0; i < node.EdgeCount; i++)
            {
                if (node.EdgeAt(i).From is { } from && Interlocked.Decrement(ref from.references) == 0)
                    waiting.Push(from);
            }
        }
    }

    private int EdgeCount => many?.Length ?? InlineEdges;

    private ref Edge EdgeAt(int i)
    {
        if (many is not null)
            return ref many[i];
        return ref few[i];
    }
}
