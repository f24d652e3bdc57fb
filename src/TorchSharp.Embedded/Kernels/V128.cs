using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>Four floats in a <see cref="Vector128{T}"/>; see <see cref="IVec{V}"/>.</summary>
internal readonly unsafe struct V128(Vector128<float> v) : IVec<V128>
{
    private const MethodImplOptions Inline = MethodImplOptions.AggressiveInlining;
    private readonly Vector128<float> v = v;

    public static int Count
    {
        [MethodImpl(Inline)]
        get => 4;
    }

    public static V128 Iota
    {
        [MethodImpl(Inline)]
        get => new(Vector128<int>.Indices.AsSingle());
    }

    [MethodImpl(Inline)]
    public static V128 Of(float x) => new(Vector128.Create(x));

    [MethodImpl(Inline)]
    public static V128 OfBits(uint bits) => new(Vector128.Create(bits).AsSingle());

    [MethodImpl(Inline)]
    public static V128 Load(float* p) => new(Vector128.Load(p));

    [MethodImpl(Inline)]
    public static V128 First(int count) => new(Vector128.LessThan(Vector128<int>.Indices, Vector128.Create(count)).AsSingle());

    [MethodImpl(Inline)]
    public void Store(float* p) => v.Store(p);

    // No masked moves here: Vector128 is also what a machine without AVX, or one that is not x86, has.
    [MethodImpl(Inline)]
    public static V128 Load(float* p, int count) =>
        count switch
        {
            4 => Load(p),
            3 => new(Vector128.Create(p[0], p[1], p[2], 0)),
            2 => new(Vector128.Create(p[0], p[1], 0, 0)),
            1 => new(Vector128.CreateScalar(p[0])),
            _ => default,
        };

    [MethodImpl(Inline)]
    public void Store(float* p, int count)
    {
        if (count == 4)
            v.Store(p);
        else
            for (var i = 0; i < count; i++)
                p[i] = v.GetElement(i);
    }

    [MethodImpl(Inline)]
    public static V128 LoadMask(byte* p)
    {
        var bytes = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(p)).AsByte();
        var words = Vector128.WidenLower(Vector128.WidenLower(bytes));
        return new(Vector128.GreaterThan(words.AsInt32(), Vector128<int>.Zero).AsSingle());
    }

    [MethodImpl(Inline)]
    public void StoreMask(byte* p)
    {
        var words = Vector128.NarrowWithSaturation(v.AsInt32(), v.AsInt32());
        var bytes = Vector128.NarrowWithSaturation(words, words) & Vector128<sbyte>.One;
        Unsafe.WriteUnaligned(p, bytes.AsUInt32().ToScalar());
    }

    [MethodImpl(Inline)]
    public uint Bits() => v.ExtractMostSignificantBits();

    [MethodImpl(Inline)]
    public static V128 operator +(V128 a, V128 b) => new(a.v + b.v);

    [MethodImpl(Inline)]
    public static V128 operator -(V128 a, V128 b) => new(a.v - b.v);

    [MethodImpl(Inline)]
    public static V128 operator *(V128 a, V128 b) => new(a.v * b.v);

    [MethodImpl(Inline)]
    public static V128 operator /(V128 a, V128 b) => new(a.v / b.v);

    [MethodImpl(Inline)]
    public static V128 operator -(V128 a) => new(-a.v);

    [MethodImpl(Inline)]
    public static V128 operator &(V128 a, V128 b) => new(a.v & b.v);

    [MethodImpl(Inline)]
    public static V128 operator |(V128 a, V128 b) => new(a.v | b.v);

    [MethodImpl(Inline)]
    public static V128 operator ^(V128 a, V128 b) => new(a.v ^ b.v);

    [MethodImpl(Inline)]
    public static V128 Xor(V128 a, V128 b, V128 c) => new(a.v ^ b.v ^ c.v);

    [MethodImpl(Inline)]
    public static V128 Fma(V128 a, V128 b, V128 c) => new(Vector128.MultiplyAddEstimate(a.v, b.v, c.v));

    [MethodImpl(Inline)]
    public static V128 Max(V128 a, V128 b) => new(Vector128.MaxNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 Min(V128 a, V128 b) => new(Vector128.MinNative(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 MaxOrNaN(V128 a, V128 b) => new(Vector128.Max(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 MinOrNaN(V128 a, V128 b) => new(Vector128.Min(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 Sqrt(V128 a) => new(Vector128.Sqrt(a.v));

    [MethodImpl(Inline)]
    public static V128 Abs(V128 a) => new(Vector128.Abs(a.v));

    [MethodImpl(Inline)]
    public static V128 Round(V128 a) => new(Vector128.Round(a.v));

    [MethodImpl(Inline)]
    public static V128 Floor(V128 a) => new(Vector128.Floor(a.v));

    [MethodImpl(Inline)]
    public static V128 Log(V128 a) => new(Vector128.Log(a.v));

    [MethodImpl(Inline)]
    public static V128 Sin(V128 a) => new(Vector128.Sin(a.v));

    [MethodImpl(Inline)]
    public static V128 Cos(V128 a) => new(Vector128.Cos(a.v));

    [MethodImpl(Inline)]
    public static V128 Less(V128 a, V128 b) => new(Vector128.LessThan(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 LessOrEqual(V128 a, V128 b) => new(Vector128.LessThanOrEqual(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 Equal(V128 a, V128 b) => new(Vector128.Equals(a.v, b.v));

    [MethodImpl(Inline)]
    public static V128 Select(V128 mask, V128 a, V128 b) => new(Vector128.ConditionalSelect(mask.v, a.v, b.v));

    // In two factors: n from -252 to 254 may pass through results that one factor cannot express.
    [MethodImpl(Inline)]
    public static V128 Scale(V128 p, V128 n)
    {
        var i = Vector128.ConvertToInt32Native(n.v);
        var half = i >> 1;
        var bias = Vector128.Create(127);
        return new(p.v * ((half + bias) << 23).AsSingle() * ((i - half + bias) << 23).AsSingle());
    }

    [MethodImpl(Inline)]
    public static V128 ScaleDown(V128 p, V128 n)
    {
        var i = Vector128.ConvertToInt32Native(n.v) << 23;
        var tooSmall = Vector128.LessThan(n.v, Vector128.Create(-125f)); // not so for NaN
        return new(Vector128.AndNot((p.v.AsInt32() + i).AsSingle(), tooSmall));
    }

    [MethodImpl(Inline)]
    public float Sum() => Vector128.Sum(v);

    [MethodImpl(Inline)]
    public float Max()
    {
        var pair = Vector128.MaxNative(v, Vector128.Shuffle(v, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(pair, Vector128.Shuffle(pair, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(Inline)]
    public float MaxOrNaN()
    {
        var pair = Vector128.Max(v, Vector128.Shuffle(v, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(pair, Vector128.Shuffle(pair, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(Inline)]
    public static V128 AddInt(V128 a, V128 b) => new((a.v.AsInt32() + b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V128 GreaterOrEqualInt(V128 a, V128 b) => new(Vector128.GreaterThanOrEqual(a.v.AsInt32(), b.v.AsInt32()).AsSingle());

    [MethodImpl(Inline)]
    public static V128 MultiplyEven(V128 a, V128 b)
    {
        if (Sse2.IsSupported)
            return new(Sse2.Multiply(a.v.AsUInt32(), b.v.AsUInt32()).AsSingle());
        var low = Vector128.Create(0xFFFFFFFFUL);
        return new(((a.v.AsUInt64() & low) * (b.v.AsUInt64() & low)).AsSingle());
    }

    [MethodImpl(Inline)]
    public static V128 OddToEven(V128 a) => new((a.v.AsUInt64() >> 32).AsSingle());

    [MethodImpl(Inline)]
    public static V128 Interleave(V128 even, V128 odd)
    {
        var low = Vector128.Create(0xFFFFFFFFUL);
        return new(((even.v.AsUInt64() & low) | (odd.v.AsUInt64() << 32)).AsSingle());
    }
}
