using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>
/// A forward pass in bfloat16: each operation is that of float32 on the widened operands, rounded once; gradients pass the
/// conversions and are float32.
/// </summary>
public sealed class BFloat16Tests
{
    private const ScalarType Half = ScalarType.BFloat16;
    private const ScalarType Float = ScalarType.Float32;

    public static TheoryData<string> Names => [.. Functions.Keys];

    /// <summary>Functions of x [2, 6, 8], w [8, 8] and b [8].</summary>
    private static Dictionary<string, Func<Tensor, Tensor, Tensor, Tensor>> Functions => new()
    {
        ["linear"] = (x, w, b) => nn.functional.linear(x, w, b),
        ["linear without bias"] = (x, w, _) => nn.functional.linear(x, w),
        ["gelu"] = (x, _, _) => nn.functional.gelu(x),
        ["gelu by tanh"] = (x, _, _) => nn.functional.gelu(x, Modules.GELU.Approximate.tanh),
        ["relu"] = (x, _, _) => nn.functional.relu(x),
        ["dropout"] = (x, _, _) => Seeded(() => nn.functional.dropout(x, 0.5)),
        ["attention"] = (x, _, _) => nn.functional.scaled_dot_product_attention(
            x.narrow(1, 0, 2), x.narrow(1, 2, 2), x.narrow(1, 4, 2), is_casual: true),
        ["attention of parts"] = (x, _, _) =>
        {
            var parts = x.chunk(2, -1);
            return nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[1]);
        },
        ["sum"] = (x, _, b) => x.add(b),
        ["multiple"] = (x, _, _) => x.mul(3),
        ["views"] = (x, _, _) => x.view(2, 6, 2, 4).transpose(1, 2).transpose(1, 2).reshape(2, 6, 8).narrow(1, 1, 3),
    };

    [Theory]
    [MemberData(nameof(Names))]
    public void Values_and_gradients_are_those_of_the_widened_operands(string name)
    {
        using var scope = NewDisposeScope();
        manual_seed(5);
        Tensor[] half = [randn([2, 6, 8]).to(Half), randn([8, 8]).to(Half), randn([8]).to(Half)];
        Tensor[] wide = [.. half.Select(x => x.to(Float))];
        foreach (var operand in (Tensor[])[.. half, .. wide])
            operand.requires_grad = true;
        var y = Functions[name](half[0], half[1], half[2]);
        var expected = Functions[name](wide[0], wide[1], wide[2]);
        Assert.Equal(Half, y.dtype);
        Assert.True(y.detach().Equals(expected.detach().to(Half)));
        var weights = randn(expected.shape);
        (y.to(Float) * weights).sum().backward();
        (expected * weights).sum().backward();
        foreach (var (own, other) in half.Zip(wide))
            Assert.True(other.grad is null ? own.grad is null : own.grad!.dtype == Float && own.grad.Equals(other.grad));
    }

    [Fact]
    public void A_sum_with_float32_is_float32()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1f, 2 }).to(Half);
        Assert.Equal([1.001f, 2.001f], x.add(tensor(new[] { 0.001f, 0.001f })).data<float>().ToArray());
        Assert.Equal(Float, ones([2]).add(x).dtype);
    }

    [Fact]
    public void Operands_of_two_types_are_an_error_where_torch_has_one()
    {
        using var scope = NewDisposeScope();
        var (half, wide) = (ones([2, 2], Half), ones([2, 2]));
        Assert.Throws<ArgumentException>(() => nn.functional.linear(half, wide));
        Assert.Throws<ArgumentException>(() => nn.functional.linear(half, half, ones([2])));
        Assert.Throws<ArgumentException>(() => nn.functional.scaled_dot_product_attention(half, wide, half));
    }

    [Fact]
    public void A_gradient_passes_the_conversion_both_ways_and_ends_at_whole_numbers()
    {
        using var scope = NewDisposeScope();
        var x = tensor(new[] { 1.0078125f, 1.001f }).requires_grad_();
        (x.to(Half).to(Float) * tensor(new[] { 2f, 3 })).sum().backward();
        Assert.Equal([2f, 3], x.grad!.data<float>().ToArray());
        Assert.False(x.to(ScalarType.Int64).requires_grad);
        Assert.False(x.to(ScalarType.Int8).requires_grad);
    }

    [Fact]
    public void The_walk_back_starts_from_a_gradient_in_bfloat16()
    {
        using var scope = NewDisposeScope();
        var x = ones([2], Half, requires_grad: true);
        autograd.backward([x.mul(2)], [full([2], 3, Half)]);
        Assert.Equal([6f, 6], x.grad!.data<float>().ToArray());
    }

    private static Tensor Seeded(Func<Tensor> function)
    {
        manual_seed(9);
        return function();
    }
}
