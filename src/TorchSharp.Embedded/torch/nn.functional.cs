using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Building blocks of neural networks.</summary>
    public static partial class nn
    {
        /// <summary>Functions of neural networks: stateless, each with its gradient.</summary>
        public static partial class functional
        {
            /// <summary>
            /// y = x W^T + b. Beyond what libtorch takes: where nothing is recorded, W may be BFloat16 or Int8 beside an x of Float32. It
            /// is widened to Float32 as it is read; sums and y are Float32.
            /// </summary>
            /// <param name="input">x, [..., in].</param>
            /// <param name="weights">W, [out, in].</param>
            /// <param name="bias">b, [out]; without it, none.</param>
            /// <returns>[..., out].</returns>
            /// <exception cref="ArgumentException">Shapes that do not fit, or whole numbers.</exception>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) =>
                new(Linear.Forward(input.Impl, weights.Impl, bias?.Impl));

            /// <summary>
            /// (x - mean) / sqrt(variance + eps) weight + bias over the last axes; the variance is divided by their size.
            /// </summary>
            /// <param name="input">x, [..., normalized_shape].</param>
            /// <param name="normalized_shape">The sizes of the last axes.</param>
            /// <param name="weight">[normalized_shape]; without it, 1.</param>
            /// <param name="bias">[normalized_shape]; without it, 0.</param>
            /// <param name="eps">Keeps the root from 0.</param>
            /// <exception cref="ArgumentException">Shapes that do not fit, or whole numbers.</exception>
            public static Tensor layer_norm(
                Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1E-05) =>
                new(Normalization.LayerNorm(input.Impl, (long[])normalized_shape.Clone(), weight?.Impl, bias?.Impl, eps));

            /// <summary>x F(x), F the normal distribution: exactly, by the error function.</summary>
            public static Tensor gelu(Tensor x) => new(Activations.Gelu(x.Impl, tanh: false));

            /// <summary>x F(x), F the normal distribution: exactly, or by the hyperbolic tangent of Hendrycks and Gimpel (2016).</summary>
            public static Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false) =>
                InPlaceIf(inplace, x, y => Activations.Gelu(y, approximate == GELU.Approximate.tanh));

            /// <summary>max(x, 0).</summary>
            public static Tensor relu(Tensor x, bool inplace = false) => inplace ? x.relu_() : x.relu();

            /// <summary>x / (1 + e^-x).</summary>
            public static Tensor silu(Tensor x, bool inplace = false) => inplace ? x.silu_() : x.silu();

            /// <summary>e^x / sum e^x along an axis; -infinity gives 0.</summary>
            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            /// <summary>The logarithm of softmax along an axis.</summary>
            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            /// <summary>-ln of the probability that softmax gives to the target, averaged over the rows.</summary>
            /// <param name="input">Logits, [N, V] (or [V], or [N, V, ...]).</param>
            /// <param name="target">Classes in [0, V), [N] (or one number, or [N, ...]).</param>
            /// <param name="weight">Weights of classes: not in the embedded engine.</param>
            /// <param name="ignore_index">Rows with this target count for nothing; if all have it, the mean is NaN.</param>
            /// <param name="reduction">Mean over the rows that count, sum, or the losses themselves.</param>
            /// <param name="label_smoothing">s in [0, 1]: the target distribution is 1 - s at the target plus s / V everywhere.</param>
            /// <exception cref="ArgumentException">Shapes or types that do not fit, or a target outside.</exception>
            public static Tensor cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100,
                Reduction reduction = Reduction.Mean, double label_smoothing = 0)
            {
                if (weight is not null)
                    throw new NotSupportedException("cross_entropy: the embedded engine has no weights of classes.");
                return new Tensor(Losses.CrossEntropy(input.Impl, target.Impl, ignore_index, reduction, label_smoothing));
            }

            /// <summary>
            /// Each element dropped with probability p, the others divided by 1 - p; while not training, x itself. Every
            /// call takes the next numbers of the default generator.
            /// </summary>
            /// <exception cref="ArgumentException">p is not in [0, 1].</exception>
            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                InPlaceIf(inplace && training && p != 0, input, x => Activations.Dropout(x, p, training));

            /// <summary>
            /// softmax(Q K^T / sqrt(D) + mask) V, block by block, so that the scores of all pairs never stand in memory
            /// (T. Dao et al., 2022).
            /// </summary>
            /// <param name="query">Q, [B, H, Tq, D] (or [H, Tq, D], or [Tq, D]).</param>
            /// <param name="key">K, [B, H, Tk, D].</param>
            /// <param name="value">V, [B, H, Tk, D].</param>
            /// <param name="attn_mask">Broadcasts to [B, H, Tq, Tk]: bool, true where a query may see a key, or reals
            /// that are added to the scores. A query that may see nothing gives zeros.</param>
            /// <param name="p">The probability with which each weight is dropped.</param>
            /// <param name="is_casual">Whether query i sees keys 0 to i only (aligned top-left where Tq and Tk differ).</param>
            /// <exception cref="ArgumentException">Shapes or types that do not fit, or a mask together with is_casual.</exception>
            public static Tensor scaled_dot_product_attention(
                Tensor query, Tensor key, Tensor value, Tensor? attn_mask = null, double p = 0, bool is_casual = false) =>
                new(ScaledAttention.Forward(query.Impl, key.Impl, value.Impl, attn_mask?.Impl, p, is_casual));

            /// <summary>1 at each element's class, 0 elsewhere, as int64.</summary>
            /// <param name="x">Classes, int64 of any shape.</param>
            /// <param name="num_classes">The size of the new last axis; -1: one more than the largest class.</param>
            /// <exception cref="ArgumentException">A class outside [0, num_classes), or reals.</exception>
            public static Tensor one_hot(Tensor x, long num_classes = -1) => new(Creation.OneHot(x.Impl, num_classes));

            /// <summary>The square of the distance, averaged over all elements.</summary>
            public static Tensor mse_loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) =>
                new(Losses.MeanSquare(input.Impl, target.Impl, reduction));

            private static Tensor InPlaceIf(bool inplace, Tensor x, Func<TensorImpl, TensorImpl> function)
            {
                if (!inplace)
                    return new Tensor(function(x.Impl));
                InPlace.By("inplace", x.Impl, null, function);
                return x;
            }
        }
    }

    /// <summary>Lets one kernel use so many threads at most; 1 or more. At first the number of processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is less than 1.</exception>
    public static void set_num_threads(int num)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(num, 1);
        Threading.WorkerPool.Threads = num;
    }

    /// <summary>How many threads one kernel uses at most.</summary>
    public static int get_num_threads() => Threading.WorkerPool.Threads;
}
