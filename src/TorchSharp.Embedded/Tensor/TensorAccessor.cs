using System.Collections;

namespace TorchSharp.Utils;

/// <summary>
/// Reads and writes a tensor's elements. Enumeration and copies go in row-major order, whatever the tensor's strides.
/// Keeps the tensor alive, but not from being disposed: then every use is an error.
/// </summary>
public sealed unsafe class TensorAccessor<T> : IEnumerable<T>, IDisposable
    where T : unmanaged
{
    private readonly Tensor tensor;

    internal TensorAccessor(Tensor tensor)
    {
        this.tensor = tensor;
    }

    /// <summary>How many elements there are.</summary>
    public long Count => tensor.Impl.Count;

    /// <summary>False: elements can be written.</summary>
    public bool IsReadOnly => false;

    /// <summary>The element at a place, one index an axis; negative indices count from the end.</summary>
    /// <exception cref="ArgumentException">The number of indices is not that of the axes.</exception>
    /// <exception cref="IndexOutOfRangeException">An index lies outside.</exception>
    public T this[params long[] indices]
    {
        get => *At(indices);

        set
        {
            *At(indices) = value;
            tensor.Impl.Touch();
        }
    }

    /// <summary>All elements as a new array.</summary>
    public T[] ToArray()
    {
        var array = new T[Count];
        CopyTo(array);
        return array;
    }

    /// <summary>Copies elements, from number <paramref name="tensorIndex"/> on, to places from <paramref name="arrayIndex"/> on.</summary>
    public void CopyTo(T[] array, int arrayIndex = 0, long tensorIndex = 0) => CopyTo(array.AsSpan(), arrayIndex, tensorIndex);

    /// <summary>Copies elements, from number <paramref name="tensorIndex"/> on, to places from <paramref name="arrayIndex"/> on.</summary>
    public void CopyTo(Span<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        var target = array[arrayIndex..];
        var count = (int)Math.Min(target.Length, Count - CheckStart(tensorIndex));
        var flat = Copy.Contiguous(tensor.Impl);
        new ReadOnlySpan<T>((T*)flat.Bytes + tensorIndex, count).CopyTo(target);
        flat.Release();
    }

    /// <summary>Copies elements of the array into the tensor from element number <paramref name="tensorIndex"/> on.</summary>
    public void CopyFrom(T[] array, int arrayIndex = 0, long tensorIndex = 0) =>
        CopyFrom((ReadOnlySpan<T>)array, arrayIndex, tensorIndex);

    /// <summary>Copies elements of the span into the tensor from element number <paramref name="tensorIndex"/> on.</summary>
    public void CopyFrom(ReadOnlySpan<T> array, int arrayIndex = 0, long tensorIndex = 0)
    {
        var source = array[arrayIndex..];
        var count = Math.Min(source.Length, Count - CheckStart(tensorIndex));
        var impl = tensor.Impl;
        for (var i = 0; i < count; i++)
            *At(impl, tensorIndex + i) = source[i];
        impl.Touch();
    }

    /// <summary>The elements in row-major order.</summary>
    public IEnumerator<T> GetEnumerator()
    {
        for (long i = 0; i < Count; i++)
            yield return At(i);
    }

    /// <summary>Nothing to give back: the memory is the tensor's.</summary>
    public void Dispose()
    {
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Element number <paramref name="index"/> in row-major order.</summary>
    internal T At(long index) => *At(tensor.Impl, index);

    private static T* At(TensorImpl impl, long index)
    {
        var offset = 0L;
        for (var axis = impl.Rank - 1; axis >= 0; axis--)
        {
            offset += index % impl.Sizes[axis] * impl.Strides[axis];
            index /= impl.Sizes[axis];
        }
        return (T*)impl.Bytes + offset;
    }

    private T* At(long[] indices)
    {
        var impl = tensor.Impl;
        if (indices.Length != impl.Rank)
            throw new ArgumentException($"{indices.Length} indices were given for {impl}");
        var offset = 0L;
        for (var axis = 0; axis < indices.Length; axis++)
        {
            var size = impl.Sizes[axis];
            var index = indices[axis] < 0 ? indices[axis] + size : indices[axis];
            if (index < 0 || index >= size)
                throw new IndexOutOfRangeException($"index {indices[axis]} is out of range for dimension {axis} of {impl}");
            offset += index * impl.Strides[axis];
        }
        return (T*)impl.Bytes + offset;
    }

    private long CheckStart(long index) => index >= 0 && index <= Count
        ? index
        : throw new ArgumentOutOfRangeException(nameof(index), $"element {index} of {tensor.Impl}");
}
