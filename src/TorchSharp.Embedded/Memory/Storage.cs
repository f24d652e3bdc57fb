using System.Runtime.InteropServices;

namespace TorchSharp;

/// <summary>
/// A block of native memory, 64-byte aligned, that tensors, views and saved graph values share by reference count.
/// The object and its memory travel together: the last <see cref="Release"/> puts both back into
/// <see cref="StoragePool"/>, so that a warm program neither asks the system for memory nor creates finalizable objects.
/// A block whose owners were dropped without being disposed is returned by the finalizer.
/// </summary>
internal sealed unsafe class Storage
{
    /// <summary>Usable bytes, the size of the pool's class.</summary>
    internal readonly long Capacity;

    internal readonly int SizeClass;

    /// <summary>The block. Ask <see cref="TensorImpl"/> for pointers: it keeps the owner reachable while kernels run.</summary>
    internal byte* Data;

    /// <summary>Counts the writes in place; a saved value compares it. All views of the block share it, as in torch.</summary>
    internal int Version;

    private int references;
    private int handles;

    internal Storage(long capacity, int sizeClass)
    {
        Data = (byte*)NativeMemory.AlignedAlloc((nuint)capacity, StoragePool.Alignment);
        Capacity = capacity;
        SizeClass = sizeClass;
    }

    ~Storage()
    {
        if (Data == null)
            return;
        torch.Tensor.Lost(handles);
        GC.ReRegisterForFinalize(this);
        StoragePool.Return(this);
    }

    /// <summary>True when one tensor has the block and no view shares it.</summary>
    internal bool IsUnshared => Volatile.Read(ref references) == 1;

    internal void AddReference() => Interlocked.Increment(ref references);

    internal void Release()
    {
        if (Interlocked.Decrement(ref references) == 0)
            StoragePool.Return(this);
    }

    /// <summary>Counts the public handles, so that those lost without being disposed can leave the live count.</summary>
    internal void CountHandle(int change) => Interlocked.Add(ref handles, change);

    /// <summary>Called by the pool when it hands the block out: one reference, the caller's.</summary>
    internal void Activate()
    {
        references = 1;
        handles = 0;
        Version = 0;
    }

    /// <summary>Called by the pool: gives the memory back to the system.</summary>
    internal void Free()
    {
        GC.SuppressFinalize(this);
        NativeMemory.AlignedFree(Data);
        Data = null;
    }
}
