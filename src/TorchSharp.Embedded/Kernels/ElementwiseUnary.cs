using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>-x.</summary>
internal readonly struct NegOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => -x;
}

/// <summary>|x|.</summary>
internal readonly struct AbsOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Abs(x);
}

/// <summary>e^x.</summary>
internal readonly struct ExpOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => MathOps.Exp(x);
}

/// <summary>ln x: -infinity at 0, NaN below.</summary>
internal readonly struct LogOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Log(x);
}

/// <summary>The square root; NaN below 0.</summary>
internal readonly struct SqrtOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Sqrt(x);
}

/// <summary>1 / sqrt x.</summary>
internal readonly struct RsqrtOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Of(1f) / V.Sqrt(x);
}

/// <summary>1 / x.</summary>
internal readonly struct ReciprocalOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Of(1f) / x;
}

/// <summary>tanh x.</summary>
internal readonly struct TanhOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => MathOps.Tanh(x);
}

/// <summary>1 / (1 + e^-x).</summary>
internal readonly struct SigmoidOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => MathOps.Sigmoid(x);
}

/// <summary>max(x, 0).</summary>
internal readonly struct ReluOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Max(V.Of(0f), x);
}

/// <summary>x / (1 + e^-x).</summary>
internal readonly struct SiluOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => x / (V.Of(1f) + MathOps.Exp(-x));
}

/// <summary>x x.</summary>
internal readonly struct SquareOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => x * x;
}

/// <summary>sin x.</summary>
internal readonly struct SinOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Sin(x);
}

/// <summary>cos x.</summary>
internal readonly struct CosOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Cos(x);
}

/// <summary>The largest integer that is not above x.</summary>
internal readonly struct FloorOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Floor(x);
}

/// <summary>The smallest integer that is not below x.</summary>
internal readonly struct CeilingOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => -V.Floor(-x);
}

/// <summary>The nearest integer, ties to even.</summary>
internal readonly struct RoundOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Round(x);
}

/// <summary>-1, 0 or 1; NaN stays.</summary>
internal readonly struct SignOp : IUnaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V x)
        where V : struct, IVec<V> => V.Select(V.Less(V.Of(0f), x), V.Of(1f), V.Select(V.Less(x, V.Of(0f)), V.Of(-1f), x));
}
