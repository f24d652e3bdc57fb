using TorchSharp.Kernels;

namespace TorchSharp;

// Copies from one element type to another.
internal static partial class Copy
{
    private static void Convert(TensorImpl target, TensorImpl source)
    {
        switch (source.Dtype, target.Dtype)
        {
            case (Dtypes.Float, Dtypes.Long):
                Map.UnaryInto<float, long, FloatToLong>(target, source);
                break;
            case (Dtypes.Float, Dtypes.Bool):
                Map.UnaryInto<float, bool, FloatToBool>(target, source);
                break;
            case (Dtypes.Long, Dtypes.Float):
                Map.UnaryInto<long, float, LongToFloat>(target, source);
                break;
            case (Dtypes.Long, Dtypes.Bool):
                Map.UnaryInto<long, bool, LongToBool>(target, source);
                break;
            case (Dtypes.Bool, Dtypes.Float):
                Map.UnaryInto<bool, float, BoolToFloat>(target, source);
                break;
            case (Dtypes.Bool, Dtypes.Long):
                Map.UnaryInto<bool, long, BoolToLong>(target, source);
                break;
            case (Dtypes.Float, Dtypes.BFloat16):
                Map.UnaryInto<float, ushort, Narrowing<BFloat16Element, ushort>>(target, source);
                break;
            case (Dtypes.Float, Dtypes.Int8):
                Map.UnaryInto<float, sbyte, Narrowing<Int8Element, sbyte>>(target, source);
                break;
            case (Dtypes.BFloat16, Dtypes.Float):
                Map.UnaryInto<ushort, float, Widening<BFloat16Element, ushort>>(target, source);
                break;
            case (Dtypes.Int8, Dtypes.Float):
                Map.UnaryInto<sbyte, float, Widening<Int8Element, sbyte>>(target, source);
                break;
            default:
                throw new NotSupportedException(
                    $"The embedded engine does not convert {source.Dtype} to {target.Dtype}: go by way of Float32.");
        }
    }

    private readonly struct Narrowing<E, T> : IMap<float, T>
        where E : INarrow<T>
        where T : unmanaged
    {
        public static T Apply(float x) => E.Narrow(x);
    }

    private readonly struct Widening<E, T> : IMap<T, float>
        where E : INarrow<T>
        where T : unmanaged
    {
        public static float Apply(T x) => E.Widen(x);
    }

    private readonly struct FloatToLong : IMap<float, long>
    {
        public static long Apply(float x) => (long)x;
    }

    private readonly struct FloatToBool : IMap<float, bool>
    {
        public static bool Apply(float x) => x != 0;
    }

    private readonly struct LongToFloat : IMap<long, float>
    {
        public static float Apply(long x) => x;
    }

    private readonly struct LongToBool : IMap<long, bool>
    {
        public static bool Apply(long x) => x != 0;
    }

    private readonly struct BoolToFloat : IMap<bool, float>
    {
        public static float Apply(bool x) => x ? 1 : 0;
    }

    private readonly struct BoolToLong : IMap<bool, long>
    {
        public static long Apply(bool x) => x ? 1 : 0;
    }
}
