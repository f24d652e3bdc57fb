using System.Runtime.CompilerServices;

namespace TorchSharp.Kernels;

/// <summary>The numbers of a step of <see cref="AdamWJob"/>, the same for every element.</summary>
/// <param name="Beta1">How slowly the mean m forgets.</param>
/// <param name="Beta2">How slowly the mean square v forgets.</param>
/// <param name="Epsilon">Added to the root.</param>
/// <param name="RootScale">1 / sqrt(1 - Beta2^t).</param>
/// <param name="Keep">What decay leaves of a parameter.</param>
/// <param name="Rate">The learning rate over 1 - Beta1^t.</param>
internal readonly record struct AdamWNumbers(
    double Beta1, double Beta2, float Epsilon, float RootScale, float Keep, float Rate);

/// <summary>
/// A step of AdamW (Loshchilov and Hutter 2017) over flat floats, in one pass: four streams are read and three written, where operators
/// one by one stream about twenty. Of each element:
/// g = clip gradient, m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g², p = keep p - rate m / (rootScale sqrt(v) + epsilon),
/// rounded as the operators mul_, add_, addcmul_, sqrt and addcdiv_ round, so that the bits are theirs.
/// </summary>
internal unsafe struct AdamWJob : IVecJob
{
    internal AdamWNumbers Numbers;

    /// <summary>What the gradient is multiplied by; 1 without clipping, which changes no bit.</summary>
    internal float Clip;

    internal float* Gradient, Mean, Square, Parameters;

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public readonly void Run<V>(long start, long end)
        where V : struct, IVec<V>
    {
        var i = start;
        for (; i + V.Count <= end; i += V.Count)
        {
            var (m, v, p) = Step(V.Load(Gradient + i), V.Load(Mean + i), V.Load(Square + i), V.Load(Parameters + i));
            m.Store(Mean + i);
            v.Store(Square + i);
            p.Store(Parameters + i);
        }
        var rest = (int)(end - i);
        if (rest > 0)
        {
            var (m, v, p) = Step(
                V.Load(Gradient + i, rest), V.Load(Mean + i, rest), V.Load(Square + i, rest), V.Load(Parameters + i, rest));
            m.Store(Mean + i, rest);
            v.Store(Square + i, rest);
            p.Store(Parameters + i, rest);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly (V Mean, V Square, V Parameters) Step<V>(V g, V m, V v, V p)
        where V : struct, IVec<V>
    {
        g *= V.Of(Clip);
        m = V.Fma(V.Of((float)(1.0 - Numbers.Beta1)), g, m * V.Of((float)Numbers.Beta1));
        v = V.Fma(V.Of((float)(1.0 - Numbers.Beta2)) * g, g, v * V.Of((float)Numbers.Beta2));
        var root = (V.Sqrt(v) * V.Of(Numbers.RootScale)) + V.Of(Numbers.Epsilon);
        return (m, v, (p * V.Of(Numbers.Keep)) + (V.Of(-Numbers.Rate) * m / root));
    }
}
