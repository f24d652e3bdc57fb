using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>Eight floats in a <see cref="Vector256{T}"/>; see <see cref="IVec{V}"/>.</summary>
internal readonly unsafe struct V256(Vector256<float> v) : IVec<V256>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private readonly Vector256<float> v = v;

    public static int Count
    {
        [MethodImpl(Inline)]
        get => 8;
    }

    public static V256 Iota
    {
        [MethodImpl(Inline)]
        get => new(Vector256<int>.Indices.AsSingle());
    }

    [MethodImpl(Inline)]
    public static V256 Of(float x) => new(Vector256.Create(x));

    [MethodImpl(Inline)]
    public static V256 OfBits(uint bits) => new(Vector256.Create(bits).AsSingle());

    [MethodImpl(Inline)]
    public static V256 Load(float* p) => new(Vector256.Load(p));

    [MethodImpl(Inline)]
    public static V256 First(int count) => new(Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle());

    [MethodImpl(Inline)]
    public void Store(float* p) => v.Store(p);

    [MethodImpl(Inline)]
    public static V256 Load(float* p, int count) => new(Avx.MaskLoad(p, First(count).v));

    [MethodImpl(Inline)]
    public void Store(float* p, int count) => Avx.MaskStore(p, First(count).v, v);

    [MethodImpl(Inline)]
    public static V256 LoadMask(byte* p) =>
        new(Vector256.GreaterThan(Avx2.ConvertToVector256Int32(p), Vector256<int>.Zero).AsSingle());

    [MethodImpl(Inline)]
    public void StoreMask(byte* p)
    {
        var words = Vector128.NarrowWithSaturation(v.GetLower().AsInt32(), v.GetUpper().AsInt32());
        var bytes = Vector128.NarrowWithSaturation(words, words) & Vector128<sbyte>.One;
        Unsafe.WriteUnaligned(p, bytes.AsUInt64().ToScalar());
    }

    [MethodImpl(Inline)]
    public uint Bits() => v.ExtractMostSignificantBits();

    [MethodImpl(Inline)]
    public static V256 operator +(V256 a, V256 b) => new(a.v + b.v);

    [MethodImpl(Inline)]
    public static V256 operator -(V256 a, V256 b) => new(a.v - b.v);

    [MethodImpl(Inline)]
    public static V256 operator *(V256 a, V256 b) => new(a.v * b.v);

    [MethodImpl(Inline)]
    public static V256 operator /(V256 a, V256 b) => new(a.v / b.v);

    [MethodImpl(Inline)]
    public static V256 operator -(V256 a) => new(-a.v);

    [MethodImpl(Inline)]
    public static V256 operator &(V256 a, V256 b) => new(a.v & b.v);

    [MethodImpl(Inline)]
    public static V256 operator |(V256 a, V256 b) => new(a.v | b.v);

    [MethodImpl(Inline)]
    public static V256 operator ^(V256 a, V256 b) => new(a.v ^ b.v);

    [MethodImpl(Inline)]
    public static V256 Xor(V256 a, V256 b, V256 c) => new(a.v ^ b.v ^ c.v);

    [MethodImpl(Inline)]
    public static V256 Fma(V256 a, V256 b, V256 c) => new(Vector256.MultiplyAddEstimate(a.v, b.v, c.v));

    [MethodImpl(Inline)]
    public static V256 Max(V256 a, V256 b) => new(Vector256.MaxNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 Min(V256 a, V256 b) => new(Vector256.MinNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 MaxOrNaN(V256 a, V256 b) => new(Vector256.Max(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 MinOrNaN(V256 a, V256 b) => new(Vector256.Min(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 Sqrt(V256 a) => new(Vector256.Sqrt(a.v));

    [MethodImpl(Inline)]
    public static V256 Abs(V256 a) => new(Vector256.Abs(a.v));

    [MethodImpl(Inline)]
    public static V256 Round(V256 a) => new(Vector256.Round(a.v));

    [MethodImpl(Inline)]
    public static V256 Floor(V256 a) => new(Vector256.Floor(a.v));

    [MethodImpl(Inline)]
    public static V256 Log(V256 a) => new(Vector256.Log(a.v));

    [MethodImpl(Inline)]
    public static V256 Sin(V256 a) => new(Vector256.Sin(a.v));

    [MethodImpl(Inline)]
    public static V256 Cos(V256 a) => new(Vector256.Cos(a.v));

    [MethodImpl(Inline)]
    public static V256 Less(V256 a, V256 b) => new(Vector256.LessThan(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 LessOrEqual(V256 a, V256 b) => new(Vector256.LessThanOrEqual(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 Equal(V256 a, V256 b) => new(Vector256.Equals(a.v, b.v));

    [MethodImpl(Inline)]
    public static V256 Select(V256 mask, V256 a, V256 b) => new(Vector256.ConditionalSelect(mask.v, a.v, b.v));

    // In two factors: n from -252 to 254 may pass through results that one factor cannot express.
    [MethodImpl(Inline)]
    public static V256 Scale(V256 p, V256 n)
    {
        var i = Vector256.ConvertToInt32Native(n.v);
        var half = i >> 1;
        var bias = Vector256.Create(127);
        return new(p.v * ((half + bias) << 23).AsSingle() * ((i - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)]
    public static V256 ScaleDown(V256 p, V256 n)
    {
        var i = Vector256.ConvertToInt32Native(n.v) << 23;
        var tooSmall = Vector256.LessThan(n.v, Vector256.Create(-125f)); // not so for NaN
        return new(Vector256.AndNot((p.v.AsInt32() + i).AsSingle(), tooSmall));
    }

    [MethodImpl(Inline)]
    public float Sum() => Vector256.Sum(v);

    [MethodImpl(Inline)]
    public float Max() => new V128(Vector128.MaxNative(v.GetLower(), v.GetUpper())).Max();

    [MethodImpl(Inline)]
    public float MaxOrNaN() => new V128(Vector128.Max(v.GetLower(), v.GetUpper())).MaxOrNaN();

    [MethodImpl(Inline)]
    public static V256 AddInt(V256 a, V256 b) => new((a.v.AsInt32() + b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V256 GreaterOrEqualInt(V256 a, V256 b) => new(Vector256.GreaterThanOrEqual(a.v.AsInt32(), b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V256 MultiplyEven(V256 a, V256 b) => new(Avx2.Multiply(a.v.AsUInt32(), b.v.AsUInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V256 OddToEven(V256 a) => new((a.v.AsUInt64() >> 32).AsSingle());

    [MethodImpl(Inline)]
    public static V256 Interleave(V256 even, V256 odd)
    {
        var low = Vector256.Create(0xFFFFFFFFUL);
        return new(((even.v.AsUInt64() & low) | (odd.v.AsUInt64() << 32)).AsSingle());
    }
}
