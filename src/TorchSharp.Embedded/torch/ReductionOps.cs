namespace TorchSharp;

// Reduction ops. What a function does is said once, at the member of Tensor.
public static partial class torch
{
    /// <summary>The sum of all elements; int64 for whole numbers and truth values, unless a type is named.</summary>
    public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);

    /// <summary>The sum along an axis, which goes away or stays with size 1.</summary>
    public static Tensor sum(Tensor input, long dim, bool keepdim = false, ScalarType? type = null) =>
        input.sum(dim, keepdim, type);

    /// <summary>The sum along axes, all if none is named.</summary>
    public static Tensor sum(Tensor input, ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) =>
        new(Sums.Sum(input.Impl, dim, keepdim, type));

    /// <summary>The mean of all elements, which must be reals.</summary>
    public static Tensor mean(Tensor input) => input.mean();

    /// <summary>The mean along axes, all if none is named.</summary>
    public static Tensor mean(Tensor input, long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
        input.mean(dimensions, keepdim, type);

    /// <summary>The mean square distance from the mean, divided by n - 1 if unbiased, else by n.</summary>
    public static Tensor @var(Tensor input, bool unbiased = true) => input.@var(unbiased);

    /// <summary>The mean square distance from the mean along an axis.</summary>
    public static Tensor @var(
        Tensor input, long dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
        input.@var(dimensions, unbiased, keepdim, type);

    /// <summary>The root of the mean square distance from the mean, divided by n - 1 if unbiased, else by n.</summary>
    public static Tensor std(Tensor input, bool unbiased = true) => input.std(unbiased);

    /// <summary>The root of the mean square distance from the mean along an axis.</summary>
    public static Tensor std(
        Tensor input, long dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
        input.std(dimensions, unbiased, keepdim, type);

    /// <summary>The largest along axes. The gradient is shared by all that reach it.</summary>
    public static Tensor amax(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
        input.amax(dims, keepdim, @out);

    /// <summary>The smallest along axes. The gradient is shared by all that reach it.</summary>
    public static Tensor amin(Tensor input, long[] dims, bool keepdim = false, Tensor? @out = null) =>
        input.amin(dims, keepdim, @out);

    /// <summary>The first place of the largest of all elements, in row-major order.</summary>
    public static Tensor argmax(Tensor input) => input.argmax();

    /// <summary>The first place of the largest along an axis.</summary>
    public static Tensor argmax(Tensor input, long dim, bool keepdim = false) => input.argmax(dim, keepdim);

    /// <summary>The first place of the smallest of all elements, in row-major order.</summary>
    public static Tensor argmin(Tensor input) => input.argmin();

    /// <summary>The first place of the smallest along an axis.</summary>
    public static Tensor argmin(Tensor input, long dim, bool keepdim = false) => input.argmin(dim, keepdim);

    /// <summary>Whether any element is not 0.</summary>
    public static Tensor any(Tensor input) => input.any();

    /// <summary>Whether any element is not 0, along an axis.</summary>
    public static Tensor any(Tensor input, long dim, bool keepdim = false) => input.any(dim, keepdim);

    /// <summary>Whether every element is not 0.</summary>
    public static Tensor all(Tensor input) => input.all();

    /// <summary>Whether every element is not 0, along an axis.</summary>
    public static Tensor all(Tensor input, long dim, bool keepdim = false) => input.all(dim, keepdim);

    /// <summary>The Euclidean length of all elements.</summary>
    public static Tensor norm(Tensor input) => input.norm();

    /// <summary>The p-norm of all elements.</summary>
    public static Tensor norm(Tensor input, float p = 2) => input.norm(p);

    /// <summary>The p-norms along an axis.</summary>
    public static Tensor norm(Tensor input, int dimension, bool keepdim = false, float p = 2) =>
        input.norm(dimension, keepdim, p);

    /// <summary>The running sums along an axis.</summary>
    public static Tensor cumsum(Tensor input, long dim, ScalarType? type = null) => input.cumsum(dim, type);

    /// <summary>ln of the sum of e^x along an axis.</summary>
    public static Tensor logsumexp(Tensor input, long dim, bool keepdim = false) => input.logsumexp(dim, keepdim);

    /// <summary>How many elements are not 0, along axes or of all.</summary>
    public static Tensor count_nonzero(Tensor input, long[]? dims = null) => input.count_nonzero(dims);

    /// <summary>e^x / sum e^x along an axis.</summary>
    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);
}
