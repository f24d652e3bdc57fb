using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// a + b, a - b, a b and a / b of tensors and numbers. Shapes broadcast; types mix as in
/// torch: bool gives way to int64, int64 to float32, and a quotient is always float32.
/// </summary>
internal static class Arithmetic
{
    internal static TensorImpl Add(TensorImpl a, TensorImpl b)
    {
        if (Widened.Any(a, b))
            return Widened.Promoted(a, b, Add);
        var y = Mixed.Binary<AddOp, Plus, Or>("add", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new AddNode(a.Sizes, b.Sizes, 1), a, b);
        return y;
    }

    internal static TensorImpl Add(TensorImpl a, TensorImpl b, Scalar alpha)
    {
        if (alpha.Double == 1)
            return Add(a, b);
        var scaled = Mul(b, alpha);
        var y = Add(a, scaled);
        scaled.Release();
        return y;
    }

    internal static TensorImpl Sub(TensorImpl a, TensorImpl b)
    {
        RejectBools("sub", a.Dtype, b.Dtype);
        var y = Mixed.Binary<SubOp, Minus, Or>("sub", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new AddNode(a.Sizes, b.Sizes, -1), a, b);
        return y;
    }

    internal static TensorImpl Mul(TensorImpl a, TensorImpl b)
    {
        var y = Mixed.Binary<MulOp, Times, And>("mul", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new MulNode(a, b), a, b);
        return y;
    }

    internal static TensorImpl Div(TensorImpl a, TensorImpl b)
    {
        var y = Mixed.BinaryFloat<DivOp>("div", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new DivNode(a, b), a, b);
        return y;
    }

    internal static TensorImpl Add(TensorImpl a, Scalar s)
    {
        var y = Mixed.Scalar<AddOp, Plus, Or>(a, s);
        if (Graph.Records(a))
            Graph.Record(y, new ScaleNode(1), a);
        return y;
    }

    internal static TensorImpl Sub(TensorImpl a, Scalar s)
    {
        RejectBools("sub", a.Dtype, s.Kind);
        var y = Mixed.Scalar<SubOp, Minus, Or>(a, s);
        if (Graph.Records(a))
            Graph.Record(y, new ScaleNode(1), a);
        return y;
    }

    /// <summary>s - a.</summary>
    internal static TensorImpl SubFrom(TensorImpl a, Scalar s)
    {
        RejectBools("sub", a.Dtype, s.Kind);
        var y = Mixed.Scalar<SubFromOp, MinusFrom, Or>(a, s);
        if (Graph.Records(a))
            Graph.Record(y, new ScaleNode(-1), a);
        return y;
    }

    internal static TensorImpl Mul(TensorImpl a, Scalar s)
    {
        if (Widened.Any(a))
            return Widened.Of(a, wide => Mul(wide, s));
        var y = Mixed.Scalar<MulOp, Times, And>(a, s);
        if (Graph.Records(a))
            Graph.Record(y, new ScaleNode(s.Float), a);
        return y;
    }

    internal static TensorImpl Div(TensorImpl a, Scalar s)
    {
        var y = Mixed.ScalarFloat<DivOp>(a, s);
        if (Graph.Records(a))
            Graph.Record(y, new ScaleNode((float)(1 / s.Double)), a);
        return y;
    }

    /// <summary>s / a.</summary>
    internal static TensorImpl DivInto(TensorImpl a, Scalar s)
    {
        var reciprocal = Unary.Reciprocal(a);
        var y = Mul(reciprocal, s);
        reciprocal.Release();
        return y;
    }

    internal static TensorImpl Neg(TensorImpl a)
    {
        if (a.Dtype == Dtypes.Bool)
            throw new ArgumentException("neg: a bool tensor has no negative; use ~ or logical_not() to invert a mask");
        return Mul(a, -1);
    }

    private static void RejectBools(string operation, ScalarType a, ScalarType b)
    {
        if (a == Dtypes.Bool || b == Dtypes.Bool)
            throw new ArgumentException($"{operation}: not defined for bool; use ^ or logical_xor(), or ~ to invert a mask");
    }

    internal readonly struct Plus : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a + b;
    }

    internal readonly struct Minus : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a - b;
    }

    internal readonly struct MinusFrom : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => b - a;
    }

    internal readonly struct Times : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => a * b;
    }

    internal readonly struct Or : IMap<bool, bool, bool>
    {
        public static bool Apply(bool a, bool b) => a | b;
    }

    internal readonly struct And : IMap<bool, bool, bool>
    {
        public static bool Apply(bool a, bool b) => a & b;
    }

    /// <summary>y = a + factor b: the gradient goes to both, summed over broadcast axes.</summary>
    private sealed class AddNode(long[] aSizes, long[] bSizes, float factor) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            if (Needs(1))
            {
                var second = Sums.To(gradient.Share(), bSizes);
                Give(1, factor == 1 ? second : Pointwise.Reuse<MulOp>(second, factor));
            }
            if (Needs(0))
                Give(0, Sums.To(gradient, aSizes));
            else
                gradient.Release();
        }
    }

    /// <summary>y = factor x + something.</summary>
    private sealed class ScaleNode(float factor) : Node
    {
        protected override void Backward(TensorImpl gradient) =>
            Give(0, factor == 1 ? gradient : Pointwise.Reuse<MulOp>(gradient, factor));
    }

    /// <summary>y = a b: da = g b, db = g a.</summary>
    private sealed class MulNode : Node
    {
        private readonly long[] aSizes;
        private readonly long[] bSizes;
        private Saved a;
        private Saved b;

        internal MulNode(TensorImpl a, TensorImpl b)
        {
            (aSizes, bSizes) = (a.Sizes, b.Sizes);
            if (b.RequiresGrad)
                this.a = new Saved(a);
            if (a.RequiresGrad)
                this.b = new Saved(b);
        }

        internal override void ReleaseSaved()
        {
            a.Release();
            b.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var left = a.GetOrNull(this);
            var right = b.GetOrNull(this);
            if (Needs(1))
                Give(1, Sums.To(Mixed.BinaryFloat<MulOp>("backward", gradient, left!), bSizes));
            if (Needs(0))
                Give(0, Sums.To(Mixed.Reuse<MulOp>(gradient, right!), aSizes));
            else
                gradient.Release();
        }
    }

    /// <summary>y = a / b: da = g / b, db = -g a / b^2.</summary>
    private sealed class DivNode : Node
    {
        private readonly long[] aSizes;
        private readonly long[] bSizes;
        private Saved a;
        private Saved b;

        internal DivNode(TensorImpl a, TensorImpl b)
        {
            (aSizes, bSizes) = (a.Sizes, b.Sizes);
            if (b.RequiresGrad)
                this.a = new Saved(a);
            this.b = new Saved(b);
        }

        internal override void ReleaseSaved()
        {
            a.Release();
            b.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var left = a.GetOrNull(this);
            var right = b.Get(this);
            var first = Mixed.Reuse<DivOp>(gradient, right);
            if (Needs(1))
            {
                var second = Mixed.BinaryFloat<MulOp>("backward", first, left!);
                second = Mixed.Reuse<DivOp>(second, right);
                Give(1, Sums.To(Pointwise.Reuse<MulOp>(second, -1), bSizes));
            }
            if (Needs(0))
                Give(0, Sums.To(first, aSizes));
            else
                first.Release();
        }
    }
}
