using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Powers, and the whole-number quotient and remainder.</summary>
internal static class Power
{
    /// <summary>x^e. Squares, roots and inverses go by their own kernels.</summary>
    internal static TensorImpl Pow(TensorImpl x, Scalar exponent)
    {
        if (Dtypes.Promote(x.Dtype, exponent.Kind) != Dtypes.Float)
            return Whole(x, exponent);
        var input = Copy.As(Dtypes.Float, x);
        var y = exponent.Double switch
        {
            2 => Pointwise.Unary<SquareOp>(input),
            1 => Copy.Clone(input),
            0.5 => Pointwise.Unary<SqrtOp>(input),
            -0.5 => Pointwise.Unary<RsqrtOp>(input),
            -1 => Pointwise.Unary<ReciprocalOp>(input),
            _ => General(input, exponent),
        };
        input.Release();
        if (Graph.Records(x))
            Graph.Record(y, new PowScalarNode(x, exponent.Double), x);
        return y;
    }

    internal static TensorImpl Pow(TensorImpl x, TensorImpl exponent)
    {
        if (Dtypes.Promote(x.Dtype, exponent.Dtype) != Dtypes.Float)
            return Mixed.Binary<SubOp, WholePower, Arithmetic.Or>("pow", x, exponent);
        var (a, b) = (Copy.As(Dtypes.Float, x), Copy.As(Dtypes.Float, exponent));
        var y = Map.Binary<float, float, float, RealPower>("pow", a, b);
        if (Graph.Records(x, exponent))
            Graph.Record(y, new PowNode(a, b, y), x, exponent);
        a.Release();
        b.Release();
        return y;
    }

    /// <summary>The quotient rounded down.</summary>
    internal static TensorImpl FloorDivide(TensorImpl a, TensorImpl b) => Whole<FloorQuotient>("floor_divide", a, b, RealFloor);

    /// <summary>The quotient rounded towards zero.</summary>
    internal static TensorImpl TruncDivide(TensorImpl a, TensorImpl b) => Whole<TruncQuotient>("div", a, b, RealTrunc);

    /// <summary>a - b floor(a / b): has the sign of b.</summary>
    internal static TensorImpl Remainder(TensorImpl a, TensorImpl b)
    {
        if (Dtypes.Promote(a.Dtype, b.Dtype) != Dtypes.Float)
            return Whole<FloorRest>("remainder", a, b, real: null);
        var (x, d) = (Copy.As(Dtypes.Float, a), Copy.As(Dtypes.Float, b));
        var y = Map.Binary<float, float, float, RealRest>("remainder", x, d);
        if (Graph.Records(a, b))
            Graph.Record(y, new RemainderNode(x, d), a, b);
        x.Release();
        d.Release();
        return y;
    }

    private static TensorImpl Whole(TensorImpl x, Scalar exponent)
    {
        if (exponent.Long < 0)
            throw new ArgumentException($"pow: whole numbers to the negative power {exponent.Text} are no whole numbers");
        var one = Fill.OfScalar(exponent, Dtypes.Long);
        var y = Mixed.Binary<SubOp, WholePower, Arithmetic.Or>("pow", x, one);
        one.Release();
        return y;
    }

    private static TensorImpl Whole<TFn>(string operation, TensorImpl a, TensorImpl b, Func<TensorImpl, TensorImpl, TensorImpl>? real)
        where TFn : struct, IMap<long, long, long>
    {
        if (Dtypes.Promote(a.Dtype, b.Dtype) == Dtypes.Float)
            return real!(a, b);
        if (a.Dtype == Dtypes.Bool && b.Dtype == Dtypes.Bool)
            throw new ArgumentException($"{operation}: defined for numbers, not for {a} and {b}");
        var (x, y) = (Copy.As(Dtypes.Long, a), Copy.As(Dtypes.Long, b));
        var zeros = Comparison.With(Comparison.Eq, y, 0L);
        var anyZero = Extremes.Any(zeros);
        zeros.Release();
        if (anyZero)
            throw new DivideByZeroException($"{operation}: a whole number is divided by zero: {a} by {b}");
        var result = Map.Binary<long, long, long, TFn>(operation, x, y);
        x.Release();
        y.Release();
        return result;
    }

    private static TensorImpl RealTrunc(TensorImpl a, TensorImpl b)
    {
        var quotient = Arithmetic.Div(a, b);
        var rounded = Unary.Trunc(quotient);
        quotient.Release();
        return rounded;
    }

    private static TensorImpl RealFloor(TensorImpl a, TensorImpl b)
    {
        var (x, d) = (Copy.As(Dtypes.Float, a), Copy.As(Dtypes.Float, b));
        var y = Map.Binary<float, float, float, RealFloorQuotient>("floor_divide", x, d);
        if (Graph.Records(a, b))
            Graph.Record(y, new StepNode(a.Sizes, b.Sizes), a, b);
        x.Release();
        d.Release();
        return y;
    }

    private static TensorImpl General(TensorImpl x, Scalar exponent)
    {
        var one = Fill.OfScalar(exponent, Dtypes.Float);
        var y = Map.Binary<float, float, float, RealPower>("pow", x, one);
        one.Release();
        return y;
    }

    private readonly struct RealPower : IMap<float, float, float>
    {
        public static float Apply(float a, float b) => MathF.Pow(a, b);
    }

