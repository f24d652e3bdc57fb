using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

// Updates that read and write one tensor in a single pass: what an optimizer's step is made of. Every argument is n contiguous floats;
// y may be one of the inputs.
internal static unsafe partial class Elementwise
{
    /// <summary>y += alpha x.</summary>
    internal static void Axpy(long n, float alpha, float* x, float* y)
    {
        var job = new Job<AxpyStep> { S = alpha, A = x, B = x, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y += value a b.</summary>
    internal static void AddCmul(long n, float value, float* a, float* b, float* y)
    {
        var job = new Job<AddCmulStep> { S = value, A = a, B = b, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y += value a / b.</summary>
    internal static void AddCdiv(long n, float value, float* a, float* b, float* y)
    {
        var job = new Job<AddCdivStep> { S = value, A = a, B = b, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>y = start + weight (end - start), reckoned from the nearer end: weight 1 gives end exactly.</summary>
    internal static void Lerp(long n, float* start, float* end, float weight, float* y)
    {
        if (weight < 0.5f)
        {
            var job = new Job<LerpStep> { S = weight, A = start, B = end, Y = y };
            Vec.For(n, Grain, ref job);
        }
        else
        {
            var job = new Job<LerpStep> { S = 1 - weight, A = end, B = start, Y = y };
            Vec.For(n, Grain, ref job);
        }
    }

    /// <summary>y = value.</summary>
    internal static void Fill(long n, float value, float* y)
    {
        var job = new FillJob { Value = value, Y = y };
        Vec.For(n, Grain, ref job);
    }

    /// <summary>The new y from the scalar, two inputs and the old y.</summary>
    private interface IStep
    {
        static abstract V Apply<V>(V s, V a, V b, V y)
            where V : struct, IVec<V>;
    }

    private readonly struct AxpyStep : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V s, V a, V b, V y)
            where V : struct, IVec<V> => V.Fma(s, a, y);
    }

    private readonly struct AddCmulStep : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V s, V a, V b, V y)
            where V : struct, IVec<V> => V.Fma(s * a, b, y);
    }

    private readonly struct AddCdivStep : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V s, V a, V b, V y)
            where V : struct, IVec<V> => y + (s * a / b);
    }

    private readonly struct LerpStep : IStep
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static V Apply<V>(V s, V a, V b, V y)
            where V : struct, IVec<V> => V.Fma(s, b - a, a);
    }

    private struct Job<TStep> : IVecJob
        where TStep : struct, IStep
    {
        internal float S;
        internal float* A, B, Y;

        [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var s = V.Of(S);
            float* a = A, b = B, y = Y;
            var i = start;
            for (; i + V.Count <= end; i += V.Count)
                TStep.Apply(s, V.Load(a + i), V.Load(b + i), V.Load(y + i)).Store(y + i);
            var rest = (int)(end - i);
            if (rest > 0)
                TStep.Apply(s, V.Load(a + i, rest), V.Load(b + i, rest), V.Load(y + i, rest)).Store(y + i, rest);
        }
    }

    private struct FillJob : IVecJob
    {
        internal float Value;
        internal float* Y;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            for (var i = start; i < end; i += int.MaxValue)
                new Span<float>(Y + i, (int)Math.Min(int.MaxValue, end - i)).Fill(Value);
        }
    }
}
