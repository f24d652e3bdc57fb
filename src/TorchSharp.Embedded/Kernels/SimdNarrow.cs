using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

// Loads that widen what is stored in 16 or 8 bits.
internal unsafe partial interface ILanes<TV>
{
    /// <summary>Count bfloat16 from p, at any alignment: the upper halves of float32.</summary>
    static abstract TV LoadBFloat16(ushort* p);

    /// <summary>Count signed bytes from p, at any alignment, as whole numbers.</summary>
    static abstract TV LoadInt8(sbyte* p);
}

internal readonly unsafe partial struct Lanes512
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadBFloat16(ushort* p) =>
        Avx512F.IsSupported ? (Avx512F.ConvertToVector512Int32(Vector256.Load(p)) << 16).AsSingle()
        : Vector512.Create(Lanes256.LoadBFloat16(p), Lanes256.LoadBFloat16(p + 8));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadInt8(sbyte* p) =>
        Avx512F.IsSupported ? Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(p)))
        : Vector512.Create(Lanes256.LoadInt8(p), Lanes256.LoadInt8(p + 8));
}

internal readonly unsafe partial struct Lanes256
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadBFloat16(ushort* p) =>
        Avx2.IsSupported ? (Avx2.ConvertToVector256Int32(p) << 16).AsSingle()
        : Vector256.Create(Lanes128.LoadBFloat16(p), Lanes128.LoadBFloat16(p + 4));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadInt8(sbyte* p) =>
        Avx2.IsSupported ? Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(p))
        : Vector256.Create(Lanes128.LoadInt8(p), Lanes128.LoadInt8(p + 4));
}

internal readonly unsafe partial struct Lanes128
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadBFloat16(ushort* p)
    {
        var halves = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(p)).AsUInt16();
        return (Vector128.WidenLower(halves) << 16).AsSingle();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadInt8(sbyte* p)
    {
        var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(p)).AsSByte();
        return Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(bytes)));
    }
}
