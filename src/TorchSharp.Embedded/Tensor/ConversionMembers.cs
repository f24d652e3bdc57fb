namespace TorchSharp;

// Copies, types, devices and shape changes of the handle itself.
public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>A copy, recorded for gradients.</summary>
        public Tensor clone() => new(Casting.Clone(Impl));

        /// <summary>A handle to the same elements that records nothing.</summary>
        public Tensor detach() => new(Views.Detach(Impl));

        /// <summary>The same tensor if it is contiguous, else a contiguous copy.</summary>
        public Tensor contiguous() => new(Casting.Contiguous(Impl));

        /// <summary>Another handle to the same tensor.</summary>
        public Tensor alias() => new(Impl.Share());

        /// <summary>The tensor in another element type; itself if it has the type, unless a copy is asked for.</summary>
        /// <exception cref="NotSupportedException">The type is not in the embedded engine.</exception>
        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Converted(type, copy, disposeAfter);

        /// <inheritdoc cref="to(ScalarType, bool, bool, bool)"/>
        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            Converted(type, copy, disposeAfter);

        /// <summary>The tensor on a device, which must be the processor.</summary>
        /// <exception cref="NotSupportedException">Another device.</exception>
        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            Devices.Require(device);
            return Converted(dtype, copy, disposeAfter);
        }

        /// <inheritdoc cref="to(Device, bool, bool, bool)"/>
        public Tensor to(
            DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        /// <summary>The tensor in another element type on a device, which must be the processor.</summary>
        /// <exception cref="NotSupportedException">Another device, or a type that is not in the embedded engine.</exception>
        public Tensor to(
            ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            Devices.Require(device);
            return Converted(type, copy, disposeAfter);
        }

        /// <summary>The tensor in the element type of another.</summary>
        public Tensor to(Tensor other, bool non_blocking = false) => Converted(other.dtype, false, false);

        /// <summary>The tensor in another element type.</summary>
        public Tensor type(ScalarType dtype) => Converted(dtype, false, false);

        /// <summary>The tensor in the element type of another.</summary>
        public Tensor type_as(Tensor tensor) => Converted(tensor.dtype, false, false);

        /// <summary>As float32.</summary>
        public Tensor @float() => Converted(ScalarType.Float32, false, false);

        /// <summary>As int64.</summary>
        public Tensor @long() => Converted(ScalarType.Int64, false, false);

        /// <summary>As bool: whether an element is not 0.</summary>
        public Tensor @bool() => Converted(ScalarType.Bool, false, false);

        /// <summary>The tensor, which is on the processor.</summary>
        public Tensor cpu() => new(Impl.Share());

        /// <summary>An error: the embedded engine computes on the processor.</summary>
        /// <exception cref="NotSupportedException">Always.</exception>
        public Tensor cuda(Device? device = null, bool non_blocking = false) => to(device ?? CUDA);

        /// <summary>An error: there is no GPU that could read memory by itself.</summary>
        /// <exception cref="NotSupportedException">Always.</exception>
        public Tensor pin_memory() =>
            throw new NotSupportedException("pin_memory: the embedded engine computes on the CPU only, which reads any memory; leave it out, or build with --torch cuda for a GPU.");

        /// <summary>Takes an axis of size 1, or all of them, away from this handle's shape.</summary>
        public Tensor squeeze_(long? dim = null) => Reshaped(x => Views.Squeeze(x, dim));

        /// <summary>Puts an axis of size 1 into this handle's shape.</summary>
        public Tensor unsqueeze_(long dim) => Reshaped(x => Views.Unsqueeze(x, dim));

        /// <summary>Exchanges two axes of this handle's shape.</summary>
        public Tensor transpose_(long dim0, long dim1) => Reshaped(x => Views.Transpose(x, dim0, dim1));

        /// <summary>Cuts the tensor off from what it was computed from.</summary>
        /// <exception cref="NotSupportedException">It is a view.</exception>
        public Tensor detach_()
        {
            var tensor = Impl;
            if (tensor is { IsLeaf: false, ViewBase: not null })
                throw new NotSupportedException("detach_: a view cannot be detached in place; use detach()");
            tensor.GradFn?.Release();
            tensor.GradFn = null;
            tensor.RequiresGrad = false;
            return this;
        }

        /// <summary>A tensor of zeros with this one's shape and, if none is named, type.</summary>
        public Tensor zeros_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.zeros_like(this, dtype, device, requires_grad);

        /// <summary>A tensor of ones with this one's shape and, if none is named, type.</summary>
        public Tensor ones_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.ones_like(this, dtype, device, requires_grad);

        /// <summary>A tensor with this one's shape and, if none is named, type, whose elements nobody has set.</summary>
        public Tensor empty_like(ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.empty_like(this, dtype, device, requires_grad);

        /// <summary>A tensor of one value with this one's shape and, if none is named, type.</summary>
        public Tensor full_like(Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
            torch.full_like(this, value, dtype, device, requires_grad);

        private static (Tensor First, Tensor Second) Two((TensorImpl First, TensorImpl Second) results) =>
            (new Tensor(results.First), new Tensor(results.Second));

        private static Tensor Second((TensorImpl First, TensorImpl Second) results)
        {
            results.First.Release();
            return new Tensor(results.Second);
        }

        private static Tensor[] Several(TensorImpl[] results) => Array.ConvertAll(results, r => new Tensor(r));

        private static Tensor Out(TensorImpl result, Tensor? target)
        {
            if (target is null)
                return new Tensor(result);
            if (!Shape.Same(result.Sizes, target.Impl.Sizes))
                throw new ArgumentException($"out: the result is {result}, but it was to be written into {target.Impl}");
            if (Graph.RecordsInPlace("out", target.Impl))
                throw new InvalidOperationException("out: a result that requires a gradient cannot be written into another tensor");
            InPlace.Overwrite(target.Impl, result);
            return target;
        }

        private Tensor Converted(ScalarType type, bool copy, bool disposeAfter)
        {
            var tensor = Impl;
            var same = Dtypes.Checked(type) == tensor.Dtype;
            var result = new Tensor(copy && same ? Casting.Clone(tensor) : Casting.To(type, tensor));
            if (disposeAfter)
                Dispose();
            return result;
        }

        /// <summary>Lets this handle refer to another look at its elements. A leaf remains one, and its gradient gets the shape, too.</summary>
        private Tensor Reshaped(Func<TensorImpl, TensorImpl> turn)
        {
            var former = Impl;
            var leaf = former is { RequiresGrad: true, IsLeaf: true };
            if (leaf && is_grad_enabled())
                throw new InvalidOperationException("a leaf tensor that requires grad is being used in an in-place operation");
            var view = turn(former);
            if (leaf)
                (view.RequiresGrad, view.Grad) = (true, former.Grad is { } gradient ? turn(gradient) : null);
            impl = view;
            former.Release();
            return this;
        }
    }
}
