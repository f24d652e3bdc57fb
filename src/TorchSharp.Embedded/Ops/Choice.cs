using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>The larger and the smaller of two, element by element; NaN where either is.</summary>
internal static class Choice
{
    internal static TensorImpl Maximum(TensorImpl a, TensorImpl b)
    {
        var y = Mixed.Binary<MaxOp, Larger, Arithmetic.Or>("maximum", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new ChoiceNode(a, b, larger: true), a, b);
        return y;
    }

    internal static TensorImpl Minimum(TensorImpl a, TensorImpl b)
    {
        var y = Mixed.Binary<MinOp, Smaller, Arithmetic.And>("minimum", a, b);
        if (Graph.Records(a, b))
            Graph.Record(y, new ChoiceNode(a, b, larger: false), a, b);
        return y;
    }

    internal readonly struct Larger : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => Math.Max(a, b);
    }

    internal readonly struct Smaller : IMap<long, long, long>
    {
        public static long Apply(long a, long b) => Math.Min(a, b);
    }

    /// <summary>y = the larger or the smaller: the gradient goes to the one that was taken, half to each where they are equal.</summary>
    private sealed class ChoiceNode(TensorImpl a, TensorImpl b, bool larger) : Node
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
            var (left, right) = (a.Get(this), b.Get(this));
            if (Needs(0))
                Give(0, Sums.To(Share(gradient, left, right), left.Sizes));
            if (Needs(1))
                Give(1, Sums.To(Share(gradient, right, left), right.Sizes));
            gradient.Release();
        }

        private TensorImpl Share(TensorImpl gradient, TensorImpl one, TensorImpl other)
        {
            var share = larger ? Mixed.BinaryFloat<WinsOp>("backward", one, other) : Mixed.BinaryFloat<WinsOp>("backward", other, one);
            return Mixed.Reuse<MulOp>(share, gradient);
        }
    }

    /// <summary>1 where a &gt; b, a half where they are equal, else 0.</summary>
    private readonly struct WinsOp : IBinaryOp
    {
        public static V Apply<V>(V a, V b)
            where V : struct, IVec<V> => (V.Less(b, a) & V.Of(0.5f)) + (V.LessOrEqual(b, a) & V.Of(0.5f));
    }
}
