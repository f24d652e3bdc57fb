using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Wrong arguments are exceptions that name the operation and the shapes, types or numbers that are wrong.</summary>
public sealed class ErrorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static readonly Dictionary<string, (Action Wrong, string[] Named)> mistakes = new()
    {
        ["add"] = (() => ones(2, 3).add(ones(4)), ["add", "[2, 3]", "[4]"]),
        ["add in place"] = (() => ones(4).add_(ones(2, 4)), ["add_", "[4]", "[2, 4]"]),
        ["matmul"] = (() => ones(2, 3).matmul(ones(2, 3)), ["matmul", "[2, 3]"]),
        ["matmul of a number"] = (() => ones(2, 3).matmul(tensor(1f)), ["matmul", "[]"]),
        ["matmul batches"] = (() => ones(2, 3, 4).matmul(ones(3, 4, 5)), ["matmul", "[2]", "[3]"]),
        ["matmul types"] = (() => ones(2, 2).matmul(ones(2, 2, dtype: int64)), ["matmul", "Int64"]),
        ["mm"] = (() => ones(2).mm(ones(2)), ["mm", "[2]"]),
        ["bmm"] = (() => ones(1, 2, 2).bmm(ones(2, 2, 2)), ["bmm", "[1, 2, 2]"]),
        ["dot"] = (() => ones(2).dot(ones(3)), ["[2]", "[3]"]),
        ["linear"] = (() => nn.functional.linear(ones(2, 3), ones(4, 5)), ["linear", "[2, 3]", "[4, 5]"]),
        ["linear bias"] = (() => nn.functional.linear(ones(2, 3), ones(4, 3), ones(3)), ["linear", "[3]", "[4, 3]"]),
        ["layer_norm"] = (() => nn.functional.layer_norm(ones(2, 3), [4]), ["layer_norm", "[2, 3]", "[4]"]),
        ["layer_norm weight"] = (() => nn.functional.layer_norm(ones(2, 3), [3], ones(4)), ["layer_norm", "[4]"]),
        ["gelu"] = (() => nn.functional.gelu(ones(2, dtype: int64)), ["gelu", "Int64"]),
        ["softmax"] = (() => ones(2).softmax(3), ["softmax", "3"]),
        ["cross_entropy shapes"] = (
            () => nn.functional.cross_entropy(ones(2, 3), zeros(3, dtype: int64)),
            ["cross_entropy", "[2, 3]", "[3]"]),
        ["cross_entropy target"] = (
            () => nn.functional.cross_entropy(ones(2, 3), tensor(new long[] { 0, 3 })),
            ["cross_entropy", "target 3", "[0, 3)"]),
        ["cross_entropy below"] = (() => nn.functional.cross_entropy(ones(1, 3), tensor(new long[] { -1 })), ["cross_entropy", "-1"]),
        ["cross_entropy smoothing"] = (
            () => nn.functional.cross_entropy(ones(1, 3), zeros(1, dtype: int64), label_smoothing: 2),
            ["label_smoothing", "2"]),
        ["dropout"] = (() => nn.functional.dropout(ones(2), 1.5), ["dropout", "1.5"]),
        ["dropout NaN"] = (() => nn.functional.dropout(ones(2), double.NaN), ["dropout", "NaN"]),
        ["attention"] = (
            () => nn.functional.scaled_dot_product_attention(ones(1, 2, 3, 4), ones(1, 2, 3, 5), ones(1, 2, 3, 5)),
            ["scaled_dot_product_attention", "[1, 2, 3, 4]", "[1, 2, 3, 5]"]),
        ["attention mask"] = (
            () => nn.functional.scaled_dot_product_attention(ones(1, 2, 3, 4), ones(1, 2, 5, 4), ones(1, 2, 5, 4), ones(3, 3)),
            ["mask", "[3, 3]", "[1, 2, 3, 5]"]),
        ["attention mask of bytes"] = (() => Attend(zeros(4, 4).to(int8)), ["mask", "Int8", "Bool or Float32"]),
        ["attention mask of whole numbers"] = (() => Attend(zeros(4, 4, dtype: int64)), ["mask", "Int64"]),
        ["attention mask of bfloat16"] = (() => Attend(zeros(4, 4).to(bfloat16)), ["mask", "BFloat16"]),
        ["one_hot"] = (() => nn.functional.one_hot(tensor(new long[] { 0, 5 }), 3), ["one_hot", "5", "[0, 3)"]),
        ["index_select"] = (() => ones(2, 3).index_select(1, tensor(new long[] { 3 })), ["index_select", "3", "[0, 3)", "[2, 3]"]),
        ["index_select below"] = (() => ones(2).index_select(0, tensor(new long[] { -1 })), ["index_select", "-1"]),
        ["index_select type"] = (() => ones(2).index_select(0, ones(1)), ["index_select", "int64", "Float32"]),
        ["gather"] = (() => ones(2, 3).gather(1, tensor(new long[] { 3 }, [1, 1])), ["gather", "3"]),
        ["gather shape"] = (() => ones(2, 3).gather(1, zeros(3, 1, dtype: int64)), ["gather", "[3, 1]", "[2, 3]"]),
        ["scatter_"] = (() => ones(2, 3).scatter_(1, full(1L, 1L, 7), ones(1, 1)), ["scatter_", "7"]),
        ["index_add_"] = (() => ones(2, 3).index_add_(0, tensor(new long[] { 0 }), ones(2, 3), 1), ["index_add", "[1, 3]", "[2, 3]"]),
        ["index_copy_"] = (() => ones(2).index_copy_(0, tensor(new long[] { 2 }), ones(1)), ["index_copy_", "2"]),
        ["narrow"] = (() => ones(4).narrow(0, 2, 3), ["narrow", "2", "3", "[4]"]),
        ["narrow overflow"] = (() => ones(4).narrow(0, 2, long.MaxValue), ["narrow"]),
        ["select"] = (() => ones(4).select(0, 4), ["select", "4", "[4]"]),
        ["select least"] = (() => ones(4).select(0, long.MinValue), ["select"]),
        ["slice"] = (() => ones(4).slice(0, 0, 4, 0), ["slice", "step", "0"]),
        ["view"] = (() => ones(2, 3).view(4, -1), ["view", "[4, -1]", "[2, 3]"]),
        ["view of gaps"] = (() => ones(2, 3).t().view(6), ["view", "[1, 3]", "[6]"]),
        ["view overflow"] = (() => ones(4).view(1L << 62, 4), ["view"]),
        ["reshape twice open"] = (() => ones(4).reshape(-1, -1), ["reshape", "[-1, -1]"]),
        ["transpose"] = (() => ones(2, 3).transpose(0, 2), ["transpose", "2"]),
        ["permute"] = (() => ones(2, 3).permute(0, 0), ["permute", "0"]),
        ["expand"] = (() => ones(2, 3).expand(4, 3), ["expand", "[2, 3]", "[4, 3]"]),
        ["expand write"] = (() => ones(1).expand(3).add_(1), ["add_", "expanded"]),
        ["t"] = (() => ones(2, 3, 4).t(), ["[2, 3, 4]"]),
        ["unsqueeze"] = (() => ones(2).unsqueeze(5), ["unsqueeze", "5"]),
        ["split"] = (() => ones(5).split([2L, 2L]), ["split", "[2, 2]", "[5]"]),
        ["split negative"] = (() => ones(5).split(-1), ["split", "-1"]),
        ["chunk"] = (() => ones(5).chunk(0), ["chunk", "0"]),
        ["cat"] = (() => cat([ones(2, 3), ones(3, 2)]), ["cat", "[2, 3]", "[3, 2]"]),
        ["cat nothing"] = (() => cat([]), ["cat"]),
        ["stack"] = (() => stack([ones(2), ones(3)]), ["stack", "[2]", "[3]"]),
        ["where"] = (() => where(ones(2), ones(2), ones(2)), ["where", "bool", "Float32"]),
        ["masked_fill of no whole number"] = (() => torch.arange(2).masked_fill(torch.tensor([true, false]), float.PositiveInfinity), ["masked_fill", "Int64"]),
        ["masked_fill"] = (() => ones(2).masked_fill(ones(2), 0), ["masked_fill", "bool"]),
        ["topk"] = (() => ones(3).topk(4), ["topk", "4", "[3]"]),
        ["amax into another shape"] = (() => ones(2).amax([0L], false, zeros(2, 2)), ["out", "[]", "[2, 2]"]),
        ["max of nothing"] = (() => zeros(0).max(), ["no elements"]),
        ["argmax of nothing"] = (() => zeros(2L, 0L).argmax(1), ["[2, 0]"]),
        ["mean of whole numbers"] = (() => ones(2, dtype: int64).mean(), ["mean", "Int64"]),
        ["sum twice"] = (() => ones(2, 2).sum([0, -2]), ["sum", "0"]),
        ["copy_"] = (() => ones(2).copy_(ones(3)), ["copy_", "[3]", "[2]"]),
        ["long add_ real"] = (() => ones(2, dtype: int64).add_(1.5), ["add_", "Float32", "Int64"]),
        ["long div_"] = (() => ones(2, dtype: int64).div_(2), ["div_", "Float32", "Int64"]),
        ["bool - bool"] = (() => _ = ones(2, dtype: @bool) - ones(2, dtype: @bool), ["sub", "bool"]),
        ["negative size"] = (() => zeros(2, -1), ["zeros", "-1"]),
        ["too many axes"] = (() => ones(new long[17].Select(_ => 1L).ToArray()), ["17", "16"]),
        ["too many new axes"] = (() => ones(Enumerable.Repeat(1L, 16).ToArray()).unsqueeze(0), ["17", "16"]),
        ["tensor"] = (() => tensor(new[] { 1f, 2f }, [3]), ["tensor", "2", "[3]"]),
        ["arange"] = (() => arange(0, 5, -1), ["arange", "-1"]),
        ["arange NaN"] = (() => arange(0, double.NaN, 1), ["arange", "NaN"]),
        ["randint"] = (() => randint(3, 3, [2]), ["randint", "3"]),
        ["item"] = (() => ones(2).item<float>(), ["item", "2"]),
        ["item type"] = (() => ones(1).item<long>(), ["Int64", "Float32"]),
        ["data type"] = (() => ones(1).data<double>(), ["Double", "Float32"]),
        ["gradient shape"] = (() => ones(2).requires_grad_().grad = ones(3), ["[2]", "[3]"]),
        ["no threads"] = (() => set_num_threads(0), ["num", "0", "1"]),
        ["generator state"] = (() => set_rng_state(ones(3)), ["set_state", "Float32 [3]"]),
        ["device text"] = (() => _ = new Device("tpu"), ["tpu"]),
    };

    private static Tensor Attend(Tensor mask)
    {
        var x = ones(1, 1, 4, 8);
        return nn.functional.scaled_dot_product_attention(x, x, x, mask);
    }

    public static TheoryData<string> Mistakes => [.. mistakes.Keys];

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_named(string mistake)
    {
        var (wrong, named) = mistakes[mistake];
        var error = Assert.ThrowsAny<Exception>(wrong);
        Assert.True(error is ArgumentException or InvalidOperationException, error.ToString());
        Assert.All(named, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_number_is_not_read_as_a_whole_one_that_it_is_not()
    {
        (Action Read, string[] Named)[] reads =
        [
            (() => 1e30.ToScalar().ToInt64(), ["1E+30", "long"]),
            (() => (-1e30).ToScalar().ToInt64(), ["-1E+30", "long"]),
            (() => 9223372036854775808.0.ToScalar().ToInt64(), ["long"]),
            (() => double.NaN.ToScalar().ToInt64(), ["NaN", "long"]),
            (() => (1L << 31).ToScalar().ToInt32(), ["2147483648", "int"]),
            (() => 1e30.ToScalar().ToInt32(), ["1E+30"]),
            (() => _ = (long)tensor(float.NaN), ["NaN", "long"]),
        ];
        foreach (var (read, named) in reads)
        {
            var error = Assert.Throws<OverflowException>(read);
            Assert.All(named, word => Assert.Contains(word, error.Message, StringComparison.Ordinal));
        }
        Assert.Equal(-3, (-3.7).ToScalar().ToInt64());
        Assert.Equal(long.MinValue, (-9223372036854775808.0).ToScalar().ToInt64());
        Assert.Equal(int.MinValue, ((long)int.MinValue).ToScalar().ToInt32());
    }

    [Fact]
    public void Types_that_are_missing_are_named_with_those_that_are_there()
    {
        foreach (var wrong in (Action[])[() => zeros(2, dtype: float64), () => ones(2).to(float16), () => tensor(1.5), () => tensor(3)])
        {
            var error = Assert.Throws<NotSupportedException>(wrong);
            Assert.All(["Float32", "Int64", "Bool"], name => Assert.Contains(name, error.Message, StringComparison.Ordinal));
        }
        Assert.Contains("Float64", Assert.Throws<NotSupportedException>(() => zeros(2, dtype: float64)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_GPU_is_an_error_that_says_what_to_do()
    {
        Assert.False(cuda.is_available());
        Assert.Equal(0, cuda.device_count());
        foreach (var wrong in (Action[])[() => zeros(2, device: CUDA), () => ones(2).cuda(), () => ones(2).pin_memory(), () => ones(2).to(new Device("cuda:1"))])
        {
            var error = Assert.Throws<NotSupportedException>(wrong);
            Assert.Contains("--torch cuda", error.Message, StringComparison.Ordinal);
        }
        Assert.Equal("cuda:1", new Device("cuda:1").ToString());
        Assert.Equal("cpu", ones(1).device.ToString());
    }

    [Fact]
    public void A_disposed_tensor_is_an_error_wherever_it_is_used()
    {
        var gone = ones(2, 2);
        var accessor = gone.data<float>();
        gone.Dispose();
        gone.Dispose();
        Assert.True(gone.IsInvalid);
        Action[] uses =
        [
            () => gone.add(1), () => gone.add_(1), () => ones(2, 2).add(gone), () => _ = gone.shape, () => gone.ToString(),
            () => gone.item<float>(), () => gone.data<float>(), () => _ = gone.bytes.Length, () => gone.backward(),
            () => _ = gone.grad, () => gone.view(4), () => cat([ones(2, 2), gone]), () => accessor.ToArray(),
            () => _ = accessor[0, 0], () => accessor.Count.ToString(), () => _ = gone.Handle,
        ];
        Assert.All(uses, use => Assert.Throws<ObjectDisposedException>(use));
    }

    [Fact]
    public void Whole_numbers_divided_by_zero_do_not_stop_the_process()
    {
        var (x, zero) = (tensor(new long[] { 7, long.MinValue }), tensor(new long[] { 0, 1 }));
        Assert.Throws<DivideByZeroException>(() => x.remainder(zero));
        Assert.Throws<DivideByZeroException>(() => x.floor_divide(0));
        Assert.Equal([-7L, long.MinValue], x.floor_divide(-1).data<long>().ToArray());
        Assert.Equal([0L, 0L], x.remainder(-1).data<long>().ToArray());
    }

    [Fact]
    public void Tensors_without_elements_are_tensors()
    {
        var x = zeros(0L, 3L).requires_grad_();
        var y = nn.functional.layer_norm(nn.functional.gelu(x + 1) * x, [3]).softmax(-1);
        Assert.Equal([0L, 3L], y.shape);
        Assert.Equal([0L, 2L], nn.functional.linear(x, ones(2, 3)).shape);
        Assert.Equal([3L, 2L], x.t().matmul(zeros(0L, 2L)).shape);
        Assert.Equal(0, x.sum().ToSingle());
        Assert.Equal([0f, 0f, 0f], x.sum(0L).data<float>().ToArray());
        Assert.Equal([0L, 3L], cat([x, x]).shape);
        Assert.Equal([0L], x.sum(1).sort().Indices.shape);
        Assert.Equal([0L, 3L], zeros(4, 3).index_select(0, zeros(0, dtype: int64)).shape);
        y.sum().backward();
        Assert.Equal([0L, 3L], x.grad!.shape);
        foreach (var sizes in (long[][])[[0, 2, 3, 4], [2, 0, 3, 4], [2, 2, 0, 4], [2, 2, 3, 0]])
        {
            var q = zeros(sizes).requires_grad_();
            var attended = nn.functional.scaled_dot_product_attention(q, q, q, is_casual: true);
            attended.sum().backward();
            Assert.Equal(sizes, attended.shape);
        }
        Assert.Equal([3L, 0L], nn.functional.layer_norm(zeros(3L, 0L), [0]).shape);
        Assert.Equal([2L, 3L], zeros(2L, 0L).matmul(zeros(0L, 3L)).shape);
        Assert.Equal(0, nn.functional.cross_entropy(zeros(0L, 5L), zeros(0, dtype: int64), reduction: nn.Reduction.Sum).ToSingle());
    }
}
