namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The same elements in another shape, where strides allow it; one size may be -1.</summary>
        public Tensor view(params long[] shape) => new(Views.Reshape(Impl, shape, false, "view"));

        /// <summary>The same elements in the shape of another tensor.</summary>
        public Tensor view_as(Tensor other) => view(other.Impl.Sizes);

        /// <summary>
        /// The elements in another shape, as a view where strides allow it, else as a copy; one size may be -1.
        /// </summary>
        public Tensor reshape(params long[] shape) => new(Views.Reshape(Impl, shape, true, "reshape"));

        /// <summary>The axes from one to another as one.</summary>
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => new(Views.Flatten(Impl, start_dim, end_dim));

        /// <summary>Two axes exchanged, as a view.</summary>
        public Tensor transpose(long dim0, long dim1) => new(Views.Transpose(Impl, dim0, dim1));

        /// <summary>The transposed matrix, as a view; vectors and numbers stay as they are.</summary>
        public Tensor t() => new(Views.Transposed(Impl));

        /// <summary>The axes in another order, as a view.</summary>
        public Tensor permute(params long[] permutation) => new(Views.Permute(Impl, permutation));

        /// <summary>The last two axes exchanged, as a view.</summary>
        public Tensor mT => transpose(-2, -1);

        /// <summary>A new axis of size 1, as a view.</summary>
        public Tensor unsqueeze(long dim) => new(Views.Unsqueeze(Impl, dim));

        /// <summary>Without an axis of size 1, or without all of them, as a view.</summary>
        public Tensor squeeze(long? dim = null) => new(Views.Squeeze(Impl, dim));

        /// <summary>The elements [start, start + length) along an axis, as a view.</summary>
        public Tensor narrow(long dim, long start, long length) => new(Views.Narrow(Impl, dim, start, length));

        /// <summary>The element at a place along an axis, which goes away, as a view.</summary>
        public Tensor select(long dim, long index) => new(Views.Select(Impl, dim, index));

        /// <summary>
        /// Each <c>step</c>th of the elements [start, finish) along an axis, as a view; ends outside are cut.
        /// </summary>
        public Tensor slice(long dim, long start, long finish, long step) =>
            new(Views.Slice(Impl, dim, start, finish, step));

        /// <summary>Axes of size 1 and new leading axes repeated without being copied; -1 keeps a size.</summary>
        public Tensor expand(params long[] sizes) => new(Views.Expand(Impl, sizes));

        /// <summary>Axes of size 1 and new leading axes repeated without being copied; -1 keeps a size.</summary>
        public Tensor expand(long[] sizes, bool isImplicit = false) => new(Views.Expand(Impl, sizes));

        /// <summary>Expanded to the shape of another tensor.</summary>
        public Tensor expand_as(Tensor other) => expand(other.Impl.Sizes);

        /// <summary>Axes of size 1 and new leading axes repeated without being copied.</summary>
        public Tensor broadcast_to(params long[] shape) => new(Views.Expand(Impl, shape));

        /// <summary>Pieces of one size along an axis, as views; the last may be shorter.</summary>
        public Tensor[] split(long size, int dim = 0) => Several(Parts.Split(Impl, size, dim));

        /// <summary>Pieces of given sizes along an axis, as views.</summary>
        public Tensor[] split(long[] sizes, long dim = 0) => Several(Parts.Split(Impl, sizes, dim));

        /// <summary>At most so many pieces of one size along an axis, as views; the last may be shorter.</summary>
        public Tensor[] chunk(long chunks, long dim = 0) => Several(Parts.Chunk(Impl, chunks, dim));

        /// <summary>One piece for each element of an axis, which goes away, as views.</summary>
        public Tensor[] unbind(long dimension = 0) => Several(Parts.Unbind(Impl, dimension));

        /// <summary>Whole slices along an axis by index: [n] whole numbers.</summary>
        public Tensor index_select(long dim, Tensor index) => new(Indexing.Select(Impl, dim, index.Impl));

        /// <summary>Single elements along an axis: the result has the shape of the index.</summary>
        public Tensor gather(long dim, Tensor index) => new(Scattering.Gather(Impl, dim, index.Impl));

        /// <summary>A copy with elements of another tensor at places along an axis.</summary>
        public Tensor scatter(long dim, Tensor index, Tensor src) =>
            new(Scattering.Scatter(Impl, dim, index.Impl, src.Impl));

        /// <summary>A copy with elements of another tensor added at places along an axis.</summary>
        public Tensor scatter_add(long dim, Tensor index, Tensor src) =>
            new(Scattering.ScatterAdd(Impl, dim, index.Impl, src.Impl));

        /// <summary>A copy with alpha times slices of another tensor added along an axis.</summary>
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) =>
            new(Indexing.Add(Impl, dim, index.Impl, source.Impl, alpha));

        /// <summary>A copy with slices of another tensor in place of its own along an axis.</summary>
        public Tensor index_copy(long dim, Tensor index, Tensor source) =>
            new(Indexing.Put(Impl, dim, index.Impl, source.Impl));

        /// <summary>The value where the mask holds, the element elsewhere.</summary>
        public Tensor masked_fill(Tensor mask, Scalar value) => new(Selection.MaskedFill(Impl, mask.Impl, value));

        /// <summary>The element where the condition holds, that of y elsewhere.</summary>
        public Tensor where(Tensor condition, Tensor y) => new(Selection.Where(condition.Impl, Impl, y.Impl));

        /// <summary>The matrices below a diagonal, that one included; zeros above.</summary>
        public Tensor tril(long diagonal = 0) => new(Selection.Triangle(Impl, diagonal, lower: true));

        /// <summary>The matrices above a diagonal, that one included; zeros below.</summary>
        public Tensor triu(long diagonal = 0) => new(Selection.Triangle(Impl, diagonal, lower: false));
    }
}
