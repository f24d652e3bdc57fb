using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Philox4x32-10: random numbers as a function of a counter (J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). 128 bits of counter and 64 bits of key give 128 random bits, in 10 rounds of multiplications and exclusive ors.
/// </summary>
/// <remarks>
/// <para>Numbers belong to a place, not to a time: word w (0 to 3) of counter (16 block + lane, stream) is number 64 block + 16 w + lane of
/// a stream. So a register of any width holds neighbours, no number needs a shuffle, and no thread needs to know of another.</para>
/// <para>In registers a 32-bit word of the state stands in a 64-bit lane, as the multiplication wants it; the upper half is ignored. Even
/// and odd lanes of a block are two such states.</para>
/// </remarks>
internal static unsafe class Philox
{
    internal const int BlockLength = 64;
    internal const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53;
    private const uint Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9;
    private const uint Weyl1 = 0xBB67AE85;

    /// <summary>The four random words of one counter: counter and result c[0] to c[3].</summary>
    internal static void Words(uint* c, ulong key)
    {
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < Rounds; round++)
        {
            var (p0, p1) = ((ulong)Multiplier0 * c[0], (ulong)Multiplier1 * c[2]);
            (c[0], c[1], c[2], c[3]) = ((uint)(p1 >> 32) ^ c[1] ^ k0, (uint)p1, (uint)(p0 >> 32) ^ c[3] ^ k1, (uint)p0);
            (k0, k1) = (k0 + Weyl0, k1 + Weyl1);
        }
    }

    /// <summary>The keys of the rounds, first words in keys[0 .. 10), second words in keys[10 .. 20).</summary>
    internal static void Schedule(ulong key, uint* keys)
    {
        for (var round = 0; round < Rounds; round++)
        {
            keys[round] = (uint)key + ((uint)round * Weyl0);
            keys[round + Rounds] = (uint)(key >> 32) + ((uint)round * Weyl1);
        }
    }

    /// <summary>Numbers [64 block, 64 block + 64) of the stream, as bits, to words[0 .. 64). The keys come from <see cref="Schedule"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Block<V>(uint* keys, ulong stream, ulong block, float* words)
        where V : struct, IVec<V>
    {
        var counter = block * 16;
        for (var lane = 0; lane < 16; lane += V.Count)
        {
            // Counters are consecutive: the low words differ, the high word is the same in a block.
            V a0 = V.AddInt(V.OfBits((uint)counter + (uint)lane), V.Iota), b0 = V.OddToEven(a0);
            V a1 = V.OfBits((uint)(counter >> 32)), b1 = a1;
            V a2 = V.OfBits((uint)stream), b2 = a2;
            V a3 = V.OfBits((uint)(stream >> 32)), b3 = a3;
            for (var round = 0; round < Rounds; round++)
            {
                V m0 = V.OfBits(Multiplier0), m1 = V.OfBits(Multiplier1);
                V k0 = V.OfBits(keys[round]), k1 = V.OfBits(keys[round + Rounds]);
                V p0 = V.MultiplyEven(a0, m0), p1 = V.MultiplyEven(a2, m1);
                V q0 = V.MultiplyEven(b0, m0), q1 = V.MultiplyEven(b2, m1);
                a0 = V.Xor(V.OddToEven(p1), a1, k0);
                b0 = V.Xor(V.OddToEven(q1), b1, k0);
                a2 = V.Xor(V.OddToEven(p0), a3, k1);
                b2 = V.Xor(V.OddToEven(q0), b3, k1);
                (a1, b1, a3, b3) = (p1, q1, p0, q0);
            }
            V.Interleave(a0, b0).Store(words + lane);
            V.Interleave(a1, b1).Store(words + lane + 16);
            V.Interleave(a2, b2).Store(words + lane + 32);
            V.Interleave(a3, b3).Store(words + lane + 48);
        }
    }
}
