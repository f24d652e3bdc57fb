namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The sizes of the axes; a copy.</summary>
        public long[] shape => (long[])Impl.Sizes.Clone();

        /// <summary>The sizes of the axes; a copy.</summary>
        public long[] size() => shape;

        /// <summary>The size of one axis; negative numbers count from the last.</summary>
        public long size(int dim) => Impl.Rank == 0
            ? throw new ArgumentException("size: a tensor without dimensions has no size")
            : Impl.Sizes[Shape.Axis(dim, Impl.Rank, "size")];

        /// <summary>How many elements lie between neighbours along each axis; a copy.</summary>
        public long[] stride() => (long[])Impl.Strides.Clone();

        /// <summary>How many elements lie between neighbours along an axis.</summary>
        public long stride(int dim) => Impl.Rank == 0
            ? throw new ArgumentException("stride: a tensor without dimensions has no stride")
            : Impl.Strides[Shape.Axis(dim, Impl.Rank, "stride")];

        /// <summary>The first element's place in the storage, in elements.</summary>
        public long storage_offset() => Impl.Offset;

        /// <summary>Whether the elements lie in row-major order without gaps.</summary>
        public bool is_contiguous() => Impl.IsContiguous;

        /// <summary>How many elements there are.</summary>
        public long numel() => Impl.Count;

        /// <summary>How many elements there are.</summary>
        public long NumberOfElements => Impl.Count;

        /// <summary>How many axes there are; 0 for a single number.</summary>
        public long Dimensions => Impl.Rank;

        /// <summary>How many axes there are; 0 for a single number.</summary>
        public long dim() => Impl.Rank;

        /// <summary>How many axes there are; 0 for a single number.</summary>
        public long ndim => Impl.Rank;

        /// <summary>The element type: Float32, Int64, Bool, or BFloat16 and Int8 for stored weights.</summary>
        public ScalarType dtype => Impl.Dtype;

        /// <summary>Bytes an element.</summary>
        public long ElementSize => Dtypes.Size(Impl.Dtype);

        /// <summary>Bytes an element.</summary>
        public long element_size() => ElementSize;

        /// <summary>Where the tensor lies: always the processor.</summary>
        public Device device
        {
            get
            {
                _ = Impl;
                return CPU;
            }
        }

        /// <summary>Where the tensor lies: always the processor.</summary>
        public DeviceType device_type => device.type;

        /// <summary>The number of its device: always -1.</summary>
        public int device_index => device.index;

        /// <summary>False: the embedded engine computes on the processor.</summary>
        public bool is_cuda => device.type == DeviceType.CUDA;

        /// <summary>True: the embedded engine computes on the processor.</summary>
        public bool is_cpu() => device.type == DeviceType.CPU;

        /// <summary>Whether the elements are reals.</summary>
        public bool is_floating_point() => Impl.Dtype is Dtypes.Float or Dtypes.BFloat16;

        /// <summary>Whether the elements are whole numbers or truth values.</summary>
        public bool is_integral() => !is_floating_point();

        /// <summary>Whether no recorded operation made it.</summary>
        public bool is_leaf => Impl.IsLeaf;

        /// <summary>Whether operations on it are recorded for gradients. Can be set on leaves of reals.</summary>
        /// <exception cref="InvalidOperationException">
        /// Set on a tensor of another type, or cleared on the result of a recorded operation.
        /// </exception>
        public bool requires_grad
        {
            get => Impl.RequiresGrad;
            set
            {
                var tensor = Impl;
                if (value && !Dtypes.HasGradient(tensor.Dtype))
                    throw new InvalidOperationException($"Only tensors of floating point type can require gradients, not {tensor.Dtype}");
                if (!value && !tensor.IsLeaf)
                    throw new InvalidOperationException(
                        "requires_grad can be changed on leaves only: use detach() for a tensor without its history");
                tensor.RequiresGrad = value;
            }
        }

        /// <summary>Sets <see cref="requires_grad"/> and returns the tensor.</summary>
        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        /// <summary>Sets <see cref="requires_grad"/> and returns the tensor.</summary>
        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        /// <summary>
        /// The gradient that walks back have added up; null before the first. Reading gives a new handle to it. What is
        /// assigned, a view for instance, is added to in place from then on, an expanded one in a copy. In the embedded engine it is Float32 for a tensor in
        /// BFloat16, too.
        /// </summary>
        /// <exception cref="ArgumentException">The gradient's shape or type is not the tensor's.</exception>
        public Tensor? grad
        {
            get => Impl.Grad is { } gradient ? new Tensor(gradient.Share()) : null;
            set
            {
                var tensor = Impl;
                var gradient = value?.Impl;
                if (gradient is not null && (gradient.Dtype != Dtypes.Float || !Shape.Same(gradient.Sizes, tensor.Sizes)))
                    throw new ArgumentException($"grad: assigned {gradient} to the gradient of {tensor}");
                if (gradient == tensor)
                    throw new ArgumentException("grad: a tensor cannot be its own gradient");
                var former = tensor.Grad;
                tensor.Grad = gradient is null ? null : gradient.IsExpanded ? Copy.Clone(gradient) : gradient.Share();
                former?.Release();
            }
        }

        /// <summary>Makes walks back leave the gradient of a tensor that is not a leaf in <see cref="grad"/>, too.</summary>
        public void retain_grad()
        {
            var tensor = Impl;
            if (!tensor.RequiresGrad)
                throw new InvalidOperationException("can't retain_grad on a tensor that has requires_grad=false");
            if (tensor.GradFn is { } origin && origin.Retaining?.Contains(tensor) != true)
                (origin.Retaining ??= []).Add(tensor);
        }

        /// <summary>Adds the gradients of this tensor, a single number, to the leaves it was computed from.</summary>
        /// <inheritdoc cref="backward(IList{Tensor}, bool, bool, IList{Tensor})"/>
        public void backward() => autograd.backward([this]);

        /// <summary>Adds the gradients of this tensor to the leaves it was computed from.</summary>
        /// <param name="grad_tensors">The gradient to start from, one tensor of this shape; without it, 1 for a single number.</param>
        /// <param name="retain_graph">Keep the saved values for another walk; otherwise they are freed on the way.</param>
        /// <param name="create_graph">Gradients of gradients: not in the embedded engine.</param>
        /// <param name="inputs">Add to these tensors alone, not to all leaves.</param>
        /// <exception cref="InvalidOperationException">There is no graph, its values were freed by an earlier walk, or a
        /// saved value was changed in place since.</exception>
        public void backward(
            IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);
    }
}
