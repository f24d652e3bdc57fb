namespace TorchSharp;

/// <summary>Recording: which operations are recorded, how, and what operations in place may do.</summary>
internal static class Graph
{
    /// <summary>Whether an operation on <paramref name="a"/> must be recorded.</summary>
    /// <remarks>One on a view that is older than its base's history is, so that <see cref="Node.Connect"/> refuses it.</remarks>
    internal static bool Records(TensorImpl a) => Matters(a) && ThreadState.Current.GradEnabled;

    /// <summary>Whether an operation on these tensors must be recorded.</summary>
    internal static bool Records(TensorImpl a, TensorImpl? b, TensorImpl? c = null) =>
        (Matters(a) || (b is not null && Matters(b)) || (c is not null && Matters(c))) && ThreadState.Current.GradEnabled;

    private static bool Matters(TensorImpl tensor) => tensor.RequiresGrad || tensor.IsOutdatedView;

    /// <summary>Makes <paramref name="node"/> the origin of <paramref name="result"/>.</summary>
    internal static void Record(TensorImpl result, Node node, TensorImpl a, TensorImpl? b = null, TensorImpl? c = null)
    {
        node.Connect(0, a);
        if (b is not null)
            node.Connect(1, b);
        if (c is not null)
            node.Connect(2, c);
        Own(result, node);
    }

    /// <summary>Makes <paramref name="node"/> the origin of <paramref name="result"/>, with any number of inputs.</summary>
    internal static void Record(TensorImpl result, Node node, ReadOnlySpan<TensorImpl> inputs)
    {
        for (var i = 0; i < inputs.Length; i++)
            node.Connect(i, inputs[i]);
        Own(result, node);
    }

    /// <summary>Makes <paramref name="node"/>, connected already, the origin of its result number <paramref name="index"/>.</summary>
    internal static void RecordPart(TensorImpl result, Node node, int index)
    {
        if (index > 0)
            node.AddReference();
        result.ResultIndex = index;
        Own(result, node);
    }

    private static void Own(TensorImpl result, Node node)
    {
        result.GradFn = node;
        result.RequiresGrad = true;
    }

    /// <summary>
    /// Prepares an operation in place. True: it must be recorded, so the caller computes a new tensor and hands it to
    /// <see cref="Replace"/>. False: the caller writes and calls <see cref="TensorImpl.Touch"/>.
    /// </summary>
    /// <exception cref="InvalidOperationException">A leaf that requires a gradient, while gradients are recorded.</exception>
    internal static bool RecordsInPlace(string operation, TensorImpl self, TensorImpl? b = null, TensorImpl? c = null)
    {
        if (self.IsExpanded)
            throw new InvalidOperationException($"{operation}: several elements of the expanded {self} are one; clone() it first");
        if (!Records(self, b, c))
            return false;
        if (self is { IsLeaf: true, RequiresGrad: true })
            throw new InvalidOperationException(
                $"{operation}: a leaf tensor that requires grad is being used in an in-place operation; use torch.no_grad().");
        if (self.ViewBase is not null)
            throw new NotSupportedException(
                $"{operation}: the embedded engine does not record an operation in place on a view: use the one that "
                + "returns a new tensor, or torch.no_grad() where no gradient is meant.");
        return true;
    }

    /// <summary>
    /// Ends a recorded operation in place: the values and the origin of <paramref name="result"/>, which is given up,
    /// become those of <paramref name="self"/>.
    /// </summary>
    internal static void Replace(TensorImpl self, TensorImpl result)
    {
        if (!Shape.Same(self.Sizes, result.Sizes))
            throw new ArgumentException(
                $"output with shape {Shape.Text(self.Sizes)} does not match the broadcast shape {Shape.Text(result.Sizes)}");
        if (self.Dtype != result.Dtype)
            throw new ArgumentException($"result type {result.Dtype} cannot be stored in place in {self.Dtype}");
        Copy.Into(self, result);
        self.Touch();
        self.History++;
        self.GradFn?.Release();
        (self.GradFn, result.GradFn) = (result.GradFn, null);
        self.ResultIndex = result.ResultIndex;
        self.RequiresGrad = true;
        result.Release();
    }
}
