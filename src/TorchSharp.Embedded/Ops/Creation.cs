using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>What every creation function takes beside its values; wrong ones are errors as soon as they are named.</summary>
internal readonly struct Options
{
    private readonly ScalarType? dtype;
    private readonly bool requiresGrad;

    internal Options(ScalarType? dtype, Device? device, bool requiresGrad, string[]? names = null)
    {
        Devices.Require(device);
        if (names is not null)
            throw new NotSupportedException("The embedded engine has no names of axes.");
        this.dtype = dtype;
        this.requiresGrad = requiresGrad;
    }

    internal ScalarType Or(ScalarType otherwise) => Dtypes.Checked(dtype ?? otherwise);

    /// <summary>Sets whether to record on a new tensor.</summary>
    internal TensorImpl Applied(TensorImpl y)
    {
        if (requiresGrad && !Dtypes.HasGradient(y.Dtype))
            throw new InvalidOperationException($"Only tensors of floating point type can require gradients, not {y.Dtype}");
        y.RequiresGrad = requiresGrad;
        return y;
    }
}

/// <summary>New tensors of given shapes and values.</summary>
internal static unsafe class Creation
{
    internal static TensorImpl Empty(long[] size, Options options) =>
        options.Applied(TensorImpl.Empty((long[])size.Clone(), options.Or(Dtypes.Float)));

    internal static TensorImpl Zeros(long[] size, Options options) =>
        options.Applied(Fill.Zeros((long[])size.Clone(), options.Or(Dtypes.Float)));

    internal static TensorImpl Ones(long[] size, Options options) =>
        options.Applied(Fill.Full((long[])size.Clone(), options.Or(Dtypes.Float), 1));

    internal static TensorImpl Full(long[] size, Scalar value, Options options)
    {
        var dtype = options.Or(value.Kind == Dtypes.Float ? Dtypes.Float : Dtypes.Long);
        return options.Applied(Fill.Full((long[])size.Clone(), dtype, value));
    }

    internal static TensorImpl Arange(Scalar start, Scalar stop, Scalar step, Options options)
    {
        var whole = start.Kind == Dtypes.Long && stop.Kind == Dtypes.Long && step.Kind == Dtypes.Long;
        var dtype = options.Or(whole ? Dtypes.Long : Dtypes.Float);
        var count = Math.Ceiling((stop.Double - start.Double) / step.Double);
        if (step.Double == 0 || !(count >= 0 && count < long.MaxValue))
            throw new ArgumentException($"arange: from {start.Text} to {stop.Text} there is no way by steps of {step.Text}");
        var y = TensorImpl.Empty([(long)count], dtype == Dtypes.Bool ? Dtypes.Long : dtype, "arange");
        for (long i = 0; i < y.Count; i++)
        {
            if (dtype == Dtypes.Float)
                y.Floats[i] = (float)(start.Double + (i * step.Double));
            else
                y.Longs[i] = start.Long + (i * step.Long);
        }
        var result = Copy.As(dtype, y);
        y.Release();
        return options.Applied(result);
    }

    internal static TensorImpl Eye(long rows, long columns, Options options)
    {
        var y = Fill.Zeros([rows, columns], options.Or(Dtypes.Float));
        var diagonal = y.View([Math.Min(rows, columns)], [columns + 1], 0);
        Fill.Into(diagonal, 1);
        diagonal.Release();
        return options.Applied(y);
    }

    internal static TensorImpl OfScalar(Scalar value, ScalarType own, Options options) =>
        options.Applied(Fill.OfScalar(value, options.Or(own)));

    internal static TensorImpl OfArray<T>(ReadOnlySpan<T> values, ReadOnlySpan<long> dimensions, Options options)
        where T : unmanaged
    {
        var sizes = dimensions.ToArray();
        if (Shape.Count(sizes, "tensor") != values.Length)
            throw new ArgumentException($"tensor: {values.Length} elements do not have the shape {Shape.Text(dimensions)}");
        var y = TensorImpl.Empty(sizes, Dtypes.Of<T>());
        values.CopyTo(new Span<T>(y.Bytes, values.Length));
        if (options.Or(y.Dtype) == y.Dtype)
            return options.Applied(y);
        var converted = Copy.As(options.Or(y.Dtype), y);
        y.Release();
        return options.Applied(converted);
    }

    internal static TensorImpl OfArray<T>(T[,] values, Options options)
        where T : unmanaged =>
        OfArray<T>(
            MemoryMarshal.CreateReadOnlySpan(
                ref System.Runtime.CompilerServices.Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(values)), values.Length),
            [values.GetLength(0), values.GetLength(1)], options);

    internal static TensorImpl Rand(long[] size, Options options, torch.Generator? generator)
    {
        var y = TensorImpl.Empty((long[])size.Clone(), RequireReals("rand", options), "rand");
        RandomNumbers.Uniform(y, generator ?? torch.Generator.Default, 0, 1);
        return options.Applied(y);
    }

    internal static TensorImpl Randn(long[] size, Options options, torch.Generator? generator)
    {
        var y = TensorImpl.Empty((long[])size.Clone(), RequireReals("randn", options), "randn");
        RandomNumbers.Normal(y, generator ?? torch.Generator.Default, 0, 1);
        return options.Applied(y);
    }

    internal static TensorImpl Randint(long low, long high, long[] size, Options options, torch.Generator? generator)
    {
        var whole = RandomNumbers.Whole((long[])size.Clone(), generator ?? torch.Generator.Default, low, high);
        var y = Copy.As(options.Or(Dtypes.Long), whole);
        whole.Release();
        return options.Applied(y);
    }

    internal static TensorImpl Randperm(long n, Options options, torch.Generator? generator)
    {
        var whole = RandomNumbers.Permutation(n, generator ?? torch.Generator.Default);
        var y = Copy.As(options.Or(Dtypes.Long), whole);
        whole.Release();
        return options.Applied(y);
    }

    /// <summary>1 at each element's class along a new last axis.</summary>
    internal static TensorImpl OneHot(TensorImpl x, long classes)
    {
        if (x.Dtype != Dtypes.Long)
            throw new ArgumentException($"one_hot: expected int64, got {x}");
        var ids = Copy.Contiguous(x);
        var count = classes;
        if (classes < 0)
        {
            if (x.Count == 0)
                throw new ArgumentException("one_hot: the number of classes of nothing is unknown; give num_classes");
            for (long i = 0; i < ids.Count; i++)
                count = Math.Max(count, ids.Longs[i] + 1);
        }
        Indexing.CheckRange("one_hot", ids, count, x);
        var y = Fill.Zeros([.. x.Sizes, count], Dtypes.Long);
        for (long i = 0; i < ids.Count; i++)
            y.Longs[(i * count) + ids.Longs[i]] = 1;
        ids.Release();
        return y;
    }

    private static ScalarType RequireReals(string operation, Options options) => options.Or(Dtypes.Float) == Dtypes.Float
        ? Dtypes.Float
        : throw new ArgumentException($"{operation}: gives reals, not {options.Or(Dtypes.Float)}");
}
