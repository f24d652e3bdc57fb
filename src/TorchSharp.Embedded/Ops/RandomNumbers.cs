using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// Tensors of random numbers. Each call takes one stream of the generator, and an element its numbers from its place in
/// that stream: the result does not depend on the number of threads.
/// </summary>
internal static unsafe class RandomNumbers
{
    private const long Grain = 4096;

    /// <summary>Reals in [from, to), in steps of 2^-24 of the width.</summary>
    /// <exception cref="ArgumentException">The range ends before it begins.</exception>
    internal static void Uniform(TensorImpl y, torch.Generator generator, double from, double to)
    {
        if (!(from <= to))
            throw new ArgumentException($"uniform_: the range [{from}, {to}) ends before it begins");
        Fill<UniformPair>(y, generator, from, to - from);
    }

    /// <summary>Normally distributed reals, two at a time by the transform of Box and Muller (1958).</summary>
    /// <exception cref="ArgumentException">The deviation is negative.</exception>
    internal static void Normal(TensorImpl y, torch.Generator generator, double mean, double deviation)
    {
        if (!(deviation >= 0))
            throw new ArgumentException($"normal_: the deviation is {deviation}; it must be at least 0");
        Fill<NormalPair>(y, generator, mean, deviation);
    }

    /// <summary>Whole numbers in [low, high), by the upper half of the product with 64 random bits.</summary>
    internal static TensorImpl Whole(long[] sizes, torch.Generator generator, long low, long high)
    {
        if (low >= high)
            throw new ArgumentException($"randint: expects low < high, but got {low} and {high}");
        var y = TensorImpl.Empty(sizes, Dtypes.Long, "randint");
        var (seed, stream) = generator.NextStream();
        var data = y.Longs;
        var range = (ulong)(high - low);
        for (long i = 0; i < y.Count; i++)
            data[i] = low + (long)Below(range, i, seed, stream);
        return y;
    }

    /// <summary>The numbers 0 to n - 1 in random order (R. Durstenfeld, 1964).</summary>
    internal static TensorImpl Permutation(long n, torch.Generator generator)
    {
        var y = TensorImpl.Empty([n], Dtypes.Long, "randperm");
        var (seed, stream) = generator.NextStream();
        var data = y.Longs;
        for (long i = 0; i < n; i++)
            data[i] = i;
        for (var i = n - 1; i > 0; i--)
        {
            var other = (long)Below((ulong)i + 1, i, seed, stream);
            (data[i], data[other]) = (data[other], data[i]);
        }
        return y;
    }

    private static ulong Below(ulong range, long place, ulong seed, ulong stream)
    {
        var words = stackalloc uint[4];
        Words(words, place, seed, stream);
        return Math.BigMul(range, ((ulong)words[1] << 32) | words[0], out _);
    }

    private static void Words(uint* words, long place, ulong seed, ulong stream)
    {
        (words[0], words[1], words[2], words[3]) = ((uint)place, (uint)(place >> 32), (uint)stream, (uint)(stream >> 32));
        Philox.Words(words, seed);
    }

    private static void Fill<TPair>(TensorImpl y, torch.Generator generator, double shift, double scale)
        where TPair : struct, IPair
    {
        var (seed, stream) = generator.NextStream();
        var flat = y.IsContiguous ? y.Share() : TensorImpl.EmptyLike(y);
        var job = new FillJob<TPair>
        {
            Y = flat.Floats, Count = flat.Count, Seed = seed, Stream = stream, Shift = shift, Scale = scale,
        };
        Vec.For((flat.Count + 1) / 2, Grain, ref job);
        if (flat != y)
            Copy.Into(y, flat);
        flat.Release();
    }

    /// <summary>Two independent numbers of a distribution from two numbers u and v of [0, 1).</summary>
    private interface IPair
    {
        static abstract (double First, double Second) Of(double u, double v);
    }

    private readonly struct UniformPair : IPair
    {
        public static (double First, double Second) Of(double u, double v) => (u, v);
    }

    private readonly struct NormalPair : IPair
    {
        public static (double First, double Second) Of(double u, double v)
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - u));
            var (sine, cosine) = Math.SinCos(2 * Math.PI * v);
            return (radius * cosine, radius * sine);
        }
    }

    /// <summary>Elements 2 i and 2 i + 1 come from counter i.</summary>
    private struct FillJob<TPair> : IVecJob
        where TPair : struct, IPair
    {
        internal float* Y;
        internal long Count;
        internal ulong Seed, Stream;
        internal double Shift, Scale;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var words = stackalloc uint[4];
            for (var i = start; i < end; i++)
            {
                Words(words, i, Seed, Stream);
                var (first, second) = TPair.Of(Unit(words[0]), Unit(words[1]));
                Y[2 * i] = (float)(Shift + (Scale * first));
                if ((2 * i) + 1 < Count)
                    Y[(2 * i) + 1] = (float)(Shift + (Scale * second));
            }
        }

        private static double Unit(uint word) => (word >> 8) * (1.0 / (1 << 24));
    }
}
