using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>Sixteen floats in a <see cref="Vector512{T}"/>; see <see cref="IVec{V}"/>.</summary>
internal readonly unsafe struct V512(Vector512<float> v) : IVec<V512>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private readonly Vector512<float> v = v;

    public static int Count
    {
        [MethodImpl(Inline)]
        get => 16;
    }

    public static V512 Iota
    {
        [MethodImpl(Inline)]
        get => new(Vector512<int>.Indices.AsSingle());
    }

    [MethodImpl(Inline)]
    public static V512 Of(float x) => new(Vector512.Create(x));

    [MethodImpl(Inline)]
    public static V512 OfBits(uint bits) => new(Vector512.Create(bits).AsSingle());

    [MethodImpl(Inline)]
    public static V512 Load(float* p) => new(Vector512.Load(p));

    [MethodImpl(Inline)]
    public static V512 First(int count) => new(Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle());

    [MethodImpl(Inline)]
    public void Store(float* p) => v.Store(p);

    [MethodImpl(Inline)]
    public static V512 Load(float* p, int count) => new(Avx512F.MaskLoad(p, First(count).v, Vector512<float>.Zero));

    [MethodImpl(Inline)]
    public void Store(float* p, int count) => Avx512F.MaskStore(p, First(count).v, v);

    [MethodImpl(Inline)]
    public static V512 LoadMask(byte* p) =>
        new(Vector512.GreaterThan(Avx512F.ConvertToVector512Int32(Vector128.Load(p)), Vector512<int>.Zero).AsSingle());

    [MethodImpl(Inline)]
    public void StoreMask(byte* p) => Avx512F.ConvertToVector128Byte(v.AsInt32() & Vector512<int>.One).Store(p);

    [MethodImpl(Inline)]
    public uint Bits() => (uint)v.ExtractMostSignificantBits();

    [MethodImpl(Inline)]
    public static V512 operator +(V512 a, V512 b) => new(a.v + b.v);

    [MethodImpl(Inline)]
    public static V512 operator -(V512 a, V512 b) => new(a.v - b.v);

    [MethodImpl(Inline)]
    public static V512 operator *(V512 a, V512 b) => new(a.v * b.v);

    [MethodImpl(Inline)]
    public static V512 operator /(V512 a, V512 b) => new(a.v / b.v);

    [MethodImpl(Inline)]
    public static V512 operator -(V512 a) => new(-a.v);

    [MethodImpl(Inline)]
    public static V512 operator &(V512 a, V512 b) => new(a.v & b.v);

    [MethodImpl(Inline)]
    public static V512 operator |(V512 a, V512 b) => new(a.v | b.v);

    [MethodImpl(Inline)]
    public static V512 operator ^(V512 a, V512 b) => new(a.v ^ b.v);

    [MethodImpl(Inline)]
    public static V512 Xor(V512 a, V512 b, V512 c) => new(Avx512F.TernaryLogic(a.v, b.v, c.v, 0x96));

    [MethodImpl(Inline)]
    public static V512 Fma(V512 a, V512 b, V512 c) => new(Vector512.MultiplyAddEstimate(a.v, b.v, c.v));

    [MethodImpl(Inline)]
    public static V512 Max(V512 a, V512 b) => new(Vector512.MaxNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 Min(V512 a, V512 b) => new(Vector512.MinNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 MaxOrNaN(V512 a, V512 b) => new(Vector512.Max(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 MinOrNaN(V512 a, V512 b) => new(Vector512.Min(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 Sqrt(V512 a) => new(Vector512.Sqrt(a.v));

    [MethodImpl(Inline)]
    public static V512 Abs(V512 a) => new(Vector512.Abs(a.v));

    [MethodImpl(Inline)]
    public static V512 Round(V512 a) => new(Vector512.Round(a.v));

    [MethodImpl(Inline)]
    public static V512 Floor(V512 a) => new(Vector512.Floor(a.v));

    [MethodImpl(Inline)]
    public static V512 Log(V512 a) => new(Vector512.Log(a.v));

    [MethodImpl(Inline)]
    public static V512 Sin(V512 a) => new(Vector512.Sin(a.v));

    [MethodImpl(Inline)]
    public static V512 Cos(V512 a) => new(Vector512.Cos(a.v));

    [MethodImpl(Inline)]
    public static V512 Less(V512 a, V512 b) => new(Vector512.LessThan(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 LessOrEqual(V512 a, V512 b) => new(Vector512.LessThanOrEqual(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 Equal(V512 a, V512 b) => new(Vector512.Equals(a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 Select(V512 mask, V512 a, V512 b) => new(Vector512.ConditionalSelect(mask.v, a.v, b.v));

    [MethodImpl(Inline)]
    public static V512 Scale(V512 p, V512 n) => new(Avx512F.Scale(p.v, n.v));

    [MethodImpl(Inline)]
    public static V512 ScaleDown(V512 p, V512 n) => new(Avx512F.Scale(p.v, n.v));

    [MethodImpl(Inline)]
    public float Sum() => Vector512.Sum(v);

    [MethodImpl(Inline)]
    public float Max() => new V256(Vector256.MaxNative(v.GetLower(), v.GetUpper())).Max();

    [MethodImpl(Inline)]
    public float MaxOrNaN() => new V256(Vector256.Max(v.GetLower(), v.GetUpper())).MaxOrNaN();

    [MethodImpl(Inline)]
    public static V512 AddInt(V512 a, V512 b) => new((a.v.AsInt32() + b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V512 GreaterOrEqualInt(V512 a, V512 b) => new(Vector512.GreaterThanOrEqual(a.v.AsInt32(), b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V512 MultiplyEven(V512 a, V512 b) => new(Avx512F.Multiply(a.v.AsUInt32(), b.v.AsUInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V512 OddToEven(V512 a) => new((a.v.AsUInt64() >> 32).AsSingle());

    [MethodImpl(Inline)]
    public static V512 Interleave(V512 even, V512 odd)
    {
        var low = Vector512.Create(0xFFFFFFFFUL);
        return new(((even.v.AsUInt64() & low) | (odd.v.AsUInt64() << 32)).AsSingle());
    }
}
