using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Storage comes from the pool and goes back to it, at the right time.</summary>
[Settled]
public sealed class MemoryPoolTests
{
    [Theory]
    [InlineData(0, 64)]
    [InlineData(1, 64)]
    [InlineData(65, 128)]
    [InlineData(1000, 1024)]
    [InlineData(1025, 1152)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 1, (1 << 20) + (1 << 17))]
    public void A_class_wastes_an_eighth_at_most(long bytes, long capacity)
    {
        var index = StoragePool.ClassOf(bytes, out var found);
        Assert.Equal(capacity, found);
        Assert.Equal(index, StoragePool.ClassOf(capacity, out _));
        Assert.Equal(index + 1, StoragePool.ClassOf(capacity + 1, out _));
    }

    [Fact]
    public unsafe void Storage_is_aligned_to_64_bytes()
    {
        using var scope = NewDisposeScope();
        for (var n = 1; n < 5000; n = (n * 3) + 1)
            Assert.Equal(0, empty(n).Handle % 64);
    }

    [Fact]
    public void A_warm_chain_asks_the_system_for_nothing()
    {
        using var outer = NewDisposeScope();
        var (x, y) = (rand(64, 64), rand(64, 64));
        for (var i = 0; i < 3; i++)
            Chain(x, y);
        var (blocks, bytes) = (StoragePool.NativeAllocations, GC.GetAllocatedBytesForCurrentThread());
        const int Rounds = 200;
        for (var i = 0; i < Rounds; i++)
            Chain(x, y);
        Assert.Equal(blocks, StoragePool.NativeAllocations);
        // Six tensors and a scope: handle, tensor and a place in the scope's list each, no data.
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - bytes) / Rounds, 0, 6 * 250);

        static void Chain(Tensor x, Tensor y)
        {
            using var scope = NewDisposeScope();
            _ = ((x + y) * x).exp().sub(y).tanh().sqrt();
        }
    }

    [Fact]
    public void Steps_of_training_use_the_same_memory_again()
    {
        using var outer = NewDisposeScope();
        var (w, x) = (rand(32, 16).requires_grad_(), rand(8, 16));
        for (var i = 0; i < 3; i++)
            Step(w, x);
        var (blocks, used) = (StoragePool.NativeAllocations, StoragePool.UsedBytes);
        for (var i = 0; i < 50; i++)
            Step(w, x);
        Assert.Equal(blocks, StoragePool.NativeAllocations);
        Assert.Equal(used, StoragePool.UsedBytes);

        static void Step(Tensor w, Tensor x)
        {
            using var scope = NewDisposeScope();
            nn.functional.gelu(nn.functional.linear(x, w)).mean().backward();
        }
    }

    [Fact]
    public void A_graph_that_is_dropped_gives_its_values_back()
    {
        using var outer = NewDisposeScope();
        var x = rand(100).requires_grad_();
        var used = StoragePool.UsedBytes;
        using (NewDisposeScope())
        {
            var y = x.exp().tanh();
            for (var i = 0; i < 20_000; i++)
                y = y * 1.0001 + x; // long: the chain must not be followed by recursion
            Assert.True(StoragePool.UsedBytes > used);
        }
        Assert.Equal(used, StoragePool.UsedBytes);
    }

    [Fact]
    public void What_nobody_disposes_comes_back_with_the_collector()
    {
        Collect(); // what other tests dropped
        var used = StoragePool.UsedBytes;
        Drop(10, 100_000);
        Assert.True(StoragePool.UsedBytes >= used + 4_000_000);
        ones(1).Dispose();
        Collect();
        Assert.Equal(used, StoragePool.UsedBytes);
    }

    [Fact]
    public void What_nobody_disposes_does_not_pile_up()
    {
        var blocks = StoragePool.NativeAllocations;
        Drop(200, 3_000_000); // 2.4 GB in all
        Assert.InRange(StoragePool.NativeAllocations - blocks, 0, 60);
    }

    /// <summary>Dropped tensors under kernels of other threads: nobody may see the memory of another.</summary>
    [Fact]
    public void The_collector_does_not_take_memory_from_running_kernels()
    {
        var stop = false;
        var collector = new Thread(() =>
        {
            // At random moments of a kernel. One collection right after another would hardly let the kernels run.
            var random = new Random(1);
            while (!Volatile.Read(ref stop))
            {
                GC.Collect();
                Thread.SpinWait(random.Next(20_000));
            }
        });
        collector.Start();
        try
        {
            for (var i = 0; i < 3000; i++)
            {
                var sum = (full(20_000, i) + full(20_000, 1)).sub(full(20_000, i)).sum().ToSingle();
                Assert.Equal(20_000f, sum);
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }
    }

    [Fact]
    public void Memory_that_the_machine_has_not_is_an_error()
    {
        Assert.Throws<OutOfMemoryException>(() => zeros(1L << 42));
        Assert.Throws<OutOfMemoryException>(() => empty(1L << 61));
        Assert.Throws<ArgumentException>(() => zeros(1L << 40, 1L << 40));
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Drop(int count, long size)
    {
        for (var i = 0; i < count; i++)
            _ = empty(size);
    }
}
