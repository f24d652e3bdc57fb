using TorchSharp.Kernels;

namespace TorchSharp;

// Functions that replace every element by a value of its own; each returns the tensor itself.
public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>|x|, in place.</summary>
        public Tensor abs_()
        {
            InPlace.Unary<AbsOp>("abs_", Impl, Unary.Abs);
            return this;
        }

        /// <summary>e^x, in place.</summary>
        public Tensor exp_()
        {
            InPlace.Unary<ExpOp>("exp_", Impl, Unary.Exp);
            return this;
        }

        /// <summary>ln x: NaN below 0, -infinity at 0, in place.</summary>
        public Tensor log_()
        {
            InPlace.Unary<LogOp>("log_", Impl, Unary.Log);
            return this;
        }

        /// <summary>The square root: NaN below 0, in place.</summary>
        public Tensor sqrt_()
        {
            InPlace.Unary<SqrtOp>("sqrt_", Impl, Unary.Sqrt);
            return this;
        }

        /// <summary>1 / sqrt x, in place.</summary>
        public Tensor rsqrt_()
        {
            InPlace.Unary<RsqrtOp>("rsqrt_", Impl, Unary.Rsqrt);
            return this;
        }

        /// <summary>1 / x, in place.</summary>
        public Tensor reciprocal_()
        {
            InPlace.Unary<ReciprocalOp>("reciprocal_", Impl, Unary.Reciprocal);
            return this;
        }

        /// <summary>The sine, in place.</summary>
        public Tensor sin_()
        {
            InPlace.Unary<SinOp>("sin_", Impl, Unary.Sin);
            return this;
        }

        /// <summary>The cosine, in place.</summary>
        public Tensor cos_()
        {
            InPlace.Unary<CosOp>("cos_", Impl, Unary.Cos);
            return this;
        }

        /// <summary>The hyperbolic tangent, in place.</summary>
        public Tensor tanh_()
        {
            InPlace.Unary<TanhOp>("tanh_", Impl, Unary.Tanh);
            return this;
        }

        /// <summary>1 / (1 + e^-x), in place.</summary>
        public Tensor sigmoid_()
        {
            InPlace.Unary<SigmoidOp>("sigmoid_", Impl, Unary.Sigmoid);
            return this;
        }

        /// <summary>The largest whole number that is not above x, in place.</summary>
        public Tensor floor_()
        {
            InPlace.Unary<FloorOp>("floor_", Impl, Unary.Floor);
            return this;
        }

        /// <summary>The smallest whole number that is not below x, in place.</summary>
        public Tensor ceil_()
        {
            InPlace.Unary<CeilingOp>("ceil_", Impl, Unary.Ceil);
            return this;
        }

        /// <summary>-x, in place.</summary>
        public Tensor neg_()
        {
            InPlace.Unary<NegOp>("neg_", Impl, Arithmetic.Neg);
            return this;
        }

        /// <summary>max(x, 0), in place.</summary>
        public Tensor relu_()
        {
            InPlace.Unary<ReluOp>("relu_", Impl, Unary.Relu);
            return this;
        }

        /// <summary>x / (1 + e^-x), in place.</summary>
        public Tensor silu_()
        {
            InPlace.Unary<SiluOp>("silu_", Impl, Unary.Silu);
            return this;
        }
    }
}
