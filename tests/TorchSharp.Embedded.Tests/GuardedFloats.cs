using System.Runtime.InteropServices;

namespace TorchSharp.Tests;

/// <summary>
/// Floats that end where the memory ends: on Linux the page behind the last one cannot be touched, so that a kernel that reads or writes
/// too far crashes the run. Elsewhere ordinary memory. The start is aligned to a float and no more.
/// </summary>
internal sealed unsafe partial class GuardedFloats : IDisposable
{
    private const nuint Page = 4096;
    private readonly void* memory;
    private readonly nuint bytes;

    internal GuardedFloats(long length)
    {
        Length = length;
        var used = (((nuint)length * sizeof(float)) + Page - 1) / Page * Page;
        bytes = used + Page;
        if (OperatingSystem.IsLinux())
        {
            const int readWrite = 3, privateAnonymous = 0x22;
            memory = Map(null, bytes, readWrite, privateAnonymous, -1, 0);
            if ((nint)memory == -1 || Protect((byte*)memory + used, Page, 0) != 0)
                throw new InvalidOperationException("No guarded memory.");
        }
        else
        {
            memory = NativeMemory.AllocZeroed(bytes);
        }
        Start = (float*)((byte*)memory + used) - length;
    }

    internal float* Start { get; }

    internal long Length { get; }

    internal Span<float> Span => new(Start, (int)Length);

    /// <summary>Numbers in [-1, 1).</summary>
    internal static GuardedFloats Random(long length, Random random)
    {
        var floats = new GuardedFloats(length);
        foreach (ref var x in floats.Span)
            x = (2 * random.NextSingle()) - 1;
        return floats;
    }

    internal GuardedFloats Map(Func<float, float> f)
    {
        var floats = new GuardedFloats(Length);
        for (var i = 0; i < Length; i++)
            floats.Start[i] = f(Start[i]);
        return floats;
    }

    public void Dispose()
    {
        if (OperatingSystem.IsLinux())
            _ = Unmap(memory, bytes);
        else
            NativeMemory.Free(memory);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}
