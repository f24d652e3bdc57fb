namespace TorchSharp;

/// <summary>A number as an argument: a real, a whole number or a truth value. Ordinary numbers convert to it.</summary>
public sealed class Scalar : IDisposable
{
    private readonly double real;
    private readonly long whole;

    private Scalar(double value)
    {
        (real, Type) = (value, ScalarType.Float64);
    }

    private Scalar(long value, ScalarType type)
    {
        (whole, Type) = (value, type);
    }

    /// <summary>Float64 for reals, Int64 for whole numbers, Bool for truth values.</summary>
    public ScalarType Type { get; }

    /// <summary>The element type that mixes as this number does.</summary>
    internal ScalarType Kind => Type == ScalarType.Float64 ? Dtypes.Float : Type;

    internal float Float => (float)Double;

    internal double Double => Type == ScalarType.Float64 ? real : whole;

    internal long Long => Type == ScalarType.Float64 ? (long)real : whole;

    internal bool IsZero => Double == 0;

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(float value) => new(value);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(double value) => new(value);

    /// <summary>A real number.</summary>
    public static implicit operator Scalar(Half value) => new((double)value);

    /// <summary>A whole number.</summary>
    public static implicit operator Scalar(long value) => new(value, Dtypes.Long);

    /// <summary>A whole number.</summary>
    public static implicit operator Scalar(int value) => new(value, Dtypes.Long);

    /// <summary>A whole number.</summary>
    public static implicit operator Scalar(short value) => new(value, Dtypes.Long);

    /// <summary>A whole number.</summary>
    public static implicit operator Scalar(sbyte value) => new(value, Dtypes.Long);

    /// <summary>A whole number.</summary>
    public static implicit operator Scalar(byte value) => new(value, Dtypes.Long);

    /// <summary>A truth value.</summary>
    public static implicit operator Scalar(bool value) => new(value ? 1 : 0, Dtypes.Bool);

    /// <summary>Does nothing: a number owns no memory. TorchSharp has it, so code may call it.</summary>
    public void Dispose()
    {
    }

    /// <summary>The value as text, for messages.</summary>
    internal string Text => Type == ScalarType.Float64
        ? real.ToString("R", System.Globalization.CultureInfo.InvariantCulture)
        : Type == Dtypes.Bool ? (whole != 0 ? "true" : "false") : whole.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>Conversions between <see cref="Scalar"/> and ordinary numbers.</summary>
public static class ScalarExtensionMethods
{
    /// <summary>The number as a float.</summary>
    public static float ToSingle(this Scalar value) => value.Float;

    /// <summary>The number as a double.</summary>
    public static double ToDouble(this Scalar value) => value.Double;

    /// <summary>The number as a long; a fraction is cut off.</summary>
    /// <exception cref="OverflowException">It is too large, or not a number.</exception>
    public static long ToInt64(this Scalar value) =>
        value.Type != ScalarType.Float64 || (value.Double >= long.MinValue && value.Double < -(double)long.MinValue)
            ? value.Long
            : throw new OverflowException($"{value.Text} is no number that a long holds.");

    /// <summary>The number as an int; a fraction is cut off.</summary>
    /// <exception cref="OverflowException">It is too large, or not a number.</exception>
    public static int ToInt32(this Scalar value)
    {
        var whole = value.ToInt64();
        return whole == (int)whole ? (int)whole : throw new OverflowException($"{value.Text} is no number that an int holds.");
    }

    /// <summary>Whether the number is not 0.</summary>
    public static bool ToBoolean(this Scalar value) => !value.IsZero;

    /// <summary>A real number.</summary>
    public static Scalar ToScalar(this float value) => value;

    /// <summary>A real number.</summary>
    public static Scalar ToScalar(this double value) => value;

    /// <summary>A whole number.</summary>
    public static Scalar ToScalar(this long value) => value;

    /// <summary>A whole number.</summary>
    public static Scalar ToScalar(this int value) => value;

    /// <summary>A truth value.</summary>
    public static Scalar ToScalar(this bool value) => value;
}
