namespace TorchSharp;

// Pointwise ops: element by element. What a function does is said once, at the member of Tensor.
public static partial class torch
{
    /// <summary>|x|.</summary>
    public static Tensor abs(Tensor input) => input.abs();

    /// <summary>|x|, in place.</summary>
    public static Tensor abs_(Tensor input) => input.abs_();

    /// <summary>e^x.</summary>
    public static Tensor exp(Tensor input) => input.exp();

    /// <summary>e^x, in place.</summary>
    public static Tensor exp_(Tensor input) => input.exp_();

    /// <summary>ln x: NaN below 0, -infinity at 0.</summary>
    public static Tensor log(Tensor input) => input.log();

    /// <summary>ln x: NaN below 0, -infinity at 0, in place.</summary>
    public static Tensor log_(Tensor input) => input.log_();

    /// <summary>The square root: NaN below 0.</summary>
    public static Tensor sqrt(Tensor input) => input.sqrt();

    /// <summary>The square root: NaN below 0, in place.</summary>
    public static Tensor sqrt_(Tensor input) => input.sqrt_();

    /// <summary>1 / sqrt x.</summary>
    public static Tensor rsqrt(Tensor input) => input.rsqrt();

    /// <summary>1 / sqrt x, in place.</summary>
    public static Tensor rsqrt_(Tensor input) => input.rsqrt_();

    /// <summary>x x.</summary>
    public static Tensor square(Tensor input) => input.square();

    /// <summary>1 / x.</summary>
    public static Tensor reciprocal(Tensor input) => input.reciprocal();

    /// <summary>1 / x, in place.</summary>
    public static Tensor reciprocal_(Tensor input) => input.reciprocal_();

    /// <summary>The sine.</summary>
    public static Tensor sin(Tensor input) => input.sin();

    /// <summary>The sine, in place.</summary>
    public static Tensor sin_(Tensor input) => input.sin_();

    /// <summary>The cosine.</summary>
    public static Tensor cos(Tensor input) => input.cos();

    /// <summary>The cosine, in place.</summary>
    public static Tensor cos_(Tensor input) => input.cos_();

    /// <summary>The hyperbolic tangent.</summary>
    public static Tensor tanh(Tensor input) => input.tanh();

    /// <summary>The hyperbolic tangent, in place.</summary>
    public static Tensor tanh_(Tensor input) => input.tanh_();

    /// <summary>1 / (1 + e^-x).</summary>
    public static Tensor sigmoid(Tensor input) => input.sigmoid();

    /// <summary>1 / (1 + e^-x), in place.</summary>
    public static Tensor sigmoid_(Tensor input) => input.sigmoid_();

    /// <summary>The error function.</summary>
    public static Tensor erf(Tensor input) => input.erf();

    /// <summary>The largest whole number that is not above x.</summary>
    public static Tensor floor(Tensor input) => input.floor();

    /// <summary>The largest whole number that is not above x, in place.</summary>
    public static Tensor floor_(Tensor input) => input.floor_();

    /// <summary>The smallest whole number that is not below x.</summary>
    public static Tensor ceil(Tensor input) => input.ceil();

    /// <summary>The smallest whole number that is not below x, in place.</summary>
    public static Tensor ceil_(Tensor input) => input.ceil_();

    /// <summary>-1, 0 or 1.</summary>
    public static Tensor sign(Tensor input) => input.sign();

    /// <summary>x without its fraction.</summary>
    public static Tensor trunc(Tensor input) => input.trunc();

    /// <summary>-x.</summary>
    public static Tensor neg(Tensor input) => input.neg();

    /// <summary>-x, in place.</summary>
    public static Tensor neg_(Tensor input) => input.neg_();

    /// <summary>Whether x is not a number.</summary>
    public static Tensor isnan(Tensor input) => input.isnan();

    /// <summary>Whether x is infinite.</summary>
    public static Tensor isinf(Tensor tensor) => tensor.isinf();

