using System.Runtime.InteropServices;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>
/// Native floats at an odd alignment between two bands of a known pattern; <see cref="Check"/> fails if a kernel wrote into a band. What
/// a kernel reads from a band is NaN, which would show in its results.
/// </summary>
internal sealed unsafe class Guarded : IDisposable
{
    private const int Band = 64;
    private const uint Pattern = 0xFFF12345; // a NaN
    private readonly float* memory;

    internal Guarded(long length, int shift = 1)
    {
        Length = length;
        memory = (float*)NativeMemory.AlignedAlloc((nuint)(length + (2 * Band) + 16) * sizeof(float), 64);
        Pointer = memory + Band + shift;
        for (var i = -Band - shift; i < length + Band; i++)
            *(uint*)(Pointer + i) = Pattern;
    }

    internal Guarded(double[] values, int shift = 1)
        : this(values.Length, shift)
    {
        for (var i = 0; i < values.Length; i++)
            Pointer[i] = (float)values[i];
    }

    internal long Length { get; }

    internal float* Pointer { get; }

    internal double[] Doubles
    {
        get
        {
            Check();
            var values = new double[Length];
            for (var i = 0; i < Length; i++)
                values[i] = Pointer[i];
            return values;
        }
    }

    internal int[] Bits => new Span<int>(Pointer, (int)Length).ToArray();

    internal void Check()
    {
        for (var i = 1; i <= Band; i++)
            if (*(uint*)(Pointer - i) != Pattern || *(uint*)(Pointer + Length + i - 1) != Pattern)
                Assert.Fail($"a kernel wrote outside its range, {i} from the border");
    }

    public void Dispose()
    {
        Check();
        NativeMemory.AlignedFree(memory);
    }
}

/// <summary>Inputs and comparisons that the kernel tests share.</summary>
internal static class Numbers
{
    /// <summary>n numbers of a normal distribution, representable as floats.</summary>
    internal static double[] Normal(Random random, long n, double scale = 1)
    {
        var x = new double[n];
        for (var i = 0; i < n; i++)
            x[i] = (float)(scale * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return x;
    }

    /// <summary>|got - want| &lt;= absolute + relative |want| everywhere; infinities and NaN must agree.</summary>
    internal static void Close(double[] want, double[] got, double absolute, double relative, string what)
    {
        Assert.Equal(want.Length, got.Length);
        for (var i = 0; i < want.Length; i++)
        {
            var same = double.IsNaN(want[i]) ? double.IsNaN(got[i])
                : double.IsInfinity(want[i]) ? got[i] == want[i]
                : Math.Abs(got[i] - want[i]) <= absolute + (relative * Math.Abs(want[i]));
            if (!same)
                Assert.Fail($"{what}: element {i} of {want.Length} is {got[i]:R}, not {want[i]:R}");
        }
    }

    /// <summary>1 to 67, and some large and awkward sizes.</summary>
    internal static IEnumerable<int> Sizes => Enumerable.Range(1, 67).Concat([127, 128, 1000, 4095, 4097, 40_001]);

    /// <summary>Runs the action with so many threads and puts the old number back.</summary>
    internal static void WithThreads(int threads, Action action)
    {
        var before = TorchSharp.Threading.WorkerPool.Threads;
        TorchSharp.Threading.WorkerPool.Threads = threads;
        try
        {
            action();
        }
        finally
        {
            TorchSharp.Threading.WorkerPool.Threads = before;
        }
    }
}
