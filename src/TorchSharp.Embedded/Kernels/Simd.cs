using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>
/// The vector widths. A kernel is written once over <see cref="ILanes{TV}"/> and instantiated for the width of the machine:
/// <c>Simd.Width == 16 ? Run&lt;Lanes512, Vector512&lt;float&gt;&gt;() : ...</c>; the JIT folds the test and inlines the lanes.
/// </summary>
/// <remarks>
/// The runtime's switches turn a width off: DOTNET_EnableAVX512=0 leaves 8 lanes, DOTNET_EnableAVX2=0 leaves 4 without fused
/// multiply-add, DOTNET_EnableHWIntrinsic=0 leaves 4 in software. Sums associate by lane, so that results differ in the last bits between widths.
/// </remarks>
internal static unsafe class Simd
{
    /// <summary>Floats in the widest vector that the machine is quick with: 16, 8 or 4.</summary>
    internal static int Width
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? 16 : Vector256.IsHardwareAccelerated ? 8 : 4;
    }

    /// <summary>Asks for the cache line of p; p need not be readable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Prefetch(float* p)
    {
        if (Sse.IsSupported)
            Sse.Prefetch0(p);
    }

    /// <summary>Asks for the cache line of p in L2; p need not be readable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void PrefetchL2(float* p)
    {
        if (Sse.IsSupported)
            Sse.Prefetch1(p);
    }

    /// <summary>x0 y0 x1 y1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> ZipLow(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported ? Sse.UnpackLow(x, y)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(x, y)
        : Vector128.Create(x.GetElement(0), y.GetElement(0), x.GetElement(1), y.GetElement(1));

    /// <summary>x2 y2 x3 y3.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<float> ZipHigh(Vector128<float> x, Vector128<float> y) =>
        Sse.IsSupported ? Sse.UnpackHigh(x, y)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(x, y)
        : Vector128.Create(x.GetElement(2), y.GetElement(2), x.GetElement(3), y.GetElement(3));
}

/// <summary>A vector of floats of one width. Every member is one or two instructions and is inlined.</summary>
internal unsafe partial interface ILanes<TV>
    where TV : struct
{
    /// <summary>How many floats.</summary>
    static abstract int Count { get; }

    /// <summary>All lanes 0.</summary>
    static abstract TV Zero { get; }

    /// <summary>All lanes x.</summary>
    static abstract TV Create(float x);

    /// <summary>Count floats from p, at any alignment.</summary>
    static abstract TV Load(float* p);

    /// <summary>Count floats to p, at any alignment.</summary>
    static abstract void Store(TV v, float* p);

    /// <summary>The first n floats from p, 0 &lt;= n &lt;= Count, and 0 in the other lanes; nothing behind p + n is read.</summary>
    static abstract TV LoadFirst(float* p, int n);

    /// <summary>The first n lanes to p, 0 &lt;= n &lt;= Count; nothing behind p + n is written.</summary>
    static abstract void StoreFirst(TV v, float* p, int n);

    /// <summary>x + y.</summary>
    static abstract TV Add(TV x, TV y);

    /// <summary>x y + z, rounded once where the machine has a fused multiply-add.</summary>
    static abstract TV MulAdd(TV x, TV y, TV z);

    /// <summary>The sum of the lanes, in one fixed order.</summary>
    static abstract float Sum(TV v);

    /// <summary>The sums of the lanes of four vectors.</summary>
    static abstract Vector128<float> Sum4(TV v0, TV v1, TV v2, TV v3);
}

/// <summary>16 lanes: AVX-512.</summary>
internal readonly unsafe partial struct Lanes512 : ILanes<Vector512<float>>
{
    /// <inheritdoc/>
    public static int Count => 16;

    /// <inheritdoc/>
    public static Vector512<float> Zero => Vector512<float>.Zero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Create(float x) => Vector512.Create(x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(float* p) => Vector512.Load(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> v, float* p) => v.Store(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadFirst(float* p, int n) =>
        Avx512F.IsSupported ? Avx512F.MaskLoad(p, Mask(n), Vector512<float>.Zero)
        : Vector512.Create(Lanes256.LoadFirst(p, Math.Min(n, 8)), n > 8 ? Lanes256.LoadFirst(p + 8, n - 8) : Lanes256.Zero);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector512<float> v, float* p, int n)
    {
        if (Avx512F.IsSupported)
        {
            Avx512F.MaskStore(p, Mask(n), v);
            return;
        }
        Lanes256.StoreFirst(v.GetLower(), p, Math.Min(n, 8));
        if (n > 8)
            Lanes256.StoreFirst(v.GetUpper(), p + 8, n - 8);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> x, Vector512<float> y) => x + y;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> MulAdd(Vector512<float> x, Vector512<float> y, Vector512<float> z) =>
        Vector512.MultiplyAddEstimate(x, y, z);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector512<float> v) => Lanes256.Sum(v.GetLower() + v.GetUpper());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3) =>
        Lanes256.Sum4(
            v0.GetLower() + v0.GetUpper(), v1.GetLower() + v1.GetUpper(), v2.GetLower() + v2.GetUpper(),
            v3.GetLower() + v3.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Mask(int n) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(n)).AsSingle();
}

