using System.Numerics;

namespace TorchSharp;

/// <summary>
/// Free blocks by size class. Classes are eighths of a power of two (64 bytes at least), so at most an eighth of a
/// block is waste; a request takes a block of its own class or of the next two. What the system gave stays here until
/// it is more than a quarter above the largest amount ever in use: then the largest free blocks go back. When memory has run
/// out for good, a spare block that nobody has written to goes back, too: the runtime, which ends the process where it finds no
/// room for code, has it while the exception unwinds.
/// Safe to call from any thread.
/// </summary>
internal static class StoragePool
{
    internal const nuint Alignment = 64;

    private const int SmallestShift = 6;
    private const int StepsPerOctave = 8;
    private const int Classes = 48 * StepsPerOctave;
    private const int SearchedClasses = 3;
    private const long Slack = 64L << 20;
    private const long FirstCollection = 256L << 20;
    private const long Spare = 16L << 20;
    private const long SpareAbove = 64L << 20;

    private static readonly Lock gate = new();
    private static readonly Stack<Storage>?[] free = new Stack<Storage>?[Classes];
    private static long freeBytes;
    private static long usedBytes;
    private static long peakBytes;
    private static long mostSinceReset;
    private static long nativeAllocations;
    private static long collectAbove = FirstCollection;
    private static Storage? spare;

    /// <summary>Blocks asked of the system since the start.</summary>
    internal static long NativeAllocations => Volatile.Read(ref nativeAllocations);

    /// <summary>Bytes held by tensors and saved values.</summary>
    internal static long UsedBytes => Volatile.Read(ref usedBytes);

    /// <summary>The most bytes that tensors and saved values have held at once since the last <see cref="ResetMostUsed"/>.</summary>
    internal static long MostUsedBytes => Volatile.Read(ref mostSinceReset);

    /// <summary>Bytes waiting in the pool.</summary>
    internal static long FreeBytes => Volatile.Read(ref freeBytes);

    /// <summary>A block of at least <paramref name="bytes"/> bytes with one reference; its content is arbitrary.</summary>
    /// <exception cref="OutOfMemoryException">The system has not that much memory.</exception>
    internal static Storage Rent(long bytes)
    {
        var sizeClass = ClassOf(bytes, out var capacity);
        return TakeFree(sizeClass) ?? Allocate(bytes, capacity, sizeClass);
    }

    /// <summary>Starts <see cref="MostUsedBytes"/> anew, from what is held now.</summary>
    internal static void ResetMostUsed()
    {
        lock (gate)
            mostSinceReset = usedBytes;
    }

    internal static void Return(Storage storage)
    {
        lock (gate)
        {
            (free[storage.SizeClass] ??= new Stack<Storage>()).Push(storage);
            freeBytes += storage.Capacity;
            usedBytes -= storage.Capacity;
        }
    }

    /// <summary>The index of the smallest class that holds <paramref name="bytes"/>, and its size.</summary>
    internal static int ClassOf(long bytes, out long capacity)
    {
        var size = (ulong)Math.Max(bytes, 1L << SmallestShift);
        var shift = Math.Max(SmallestShift, BitOperations.Log2(size) - 3);
        var steps = (size + (1UL << shift) - 1) >> shift;
        capacity = (long)(steps << shift);
        return (shift - SmallestShift) * StepsPerOctave + (int)steps;
    }

    private static Storage? TakeFree(int sizeClass)
    {
        lock (gate)
        {
            for (var i = sizeClass; i < sizeClass + SearchedClasses && i < Classes; i++)
            {
                if (free[i] is { Count: > 0 } stack)
                {
                    var storage = stack.Pop();
                    freeBytes -= storage.Capacity;
                    Use(storage);
                    return storage;
                }
            }
        }
        return null;
    }

    private static void Use(Storage storage)
    {
        usedBytes += storage.Capacity;
        peakBytes = Math.Max(peakBytes, usedBytes);
        mostSinceReset = Math.Max(mostSinceReset, usedBytes);
        storage.Activate();
    }

    private static Storage Allocate(long bytes, long capacity, int sizeClass)
    {
        if (sizeClass >= Classes || capacity > GC.GetGCMemoryInfo().TotalAvailableMemoryBytes)
            throw new OutOfMemoryException($"A tensor of {bytes} bytes does not fit into this machine's memory.");
        if (usedBytes + capacity > collectAbove)
        {
            Collect();
            if (TakeFree(sizeClass) is { } found)
                return found;
        }
        lock (gate)
            Trim(capacity);
        Storage storage;
        try
        {
            storage = new Storage(capacity, sizeClass);
        }
        catch (OutOfMemoryException)
        {
            storage = AllocateAgain(capacity, sizeClass);
        }
        lock (gate)
        {
            nativeAllocations++;
            Use(storage);
            if (spare is null && usedBytes > SpareAbove)
                KeepSpare();
        }
        return storage;
    }

    private static void KeepSpare()
    {
        try
        {
            spare = new Storage(Spare, 0);
        }
        catch (OutOfMemoryException)
        {
            // Then there is none: it helps where it can.
        }
    }

    /// <summary>Once more, with all that nobody uses given back.</summary>
    private static Storage AllocateAgain(long capacity, int sizeClass)
    {
        Collect();
        lock (gate)
            Trim(long.MaxValue / 2);
        try
        {
            return new Storage(capacity, sizeClass);
        }
        catch (OutOfMemoryException)
        {
            lock (gate)
            {
                spare?.Free();
                spare = null;
            }
            throw;
        }
    }

    /// <summary>
    /// The collector does not see native memory, so dropped tensors would pile up. When the memory in use has doubled
    /// since the last time, run it: the finalizers of dropped blocks bring them back.
    /// </summary>
    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        collectAbove = Math.Max(FirstCollection, 2 * UsedBytes);
    }

    /// <summary>Gives back the largest free blocks until another <paramref name="wanted"/> bytes stay below the limit.</summary>
    private static void Trim(long wanted)
    {
        var limit = Math.Max(peakBytes, usedBytes) / 4 * 5 + Slack;
        for (var i = Classes - 1; i >= 0 && usedBytes + freeBytes + wanted > limit; i--)
        {
            while (free[i] is { Count: > 0 } stack && usedBytes + freeBytes + wanted > limit)
            {
                var storage = stack.Pop();
                freeBytes -= storage.Capacity;
                storage.Free();
            }
        }
    }
}
