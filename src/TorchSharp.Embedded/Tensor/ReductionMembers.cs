namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The sum of all elements; int64 for whole numbers and truth values, unless a type is named.</summary>
        public Tensor sum(ScalarType? type = null) => new(Sums.Sum(Impl, [], false, type));

        /// <summary>The sum along an axis, which goes away or stays with size 1.</summary>
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) =>
            new(Sums.Sum(Impl, [dim], keepdim, type));

        /// <summary>The sum along axes, all if none is named.</summary>
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) =>
            new(Sums.Sum(Impl, dim, keepdim, type));

        /// <summary>The mean of all elements, which must be reals.</summary>
        public Tensor mean() => new(Sums.Mean(Impl, [], false, null));

        /// <summary>The mean along axes, all if none is named.</summary>
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) =>
            new(Sums.Mean(Impl, dimensions, keepdim, type));

        /// <summary>The mean square distance from the mean, divided by n - 1 if unbiased, else by n.</summary>
        public Tensor @var(bool unbiased = true) => new(Norms.Variance(Impl, [], unbiased, false, null));

        /// <summary>The mean square distance from the mean along an axis.</summary>
        public Tensor @var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            new(Norms.Variance(Impl, [dim], unbiased, keepdim, type));

        /// <summary>The root of the mean square distance from the mean, divided by n - 1 if unbiased, else by n.</summary>
        public Tensor std(bool unbiased = true) => new(Norms.Deviation(Impl, [], unbiased, false, null));

        /// <summary>The root of the mean square distance from the mean along an axis.</summary>
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            new(Norms.Deviation(Impl, [dim], unbiased, keepdim, type));

        /// <summary>The largest along axes. The gradient is shared by all that reach it.</summary>
        public Tensor amax(params long[] dims) => new(Extremes.Along(Impl, dims, false, true));

        /// <summary>The largest along axes. The gradient is shared by all that reach it.</summary>
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            Out(Extremes.Along(Impl, dims, keepdim, true), @out);

        /// <summary>The smallest along axes. The gradient is shared by all that reach it.</summary>
        public Tensor amin(params long[] dims) => new(Extremes.Along(Impl, dims, false, false));

        /// <summary>The smallest along axes. The gradient is shared by all that reach it.</summary>
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            Out(Extremes.Along(Impl, dims, keepdim, false), @out);

        /// <summary>The first place of the largest of all elements, in row-major order.</summary>
        public Tensor argmax() => new(Extremes.Place(Impl, null, false, true));

        /// <summary>The first place of the largest along an axis.</summary>
        public Tensor argmax(long dim, bool keepdim = false) => new(Extremes.Place(Impl, dim, keepdim, true));

        /// <summary>The first place of the smallest of all elements, in row-major order.</summary>
        public Tensor argmin() => new(Extremes.Place(Impl, null, false, false));

        /// <summary>The first place of the smallest along an axis.</summary>
        public Tensor argmin(long dim, bool keepdim = false) => new(Extremes.Place(Impl, dim, keepdim, false));

        /// <summary>Whether any element is not 0.</summary>
        public Tensor any() => new(Extremes.Truth(Impl, null, false, true));

        /// <summary>Whether any element is not 0, along an axis.</summary>
        public Tensor any(long dim, bool keepdim = false) => new(Extremes.Truth(Impl, dim, keepdim, true));

        /// <summary>Whether every element is not 0.</summary>
        public Tensor all() => new(Extremes.Truth(Impl, null, false, false));

        /// <summary>Whether every element is not 0, along an axis.</summary>
        public Tensor all(long dim, bool keepdim = false) => new(Extremes.Truth(Impl, dim, keepdim, false));

        /// <summary>The p-norm of all elements, by default the Euclidean length.</summary>
        public Tensor norm(float p = 2) => new(Norms.General(Impl, p, null, false));

        /// <summary>The p-norms along an axis.</summary>
        public Tensor norm(int dim, bool keepdim = false, float p = 2) => new(Norms.General(Impl, p, dim, keepdim));

        /// <summary>The running sums along an axis.</summary>
        public Tensor cumsum(long dim, ScalarType? type = null) => new(Norms.RunningSum(Impl, dim, type));

        /// <summary>ln of the sum of e^x along an axis.</summary>
        public Tensor logsumexp(long dim, bool keepdim = false) => new(Norms.LogSumExp(Impl, dim, keepdim));

        /// <summary>How many elements are not 0, along axes or of all.</summary>
        public Tensor count_nonzero(long[]? dims = null) => new(Norms.CountNonzero(Impl, dims ?? []));

        /// <summary>e^x / sum e^x along an axis.</summary>
        public Tensor softmax(long dim, ScalarType? dtype = null) => new(Activations.Softmax(Impl, dim, dtype, false));

        /// <summary>The logarithm of softmax along an axis.</summary>
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => new(Activations.Softmax(Impl, dim, dtype, true));
    }
}
