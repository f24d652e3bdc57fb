using System.Numerics;
using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Rows in order, and the best of rows: x [rows, cols] to values and places [rows, k], in the order of <see cref="OrderKeys"/>.
/// </summary>
/// <remarks>
/// <para>Sorting leaves out what is -infinity, which a sampler's rows are full of: those come last, or first, as they stand.</para>
/// <para>The few largest are found in two looks at the row. The first takes the largest of each of some four k groups; the k-th largest of
/// these is a bound that k elements at least reach and hardly more. The second gathers those, a register at a time: most hold none.</para>
/// </remarks>
internal static unsafe class RowSort
{
    /// <summary>Groups for each element that is wanted; with four of them about a seventh more than k elements reach the bound.</summary>
    private const int GroupsPerBest = 4;

    /// <summary>The number of groups is a multiple of this: whole registers of every width.</summary>
    private const int GroupUnit = 16;

    /// <summary>The first k of each row in order, 1 &lt;= k &lt;= cols.</summary>
    internal static void Forward(long rows, int cols, int k, bool descending, float* x, float* values, long* places)
    {
        var job = new Job { Cols = cols, K = k, Descending = descending, X = x, Values = values, Places = places };
        Vec.For(rows, Elementwise.RowGrain(cols), ref job);
    }

    private struct Job : IVecJob
    {
        internal int Cols, K;
        internal bool Descending;
        internal float* X, Values;
        internal long* Places;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var r = start; r < end; r++)
            {
                float* x = X + (r * Cols), values = Values + (r * K);
                var places = Places + (r * K);
                if (Descending && K <= Cols / (2 * GroupsPerBest))
                    Largest<V>(x, Cols, K, places);
                else
                    Sorted<V>(x, Cols, K, Descending, places);
                for (var i = 0; i < K; i++)
                    values[i] = x[places[i]];
            }
        }
    }

    private static void Sorted<V>(float* x, int n, int k, bool descending, long* places)
        where V : struct, IVec<V>
    {
        using var scratch = new Scratch(4L * n);
        ulong* keys = (ulong*)scratch.Pointer, work = keys + n;
        var hidden = Count<V>(x, n, float.NegativeInfinity);
        var shown = n - hidden;
        var (firstHidden, firstShown) = descending ? (shown, 0) : (0, hidden);
        var flip = descending ? uint.MaxValue : 0;
        int at = firstHidden, count = 0;
        for (var i = 0; i < n; i++)
        {
            if (x[i] != float.NegativeInfinity)
                keys[count++] = OrderKeys.Of(x[i], i, flip);
            else if (at < k)
                places[at++] = i;
        }
        OrderKeys.Sort(keys, shown, work);
        for (var i = 0; i < Math.Min(shown, k - firstShown); i++)
            places[firstShown + i] = OrderKeys.Place(keys[i]);
    }

    private static void Largest<V>(float* x, int n, int k, long* places)
        where V : struct, IVec<V>
    {
        var groups = ((GroupsPerBest * k) + GroupUnit - 1) / GroupUnit * GroupUnit;
        var room = groups + V.Count;
        using var scratch = new Scratch(2L * room);
        var bound = Bound<V>(x, n, k, groups, scratch.Pointer);
        var keys = (ulong*)scratch.Pointer;
        var count = Gather<V>(x, n, k, bound, keys, room);
        OrderKeys.Select(keys, count, k);
        new Span<ulong>(keys, k).Sort();
        for (var i = 0; i < k; i++)
            places[i] = OrderKeys.Place(keys[i]);
    }

    /// <summary>A number that at least k elements reach: the k-th largest of the groups' largest, NaN aside.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float Bound<V>(float* x, int n, int k, int groups, float* tops)
        where V : struct, IVec<V>
    {
        for (var g = 0; g < groups; g += V.Count)
            V.Of(float.NegativeInfinity).Store(tops + g);
        var first = 0;
        for (; first + groups <= n; first += groups)
        {
            for (var g = 0; g < groups; g += V.Count)
            {
                V top = V.Load(tops + g), v = V.Load(x + first + g);
                V.Select(V.Less(top, v), v, top).Store(tops + g);
            }
        }
        for (var g = 0; first + g < n; g++)
            tops[g] = x[first + g] > tops[g] ? x[first + g] : tops[g];
        // As whole numbers of the same order: a negative number's bits count down.
        V low = V.OfBits(int.MaxValue), zero = V.OfBits(0);
        for (var g = 0; g < groups; g += V.Count)
        {
            var v = V.Load(tops + g);
            V.Select(V.GreaterOrEqualInt(v, zero), v, v ^ low).Store(tops + g);
        }
        // The largest number that k of them reach, bit by bit.
        var bound = Reach<V>(tops, groups, 0) >= k ? 0 : int.MinValue;
        for (var bit = 1 << 30; bit != 0; bit >>= 1)
            bound += Reach<V>(tops, groups, bound + bit) >= k ? bit : 0;
        return BitConverter.Int32BitsToSingle(bound >= 0 ? bound : bound ^ int.MaxValue);
    }

    /// <summary>How many of n whole numbers, n a multiple of <see cref="GroupUnit"/>, are at least a bound.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Reach<V>(float* x, int n, int bound)
        where V : struct, IVec<V>
    {
        var (count, b) = (0, V.OfBits((uint)bound));
        for (var i = 0; i < n; i += V.Count)
            count += BitOperations.PopCount(V.GreaterOrEqualInt(V.Load(x + i), b).Bits());
        return count;
    }

    /// <summary>
    /// The keys of all elements above the bound, of NaN, and of the first k that equal it; later ones cannot be among the best.
    /// Where there are more than fit, the best k stay.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Gather<V>(float* x, int n, int k, float bound, ulong* keys, int room)
        where V : struct, IVec<V>
    {
        var candidates = new Candidates { Keys = keys, K = k, Room = room, Bound = bound, Limit = bound };
        var all = (1UL << V.Count) - 1;
        var i = 0;
        for (; i + V.Count <= n; i += V.Count)
        {
            var bits = V.Less(V.Load(x + i), V.Of(candidates.Limit)).Bits();
            if (bits != all)
                candidates.Take(x, i, ~bits & (uint)all);
        }
        if (i < n)
            candidates.Take(x, i, ~V.Less(V.Load(x + i, n - i), V.Of(candidates.Limit)).Bits() & ((1U << (n - i)) - 1));
        return candidates.Count;
    }

    private struct Candidates
    {
        internal ulong* Keys;
        internal int K, Room, Count;
        internal float Bound, Limit;
        private int equal;

        /// <summary>Those elements behind x + first whose bit is set.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        internal void Take(float* x, int first, uint bits)
        {
            if (Count + BitOperations.PopCount(bits) > Room)
            {
                OrderKeys.Select(Keys, Count, K);
                Count = K;
            }
            for (; bits != 0; bits &= bits - 1)
            {
                var place = first + BitOperations.TrailingZeroCount(bits);
                if (x[place] == Bound)
                {
                    if (equal == K)
                        continue;
                    if (++equal == K)
                        Limit = MathF.BitIncrement(Bound); // looked at no more
                }
                Keys[Count++] = OrderKeys.Of(x[place], place, uint.MaxValue);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static int Count<V>(float* x, int n, float value)
        where V : struct, IVec<V>
    {
        var (count, i, wanted) = (0, 0, V.Of(value));
        for (; i + V.Count <= n; i += V.Count)
            count += BitOperations.PopCount(V.Equal(V.Load(x + i), wanted).Bits());
        for (; i < n; i++)
            count += x[i] == value ? 1 : 0;
        return count;
    }
}
