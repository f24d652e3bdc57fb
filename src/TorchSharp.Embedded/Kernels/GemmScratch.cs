using System.Runtime.InteropServices;

namespace TorchSharp.Kernels;

/// <summary>
/// Native memory of one thread for the panels of a product, kept from call to call and given back when the thread is gone.
/// </summary>
internal sealed unsafe class GemmScratch
{
    private const nuint Page = 4096;

    [ThreadStatic]
    private static GemmScratch? panels;

    [ThreadStatic]
    private static GemmScratch? partials;

    private float* memory;
    private long size;

    ~GemmScratch() => NativeMemory.AlignedFree(memory);

    /// <summary>Room for the packed panels of the product that runs on this thread: at least this many floats, aligned to a page.</summary>
    internal static float* Panels(long floats) => (panels ??= new()).AtLeast(floats);

    /// <summary>Room for the partial sums of a product that this thread has started; not the memory of <see cref="Panels"/>.</summary>
    internal static float* Partials(long floats) => (partials ??= new()).AtLeast(floats);

    private float* AtLeast(long floats)
    {
        if (floats > size)
        {
            NativeMemory.AlignedFree(memory);
            memory = null;
            size = 0;
            memory = (float*)NativeMemory.AlignedAlloc((nuint)floats * sizeof(float), Page);
            size = floats;
        }
        return memory;
    }
}
