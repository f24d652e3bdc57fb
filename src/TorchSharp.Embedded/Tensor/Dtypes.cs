namespace TorchSharp;

/// <summary>
/// The three element types that are computed with, and how they mix: bool gives way to int64, int64 to reals. BFloat16 and
/// Int8 are for storing weights in less memory: they are copied, cut, selected from and converted to and from float32, and
/// linear multiplies by them. What a forward pass in bfloat16 takes besides is in <see cref="Widened"/>; nothing else takes them.
/// </summary>
internal static class Dtypes
{
    internal const ScalarType Float = ScalarType.Float32;
    internal const ScalarType Long = ScalarType.Int64;
    internal const ScalarType Bool = ScalarType.Bool;
    internal const ScalarType BFloat16 = ScalarType.BFloat16;
    internal const ScalarType Int8 = ScalarType.Int8;

    internal static int Size(ScalarType dtype) => dtype switch
    {
        Float => 4,
        Long => 8,
        Bool => 1,
        BFloat16 => 2,
        Int8 => 1,
        _ => throw Unsupported(dtype),
    };

    internal static ScalarType Checked(ScalarType dtype) =>
        dtype is Float or Long or Bool || IsNarrow(dtype) ? dtype : throw Unsupported(dtype);

    /// <summary>Whether gradients reach tensors of the type.</summary>
    internal static bool HasGradient(ScalarType dtype) => dtype is Float or BFloat16;

    /// <summary>Whether it is one of the types for storing weights.</summary>
    internal static bool IsNarrow(ScalarType dtype) => dtype is BFloat16 or Int8;

    internal static NotSupportedException StoredOnly(ScalarType dtype) =>
        new($"The embedded engine has no such operation on {dtype} tensors: it stores them and multiplies by them in linear. "
            + "Convert to Float32 first.");

    internal static NotSupportedException Unsupported(ScalarType dtype) =>
        new($"The embedded engine has no {dtype} tensors: it computes with Float32, Int64 and Bool, and stores BFloat16 and Int8. "
            + "Name one of these as dtype, or build with --torch cpu or --torch cuda (property Torch).");

    /// <summary>The type of a result of two operands.</summary>
    internal static ScalarType Promote(ScalarType a, ScalarType b) =>
        a == b ? a : a == Float || b == Float ? Float : a == BFloat16 || b == BFloat16 ? BFloat16 : Long;

    /// <summary>The element type that a number stands for: float for reals, int64 for whole numbers, bool.</summary>
    internal static ScalarType Of(Scalar scalar) => scalar.Kind;

    internal static ScalarType Of<T>() =>
        typeof(T) == typeof(float) ? Float
        : typeof(T) == typeof(long) ? Long
        : typeof(T) == typeof(bool) ? Bool
        : typeof(T) == typeof(ushort) ? BFloat16 // its bits
        : typeof(T) == typeof(sbyte) ? Int8
        : throw new NotSupportedException(
            $"The embedded engine has no tensors of {typeof(T).Name}: it supports Single, Int64 and Boolean.");
}
