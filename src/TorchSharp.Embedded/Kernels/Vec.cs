using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp.Threading;

namespace TorchSharp.Kernels;

/// <summary>
/// A register of floats. The kernels are written once over this interface; the runtime compiles them for <see cref="V512"/>,
/// <see cref="V256"/> and <see cref="V128"/>, whose members are one instruction or a few.
/// </summary>
/// <remarks>
/// Masks are registers too: all bits of a lane set, or none. "Count lanes" forms touch only the first count (0 to Count) floats of
/// memory, so that a kernel never reads or writes past its range.
/// </remarks>
internal unsafe interface IVec<V>
    where V : struct, IVec<V>
{
    /// <summary>How many floats the register holds.</summary>
    static abstract int Count { get; }

    /// <summary>x in every lane.</summary>
    static abstract V Of(float x);

    /// <summary>The bits in every 32-bit lane.</summary>
    static abstract V OfBits(uint bits);

    /// <summary>0, 1, 2 ... as 32-bit integers.</summary>
    static abstract V Iota { get; }

    static abstract V Load(float* p);

    /// <summary>The first count floats; zero in the other lanes.</summary>
    static abstract V Load(float* p, int count);

    /// <summary>A mask: the lanes whose byte is not zero. Reads Count bytes.</summary>
    static abstract V LoadMask(byte* p);

    /// <summary>A mask of the first count lanes.</summary>
    static abstract V First(int count);

    void Store(float* p);

    /// <summary>Stores the first count lanes.</summary>
    void Store(float* p, int count);

    /// <summary>A mask as Count bytes, 1 where it is set and 0 elsewhere.</summary>
    void StoreMask(byte* p);

    /// <summary>A mask as one bit a lane, the first lane lowest.</summary>
    uint Bits();

    static abstract V operator +(V a, V b);
    static abstract V operator -(V a, V b);
    static abstract V operator *(V a, V b);
    static abstract V operator /(V a, V b);
    static abstract V operator -(V a);

    /// <summary>The bits of a and b.</summary>
    static abstract V operator &(V a, V b);

    static abstract V operator |(V a, V b);
    static abstract V operator ^(V a, V b);

    /// <summary>a ^ b ^ c.</summary>
    static abstract V Xor(V a, V b, V c);

    /// <summary>a b + c, rounded once where the machine can.</summary>
    static abstract V Fma(V a, V b, V c);

    /// <summary>The larger; b where either is NaN (on x86).</summary>
    static abstract V Max(V a, V b);

    /// <summary>The smaller; b where either is NaN (on x86).</summary>
    static abstract V Min(V a, V b);

    /// <summary>The larger; NaN where either is NaN.</summary>
    static abstract V MaxOrNaN(V a, V b);

    /// <summary>The smaller; NaN where either is NaN.</summary>
    static abstract V MinOrNaN(V a, V b);

    static abstract V Sqrt(V a);
    static abstract V Abs(V a);

    /// <summary>To the nearest integer, ties to even.</summary>
    static abstract V Round(V a);

    static abstract V Floor(V a);
    static abstract V Log(V a);
    static abstract V Sin(V a);
    static abstract V Cos(V a);

    /// <summary>A mask: a &lt; b.</summary>
    static abstract V Less(V a, V b);

    /// <summary>A mask: a &lt;= b.</summary>
    static abstract V LessOrEqual(V a, V b);

    /// <summary>A mask: a = b.</summary>
    static abstract V Equal(V a, V b);

    /// <summary>a in the lanes of the mask, b in the others.</summary>
    static abstract V Select(V mask, V a, V b);

    /// <summary>p 2^n, n integral: overflows to infinity, rounds to subnormal numbers and zero.</summary>
    static abstract V Scale(V p, V n);

    /// <summary>p 2^n for 0.5 &lt; p &lt; 2 and integral n &lt;= 1: may give 0 below 2^-125.</summary>
    static abstract V ScaleDown(V p, V n);

    /// <summary>The sum of the lanes, in a fixed order.</summary>
    float Sum();

    /// <summary>The largest lane.</summary>
    float Max();

    /// <summary>The largest lane; NaN if there is one.</summary>
    float MaxOrNaN();

    /// <summary>Sum of 32-bit integers.</summary>
    static abstract V AddInt(V a, V b);

    /// <summary>A mask: a &gt;= b as signed 32-bit integers.</summary>
    static abstract V GreaterOrEqualInt(V a, V b);

    /// <summary>The 64-bit products of the even 32-bit lanes.</summary>
    static abstract V MultiplyEven(V a, V b);

    /// <summary>Moves every odd 32-bit lane to the even lane below it, zero above.</summary>
    static abstract V OddToEven(V a);

    /// <summary>Even 32-bit lanes of even where they are, even lanes of odd one lane up.</summary>
    static abstract V Interleave(V even, V odd);
}

/// <summary>A kernel over the indices [start, end) at a register width; see <see cref="Vec.For"/>. Must not write its own fields.</summary>
internal interface IVecJob
{
    void Run<V>(long start, long end)
        where V : struct, IVec<V>;
}

/// <summary>Runs kernels at the widest registers of the machine.</summary>
internal static class Vec
{
    /// <summary>Splits [0, count) over the worker pool, in ranges of at least grain.</summary>
    internal static void For<TJob>(long count, long grain, ref TJob job)
        where TJob : struct, IVecJob
    {
        if (count <= 0)
            return;
        if (count <= grain)
            Here(ref job, 0, count);
        else
            WorkerPool.For(count, grain, ref Unsafe.As<TJob, Wide<TJob>>(ref job));
    }

    /// <summary>Runs the job on this thread.</summary>
    internal static void Here<TJob>(ref TJob job, long start, long end)
        where TJob : struct, IVecJob
    {
        if (Vector512.IsHardwareAccelerated)
            job.Run<V512>(start, end);
        else if (Vector256.IsHardwareAccelerated)
            job.Run<V256>(start, end);
        else
            job.Run<V128>(start, end);
    }

    private struct Wide<TJob> : IRangeJob
        where TJob : struct, IVecJob
    {
        private TJob job;

        public void Run(long start, long end) => Here(ref job, start, end);
    }
}
