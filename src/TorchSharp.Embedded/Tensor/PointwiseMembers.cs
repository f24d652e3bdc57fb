namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>|x|.</summary>
        public Tensor abs() => new(Unary.Abs(Impl));

        /// <summary>e^x.</summary>
        public Tensor exp() => new(Unary.Exp(Impl));

        /// <summary>ln x: NaN below 0, -infinity at 0.</summary>
        public Tensor log() => new(Unary.Log(Impl));

        /// <summary>The square root: NaN below 0.</summary>
        public Tensor sqrt() => new(Unary.Sqrt(Impl));

        /// <summary>1 / sqrt x.</summary>
        public Tensor rsqrt() => new(Unary.Rsqrt(Impl));

        /// <summary>x x.</summary>
        public Tensor square() => new(Unary.Square(Impl));

        /// <summary>1 / x.</summary>
        public Tensor reciprocal() => new(Unary.Reciprocal(Impl));

        /// <summary>The sine.</summary>
        public Tensor sin() => new(Unary.Sin(Impl));

        /// <summary>The cosine.</summary>
        public Tensor cos() => new(Unary.Cos(Impl));

        /// <summary>The hyperbolic tangent.</summary>
        public Tensor tanh() => new(Unary.Tanh(Impl));

        /// <summary>1 / (1 + e^-x).</summary>
        public Tensor sigmoid() => new(Unary.Sigmoid(Impl));

        /// <summary>The error function.</summary>
        public Tensor erf() => new(Unary.Erf(Impl));

        /// <summary>The largest whole number that is not above x.</summary>
        public Tensor floor() => new(Unary.Floor(Impl));

        /// <summary>The smallest whole number that is not below x.</summary>
        public Tensor ceil() => new(Unary.Ceil(Impl));

        /// <summary>-1, 0 or 1.</summary>
        public Tensor sign() => new(Unary.Sign(Impl));

        /// <summary>x without its fraction.</summary>
        public Tensor trunc() => new(Unary.Trunc(Impl));

        /// <summary>-x.</summary>
        public Tensor neg() => new(Arithmetic.Neg(Impl));

        /// <summary>Whether x is not a number.</summary>
        public Tensor isnan() => new(Comparison.IsNan(Impl));

        /// <summary>Whether x is infinite.</summary>
        public Tensor isinf() => new(Comparison.IsInf(Impl));

        /// <summary>Whether x is neither infinite nor NaN.</summary>
        public Tensor isfinite() => new(Comparison.IsFinite(Impl));

        /// <summary>Whether x is 0.</summary>
        public Tensor logical_not() => new(Comparison.LogicalNot(Impl));

        /// <summary>The other truth value, or all bits turned.</summary>
        public Tensor bitwise_not() => new(Comparison.BitwiseNot(Impl));

        /// <summary>
        /// x to the nearest whole number, halves to the even one; with <c>decimals</c>, to so many places.
        /// </summary>
        public Tensor round(long decimals = 0) => new(Rounding.To(Impl, decimals));

        /// <summary>max(x, 0).</summary>
        public Tensor relu() => new(Unary.Relu(Impl));

        /// <summary>x / (1 + e^-x).</summary>
        public Tensor silu() => new(Unary.Silu(Impl));

        /// <summary>Adds; shapes broadcast, types mix.</summary>
        public Tensor add(Tensor target) => new(Arithmetic.Add(Impl, target.Impl));

        /// <summary>Adds; shapes broadcast, types mix.</summary>
        public Tensor add(Scalar scalar) => new(Arithmetic.Add(Impl, scalar));

        /// <summary>Adds alpha times the other.</summary>
        public Tensor add(Tensor target, Scalar alpha) => new(Arithmetic.Add(Impl, target.Impl, alpha));

        /// <summary>Subtracts; shapes broadcast, types mix.</summary>
        public Tensor sub(Tensor target) => new(Arithmetic.Sub(Impl, target.Impl));

        /// <summary>Subtracts; shapes broadcast, types mix.</summary>
        public Tensor sub(Scalar target) => new(Arithmetic.Sub(Impl, target));

        /// <summary>Multiplies; shapes broadcast, types mix.</summary>
        public Tensor mul(Tensor target) => new(Arithmetic.Mul(Impl, target.Impl));

        /// <summary>Multiplies; shapes broadcast, types mix.</summary>
        public Tensor mul(Scalar target) => new(Arithmetic.Mul(Impl, target));

        /// <summary>Divides, also whole numbers to reals; with a mode the quotient is rounded.</summary>
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            new(Rounding.Quotient(Impl, target.Impl, rounding_mode));

        /// <summary>Divides, also whole numbers to reals; with a mode the quotient is rounded.</summary>
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
            new(Rounding.Quotient(Impl, target, rounding_mode));

        /// <summary>The quotient rounded down.</summary>
        public Tensor floor_divide(Tensor other) => new(Rounding.Quotient(Impl, other.Impl, RoundingMode.floor));

        /// <summary>The quotient rounded down.</summary>
        public Tensor floor_divide(Scalar other) => new(Rounding.Quotient(Impl, other, RoundingMode.floor));

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public Tensor remainder(Tensor target) => new(Power.Remainder(Impl, target.Impl));

        /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
        public Tensor remainder(Scalar scalar) => new(Rounding.Remainder(Impl, scalar));

        /// <summary>x to a power.</summary>
        public Tensor pow(Scalar exponent) => new(Power.Pow(Impl, exponent));

        /// <summary>x to a power.</summary>
        public Tensor pow(Tensor exponent) => new(Power.Pow(Impl, exponent.Impl));

        /// <summary>The larger of two; NaN where either is.</summary>
        public Tensor maximum(Tensor other) => new(Choice.Maximum(Impl, other.Impl));

        /// <summary>The smaller of two; NaN where either is.</summary>
        public Tensor minimum(Tensor other) => new(Choice.Minimum(Impl, other.Impl));

        /// <summary>x brought between two bounds; a bound that is null does nothing.</summary>
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => new(Selection.Clamp(Impl, min, max, "clamp"));

        /// <summary>x, but at least a bound.</summary>
        public Tensor clamp_min(Scalar min) => new(Selection.Clamp(Impl, min, null, "clamp_min"));

        /// <summary>x, but at most a bound.</summary>
        public Tensor clamp_max(Scalar max) => new(Selection.Clamp(Impl, null, max, "clamp_max"));

        /// <summary>x + value a b.</summary>
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) =>
            new(Combined.AddProduct(Impl, tensor1.Impl, tensor2.Impl, value, false));

        /// <summary>x + value a / b.</summary>
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) =>
            new(Combined.AddProduct(Impl, tensor1.Impl, tensor2.Impl, value, true));

        /// <summary>x + weight (end - x).</summary>
        public Tensor lerp(Tensor end, Tensor weight) => new(Combined.Lerp(Impl, end.Impl, weight.Impl));
    }
}
