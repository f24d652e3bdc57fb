using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>Which elements a dropout drops: a function of seed, stream and element index, with probability P each, 0 &lt;= P &lt;= 1.</summary>
internal readonly struct DropoutKey(ulong seed, ulong stream, float p)
{
    internal readonly ulong Seed = seed;
    internal readonly ulong Stream = stream;
    internal readonly float P = p;

    /// <summary>Whether anything is dropped.</summary>
    internal bool Active => P > 0;

    /// <summary>What kept elements are multiplied by: 1 / (1 - P); 0 when all are dropped.</summary>
    internal float Scale => P < 1 ? (float)(1.0 / (1.0 - P)) : 0;

    /// <summary>An element is kept if its random word, as a signed integer, is at least this: P is rounded to a multiple of 2^-32.</summary>
    internal int Threshold => (int)Math.Min(Math.Round(P * 4294967296.0) - 2147483648.0, int.MaxValue);
}

/// <summary>
/// y_i = x_i / (1 - p) where element i is kept, else x_i 0, which is NaN for what is not finite, as in torch. The mask is recomputed
/// from <see cref="Philox"/> number i of the stream, so that nothing is stored: the same call on dy is the backward.
/// </summary>
internal static unsafe class Dropout
{
    /// <summary>n contiguous floats; y may be x.</summary>
    internal static void Forward(long n, float* x, float* y, DropoutKey key)
    {
        if (!key.Active)
        {
            if (x != y)
                Buffer.MemoryCopy(x, y, n * sizeof(float), n * sizeof(float));
            return;
        }
        var keys = stackalloc uint[2 * Philox.Rounds];
        Philox.Schedule(key.Seed, keys);
        var job = new Job { N = n, X = x, Y = y, Keys = keys, Key = key };
        Vec.For((n + Philox.BlockLength - 1) / Philox.BlockLength, Elementwise.Grain / Philox.BlockLength, ref job);
    }

    private struct Job : IVecJob
    {
        internal long N;
        internal float* X, Y;
        internal uint* Keys;
        internal DropoutKey Key;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var words = stackalloc float[Philox.BlockLength];
            V scale = V.Of(Key.Scale), threshold = V.OfBits((uint)Key.Threshold);
            for (var block = start; block < end; block++)
            {
                Philox.Block<V>(Keys, Key.Stream, (ulong)block, words);
                float* x = X + (block * Philox.BlockLength), y = Y + (block * Philox.BlockLength);
                var n = (int)Math.Min(Philox.BlockLength, N - (block * Philox.BlockLength));
                var i = 0;
                for (; i + V.Count <= n; i += V.Count)
                    Keep(V.Load(x + i), V.Load(words + i), scale, threshold).Store(y + i);
                if (i < n)
                    Keep(V.Load(x + i, n - i), V.Load(words + i), scale, threshold).Store(y + i, n - i);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static V Keep<V>(V x, V word, V scale, V threshold)
            where V : struct, IVec<V> => x * (V.GreaterOrEqualInt(word, threshold) & scale);
    }
}
