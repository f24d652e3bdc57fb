using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TorchSharp.Kernels;

/// <summary>An element type of 16 or 8 bits that weights are stored in; arithmetic widens it to float32 as it is read.</summary>
internal unsafe interface INarrow<T>
    where T : unmanaged
{
    /// <summary>L.Count elements from p, widened.</summary>
    static abstract TV Load<L, TV>(T* p)
        where L : ILanes<TV>
        where TV : struct;

    /// <summary>The element as float32: always exact.</summary>
    static abstract float Widen(T x);

    /// <summary>The nearest element.</summary>
    static abstract T Narrow(float x);
}

/// <summary>The upper half of a float32 (bfloat16): its exponent, and 8 of its 24 significant bits.</summary>
internal readonly unsafe struct BFloat16Element : INarrow<ushort>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Load<L, TV>(ushort* p)
        where L : ILanes<TV>
        where TV : struct => L.LoadBFloat16(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(ushort x) => BitConverter.UInt32BitsToSingle((uint)x << 16);

    /// <summary>To nearest, ties to even; overflows to infinity; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Narrow(float x)
    {
        var bits = BitConverter.SingleToUInt32Bits(x);
        // Half of the last place that stays, less one if that place is even: what is above half, or half of an odd one, carries.
        var rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
        return float.IsNaN(x) ? (ushort)((bits >> 16) | 0x40) : (ushort)rounded;
    }
}

/// <summary>A signed byte. Like torch's conversion, narrowing drops the fraction; beyond -128 to 127 it gives the end of that range.</summary>
internal readonly unsafe struct Int8Element : INarrow<sbyte>
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Load<L, TV>(sbyte* p)
        where L : ILanes<TV>
        where TV : struct => L.LoadInt8(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Widen(sbyte x) => x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static sbyte Narrow(float x) => (sbyte)Math.Clamp((int)x, sbyte.MinValue, sbyte.MaxValue);
}

/// <summary>Rows of narrow elements made float32.</summary>
internal static unsafe class Widening
{
    /// <summary>to[i] = from[i], i &lt; count.</summary>
    internal static void Row<E, T>(T* from, float* to, long count)
        where E : INarrow<T>
        where T : unmanaged
    {
        if (Simd.Width == 16)
            Row<Lanes512, Vector512<float>, E, T>(from, to, count);
        else if (Simd.Width == 8)
            Row<Lanes256, Vector256<float>, E, T>(from, to, count);
        else
            Row<Lanes128, Vector128<float>, E, T>(from, to, count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<L, TV, E, T>(T* from, float* to, long count)
        where L : ILanes<TV>
        where TV : struct
        where E : INarrow<T>
        where T : unmanaged
    {
        long i = 0;
        for (; i + L.Count <= count; i += L.Count)
            L.Store(E.Load<L, TV>(from + i), to + i);
        for (; i < count; i++)
            to[i] = E.Widen(from[i]);
    }
}
