using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Truth values as bytes, 1 or 0: y_i = a_i op b_i over contiguous floats, where op gives a mask; and how many of them are true.
/// </summary>
internal static unsafe class Compare
{
    /// <summary>y_i = a_i op b_i, i &lt; n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Row<TOp, V>(long n, float* a, float* b, byte* y)
        where TOp : struct, IBinaryOp
        where V : struct, IVec<V>
    {
        long i = 0;
        for (; i + V.Count <= n; i += V.Count)
            TOp.Apply(V.Load(a + i), V.Load(b + i)).StoreMask(y + i);
        if (i < n)
            Rest(TOp.Apply(V.Load(a + i, (int)(n - i)), V.Load(b + i, (int)(n - i))), y + i, n - i);
    }

    /// <summary>y_i = a_i op s, i &lt; n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void RowScalar<TOp, V>(long n, float* a, float s, byte* y)
        where TOp : struct, IBinaryOp
        where V : struct, IVec<V>
    {
        var b = V.Of(s);
        long i = 0;
        for (; i + V.Count <= n; i += V.Count)
            TOp.Apply(V.Load(a + i), b).StoreMask(y + i);
        if (i < n)
            Rest(TOp.Apply(V.Load(a + i, (int)(n - i)), b), y + i, n - i);
    }

    /// <summary>How many of n truth values are true.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static long CountTrue(long n, byte* x)
    {
        long count = 0, i = 0;
        for (; i + sizeof(ulong) <= n; i += sizeof(ulong))
            count += BitOperations.PopCount(Unsafe.ReadUnaligned<ulong>(x + i)); // a true byte has one bit
        for (; i < n; i++)
            count += x[i];
        return count;
    }

    /// <summary>The first place of a value among n floats; n if it is not there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static long First<V>(long n, float* x, float value)
        where V : struct, IVec<V>
    {
        var wanted = V.Of(value);
        long i = 0;
        for (; i + V.Count <= n; i += V.Count)
        {
            var bits = V.Equal(V.Load(x + i), wanted).Bits();
            if (bits != 0)
                return i + BitOperations.TrailingZeroCount(bits);
        }
        while (i < n && x[i] != value)
            i++;
        return i;
    }

    private static void Rest<V>(V mask, byte* y, long count)
        where V : struct, IVec<V>
    {
        var bits = mask.Bits();
        for (var i = 0; i < count; i++)
            y[i] = (byte)((bits >> i) & 1);
    }
}

/// <summary>A mask: a = b.</summary>
internal readonly struct EqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.Equal(a, b);
}

/// <summary>A mask: a differs from b, as NaN does from everything.</summary>
internal readonly struct NotEqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.Equal(a, b) ^ V.OfBits(uint.MaxValue);
}

/// <summary>A mask: a &lt; b.</summary>
internal readonly struct LessOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.Less(a, b);
}

/// <summary>A mask: a &lt;= b.</summary>
internal readonly struct LessOrEqualOp : IBinaryOp
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply<V>(V a, V b)
        where V : struct, IVec<V> => V.LessOrEqual(a, b);
}