    /// <summary>Whether x is neither infinite nor NaN.</summary>
    public static Tensor isfinite(Tensor tensor) => tensor.isfinite();

    /// <summary>Whether x is 0.</summary>
    public static Tensor logical_not(Tensor input) => input.logical_not();

    /// <summary>The other truth value, or all bits turned.</summary>
    public static Tensor bitwise_not(Tensor input) => input.bitwise_not();

    /// <summary>x to the nearest whole number, halves to the even one; with <c>decimals</c>, to so many places.</summary>
    public static Tensor round(Tensor input, long decimals = 0) => input.round(decimals);

    /// <summary>Adds; shapes broadcast, types mix.</summary>
    public static Tensor add(Tensor left, Tensor right) => left.add(right);

    /// <summary>Adds; shapes broadcast, types mix.</summary>
    public static Tensor add(Tensor left, Scalar right) => left.add(right);

    /// <summary>Adds alpha times the other.</summary>
    public static Tensor add(Tensor left, Tensor right, Scalar alpha) => left.add(right, alpha);

    /// <summary>Subtracts; shapes broadcast, types mix.</summary>
    public static Tensor sub(Tensor left, Tensor right) => left.sub(right);

    /// <summary>Subtracts; shapes broadcast, types mix.</summary>
    public static Tensor sub(Tensor left, Scalar right) => left.sub(right);

    /// <summary>Multiplies; shapes broadcast, types mix.</summary>
    public static Tensor mul(Tensor left, Tensor right) => left.mul(right);

    /// <summary>Multiplies; shapes broadcast, types mix.</summary>
    public static Tensor mul(Tensor left, Scalar right) => left.mul(right);

    /// <summary>Divides, also whole numbers to reals; with a mode the quotient is rounded.</summary>
    public static Tensor div(Tensor left, Tensor right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div(right, rounding_mode);

    /// <summary>Divides, also whole numbers to reals; with a mode the quotient is rounded.</summary>
    public static Tensor div(Tensor left, Scalar right, RoundingMode rounding_mode = RoundingMode.None) =>
        left.div(right, rounding_mode);

    /// <summary>The quotient rounded down.</summary>
    public static Tensor floor_divide(Tensor input, Tensor other) => input.floor_divide(other);

    /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
    public static Tensor remainder(Tensor left, Tensor right) => left.remainder(right);

    /// <summary>What is left of a division rounded down; has the sign of the divisor.</summary>
    public static Tensor remainder(Tensor left, Scalar right) => left.remainder(right);

    /// <summary>x to a power.</summary>
    public static Tensor pow(Tensor left, Scalar exponent) => left.pow(exponent);

    /// <summary>x to a power.</summary>
    public static Tensor pow(Tensor left, Tensor exponent) => left.pow(exponent);

    /// <summary>The larger of two; NaN where either is.</summary>
    public static Tensor maximum(Tensor input, Tensor other) => input.maximum(other);

    /// <summary>The smaller of two; NaN where either is.</summary>
    public static Tensor minimum(Tensor input, Tensor other) => input.minimum(other);

    /// <summary>x brought between two bounds; a bound that is null does nothing.</summary>
    public static Tensor clamp(Tensor input, Scalar? min = null, Scalar? max = null) => input.clamp(min, max);

    /// <summary>x, but at least a bound.</summary>
    public static Tensor clamp_min(Tensor input, Scalar min) => input.clamp_min(min);

    /// <summary>x, but at most a bound.</summary>
    public static Tensor clamp_max(Tensor input, Scalar max) => input.clamp_max(max);

    /// <summary>x + value a b.</summary>
    public static Tensor addcmul(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcmul(tensor1, tensor2, value);

    /// <summary>x + value a / b.</summary>
    public static Tensor addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, Scalar value) =>
        input.addcdiv(tensor1, tensor2, value);

    /// <summary>x + weight (end - x).</summary>
    public static Tensor lerp(Tensor input, Tensor end, Tensor weight) => input.lerp(end, weight);
}
