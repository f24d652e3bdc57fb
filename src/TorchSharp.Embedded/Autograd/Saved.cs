namespace TorchSharp;

/// <summary>
/// A value that a gradient needs. Holds the elements, not the tensor: its handle may be disposed meanwhile, and
/// an operation may save its own result without keeping itself alive.
/// </summary>
internal struct Saved
{
    private TensorImpl? tensor;
    private int version;
    private bool released;

    internal Saved(TensorImpl tensor)
    {
        this.tensor = tensor;
        version = tensor.Storage.Version;
        tensor.Hold();
    }

    /// <summary>The value. Borrowed.</summary>
    /// <exception cref="InvalidOperationException">It was freed by an earlier walk back, or changed in place.</exception>
    internal readonly TensorImpl Get(Node node)
    {
        if (released)
            throw new InvalidOperationException(
                "Trying to backward through the graph a second time: the values that "
                + $"{Name(node)} saved were freed by the first. Say retain_graph: true there.");
        if (tensor!.Storage.Version != version)
            throw new InvalidOperationException(
                "One of the variables needed for gradient computation has been modified by an inplace operation: "
                + $"{tensor}, saved by {Name(node)}, is at version {tensor.Storage.Version}; expected {version}.");
        return tensor;
    }

    /// <summary>The value, or null where none was saved.</summary>
    internal readonly TensorImpl? GetOrNull(Node node) => tensor is null && !released ? null : Get(node);

    internal void Release()
    {
        if (tensor is null)
            return;
        tensor.LetGo();
        tensor = null;
        released = true;
    }

    private static string Name(Node node) => node.GetType().Name.Split('`')[0];
}
