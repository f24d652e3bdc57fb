using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>The recorded graph and the walk back; the operators' own gradients are tested against PyTorch elsewhere.</summary>
public sealed class AutogradTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Gradients_add_up_over_walks()
    {
        var x = Leaf(1, 2);
        for (var i = 1; i <= 3; i++)
        {
            (x * x).sum().backward();
            Assert.Equal([2f * i, 4f * i], Values(x.grad!));
        }
    }

    [Fact]
    public void The_gradient_of_a_sum_of_functions_is_the_sum()
    {
        var x = Leaf(0.3f, -0.7f, 1.1f);
        var (f, g) = ((x.exp() * x).sum(), x.tanh().square().sum());
        (f + g).backward();
        var together = Values(x.grad!);
        x.grad = null;
        (x.exp() * x).sum().backward();
        x.tanh().square().sum().backward();
        Assert.All(Values(x.grad!).Zip(together), pair => Assert.Equal(pair.First, pair.Second, 1e-6f));
    }

    [Fact]
    public void A_value_used_often_gets_all_its_gradients()
    {
        var x = Leaf(3f);
        var y = x * 2;
        (y * y + y + y.view(1).expand(5).sum()).sum().backward();
        Assert.Equal([2 * ((2 * 6) + 1 + 5f)], Values(x.grad!));
    }

    [Fact]
    public void An_assigned_gradient_is_added_to_in_place()
    {
        var flat = zeros(10);
        var w = rand(2, 3).requires_grad_();
        var b = rand(2).requires_grad_();
        w.grad = flat.narrow(0, 1, 6).view(2, 3);
        b.grad = flat.narrow(0, 7, 2);
        for (var i = 0; i < 2; i++)
            nn.functional.linear(ones(4, 3), w, b).sum().backward();
        Assert.Equal([0f, 8f, 8f, 8f, 8f, 8f, 8f, 8f, 8f, 0f], Values(flat));
    }

    [Fact]
    public void An_assigned_gradient_may_have_gaps()
    {
        var table = zeros(3, 4);
        var x = rand(3).requires_grad_();
        var w = rand(3).requires_grad_();
        x.grad = table.select(1, 1);
        w.grad = table.select(1, 2);
        nn.functional.layer_norm(rand(5, 3), [3], w, x).sum().backward();
        (x * 2).sum().backward();
        Assert.Equal([7f, 7f, 7f], Values(table.select(1, 1)));
        Assert.Equal([0f, 0f, 0f], Values(table.select(1, 3)));
    }

    [Fact]
    public void Rows_of_a_table_that_is_used_twice()
    {
        var table = rand(4, 2).requires_grad_();
        var ids = tensor(new long[] { 1, 1, 3 });
        (table.index_select(0, ids).sum() + nn.functional.linear(ones(1, 2), table).sum() + table.narrow(0, 0, 2).sum()).backward();
        Assert.Equal([2f, 2f, 4f, 4f, 1f, 1f, 2f, 2f], Values(table.grad!));
    }

    [Fact]
    public void Parts_that_nobody_uses_get_zeros()
    {
        var x = Leaf(1, 2, 3, 4, 5, 6);
        var parts = x.chunk(3);
        (parts[2] * 3 + parts[0]).sum().backward();
        Assert.Equal([1f, 1f, 0f, 0f, 3f, 3f], Values(x.grad!));
    }

    [Fact]
    public void The_gradient_of_fused_attention_inputs_needs_no_copy_and_is_right()
    {
        var x = randn(2, 5, 24).requires_grad_();
        Attend(x.split(8, 2)).backward();
        var fused = Values(x.grad!);
        x.grad = null;
        Attend([x.narrow(2, 0, 8).clone(), x.narrow(2, 8, 8).clone(), x.narrow(2, 16, 8).clone()]).backward();
        Assert.All(Values(x.grad!).Zip(fused), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));

        static Tensor Attend(Tensor[] parts)
        {
            var (q, k, v) = (Heads(parts[0]), Heads(parts[1]), Heads(parts[2]));
            var y = nn.functional.scaled_dot_product_attention(q, k, v, is_casual: true).transpose(1, 2).reshape(2, 5, 8);
            return (y * arange(8, dtype: float32)).sum();
        }

        static Tensor Heads(Tensor part) => part.view(2, 5, 2, 4).transpose(1, 2);
    }

    [Fact]
    public void A_second_walk_needs_retain_graph()
    {
        var x = Leaf(2f);
        var y = (x * x).sum();
        y.backward(retain_graph: true);
        y.backward();
        Assert.Equal([8f], Values(x.grad!));
        var error = Assert.Throws<InvalidOperationException>(() => y.backward());
        Assert.Contains("second time", error.Message, StringComparison.Ordinal);
        Assert.Contains("retain_graph", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Retained_logits_survive_a_walk()
    {
        var x = randn(3, 4).requires_grad_();
        var logits = x * 2;
        var loss = nn.functional.cross_entropy(logits, tensor(new long[] { 0, 3, 1 }));
        logits.Dispose();
        loss.backward(retain_graph: true);
        var once = Values(x.grad!);
        loss.backward();
        Assert.Equal(once.Select(g => 2 * g), Values(x.grad!));
    }

    [Fact]
    public void A_failed_walk_leaves_nothing_behind()
    {
        var x = Leaf(1f, 2f);
        var inner = x * 1;
        var square = inner * inner;
        inner.add_(1);
        Assert.Throws<InvalidOperationException>(() => (square + x * 3).sum().backward());
        x.grad = null;
        (x * 5).sum().backward();
        Assert.Equal([5f, 5f], Values(x.grad!));
    }

    [Fact]
    public void Nothing_is_recorded_where_nothing_shall_be()
    {
        var x = Leaf(1f);
        using (no_grad())
        {
            Assert.False(is_grad_enabled());
            Assert.False((x * 2).requires_grad);
            using (enable_grad())
                Assert.True((x * 2).requires_grad);
        }
        using (inference_mode())
            Assert.False((x * 2).requires_grad);
        Assert.True(is_grad_enabled());
        Assert.False((x.detach() * 2).requires_grad);
        Assert.False((x > 0).requires_grad);
        Assert.True((x * 2).requires_grad);
    }

    [Fact]
    public void Gradients_of_tensors_that_are_no_leaves_can_be_kept()
    {
        var x = Leaf(1f, 2f);
        var y = x * 3;
        y.retain_grad();
        (y * y).sum().backward();
        Assert.Equal([6f, 12f], Values(y.grad!));
        Assert.Equal([18f, 36f], Values(x.grad!));
    }

    [Fact]
    public void Gradients_can_be_asked_for_without_being_added()
    {
        var (x, y, z) = (Leaf(1f, 2f), Leaf(3f, 4f), Leaf(1f));
        var product = x * y;
        var loss = (product * product).sum();
        var gradients = autograd.grad([loss], [x, product], retain_graph: true);
        Assert.Equal([18f, 64f], Values(gradients[0]));
        Assert.Equal([6f, 16f], Values(gradients[1]));
        Assert.Null(x.grad);
        Assert.Throws<InvalidOperationException>(() => autograd.grad([loss], [z], retain_graph: true));
        Assert.Null(autograd.grad([loss], [z], retain_graph: true, allow_unused: true)[0]);
        loss.backward(inputs: [y]);
        Assert.Null(x.grad);
        Assert.Equal([6f, 32f], Values(y.grad!));
    }

    [Fact]
    public void A_walk_starts_from_any_gradient()
    {
        var x = Leaf(1f, 2f);
        var y = x * x;
        y.backward([tensor(new[] { 10f, 100f })]);
        Assert.Equal([20f, 400f], Values(x.grad!));
        Assert.Throws<InvalidOperationException>(() => (x * x).backward());
        Assert.Throws<InvalidOperationException>(() => ones(1).backward());
        Assert.Throws<ArgumentException>(() => (x * x).backward([ones(3)]));
        Assert.Throws<NotSupportedException>(() => (x * x).sum().backward(create_graph: true));
    }

    [Fact]
    public void Disposing_what_lies_between_changes_nothing()
    {
        var x = Leaf(1f, 2f);
        Tensor loss;
        using (NewDisposeScope())
            loss = x.exp().mul(x).tanh().sum().MoveToOuterDisposeScope();
        zeros(2).Dispose();
        _ = full(2, 99f);
        loss.backward();
        Assert.All(Values(x.grad!), g => Assert.True(float.IsFinite(g)));
        Assert.Equal(Derivative(1), Values(x.grad!)[0], 1e-5);

        static double Derivative(double v) => (1 - Math.Pow(Math.Tanh(v * Math.Exp(v)), 2)) * Math.Exp(v) * (1 + v);
    }

    [Fact]
    public void Two_threads_record_and_walk_beside_each_other()
    {
        var errors = 0;
        var threads = Enumerable.Range(0, 2).Select(n => new Thread(() =>
        {
            for (var i = 0; i < 200; i++)
            {
                using var inner = NewDisposeScope();
                var x = full(50, n + 1f).requires_grad_();
                (x * x).sum().backward();
                if (Values(x.grad!).Any(g => g != 2 * (n + 1)))
                    Interlocked.Increment(ref errors);
            }
        })).ToArray();
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        Assert.Equal(0, errors);
    }

    private static Tensor Leaf(params float[] values) => tensor(values, requires_grad: true);

    private static float[] Values(Tensor tensor) => tensor.data<float>().ToArray();
}
