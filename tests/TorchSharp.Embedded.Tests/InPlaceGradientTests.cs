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

    private static Tensor Leaf(params float[] values) => tensor(values, requires_grad: true);

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();
}