    /// <summary>By squaring, wrapping around as whole numbers do; 0 for negative powers of anything but 1 and -1.</summary>
    private readonly struct WholePower : IMap<long, long, long>
    {
        public static long Apply(long a, long b)
        {
            if (b < 0)
                return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
            var power = 1L;
            for (; b > 0; b >>= 1, a *= a)
                power *= (b & 1) == 1 ? a : 1;
            return power;
        }
    }

    private readonly struct FloorQuotient : IMap<long, long, long>
    {
        public static long Apply(long a, long b)
        {
            if (b == -1)
                return unchecked(-a);
            var quotient = a / b;
            return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
        }
    }

    private readonly struct TruncQuotient : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => b == -1 ? unchecked(-a) : a / b;
    }

    private readonly struct FloorRest : IMap<long, long, long>
    {
        public static long Apply(long a, long b)
        {
            var rest = b == -1 ? 0 : a % b;
            return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
        }
    }

    private readonly struct RealRest : IMap<float, float, float>
    {
        public static float Apply(float a, float b)
        {
            var rest = a % b;
            return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
        }
    }

    /// <summary>
    /// The quotient rounded down as it is before a / b is rounded: 1 by 0.1f, which is more than a tenth, is 9. By way of the rest,
    /// as Python's float.__floordiv__ does it, and torch.
    /// </summary>
    private readonly struct RealFloorQuotient : IMap<float, float, float>
    {
        public static float Apply(float a, float b)
        {
            if (b == 0)
                return a / b;
            var rest = a % b;
            var quotient = (a - rest) / b;
            if (rest != 0 && (rest < 0) != (b < 0))
                quotient--;
            if (quotient == 0)
                return MathF.CopySign(0, a / b);
            var whole = MathF.Floor(quotient);
            return quotient - whole > 0.5f ? whole + 1 : whole;
        }
    }

    /// <summary>A function in steps: both gradients are 0.</summary>
    private sealed class StepNode(long[] aSizes, long[] bSizes) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            gradient.Release();
            if (Needs(0))
                Give(0, Fill.Zeros(aSizes, Dtypes.Float));
            if (Needs(1))
                Give(1, Fill.Zeros(bSizes, Dtypes.Float));
        }
    }

    /// <summary>y = a - b floor(a / b): da = g, db = -g floor(a / b).</summary>
    private sealed class RemainderNode(TensorImpl a, TensorImpl b) : Node
    {
        private Saved a = new(a);
        private Saved b = new(b);

        internal override void ReleaseSaved()
        {
            a.Release();
            b.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var (x, d) = (a.Get(this), b.Get(this));
            if (Needs(1))
            {
                var whole = Map.Binary<float, float, float, RealFloorQuotient>("backward", x, d);
                whole = Pointwise.Reuse<MulOp>(Pointwise.Reuse<MulOp>(whole, -1), gradient);
                Give(1, Sums.To(whole, d.Sizes));
            }
            if (Needs(0))
                Give(0, Sums.To(gradient, x.Sizes));
            else
                gradient.Release();
        }
    }

    /// <summary>y = x^e: dx = g e x^(e - 1), 0 for e = 0.</summary>
    private sealed class PowScalarNode(TensorImpl x, double exponent) : Node
    {
        private Saved x = new(x);

        internal override void ReleaseSaved() => x.Release();

        protected override void Backward(TensorImpl gradient)
        {
            var input = x.Get(this);
            var slope = exponent == 0 ? Fill.Zeros(input.Sizes, Dtypes.Float) : Pow(input, exponent - 1);
            slope = Pointwise.Reuse<MulOp>(slope, (float)exponent);
            Give(0, Pointwise.Reuse<MulOp>(slope, gradient));
            gradient.Release();
        }
    }

    /// <summary>y = a^b: da = g b a^(b - 1), db = g y ln a, 0 where a = 0 and b >= 0.</summary>
    private sealed class PowNode(TensorImpl a, TensorImpl b, TensorImpl y) : Node
    {
        private Saved a = new(a);
        private Saved b = new(b);
        private Saved y = new(y);

        internal override void ReleaseSaved()
        {
            a.Release();
            b.Release();
            y.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var (bottom, top, power) = (a.Get(this), b.Get(this), y.Get(this));
            if (Needs(0))
            {
                var slope = Map.Binary<float, float, float, Slope>("backward", bottom, top);
                Give(0, Sums.To(Pointwise.Reuse<MulOp>(slope, gradient), bottom.Sizes));
            }
            if (Needs(1))
            {
                var log = Map.Binary<float, float, float, LogOrZero>("backward", bottom, top);
                var slope = Pointwise.Reuse<MulOp>(log, power);
                Give(1, Sums.To(Pointwise.Reuse<MulOp>(slope, gradient), top.Sizes));
            }
            gradient.Release();
        }
    }

    private readonly struct Slope : IMap<float, float, float>
    {
        public static float Apply(float a, float b) => b == 0 ? 0 : b * MathF.Pow(a, b - 1);
    }

    private readonly struct LogOrZero : IMap<float, float, float>
    {
        public static float Apply(float a, float b) => a == 0 && b >= 0 ? 0 : MathF.Log(a);
    }
}