/// <summary>8 lanes: AVX2.</summary>
internal readonly unsafe partial struct Lanes256 : ILanes<Vector256<float>>
{
    /// <inheritdoc/>
    public static int Count => 8;

    /// <inheritdoc/>
    public static Vector256<float> Zero => Vector256<float>.Zero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Create(float x) => Vector256.Create(x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Load(float* p) => Vector256.Load(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector256<float> v, float* p) => v.Store(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadFirst(float* p, int n) =>
        Avx.IsSupported ? Avx.MaskLoad(p, Mask(n))
        : Vector256.Create(Lanes128.LoadFirst(p, Math.Min(n, 4)), n > 4 ? Lanes128.LoadFirst(p + 4, n - 4) : Lanes128.Zero);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector256<float> v, float* p, int n)
    {
        if (Avx.IsSupported)
        {
            Avx.MaskStore(p, Mask(n), v);
            return;
        }
        Lanes128.StoreFirst(v.GetLower(), p, Math.Min(n, 4));
        if (n > 4)
            Lanes128.StoreFirst(v.GetUpper(), p + 4, n - 4);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Add(Vector256<float> x, Vector256<float> y) => x + y;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> MulAdd(Vector256<float> x, Vector256<float> y, Vector256<float> z) =>
        Vector256.MultiplyAddEstimate(x, y, z);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector256<float> v) => Lanes128.Sum(v.GetLower() + v.GetUpper());

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(Vector256<float> v0, Vector256<float> v1, Vector256<float> v2, Vector256<float> v3) =>
        Lanes128.Sum4(
            v0.GetLower() + v0.GetUpper(), v1.GetLower() + v1.GetUpper(), v2.GetLower() + v2.GetUpper(),
            v3.GetLower() + v3.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Mask(int n) =>
        Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(n)).AsSingle();
}

/// <summary>4 lanes: SSE, NEON, or software.</summary>
internal readonly unsafe partial struct Lanes128 : ILanes<Vector128<float>>
{
    /// <inheritdoc/>
    public static int Count => 4;

    /// <inheritdoc/>
    public static Vector128<float> Zero => Vector128<float>.Zero;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Create(float x) => Vector128.Create(x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Load(float* p) => Vector128.Load(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector128<float> v, float* p) => v.Store(p);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadFirst(float* p, int n) =>
        n switch
        {
            <= 0 => default,
            1 => Vector128.CreateScalar(*p),
            2 => Vector128.Create(p[0], p[1], 0, 0),
            3 => Vector128.Create(p[0], p[1], p[2], 0),
            _ => Vector128.Load(p),
        };

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreFirst(Vector128<float> v, float* p, int n)
    {
        if (n >= 4)
            v.Store(p);
        else
            for (var i = 0; i < n; i++)
                p[i] = v.GetElement(i);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Add(Vector128<float> x, Vector128<float> y) => x + y;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> MulAdd(Vector128<float> x, Vector128<float> y, Vector128<float> z) =>
        Vector128.MultiplyAddEstimate(x, y, z);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(Vector128<float> v)
    {
        var pairs = v + Vector128.Shuffle(v, Vector128.Create(2, 3, 0, 1));
        return pairs.ToScalar() + pairs.GetElement(1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Sum4(Vector128<float> v0, Vector128<float> v1, Vector128<float> v2, Vector128<float> v3)
    {
        var even = Simd.ZipLow(v0, v2) + Simd.ZipHigh(v0, v2);
        var odd = Simd.ZipLow(v1, v3) + Simd.ZipHigh(v1, v3);
        return Simd.ZipLow(even, odd) + Simd.ZipHigh(even, odd);
    }
}
