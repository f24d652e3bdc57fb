namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Where the element is equal, as bool.</summary>
        public Tensor eq(Tensor target) => new(Comparison.Eq(Impl, target.Impl));

        /// <summary>Where the element is equal, as bool.</summary>
        public Tensor eq(Scalar target) => new(Comparison.With(Comparison.Eq, Impl, target));

        /// <summary>Where the element is different, as bool.</summary>
        public Tensor ne(Tensor target) => new(Comparison.Ne(Impl, target.Impl));

        /// <summary>Where the element is different, as bool.</summary>
        public Tensor ne(Scalar target) => new(Comparison.With(Comparison.Ne, Impl, target));

        /// <summary>Where the element is smaller, as bool.</summary>
        public Tensor lt(Tensor target) => new(Comparison.Lt(Impl, target.Impl));

        /// <summary>Where the element is smaller, as bool.</summary>
        public Tensor lt(Scalar target) => new(Comparison.With(Comparison.Lt, Impl, target));

        /// <summary>Where the element is smaller or equal, as bool.</summary>
        public Tensor le(Tensor target) => new(Comparison.Le(Impl, target.Impl));

        /// <summary>Where the element is smaller or equal, as bool.</summary>
        public Tensor le(Scalar target) => new(Comparison.With(Comparison.Le, Impl, target));

        /// <summary>Where the element is larger, as bool.</summary>
        public Tensor gt(Tensor target) => new(Comparison.Gt(Impl, target.Impl));

        /// <summary>Where the element is larger, as bool.</summary>
        public Tensor gt(Scalar target) => new(Comparison.With(Comparison.Gt, Impl, target));

        /// <summary>Where the element is larger or equal, as bool.</summary>
        public Tensor ge(Tensor target) => new(Comparison.Ge(Impl, target.Impl));

        /// <summary>Where the element is larger or equal, as bool.</summary>
        public Tensor ge(Scalar target) => new(Comparison.With(Comparison.Ge, Impl, target));

        /// <summary>Both, as truth values.</summary>
        public Tensor logical_and(Tensor other) => new(Comparison.LogicalAnd(Impl, other.Impl));

        /// <summary>Either, as truth values.</summary>
        public Tensor logical_or(Tensor other) => new(Comparison.LogicalOr(Impl, other.Impl));

        /// <summary>Exactly one, as truth values.</summary>
        public Tensor logical_xor(Tensor other) => new(Comparison.LogicalXor(Impl, other.Impl));

        /// <summary>Both, of truth values or of the bits of whole numbers.</summary>
        public Tensor bitwise_and(Tensor other) => new(Comparison.BitwiseAnd(Impl, other.Impl));

        /// <summary>Either, of truth values or of the bits of whole numbers.</summary>
        public Tensor bitwise_or(Tensor other) => new(Comparison.BitwiseOr(Impl, other.Impl));

        /// <summary>Exactly one, of truth values or of the bits of whole numbers.</summary>
        public Tensor bitwise_xor(Tensor other) => new(Comparison.BitwiseXor(Impl, other.Impl));

        /// <summary>Whether shape and all elements are close: |a - b| &lt;= atol + rtol |b|.</summary>
        public bool allclose(Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false) =>
            Comparison.AllClose(Impl, target.Impl, rtol, atol, equal_nan);

        /// <summary>The elements in order along an axis and where they came from; always stable.</summary>
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) =>
            Two(Sorting.Sort(Impl, dim, descending));

        /// <summary>The places of the elements in order along an axis; always stable.</summary>
        public Tensor argsort(long dim = -1, bool descending = false) => Second(Sorting.Sort(Impl, dim, descending));

        /// <summary>
        /// The k largest or smallest along an axis, in order, and where they came from; of equal ones those at
        /// lower places.
        /// </summary>
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            Two(Sorting.TopK(Impl, k, dim, largest));

        /// <summary>
        /// The largest along an axis and its first place; NaN if there is one. The gradient goes to the place.
        /// </summary>
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) =>
            Two(Extremes.Dim(Impl, dim, keepdim, true));

        /// <summary>
        /// The largest of all elements; NaN if there is one. The gradient is shared by all that reach it.
        /// </summary>
        public Tensor max() => new(Extremes.Of(Impl, true));

        /// <summary>
        /// The smallest along an axis and its first place; NaN if there is one. The gradient goes to the place.
        /// </summary>
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) =>
            Two(Extremes.Dim(Impl, dim, keepdim, false));

        /// <summary>
        /// The smallest of all elements; NaN if there is one. The gradient is shared by all that reach it.
        /// </summary>
        public Tensor min() => new(Extremes.Of(Impl, false));
    }
}
