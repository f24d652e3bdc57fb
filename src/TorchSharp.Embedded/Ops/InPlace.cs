using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Operations that change a tensor. Where the change must be recorded, the new values are computed beside it by the
/// ordinary operation and put in its place; else the kernel writes into it.
/// </summary>
internal static class InPlace
{
    internal static void Add(TensorImpl self, TensorImpl other, Scalar alpha)
    {
        if (Begin("add_", self, other, self.Dtype))
            Record(self, former => Arithmetic.Add(former, other, alpha));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Add(self, other, alpha));
        else if (alpha.Double == 1)
            Binary<AddOp>(self, other);
        else if (IsFlat(self, other))
            Axpy(self, other, alpha.Float);
        else
            Overwrite(self, Arithmetic.Add(self, other, alpha));
    }

    internal static void Sub(TensorImpl self, TensorImpl other)
    {
        if (Begin("sub_", self, other, self.Dtype))
            Record(self, former => Arithmetic.Sub(former, other));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Sub(self, other));
        else
            Binary<SubOp>(self, other);
    }

    internal static void Mul(TensorImpl self, TensorImpl other)
    {
        if (Begin("mul_", self, other, self.Dtype))
            Record(self, former => Arithmetic.Mul(former, other));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Mul(self, other));
        else
            Binary<MulOp>(self, other);
    }

    internal static void Div(TensorImpl self, TensorImpl other)
    {
        if (Begin("div_", self, other, Dtypes.Float))
            Record(self, former => Arithmetic.Div(former, other));
        else
            Binary<DivOp>(self, other);
    }

    internal static void Add(TensorImpl self, Scalar s)
    {
        if (Begin("add_", self, null, s.Kind))
            Record(self, former => Arithmetic.Add(former, s));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Add(self, s));
        else
            WithScalar<AddOp>(self, s.Float);
    }

    internal static void Sub(TensorImpl self, Scalar s)
    {
        if (Begin("sub_", self, null, s.Kind))
            Record(self, former => Arithmetic.Sub(former, s));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Sub(self, s));
        else
            WithScalar<SubOp>(self, s.Float);
    }

    internal static void Mul(TensorImpl self, Scalar s)
    {
        if (Begin("mul_", self, null, s.Kind))
            Record(self, former => Arithmetic.Mul(former, s));
        else if (self.Dtype != Dtypes.Float)
            Overwrite(self, Arithmetic.Mul(self, s));
        else
            WithScalar<MulOp>(self, s.Float);
    }

    internal static void Div(TensorImpl self, Scalar s)
    {
        if (Begin("div_", self, null, Dtypes.Float))
            Record(self, former => Arithmetic.Div(former, s));
        else
            WithScalar<DivOp>(self, s.Float);
    }

    /// <summary>self += value a b, or value a / b.</summary>
    internal static unsafe void AddProduct(TensorImpl self, TensorImpl a, TensorImpl b, Scalar value, bool quotient)
    {
        var name = quotient ? "addcdiv_" : "addcmul_";
        var recorded = Begin(name, self, a, self.Dtype, b);
        if (!recorded && IsFlat(self, a) && IsFlat(self, b))
        {
            if (quotient)
                Elementwise.AddCdiv(self.Count, value.Float, a.Floats, b.Floats, self.Floats);
            else
                Elementwise.AddCmul(self.Count, value.Float, a.Floats, b.Floats, self.Floats);
            self.Touch();
            return;
        }
        if (recorded)
            Record(self, former => Combined.AddProduct(former, a, b, value, quotient));
        else
            Overwrite(self, Combined.AddProduct(self, a, b, value, quotient));
    }

    /// <summary>self = start + weight (end - start), with start = self.</summary>
    internal static void Lerp(TensorImpl self, TensorImpl end, TensorImpl weight)
    {
        if (Begin("lerp_", self, end, self.Dtype, weight))
            Record(self, former => Combined.Lerp(former, end, weight));
        else
            Overwrite(self, Combined.Lerp(self, end, weight));
    }

    /// <summary>self = op(self) by a vector kernel, or by <paramref name="recorded"/> where it must be recorded.</summary>
    internal static void Unary<TOp>(string operation, TensorImpl self, Func<TensorImpl, TensorImpl> recorded)
        where TOp : struct, IUnaryOp
    {
        if (Begin(operation, self, null, Dtypes.Float))
        {
            Record(self, recorded);
            return;
        }
        Pointwise.UnaryInto<TOp>(self, self);
        self.Touch();
    }

    /// <summary>self = f(self) for a function that gives self's shape and type.</summary>
    internal static void By(string operation, TensorImpl self, TensorImpl? other, Func<TensorImpl, TensorImpl> function)
    {
        if (Begin(operation, self, other, self.Dtype))
            Record(self, function);
        else
            Overwrite(self, function(self));
    }

    /// <summary>self = source, broadcast and converted.</summary>
    internal static void CopyFrom(TensorImpl self, TensorImpl source)
    {
        if (Graph.RecordsInPlace("copy_", self, Dtypes.HasGradient(self.Dtype) ? source : null))
        {
            var values = TensorImpl.EmptyLike(self);
            Copy.Into(values, source);
            ReplaceBy(self, values, source);
            return;
        }
        Copy.Into(self, source);
        self.Touch();
    }

    /// <summary>self = value; nothing flows back through it.</summary>
    internal static void FillWith(TensorImpl self, Scalar value)
    {
        if (Graph.RecordsInPlace("fill_", self))
        {
            ReplaceBy(self, Fill.Full(self.Sizes, self.Dtype, value), null);
            return;
        }
        Fill.Into(self, value);
        self.Touch();
    }

    /// <summary>self = random reals, written by the function.</summary>
    internal static void Random(
        string operation, TensorImpl self, torch.Generator? generator, Action<TensorImpl, torch.Generator> write)
    {
        if (self.Dtype != Dtypes.Float)
            throw new ArgumentException($"{operation}: gives reals, not {self.Dtype}");
        if (Graph.RecordsInPlace(operation, self))
        {
            var fresh = TensorImpl.EmptyLike(self);
            write(fresh, generator ?? torch.Generator.Default);
            ReplaceBy(self, fresh, null);
            return;
        }
        write(self, generator ?? torch.Generator.Default);
        self.Touch();
    }

    /// <summary>self = f(self), recorded. The function sees a copy, so that what it saves is not what changes.</summary>
    internal static void Record(TensorImpl self, Func<TensorImpl, TensorImpl> function)
    {
        var former = Casting.Clone(self);
        Graph.Replace(self, function(former));
        former.Release();
    }

    /// <summary>Writes what was computed beside it into self; gives up <paramref name="result"/>.</summary>
    internal static void Overwrite(TensorImpl self, TensorImpl result)
    {
        Copy.Into(self, result);
        self.Touch();
        result.Release();
    }

    /// <summary>
    /// The checks before an operation in place: the type of the result, the shape, and whether it must be recorded,
    /// which is the answer.
    /// </summary>
    internal static bool Begin(string operation, TensorImpl self, TensorImpl? other, ScalarType with, TensorImpl? third = null)
    {
        var dtype = Dtypes.Promote(self.Dtype, with);
        if (other is not null)
            dtype = Dtypes.Promote(dtype, other.Dtype);
        if (dtype != self.Dtype)
            throw new ArgumentException($"{operation}: result type {dtype} cannot be stored in place in {self.Dtype}");
        Check(other);
        Check(third);
        return Graph.RecordsInPlace(operation, self, other, third);

        void Check(TensorImpl? operand)
        {
            if (operand is not null && !Shape.BroadcastsTo(operand.Sizes, self.Sizes))
                throw new ArgumentException(
                    $"{operation}: shape {Shape.Text(operand.Sizes)} does not broadcast to the output's {Shape.Text(self.Sizes)}");
        }
    }

    private static bool IsFlat(TensorImpl self, TensorImpl other) =>
        self.IsContiguous && other.IsContiguous && self.Dtype == Dtypes.Float && other.Dtype == Dtypes.Float
        && self.Count == other.Count && (self.Storage != other.Storage || self.Offset == other.Offset || !Copy.Overlap(self, other));

    private static unsafe void Axpy(TensorImpl self, TensorImpl other, float alpha)
    {
        Elementwise.Axpy(self.Count, alpha, other.Floats, self.Floats);
        self.Touch();
    }

    private static void Binary<TOp>(TensorImpl self, TensorImpl other)
        where TOp : struct, IBinaryOp
    {
        var operand = other.Dtype != Dtypes.Float ? Copy.As(Dtypes.Float, other)
            : !IsFlat(self, other) && Copy.Overlap(self, other) ? Copy.Clone(other)
            : other.Share();
        Pointwise.BinaryInto<TOp>(self, self, operand);
        self.Touch();
        operand.Release();
    }

    private static void WithScalar<TOp>(TensorImpl self, float s)
        where TOp : struct, IBinaryOp
    {
        Pointwise.ScalarInto<TOp>(self, self, s);
        self.Touch();
    }

    /// <summary>Puts values in the place of self's, with the way back to their source and none to what was there before.</summary>
    private static void ReplaceBy(TensorImpl self, TensorImpl values, TensorImpl? source)
    {
        var node = new OverwriteNode(source?.Sizes);
        node.Connect(0, source);
        node.Connect(1, self);
        Graph.RecordPart(values, node, 0);
        Graph.Replace(self, values);
    }

    /// <summary>y = source, over something: the gradient goes to the source, zeros to what was there.</summary>
    private sealed class OverwriteNode(long[]? sourceSizes) : Node
    {
        protected override void Backward(TensorImpl gradient)
        {
            if (Needs(1))
                Give(1, Fill.Zeros(gradient.Sizes, Dtypes.Float));
            if (sourceSizes is not null && Needs(0))
                Give(0, Sums.To(gradient, sourceSizes));
            else
                gradient.Release();
        }
    }
}
