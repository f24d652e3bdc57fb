using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>What operations in place mean for gradients: they are recorded, or an error, never silently wrong.</summary>
public sealed class InPlaceGradientTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_saved_value_changed_in_place_is_an_error()
    {
        var x = Leaf(1f, 2f);
        var y = x * 1;
        var z = y * y;
        y.add_(1);
        var error = Assert.Throws<InvalidOperationException>(() => z.sum().backward());
        Assert.Contains("modified by an inplace operation", error.Message, StringComparison.Ordinal);
        Assert.Contains("version 1; expected 0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_change_through_a_view_counts_as_a_change()
    {
        var x = Leaf(1f, 2f);
        var data = zeros(2);
        var z = x * data;
        data.view(2, 1).select(0, 0).fill_(5);
        Assert.Throws<InvalidOperationException>(() => z.sum().backward());
    }

    [Fact]
    public void In_place_on_a_leaf_is_an_error_unless_nothing_is_recorded()
    {
        var x = Leaf(1f, 2f);
        Assert.Throws<InvalidOperationException>(() => x.add_(1));
        Assert.Throws<InvalidOperationException>(() => x.zero_());
        using (no_grad())
            x.add_(1);
        Assert.Equal([2f, 3f], Values(x));
        Assert.True(x.is_leaf);
    }

    [Fact]
    public void Operations_in_place_are_recorded()
    {
        var x = Leaf(1f, 2f, 3f);
        var y = x * 1;
        y.mul_(3).add_(x).exp_().add_(x, -1);
        y.sum().backward();
        var expected = new[] { 1f, 2f, 3f }.Select(v => (float)((4 * Math.Exp(4 * v)) - 1)).ToArray();
        Assert.All(expected.Zip(Values(x.grad!)), pair => Assert.Equal(pair.First, pair.Second, pair.First * 1e-5f));
    }

    [Fact]
    public void What_is_written_into_a_buffer_flows_back()
    {
        var x = Leaf(1f, 2f);
        var buffer = zeros(2, 2);
        buffer.copy_(x);
        buffer.index_add_(0, tensor(new long[] { 1 }), x.view(1, 2) * 10, 1);
        buffer.sum().backward();
        Assert.Equal([12f, 12f], Values(x.grad!));
        Assert.Equal([1f, 2f, 11f, 22f], Values(buffer));
    }

    [Fact]
    public void Filling_cuts_the_way_back()
    {
        var x = Leaf(1f, 2f);
        var y = x * 2;
        y.fill_(7);
        (y + x).sum().backward();
        Assert.Equal([1f, 1f], Values(x.grad!));
    }

    [Fact]
    public void A_view_from_before_a_recorded_change_is_refused()
    {
        var x = Leaf(1f, 2f);
        var y = x * 2;
        var view = y.view(2, 1);
        y.mul_(3);
        Assert.Throws<InvalidOperationException>(() => view * 2);
        Assert.Throws<NotSupportedException>(() => y.view(2, 1).add_(1));
    }

    [Fact]
    public void A_view_of_a_buffer_from_before_it_was_recorded_is_refused()
    {
        var (w, u) = (ones(2, 4, requires_grad: true), ones(2, 2, requires_grad: true));
        var h = zeros(2, 4);
        var former = h.narrow(1, 0, 2);
        h.copy_(w * 3);
        Action[] uses =
        [
            () => _ = former * u, () => _ = u * former, () => _ = former.exp(), () => former.sum(), () => former.reshape(2, 1, 2),
            () => former.matmul(u), () => cat([u, former]), () => former.chunk(2),
        ];
        foreach (var use in uses)
            Assert.Contains("make the view after", Assert.Throws<InvalidOperationException>(use).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<Exception>(() => former.add_(1));
        using (no_grad())
            Assert.Equal(12, former.sum().ToSingle());
        (h.narrow(1, 0, 2) * u).sum().backward();
        Assert.Equal([3f, 3, 0, 0, 3, 3, 0, 0], Values(w.grad!));
    }

    [Fact]
    public void A_gradient_that_is_read_while_it_is_added_to_is_read_as_it_was()
    {
        const long n = 64;
        var start = randn(n, n);
        var x = randn(n, n);
        (Func<Tensor, Tensor, Tensor> Function, Func<Tensor, Tensor> Added)[] cases =
        [
            ((g, w) => g.matmul(w), g => g.t().matmul(x)),
            ((g, w) => w.matmul(g), g => x.matmul(g.t())),
            ((g, w) => nn.functional.linear(g, w), g => x.t().matmul(g)),
        ];
        foreach (var (function, added) in cases)
        {
            var w = randn(n, n, requires_grad: true);
            w.grad = start.clone();
            function(w.grad, w).backward([x]);
            Assert.True(w.grad!.allclose(start + added(start), 1e-4, 1e-4));
        }
        var row = start.select(0, 0);
        var gain = randn(n, requires_grad: true);
        gain.grad = row.clone();
        nn.functional.layer_norm(gain.grad, [n], gain).sum().backward();
        Assert.True(gain.grad!.allclose(row + nn.functional.layer_norm(row, [n]), 1e-4, 1e-5));
    }

    [Fact]
    public void A_walk_back_may_start_from_a_gradient_that_it_adds_to()
    {
        var start = randn(64, 64);
        var backwards = arange(63, -1, -1);
        var w = randn(64, 64, requires_grad: true);
        w.grad = start.clone();
        w.t().backward([w.grad]);
        Assert.True(w.grad!.allclose(start + start.t()));
        w.grad = start.clone();
        w.narrow(0, 0, 63).backward([w.grad.narrow(0, 1, 63)]);
        Assert.True(w.grad!.allclose(start + cat([start.narrow(0, 1, 63), zeros(1, 64)])));
        w.grad = start.clone();
        w.index_select(0, backwards).backward([w.grad]);
        Assert.True(w.grad!.allclose(start + start.index_select(0, backwards)));
    }

    [Fact]
    public void An_expanded_gradient_is_added_to_element_by_element()
    {
        var w = Leaf(1f, 1f, 1f);
        w.grad = ones(1).expand(3);
        (w * tensor(new[] { 1f, 2f, 3f })).sum().backward();
        Assert.Equal([2f, 3f, 4f], Values(w.grad!));
    }

    [Fact]
    public void A_leaf_turned_unrecorded_takes_its_gradient_along()
    {
        var w = rand(2, 3, requires_grad: true);
        var slopes = rand(2, 3);
        (w * slopes).sum().backward();
        using (no_grad())
            w.transpose_(0, 1);
        Assert.True(w.requires_grad && w.is_leaf);
        (w * slopes.t()).sum().backward();
        Assert.True(w.grad!.allclose(slopes.t() * 2));
    }

    private static Tensor Leaf(params float[] values) => tensor(values, requires_grad: true);

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();
}
