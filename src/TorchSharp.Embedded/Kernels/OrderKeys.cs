using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Floats as whole numbers that sort as they do: NaN is the largest, both zeros are equal, and of equal ones the lower place comes first,
/// whether the order goes up or down.
/// </summary>
/// <remarks>A key is 64 bits: the value in the upper half, made monotone, and the place in the lower.</remarks>
internal static unsafe class OrderKeys
{
    /// <summary>From here on sorting by digits beats comparing.</summary>
    private const int ManyKeys = 1024;

    private const int DigitBits = 8;
    private const int Digits = 4;

    /// <summary>The key of a value at a place; <paramref name="flip"/> is all ones to go down, 0 to go up.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static ulong Of(float x, int place, uint flip)
    {
        var bits = BitConverter.SingleToUInt32Bits(x + 0f);
        var ordered = bits ^ ((uint)((int)bits >> 31) | 0x80000000); // without a branch: signs are not to be foreseen
        if (float.IsNaN(x))
            ordered = uint.MaxValue;
        return ((ulong)(ordered ^ flip) << 32) | (uint)place;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Place(ulong key) => (int)(uint)key;

    /// <summary>Sorts n keys; <paramref name="work"/> has room for as many.</summary>
    internal static void Sort(ulong* keys, int n, ulong* work)
    {
        if (n < ManyKeys)
            new Span<ulong>(keys, n).Sort();
        else
            SortByDigits(keys, n, work);
    }

    /// <summary>
    /// Puts the k smallest of n keys, all different, in front, in no order: Hoare's selection, with a partition that does not branch.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Select(ulong* keys, int n, int k)
    {
        int first = 0, last = n; // what lies before first belongs to the front, what lies from last on does not
        while (first < k && k < last)
        {
            if (last - first == 2)
            {
                (keys[first], keys[first + 1]) = (Math.Min(keys[first], keys[first + 1]), Math.Max(keys[first], keys[first + 1]));
                return;
            }
            // Of three different keys the middle one is not the largest: the border ends before last.
            var pivot = Middle(keys[first], keys[first + ((last - first) / 2)], keys[last - 1]);
            var border = first;
            for (var i = first; i < last; i++)
            {
                var key = keys[i];
                keys[i] = keys[border];
                keys[border] = key;
                border += key <= pivot ? 1 : 0;
            }
            if (border < k)
                first = border;
            else
                last = border;
        }
    }

    private static ulong Middle(ulong a, ulong b, ulong c) => Math.Max(Math.Min(a, b), Math.Min(Math.Max(a, b), c));

    /// <summary>Sorts by four digits of the value's half, lowest first; keys come in the order of their places, which stays.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void SortByDigits(ulong* keys, int n, ulong* work)
    {
        var counts = stackalloc int[Digits << DigitBits];
        new Span<int>(counts, Digits << DigitBits).Clear();
        for (var i = 0; i < n; i++)
        {
            for (var digit = 0; digit < Digits; digit++)
                counts[(digit << DigitBits) + DigitOf(keys[i], digit)]++;
        }
        ulong* from = keys, to = work;
        for (var digit = 0; digit < Digits; digit++)
        {
            var count = counts + (digit << DigitBits);
            if (count[DigitOf(keys[0], digit)] == n)
                continue; // all have the same
            var start = 0;
            for (var value = 0; value < 1 << DigitBits; value++)
                (count[value], start) = (start, start + count[value]);
            for (var i = 0; i < n; i++)
                to[count[DigitOf(from[i], digit)]++] = from[i];
            var full = to;
            to = from;
            from = full;
        }
        if (from != keys)
            new Span<ulong>(from, n).CopyTo(new Span<ulong>(keys, n));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int DigitOf(ulong key, int digit) => (int)(key >> (32 + (digit * DigitBits))) & ((1 << DigitBits) - 1);
}
