namespace TorchSharp;

// Comparison ops. What a function does is said once, at the member of Tensor.
public static partial class torch
{
    /// <summary>Where the element is equal, as bool.</summary>
    public static Tensor eq(Tensor left, Tensor right) => left.eq(right);

    /// <summary>Where the element is different, as bool.</summary>
    public static Tensor ne(Tensor left, Tensor right) => left.ne(right);

    /// <summary>Where the element is smaller, as bool.</summary>
    public static Tensor lt(Tensor left, Tensor right) => left.lt(right);

    /// <summary>Where the element is smaller or equal, as bool.</summary>
    public static Tensor le(Tensor left, Tensor right) => left.le(right);

    /// <summary>Where the element is larger, as bool.</summary>
    public static Tensor gt(Tensor left, Tensor right) => left.gt(right);

    /// <summary>Where the element is larger or equal, as bool.</summary>
    public static Tensor ge(Tensor left, Tensor right) => left.ge(right);

    /// <summary>Both, as truth values.</summary>
    public static Tensor logical_and(Tensor left, Tensor right) => left.logical_and(right);

    /// <summary>Either, as truth values.</summary>
    public static Tensor logical_or(Tensor left, Tensor right) => left.logical_or(right);

    /// <summary>Exactly one, as truth values.</summary>
    public static Tensor logical_xor(Tensor left, Tensor right) => left.logical_xor(right);

    /// <summary>Both, of truth values or of the bits of whole numbers.</summary>
    public static Tensor bitwise_and(Tensor left, Tensor right) => left.bitwise_and(right);

    /// <summary>Either, of truth values or of the bits of whole numbers.</summary>
    public static Tensor bitwise_or(Tensor left, Tensor right) => left.bitwise_or(right);

    /// <summary>Exactly one, of truth values or of the bits of whole numbers.</summary>
    public static Tensor bitwise_xor(Tensor left, Tensor right) => left.bitwise_xor(right);

    /// <summary>Whether shape and all elements are close: |a - b| &lt;= atol + rtol |b|.</summary>
    public static bool allclose(
        Tensor tensor, Tensor target, double rtol = 1E-05, double atol = 1E-08, bool equal_nan = false) =>
        tensor.allclose(target, rtol, atol, equal_nan);

    /// <summary>The elements in order along an axis and where they came from; always stable.</summary>
    public static (
        Tensor Values, Tensor Indices) sort(Tensor input, long dim = -1, bool descending = false, bool stable = false) =>
        input.sort(dim, descending, stable);

    /// <summary>The places of the elements in order along an axis; always stable.</summary>
    public static Tensor argsort(Tensor input, long dim = -1, bool descending = false) => input.argsort(dim, descending);

    /// <summary>
    /// The k largest or smallest along an axis, in order, and where they came from; of equal ones those at lower
    /// places.
    /// </summary>
    public static (
        Tensor values, Tensor indexes) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) =>
        tensor.topk(k, dim, largest, sorted);

    /// <summary>
    /// The largest along an axis and its first place; NaN if there is one. The gradient goes to the place.
    /// </summary>
    public static (Tensor values, Tensor indexes) max(Tensor input, long dim, bool keepdim = false) =>
        input.max(dim, keepdim);

    /// <summary>The largest of all elements; NaN if there is one. The gradient is shared by all that reach it.</summary>
    public static Tensor max(Tensor input) => input.max();

    /// <summary>
    /// The smallest along an axis and its first place; NaN if there is one. The gradient goes to the place.
    /// </summary>
    public static (Tensor values, Tensor indexes) min(Tensor input, long dim, bool keepdim = false) =>
        input.min(dim, keepdim);

    /// <summary>The smallest of all elements; NaN if there is one. The gradient is shared by all that reach it.</summary>
    public static Tensor min(Tensor input) => input.min();
}
