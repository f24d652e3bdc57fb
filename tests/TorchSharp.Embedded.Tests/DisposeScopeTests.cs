using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Dispose scopes as TorchSharp has them; the numbers of the statistics were read off TorchSharp 0.107.</summary>
[Settled]
public sealed class DisposeScopeTests
{
    [Fact]
    public void The_end_of_a_scope_disposes_what_was_made_in_it()
    {
        var before = Tensor.TotalCount;
        Tensor inside;
        using (NewDisposeScope())
        {
            inside = ones(2) + 1;
            Assert.Equal(before + 2, Tensor.TotalCount);
        }
        Assert.True(inside.IsInvalid);
        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public void What_is_moved_out_belongs_to_the_outer_scope()
    {
        using var outer = NewDisposeScope();
        Tensor moved;
        using (var inner = NewDisposeScope())
            moved = inner.MoveToOuter(ones(2));
        Assert.False(moved.IsInvalid);
        Assert.True(outer.Contains(moved));
        outer.DisposeEverything();
        Assert.True(moved.IsInvalid);
    }

    [Fact]
    public void Out_of_the_outermost_scope_a_tensor_belongs_to_nobody()
    {
        Tensor moved;
        using (var scope = NewDisposeScope())
            moved = scope.MoveToOuter(ones(2));
        Assert.Equal(2, moved.sum().ToSingle());
        moved.Dispose();
    }

    [Fact]
    public void A_detached_tensor_can_be_attached_again()
    {
        using var scope = NewDisposeScope();
        var tensor = ones(3).DetachFromDisposeScope();
        Assert.Equal(0, scope.DisposablesCount);
        scope.Attach(tensor);
        scope.Attach(tensor);
        Assert.Equal(1, scope.DisposablesCount);
        scope.DisposeEverything();
        Assert.True(tensor.IsInvalid);
    }

    [Fact]
    public void Statistics_count_as_TorchSharp_counts()
    {
        var statistics = DisposeScopeManager.Statistics;
        statistics.Reset();
        using (var scope = NewDisposeScope())
        {
            var (a, b) = (ones(2), ones(2));
            scope.MoveToOuter(b);
            Assert.Equal((2, 1), (statistics.CreatedInScopeCount, statistics.DetachedFromScopeCount));
            var c = scope.Detach(ones(2));
            c.Dispose();
            Assert.Equal((2, 1), (statistics.DetachedFromScopeCount, statistics.DisposedOutsideScopeCount));
            a.Dispose();
            Assert.Equal(1, statistics.DisposedInScopeCount);
            scope.Attach(b);
            Assert.Equal(1, statistics.AttachedToScopeCount);
            Assert.Equal(1, statistics.ThreadTotalLiveCount);
        }
        Assert.Equal((2, 0), (statistics.DisposedInScopeCount, statistics.ThreadTotalLiveCount));
        ones(1).Dispose();
        Assert.Equal((1, 2), (statistics.CreatedOutsideScopeCount, statistics.DisposedOutsideScopeCount));
    }

    [Fact]
    public void Everything_but_some_is_disposed()
    {
        using var scope = NewDisposeScope();
        var (a, b, c) = (ones(1), ones(1), ones(1));
        Assert.Equal((a, c), scope.DisposeEverythingBut(a, c));
        Assert.Equal((false, true, false), (a.IsInvalid, b.IsInvalid, c.IsInvalid));
        Assert.Equal(2, scope.DisposablesCount);
    }

    [Fact]
    public void Other_disposables_take_part()
    {
        var stream = new MemoryStream();
        using (var scope = NewDisposeScope())
        {
            scope.Attach((IDisposable)stream);
            Assert.True(scope.Contains(stream));
        }
        Assert.False(stream.CanRead);
    }

    [Fact]
    public void A_scope_closed_out_of_order_leaves_the_inner_one_whole()
    {
        var outer = NewDisposeScope();
        var inner = NewDisposeScope();
        var tensor = ones(1);
        outer.Dispose();
        Assert.False(tensor.IsInvalid);
        Assert.Same(inner, CurrentDisposeScope);
        inner.Dispose();
        Assert.True(tensor.IsInvalid);
        Assert.Null(CurrentDisposeScope);
    }

    [Fact]
    public void Scopes_are_of_their_thread()
    {
        using var scope = NewDisposeScope();
        Tensor? other = null;
        var thread = new Thread(() => other = ones(1));
        thread.Start();
        thread.Join();
        Assert.Equal(0, scope.DisposablesCount);
        other!.Dispose();
    }

    [Fact]
    public void A_gradient_outlives_the_scope_that_looked_at_it()
    {
        using var outer = NewDisposeScope();
        var x = ones(2).requires_grad_();
        using (NewDisposeScope())
        {
            (x * 3).sum().backward();
            Assert.Equal(6, x.grad!.sum().ToSingle());
        }
        Assert.Equal([3f, 3f], x.grad!.data<float>().ToArray());
    }

    /// <summary>Blocks go from owner to owner: what knew a former one must not keep the next one's alive.</summary>
    [Fact]
    public void What_other_threads_did_before_does_not_keep_dropped_handles_alive()
    {
        using var read = new ManualResetEventSlim();
        using var done = new ManualResetEventSlim();
        Tensor? tensor = null;
        var other = new Thread(() =>
        {
            tensor = ones(777);
            _ = tensor.data<float>().ToArray();
            read.Set();
            done.Wait(TestContext.Current.CancellationToken);
        });
        other.Start();
        read.Wait(TestContext.Current.CancellationToken);
        tensor!.Dispose();
        var before = Tensor.TotalCount;
        Drop(); // in the block that the other thread has read
        Collect();
        Assert.Equal(before, Tensor.TotalCount);
        done.Set();
        other.Join();

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Drop() => _ = ones(777).view(7, 111);
    }

    [Fact]
    public void Handles_that_are_dropped_leave_the_count_with_the_collector()
    {
        var before = Tensor.TotalCount;
        Drop();
        Collect();
        Assert.Equal(before, Tensor.TotalCount);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Drop()
        {
            for (var i = 0; i < 10; i++)
                _ = ones(5).view(5, 1);
        }
    }

    private static void Collect()
    {
        ones(1).Dispose();
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
