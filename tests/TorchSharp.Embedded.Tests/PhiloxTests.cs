using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class PhiloxTests
{
    // The known answers of Random123 1.14 for philox4x32 with 10 rounds: counter, key, result.
    [Theory]
    [InlineData(0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd)]
    [InlineData(0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1)]
    public void KnownAnswers(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint r0, uint r1, uint r2, uint r3)
    {
        var words = stackalloc uint[4] { c0, c1, c2, c3 };
        Philox.Words(words, k0 | ((ulong)k1 << 32));
        Assert.Equal([r0, r1, r2, r3], new Span<uint>(words, 4).ToArray());
    }

    [Fact]
    public void RegistersGiveTheSameNumbersInTheirPlaces()
    {
        uint* keys = stackalloc uint[20], c = stackalloc uint[4];
        foreach (var (seed, stream, block) in new[] { (0UL, 0UL, 0UL), (123456789012345UL, 42UL, 7UL), (~0UL, ~0UL - 5, (1UL << 59) + 12345) })
        {
            using var words = new Guarded(64);
            Philox.Schedule(seed, keys);
            var job = new BlockJob { Keys = keys, Stream = stream, Block = block, Words = words.Pointer };
            Vec.Here(ref job, 0, 1);
            for (var i = 0; i < 64; i++)
            {
                var counter = (block * 16) + (ulong)(i % 16);
                (c[0], c[1], c[2], c[3]) = ((uint)counter, (uint)(counter >> 32), (uint)stream, (uint)(stream >> 32));
                Philox.Words(c, seed);
                Assert.Equal(c[i / 16], (uint)words.Bits[i]);
            }
        }
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void DropoutKeepsItsShareAndTheSameMaskTwice(float p)
    {
        const int n = 1_000_003;
        var key = new DropoutKey(7, 3, p);
        using Guarded x = new(n), y = new(n), dx = new(n);
        Elementwise.Fill(n, 2, x.Pointer);
        Dropout.Forward(n, x.Pointer, y.Pointer, key);
        var kept = y.Doubles.Count(v => v != 0);
        Assert.InRange((double)kept / n, 1 - p - (5 * Math.Sqrt(p * (1 - p) / n)), 1 - p + (5 * Math.Sqrt(p * (1 - p) / n)));
        Assert.All(y.Doubles, v => Assert.True(v == 0 || Math.Abs(v - (2 / (1 - (double)p))) < 1e-6 * v));
        for (var threads = 1; threads <= 3; threads++)
            Numbers.WithThreads(threads, () =>
            {
                Dropout.Forward(n, x.Pointer, dx.Pointer, key);
                Assert.Equal(y.Bits, dx.Bits);
            });
        Dropout.Forward(n, x.Pointer, dx.Pointer, new DropoutKey(7, 4, p));
        Assert.NotEqual(y.Bits, dx.Bits);
        Dropout.Forward(n, x.Pointer, dx.Pointer, new DropoutKey(8, 3, p));
        Assert.NotEqual(y.Bits, dx.Bits);
    }

    [Fact]
    public void DropoutAgreesWithItsTwin()
    {
        var random = new Random(1);
        foreach (var n in Numbers.Sizes)
            foreach (var p in new[] { 0f, 0.3f, 1f })
            {
                var values = Numbers.Normal(random, n);
                var key = new DropoutKey(99, 5, p);
                using Guarded x = new(values), y = new(n, 2);
                Dropout.Forward(n, x.Pointer, y.Pointer, key);
                Numbers.Close(values.Select((v, i) => v * Reference.Keep(key, (ulong)i)).ToArray(), y.Doubles, 0, 1e-7, "dropout");
                Dropout.Forward(n, x.Pointer, x.Pointer, key);
                Assert.Equal(y.Bits, x.Bits);
            }
    }

    private struct BlockJob : IVecJob
    {
        internal uint* Keys;
        internal ulong Stream, Block;
        internal float* Words;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V> => Philox.Block<V>(Keys, Stream, Block, Words);
    }
}
