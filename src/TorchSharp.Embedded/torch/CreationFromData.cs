namespace TorchSharp;

// Creation ops: values that the program has. They are always copied.
public static partial class torch
{
    /// <summary>A single truth value, without axes.</summary>
    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        new(Creation.OfScalar(scalar, Dtypes.Bool, new Options(dtype, device, requires_grad)));

    /// <summary>A single whole number, without axes.</summary>
    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        new(Creation.OfScalar(scalar, Dtypes.Long, new Options(dtype, device, requires_grad)));

    /// <summary>A single real number, without axes.</summary>
    public static Tensor tensor(float scalar, Device? device = null, bool requires_grad = false) =>
        new(Creation.OfScalar(scalar, Dtypes.Float, new Options(null, device, requires_grad)));

    /// <summary>A single number of a type that must be named: its own, Float64, is not in the embedded engine.</summary>
    public static Tensor tensor(
        double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        new(Creation.OfScalar(scalar, ScalarType.Float64, new Options(dtype, device, requires_grad)));

    /// <summary>
    /// Not in the embedded engine, whose whole numbers are Int64: write the number as a long, or name its type.
    /// </summary>
    public static Tensor tensor(int scalar, Device? device = null, bool requires_grad = false) =>
        new(Creation.OfScalar(scalar, ScalarType.Int32, new Options(null, device, requires_grad)));

    /// <summary>The reals of an array, copied.</summary>
    public static Tensor tensor(
        float[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        new(Creation.OfArray<float>(rawArray, [rawArray.Length], new Options(dtype, device, requires_grad, names)));

    /// <summary>The reals of an array, copied in a given shape, row-major.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as the array.</exception>
    public static Tensor tensor(
        float[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        new(Creation.OfArray<float>(rawArray, dimensions, new Options(dtype, device, requires_grad, names)));

    /// <summary>The reals of an array, copied as a matrix.</summary>
    public static Tensor tensor(
        float[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) => new(Creation.OfArray<float>(rawArray, new Options(dtype, device, requires_grad, names)));

    /// <summary>The whole numbers of an array, copied.</summary>
    public static Tensor tensor(
        long[] dataArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        new(Creation.OfArray<long>(dataArray, [dataArray.Length], new Options(dtype, device, requires_grad, names)));

    /// <summary>The whole numbers of an array, copied in a given shape, row-major.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as the array.</exception>
    public static Tensor tensor(
        long[] dataArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        new(Creation.OfArray<long>(dataArray, dimensions, new Options(dtype, device, requires_grad, names)));

    /// <summary>The whole numbers of an array, copied as a matrix.</summary>
    public static Tensor tensor(
        long[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) => new(Creation.OfArray<long>(rawArray, new Options(dtype, device, requires_grad, names)));

    /// <summary>The truth values of an array, copied.</summary>
    public static Tensor tensor(
        bool[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false,
        string[]? names = null) =>
        new(Creation.OfArray<bool>(rawArray, [rawArray.Length], new Options(dtype, device, requires_grad, names)));

    /// <summary>The truth values of an array, copied in a given shape, row-major.</summary>
    /// <exception cref="ArgumentException">The shape does not hold as many elements as the array.</exception>
    public static Tensor tensor(
        bool[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null,
        bool requires_grad = false, string[]? names = null) =>
        new(Creation.OfArray<bool>(rawArray, dimensions, new Options(dtype, device, requires_grad, names)));
}
