using System.Runtime.InteropServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Work memory of a kernel, from the calling thread's own stack of it: <c>using var s = new Scratch(floats);</c>. Aligned to 64 bytes,
/// not cleared, given back in the reverse order by <see cref="Dispose"/>, on the same thread.
/// </summary>
/// <remarks>
/// The stack grows to the largest depth ever asked for, at the moment when nothing of it is in use; until then what does not fit is
/// allocated by itself. It goes with its thread.
/// </remarks>
internal unsafe ref struct Scratch
{
    private const nuint Alignment = 64;

    [ThreadStatic]
    private static Arena? current;

    private readonly Arena arena;
    private readonly nuint bytes;
    private readonly bool own;

    internal Scratch(long floats)
    {
        bytes = ((nuint)floats * sizeof(float) + Alignment - 1) / Alignment * Alignment;
        arena = current ??= new Arena();
        Pointer = (float*)arena.Rent(bytes, out own);
    }

    /// <summary>The memory.</summary>
    internal float* Pointer { get; }

    public readonly void Dispose() => arena.Return(Pointer, bytes, own);

    private sealed class Arena
    {
        private byte* memory;
        private nuint capacity;
        private nuint top;
        private nuint wanted;

        ~Arena() => NativeMemory.AlignedFree(memory);

        internal void* Rent(nuint bytes, out bool own)
        {
            if (top == 0 && Math.Max(wanted, bytes) > capacity)
                Grow(Math.Max(wanted, bytes));
            own = top + bytes > capacity;
            // Counted when it is there: memory may have run out.
            var pointer = own ? NativeMemory.AlignedAlloc(bytes, Alignment) : memory + top;
            top += bytes;
            wanted = Math.Max(wanted, top);
            return pointer;
        }

        internal void Return(void* pointer, nuint bytes, bool own)
        {
            top -= bytes;
            if (own)
                NativeMemory.AlignedFree(pointer);
        }

        private void Grow(nuint size)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            capacity = 0;
            memory = (byte*)NativeMemory.AlignedAlloc(size, Alignment);
            capacity = size;
        }
    }
}
