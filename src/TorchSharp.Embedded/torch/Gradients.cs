namespace TorchSharp;

public static partial class torch
{
    /// <summary>Stops recording for gradients on this thread until the result is disposed.</summary>
    public static IDisposable no_grad() => new GradMode(false);

    /// <summary>Records for gradients on this thread, or stops it, until the result is disposed.</summary>
    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    /// <summary>Records for gradients on this thread, or stops it, until the result is disposed.</summary>
    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    /// <summary>Whether this thread records for gradients.</summary>
    public static bool is_grad_enabled() => ThreadState.Current.GradEnabled;

    /// <summary>As <see cref="no_grad"/>; <paramref name="mode"/> false records again. Until the result is disposed.</summary>
    public static IDisposable inference_mode(bool mode = true) => new GradMode(!mode, mode);

    /// <summary>Whether this thread is in <see cref="inference_mode"/>.</summary>
    public static bool is_inference_mode_enabled() => ThreadState.Current.InferenceMode;

    /// <summary>Gradients by the walk back through the recorded graph.</summary>
    public static partial class autograd
    {
        /// <summary>
        /// The gradients of <paramref name="outputs"/> with respect to <paramref name="inputs"/>, in that order; nothing
        /// is added to any tensor's <c>grad</c>.
        /// </summary>
        /// <param name="outputs">Tensors that require gradients; each of one element, or with a gradient given.</param>
        /// <param name="inputs">Tensors that require gradients.</param>
        /// <param name="grad_outputs">The gradients to start from, one for each output; without it, 1.</param>
        /// <param name="retain_graph">Keep the saved values for another walk.</param>
        /// <param name="create_graph">Gradients of gradients: not in the embedded engine.</param>
        /// <param name="allow_unused">Give null for an input that the outputs do not depend on, not an error.</param>
        /// <exception cref="InvalidOperationException">An output has no graph, or an input plays no part.</exception>
        public static IList<Tensor> grad(
            IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false,
            bool create_graph = false, bool allow_unused = false)
        {
            NoGradientsOfGradients(create_graph);
            var (roots, seeds) = Starts(outputs, grad_outputs);
            var wanted = inputs.Select(i => i.Impl).ToArray();
            if (Array.FindIndex(wanted, w => !w.RequiresGrad) is >= 0 and var without)
                throw new InvalidOperationException($"autograd.grad: input {without} ({wanted[without]}) does not require grad");
            var gradients = BackwardPass.Gradients(roots, seeds, retain_graph, wanted);
            if (!allow_unused && Array.IndexOf(gradients, null) is >= 0 and var unused)
                throw new InvalidOperationException(
                    $"autograd.grad: input {unused} ({wanted[unused]}) was not used in the outputs; "
                    + "say allow_unused: true if that is meant");
            return [.. gradients.Select(g => g is null ? null! : new Tensor(g))];
        }

        /// <summary>Adds the gradients of several tensors to the leaves they came from.</summary>
        /// <inheritdoc cref="Tensor.backward(IList{Tensor}, bool, bool, IList{Tensor})"/>
        public static void backward(
            IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false,
            IList<Tensor>? inputs = null)
        {
            NoGradientsOfGradients(create_graph);
            var (roots, seeds) = Starts(tensors, grad_tensors);
            BackwardPass.Accumulate(roots, seeds, retain_graph ?? create_graph, inputs?.Select(i => i.Impl).ToArray());
        }

        private static void NoGradientsOfGradients(bool asked)
        {
            if (asked)
                throw new NotSupportedException("create_graph: the embedded engine has no gradients of gradients.");
        }

        private static (TensorImpl[] Roots, TensorImpl?[] Seeds) Starts(IList<Tensor> outputs, IList<Tensor>? gradients)
        {
            if (gradients is { Count: > 0 } && gradients.Count != outputs.Count)
                throw new ArgumentException($"backward: {gradients.Count} gradients were given for {outputs.Count} tensors");
            var roots = outputs.Select(o => o.Impl).ToArray();
            var seeds = roots.Select((_, i) => gradients is { Count: > 0 } ? gradients[i]?.Impl : null).ToArray();
            for (var i = 0; i < roots.Length; i++)
            {
                if (!roots[i].RequiresGrad)
                    throw new InvalidOperationException($"element {i} of tensors does not require grad and does not have a grad_fn");
                if (seeds[i] is null && roots[i].Count != 1)
                    throw new InvalidOperationException(
                        $"grad can be implicitly created only for scalar outputs, not for {roots[i]}: give a gradient of its shape");
                if (seeds[i] is { } seed && (seed.Dtype != roots[i].Dtype || !Shape.Same(seed.Sizes, roots[i].Sizes)))
                    throw new ArgumentException($"backward: a gradient of {seed} was given for {roots[i]}");
            }
            return (roots, seeds);
        }
    }

    /// <summary>Sets the mode of its thread, and puts the former one back.</summary>
    private sealed class GradMode : IDisposable
    {
        private readonly ThreadState thread = ThreadState.Current;
        private readonly bool formerGrad;
        private readonly bool formerInference;

        internal GradMode(bool enabled, bool? inference = null)
        {
            (formerGrad, formerInference) = (thread.GradEnabled, thread.InferenceMode);
            thread.GradEnabled = enabled;
            thread.InferenceMode = inference ?? formerInference;
        }

        public void Dispose() => (thread.GradEnabled, thread.InferenceMode) = (formerGrad, formerInference);
    }
}
