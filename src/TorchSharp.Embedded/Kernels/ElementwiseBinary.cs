using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>a + b.</summary>
internal readonly struct AddOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a + b;
}

/// <summary>a - b.</summary>
internal readonly struct SubOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a - b;
}

/// <summary>a b.</summary>
internal readonly struct MulOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a * b;
}

/// <summary>a / b.</summary>
internal readonly struct DivOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a / b;
}

/// <summary>b - a: a scalar minus a tensor.</summary>
internal readonly struct SubFromOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => b - a;
}

/// <summary>b / a: a scalar by a tensor.</summary>
internal readonly struct DivIntoOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => b / a;
}

/// <summary>The larger; NaN where either is.</summary>
internal readonly struct MaxOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.MaxOrNaN(a, b);
}

/// <summary>The smaller; NaN where either is.</summary>
internal readonly struct MinOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.MinOrNaN(a, b);
}

/// <summary>The gradient a at y = tanh x, b = y: a (1 - y^2).</summary>
internal readonly struct TanhGradOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a * V.Fma(-b, b, V.Of(1f));
}

/// <summary>The gradient a at y = sigmoid x, b = y: a y (1 - y).</summary>
internal readonly struct SigmoidGradOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => a * (b * (V.Of(1f) - b));
}

/// <summary>The gradient a at y = relu x, b = y (or x): a where b &gt; 0 or NaN, else 0.</summary>
internal readonly struct ReluGradOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.Select(V.LessOrEqual(b, V.Of(0f)), V.Of(0f), a);
}

/// <summary>op(b, a).</summary>
internal readonly struct Swapped<TOp> : IBinaryOp
    where TOp : struct, IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => TOp.Apply(b, a);
}
