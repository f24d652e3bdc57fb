using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Calls that found the engine's limits once: each is a right result or an error, never anything else.</summary>
[Settled]
public sealed class RobustnessTests
{
    [Fact]
    public void Scatter_by_itself_as_index_uses_the_index_as_it_was()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1L, 2, 0]);
        x.scatter_(0, x, tensor([long.MaxValue, 5, 1L << 40]));
        Assert.Equal([1L << 40, long.MaxValue, 5], x.data<long>().ToArray());
    }

    [Fact]
    public void Index_copy_by_itself_as_index_uses_the_index_as_it_was()
    {
        using var scope = NewDisposeScope();
        var x = tensor([1L, 2, 0]);
        x.index_copy_(0, x, tensor([long.MaxValue, 5, 1L << 40]));
        Assert.Equal([1L << 40, long.MaxValue, 5], x.data<long>().ToArray());
    }

    [Fact]
    public void In_place_writes_read_an_overlapping_source_as_it_was()
    {
        using var scope = NewDisposeScope();
        var order = tensor([1L, 2, 0]);
        Assert.Equal([3f, 1, 2], tensor([1f, 2, 3]).index_copy_(0, order, tensor([1f, 2, 3])).data<float>().ToArray());
        var x = tensor([1f, 2, 3]);
        Assert.Equal([3f, 1, 2], x.index_copy_(0, order, x).data<float>().ToArray());
        var y = tensor([1f, 2, 3]);
        Assert.Equal([4f, 3, 5], y.index_add_(0, order, y, 1).data<float>().ToArray());
    }

    [Fact]
    public void A_number_takes_one_index()
    {
        using var scope = NewDisposeScope();
        var x = tensor(2f);
        Assert.Equal(2f, x.index_select(0, tensor([0L])).item<float>());
        Assert.Throws<ArgumentException>(() => x.index_select(0, zeros(100, ScalarType.Int64)));
        Assert.Throws<ArgumentException>(() => x.index_select(0, zeros(0, ScalarType.Int64)));
    }

    [Fact]
    public void Views_have_no_more_dimensions_than_tensors()
    {
        using var scope = NewDisposeScope();
        var x = ones(Enumerable.Repeat(1L, 16).ToArray());
        Assert.Throws<ArgumentException>(() => x.unsqueeze(0));
    }

    [Theory]
    [InlineData(0, 5, long.MaxValue, new[] { 0L })]
    [InlineData(3, 5, long.MaxValue, new[] { 3L })]
    [InlineData(1, 5, 3, new[] { 1L, 4 })]
    [InlineData(4, 4, long.MaxValue, new long[0])]
    public void Slice_takes_steps_of_any_size(long start, long finish, long step, long[] expected)
    {
        using var scope = NewDisposeScope();
        Assert.Equal(expected, arange(5).slice(0, start, finish, step).data<long>().ToArray());
    }

    [Fact]
    public void Chunk_takes_any_number()
    {
        using var scope = NewDisposeScope();
        Assert.Equal(4, ones(4).chunk(long.MaxValue).Length);
        Assert.Equal([3L, 2], ones(5).chunk(2).Select(part => part.numel()));
    }

    [Fact]
    public void Scattering_nothing_gives_its_source_no_gradient()
    {
        using var scope = NewDisposeScope();
        var (x, source) = (ones(2, 3, 1, requires_grad: true), ones(2, 3, 1, requires_grad: true));
        var none = zeros(0, ScalarType.Int64);
        (x.scatter(2, none, source) + x.scatter_add(2, none, source)).sum().backward();
        x.gather(2, none).sum().backward();
        Assert.Equal(12, x.grad!.sum().ToSingle());
        Assert.Equal(0, source.grad!.sum().ToSingle());
    }

    [Fact]
    public void A_gradient_for_a_disposed_leaf_is_dropped()
    {
        using var scope = NewDisposeScope();
        var index = tensor([0L, 2]);
        foreach (var part in (Func<Tensor, Tensor>[])[x => x.narrow(0, 1, 2), x => x.index_select(0, index), x => x.gather(0, index)])
        {
            var leaf = rand(3, requires_grad: true);
            var other = rand(2, requires_grad: true);
            var sum = (part(leaf) * other).sum();
            leaf.Dispose();
            sum.backward();
            Assert.NotNull(other.grad);
        }
    }

    [Fact]
    public void Gradients_for_some_inputs_leave_parts_of_others_alone()
    {
        using var scope = NewDisposeScope();
        var x = ones(3, requires_grad: true);
        var w = ones(2, requires_grad: true);
        x.sum().backward();
        Assert.Equal([1f, 1], autograd.grad([(x.narrow(0, 1, 2) * w).sum()], [w])[0].data<float>().ToArray());
        (x.narrow(0, 1, 2) * w).sum().backward(inputs: [w]);
        Assert.Equal([1f, 1, 1], x.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Saved_values_survive_the_handles_they_were_saved_from()
    {
        using var scope = NewDisposeScope();
        var index = stack([arange(3), arange(3)], 1).select(1, 0);
        foreach (var operation in (Func<Tensor, Tensor, Tensor>[])[
            (a, b) => nn.functional.linear(a, b), (a, b) => a.matmul(b), (a, b) => a.index_add(0, index, b, 2),
            (a, b) => a.scatter_add(0, stack([index, index, index], 1), b), (a, b) => a * b.amax([0])])
        {
            var (x, y) = (rand(3, 3, requires_grad: true), rand(3, 3, requires_grad: true));
            Tensor result;
            using (var a = x * 2)
            using (var b = y.t() * 3)
                result = operation(a, b);
            result.sum().backward(retain_graph: true);
            var first = y.grad!.clone();
            var other = rand(3, 3) + 100; // would take memory that was given back too early
            result.sum().backward();
            Assert.True(y.grad!.allclose(first * 2));
            Assert.True(other.min().item<float>() >= 100);
        }
    }

    [Fact]
    public void Autograd_grad_gives_its_memory_back_with_the_handles()
    {
        var before = StoragePool.UsedBytes;
        for (var i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            var w = rand(1 << 16, requires_grad: true);
            autograd.grad([(w * w).sum()], [w]);
        }
        Assert.True(StoragePool.UsedBytes - before < 1 << 17);
    }

    [Fact]
    public void A_result_does_not_go_into_an_expanded_tensor_or_a_leaf()
    {
        using var scope = NewDisposeScope();
        var x = rand(5, 3);
        Assert.Equal(5, x.amax([1], @out: zeros(5)).numel());
        Assert.Throws<InvalidOperationException>(() => x.amax([1], @out: zeros(1).expand(5)));
        Assert.Throws<InvalidOperationException>(() => x.amax([1], @out: zeros(5, requires_grad: true)));
    }

    [Fact]
    public void Dropout_in_place_while_not_training_keeps_the_graph()
    {
        using var scope = NewDisposeScope();
        var w = ones(3, requires_grad: true);
        var x = w * 2;
        nn.functional.dropout(x, 0.5, training: false, inplace: true);
        x.sum().backward();
        Assert.Equal([2f, 2, 2], w.grad!.data<float>().ToArray());
    }

    [Fact]
    public void Remainder_is_the_same_with_and_without_gradients()
    {
        using var scope = NewDisposeScope();
        var a = tensor([-1f, 5, 7, 1e10f, -2]);
        var b = tensor([float.NegativeInfinity, float.PositiveInfinity, -3, 3, 3], requires_grad: true);
        Assert.Equal(a.remainder(b.detach()).data<float>().ToArray(), a.remainder(b).data<float>().ToArray());
        a.remainder(b).narrow(0, 2, 3).sum().backward();
        Assert.Equal([0, 0, 3, -MathF.Floor(1e10f / 3), 1], b.grad!.data<float>().ToArray());
    }

    [Fact]
    public void No_elements_take_no_time_however_long_other_axes_are()
    {
        using var scope = NewDisposeScope();
        var x = zeros(1L << 20, 1L << 40, 0L);
        Assert.Equal(0, x.max(1).values.numel());
        Assert.Equal(0, x.sum([1]).numel());
        Assert.Equal(0, x.index_select(1, zeros(1 << 16, ScalarType.Int64)).numel());
        Assert.Equal([0L, 2, 4, 5], zeros(2, 4, 3).matmul(zeros(0, 2, 3, 5)).shape);
    }

    [Fact]
    public void Members_of_a_scope_may_be_disposed_on_another_thread()
    {
        var before = Tensor.TotalCount;
        var queue = new System.Collections.Concurrent.ConcurrentQueue<Tensor>();
        Exception? error = null;
        var done = false;
        var consumer = new Thread(() =>
        {
            while (!Volatile.Read(ref done) || !queue.IsEmpty)
            {
                if (queue.TryDequeue(out var tensor))
                    error ??= Record.Exception(tensor.Dispose);
            }
        });
        consumer.Start();
        for (var round = 0; round < 50; round++)
        {
            using var scope = NewDisposeScope();
            for (var i = 0L; i < 200; i++)
            {
                var member = full(3, i);
                if (i % 2 == 0)
                    queue.Enqueue(member);
                else
                    Assert.Equal(3 * i, member.sum().item<long>());
            }
        }
        Volatile.Write(ref done, true);
        consumer.Join();
        Assert.Null(error);
        Assert.Equal(before, Tensor.TotalCount);
    }
}
