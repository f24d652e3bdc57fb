namespace TorchSharp;

// Indexing, slicing and joining. What a function does is said once, at the member of Tensor.
public static partial class torch
{
    /// <summary>
    /// The elements in another shape, as a view where strides allow it, else as a copy; one size may be -1.
    /// </summary>
    public static Tensor reshape(Tensor input, params long[] shape) => input.reshape(shape);

    /// <summary>The axes from one to another as one.</summary>
    public static Tensor flatten(Tensor input, long start_dim = 0, long end_dim = -1) => input.flatten(start_dim, end_dim);

    /// <summary>Two axes exchanged, as a view.</summary>
    public static Tensor transpose(Tensor input, long dim0, long dim1) => input.transpose(dim0, dim1);

    /// <summary>The transposed matrix, as a view; vectors and numbers stay as they are.</summary>
    public static Tensor t(Tensor input) => input.t();

    /// <summary>The axes in another order, as a view.</summary>
    public static Tensor permute(Tensor input, params long[] permutation) => input.permute(permutation);

    /// <summary>A new axis of size 1, as a view.</summary>
    public static Tensor unsqueeze(Tensor input, long dim) => input.unsqueeze(dim);

    /// <summary>Without an axis of size 1, or without all of them, as a view.</summary>
    public static Tensor squeeze(Tensor input, long? dim = null) => input.squeeze(dim);

    /// <summary>The elements [start, start + length) along an axis, as a view.</summary>
    public static Tensor narrow(Tensor input, long dim, long start, long length) => input.narrow(dim, start, length);

    /// <summary>The element at a place along an axis, which goes away, as a view.</summary>
    public static Tensor select(Tensor input, long dim, long index) => input.select(dim, index);

    /// <summary>Axes of size 1 and new leading axes repeated without being copied.</summary>
    public static Tensor broadcast_to(Tensor input, params long[] shape) => input.broadcast_to(shape);

    /// <summary>Pieces of given sizes along an axis, as views.</summary>
    public static Tensor[] split(Tensor tensor, long[] split_size_or_sections, long dim = 0) =>
        tensor.split(split_size_or_sections, dim);

    /// <summary>At most so many pieces of one size along an axis, as views; the last may be shorter.</summary>
    public static Tensor[] chunk(Tensor input, long chunks, long dim = 0) => input.chunk(chunks, dim);

    /// <summary>One piece for each element of an axis, which goes away, as views.</summary>
    public static Tensor[] unbind(Tensor input, long dim = 0) => input.unbind(dim);

    /// <summary>Whole slices along an axis by index: [n] whole numbers.</summary>
    public static Tensor index_select(Tensor input, long dim, Tensor index) => input.index_select(dim, index);

    /// <summary>Single elements along an axis: the result has the shape of the index.</summary>
    public static Tensor gather(Tensor input, long dim, Tensor index) => input.gather(dim, index);

    /// <summary>A copy with elements of another tensor at places along an axis.</summary>
    public static Tensor scatter(Tensor input, long dim, Tensor index, Tensor src) => input.scatter(dim, index, src);

    /// <summary>A copy with elements of another tensor added at places along an axis.</summary>
    public static Tensor scatter_add(Tensor input, long dim, Tensor index, Tensor src) =>
        input.scatter_add(dim, index, src);

    /// <summary>A copy with alpha times slices of another tensor added along an axis.</summary>
    public static Tensor index_add(Tensor input, long dim, Tensor index, Tensor source, Scalar alpha) =>
        input.index_add(dim, index, source, alpha);

    /// <summary>A copy with slices of another tensor in place of its own along an axis.</summary>
    public static Tensor index_copy(Tensor input, long dim, Tensor index, Tensor source) =>
        input.index_copy(dim, index, source);

    /// <summary>x where the condition holds, y elsewhere; shapes broadcast, types mix.</summary>
    public static Tensor where(Tensor condition, Tensor x, Tensor y) =>
        new(Selection.Where(condition.Impl, x.Impl, y.Impl));

    /// <summary>Tensors side by side along an axis.</summary>
    public static Tensor cat(IList<Tensor> tensors, long dim = 0) => new(Joining.Cat(Impls(tensors), dim));

    /// <summary>Tensors side by side along an axis.</summary>
    public static Tensor concat(IList<Tensor> tensors, long dim = 0) => cat(tensors, dim);

    /// <summary>Tensors of one shape along a new axis.</summary>
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0) => new(Joining.Stack(Impls(tensors), dim));

    private static TensorImpl[] Impls(IEnumerable<Tensor> tensors) => [.. tensors.Select(t => t.Impl)];
}
