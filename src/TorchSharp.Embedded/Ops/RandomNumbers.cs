using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Tensors of random numbers: each call takes one stream of the generator, element i its numbers from place i.</summary>
internal static unsafe class RandomNumbers
{
    /// <summary>Reals in [0, 1), multiples of 2^-24.</summary>
    internal static void Uniform(TensorImpl y, torch.Generator generator, double from, double to)
    {
        var (low, width) = (from, to - from);
        Each(y, generator, (word, _) => (float)(low + (width * Unit(word))));
    }

    /// <summary>Normally distributed reals, by the transform of Box and Muller (1958).</summary>
    internal static void Normal(TensorImpl y, torch.Generator generator, double mean, double deviation) =>
        Each(y, generator, (a, b) =>
        {
            var radius = Math.Sqrt(-2 * Math.Log(1 - Unit(a)));
            return (float)(mean + (deviation * radius * Math.Cos(2 * Math.PI * Unit(b))));
        });

    /// <summary>Whole numbers in [low, high), without bias worth naming: 64 random bits a number.</summary>
    internal static TensorImpl Whole(long[] sizes, torch.Generator generator, long low, long high)
    {
        if (low >= high)
            throw new ArgumentException($"randint: expects low < high, but got {low} and {high}");
        var y = TensorImpl.Empty(sizes, Dtypes.Long, "randint");
        var (seed, stream) = generator.NextStream();
        var words = stackalloc uint[4];
        var range = (UInt128)(ulong)(high - low);
        for (long i = 0; i < y.Count; i++)
        {
            Words(words, i, seed, stream);
            y.Longs[i] = low + (long)((range * (((ulong)words[1] << 32) | words[0])) >> 64);
        }
        return y;
    }

    /// <summary>The numbers 0 to n - 1 in random order (R. Durstenfeld, 1964).</summary>
    internal static TensorImpl Permutation(long n, torch.Generator generator)
    {
        var y = TensorImpl.Empty([n], Dtypes.Long, "randperm");
        var data = y.Longs;
        for (long i = 0; i < n; i++)
            data[i] = i;
        var (seed, stream) = generator.NextStream();
        var words = stackalloc uint[4];
        for (var i = n - 1; i > 0; i--)
        {
            Words(words, i, seed, stream);
            var other = (long)(((UInt128)(ulong)(i + 1) * (((ulong)words[1] << 32) | words[0])) >> 64);
            (data[i], data[other]) = (data[other], data[i]);
        }
        return y;
    }

    private static double Unit(uint word) => (word >> 8) * (1.0 / (1 << 24));

    private static void Words(uint* words, long place, ulong seed, ulong stream)
    {
        (words[0], words[1], words[2], words[3]) = ((uint)place, (uint)(place >> 32), (uint)stream, (uint)(stream >> 32));
        Philox.Words(words, seed);
    }

    private static void Each(TensorImpl y, torch.Generator generator, Func<uint, uint, float> number)
    {
        var (seed, stream) = generator.NextStream();
        var flat = y.IsContiguous ? y.Share() : TensorImpl.EmptyLike(y);
        var words = stackalloc uint[4];
        var data = flat.Floats;
        for (long i = 0; i < flat.Count; i += 2)
        {
            Words(words, i / 2, seed, stream);
            data[i] = number(words[0], words[1]);
            if (i + 1 < flat.Count)
                data[i + 1] = number(words[2], words[3]);
        }
        if (flat != y)
            Copy.Into(y, flat);
        flat.Release();
    }
}
