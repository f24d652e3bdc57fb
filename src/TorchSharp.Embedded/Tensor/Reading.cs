using System.Globalization;
using System.Text;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>How <see cref="Tensor.ToString()"/> writes values when a style is asked for.</summary>
    public static TensorStringStyle TensorStringStyle { get; set; } = TensorStringStyle.Julia;

    public partial class Tensor
    {
        /// <summary>The value of a tensor of one element, of exactly its type.</summary>
        /// <exception cref="ArgumentException">More or fewer elements, or another type.</exception>
        public T item<T>()
            where T : unmanaged
        {
            var tensor = Single("item");
            CheckType<T>(tensor);
            unsafe
            {
                return *(T*)tensor.Bytes;
            }
        }

        /// <summary>The value of a tensor of one element.</summary>
        /// <exception cref="ArgumentException">More or fewer elements.</exception>
        public Scalar ToScalar()
        {
            var tensor = Copy.Computable(Single("ToScalar"));
            unsafe
            {
                Scalar value = tensor.Dtype switch
                {
                    Dtypes.Float => *tensor.Floats,
                    Dtypes.Long => *tensor.Longs,
                    _ => *tensor.Bools != 0,
                };
                tensor.Release();
                return value;
            }
        }

        /// <summary>The elements in row-major order, of exactly the tensor's type; also of views with gaps.</summary>
        /// <exception cref="ArgumentException">Another type.</exception>
        public Utils.TensorAccessor<T> data<T>()
            where T : unmanaged
        {
            CheckType<T>(Impl);
            return new Utils.TensorAccessor<T>(this);
        }

        /// <summary>
        /// The memory of a contiguous tensor. Valid until the tensor is disposed; setting copies bytes of the same number.
        /// </summary>
        /// <exception cref="InvalidOperationException">The tensor is not contiguous, or 2 GB or larger.</exception>
        public unsafe Span<byte> bytes
        {
            get
            {
                var tensor = Impl;
                if (!tensor.IsContiguous)
                    throw new InvalidOperationException("bytes: called on a tensor that is not contiguous");
                var count = tensor.Count * Dtypes.Size(tensor.Dtype);
                return count <= int.MaxValue
                    ? new Span<byte>(tensor.Bytes, (int)count)
                    : throw new InvalidOperationException($"bytes: {tensor} has {count} bytes, more than a span can hold");
            }

            set
            {
                var target = bytes;
                if (value.Length != target.Length)
                    throw new ArgumentException($"bytes: {value.Length} bytes were given for {Impl}, which has {target.Length}");
                value.CopyTo(target);
                Impl.Touch();
            }
        }

        /// <summary>Whether the other tensor has the same shape, type and values.</summary>
        public bool Equals(Tensor target)
        {
            var (a, b) = (Impl, target.Impl);
            return a == b || (a.Dtype == b.Dtype && Shape.Same(a.Sizes, b.Sizes) && Comparison.AllEqual(a, b));
        }

        /// <summary>Whether the other object is a tensor of the same shape, type and values.</summary>
        public override bool Equals(object? obj) => obj is Tensor target && Equals(target);

        /// <summary>By identity: equal tensors in different places have different codes, as in TorchSharp.</summary>
        public override int GetHashCode() => Handle.GetHashCode();

        /// <summary>Shape, type and device: [2x3], type = Float32, device = cpu.</summary>
        public override string ToString() => Head(Impl);

        /// <summary>Shape, type and device, and unless the style is Metadata the values, one row a line.</summary>
        public string ToString(
            TensorStringStyle style, string? fltFormat = null, int? width = null, CultureInfo? cultureInfo = null,
            string? newLine = null)
        {
            var tensor = Impl;
            if (style == TensorStringStyle.Metadata)
                return Head(tensor);
            using var readable = new Tensor(Copy.Computable(tensor));
            var culture = cultureInfo ?? CultureInfo.InvariantCulture;
            var format = fltFormat ?? "g5";
            if (tensor.Rank == 0)
                return $"{Head(tensor)}, value = {Text(0)}";
            var text = new StringBuilder(Head(tensor));
            var columns = tensor.Sizes[^1];
            for (long i = 0; i < tensor.Count; i++)
                text.Append(i % columns == 0 ? newLine ?? Environment.NewLine : string.Empty).Append(' ').Append(Text(i));
            return text.Append(newLine ?? Environment.NewLine).ToString();

            string Text(long i) => readable.Impl.Dtype switch
            {
                Dtypes.Float => readable.data<float>().At(i).ToString(format, culture),
                Dtypes.Long => readable.data<long>().At(i).ToString(culture),
                _ => readable.data<bool>().At(i) ? "true" : "false",
            };
        }

        private static string Head(TensorImpl tensor) =>
            $"[{string.Join("x", tensor.Sizes)}], type = {tensor.Dtype}, device = cpu";

        private static void CheckType<T>(TensorImpl tensor)
        {
            var given = Type.GetTypeCode(typeof(T));
            var fits = tensor.Dtype switch
            {
                Dtypes.Float => given == TypeCode.Single,
                Dtypes.Long => given == TypeCode.Int64,
                Dtypes.Int8 => given == TypeCode.SByte,
                Dtypes.BFloat16 => false, // .NET has no such number: convert to float32 first
                _ => given == TypeCode.Boolean,
            };
            if (!fits)
                throw new ArgumentException($"{typeof(T).Name} is not compatible with {tensor.Dtype}");
        }

        private TensorImpl Single(string operation) => Impl.Count == 1
            ? Impl
            : throw new ArgumentException($"{operation}: the number of elements must be 1, not {Impl.Count}: {Impl}");
    }
}

/// <summary>Numbers out of tensors of one element, and other short forms.</summary>
public static class TensorExtensionMethods
{
    /// <summary>The value of a tensor of one element, converted.</summary>
    public static float ToSingle(this Tensor value) => value.ToScalar().ToSingle();

    /// <summary>The value of a tensor of one element, converted.</summary>
    public static double ToDouble(this Tensor value) => value.ToScalar().ToDouble();

    /// <summary>The value of a tensor of one element, converted.</summary>
    public static long ToInt64(this Tensor value) => value.ToScalar().ToInt64();

    /// <summary>The value of a tensor of one element, converted.</summary>
    public static int ToInt32(this Tensor value) => value.ToScalar().ToInt32();

    /// <summary>The value of a tensor of one element, converted.</summary>
    public static bool ToBoolean(this Tensor value) => value.ToScalar().ToBoolean();

    /// <summary>Bytes an element of the type.</summary>
    public static int ElementSize(this ScalarType type) => Dtypes.Size(type);

    /// <summary>The number of elements of a shape.</summary>
    public static long TotalSize(this IEnumerable<long> shape) => Shape.Count(shape.ToArray(), "TotalSize");
}
