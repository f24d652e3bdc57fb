using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Views show the same elements; every operation gives on a view what it gives on a copy of it.</summary>
public sealed class ViewTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<string> Operations => [.. operations.Keys];

    private static readonly Dictionary<string, Func<Tensor, Tensor>> operations = new()
    {
        ["exp"] = x => x.exp(),
        ["neg"] = x => -x,
        ["add column"] = x => x + x.select(x.dim() - 1, 0).unsqueeze(-1),
        ["mul row"] = x => x * x.select(0, 0),
        ["rsub"] = x => 1 - x,
        ["gt"] = x => (x > 0).to(float32),
        ["where"] = x => where(x > 0, x, x.select(0, 0)),
        ["clamp"] = x => x.clamp(-0.5, 0.5),
        ["sum last"] = x => x.sum(-1),
        ["sum first"] = x => x.sum(0L),
        ["sum ends"] = x => x.sum([0, -1], keepdim: true),
        ["mean"] = x => x.mean(),
        ["amax"] = x => x.amax([0], true),
        ["max"] = x => x.max(-1).values,
        ["argmin"] = x => x.argmin(0).to(float32),
        ["norm"] = x => x.norm(),
        ["cumsum"] = x => x.cumsum(0),
        ["sort"] = x => x.sort(0, descending: true).Values,
        ["topk"] = x => x.topk(2).values,
        ["softmax"] = x => x.softmax(0),
        ["log_softmax"] = x => x.log_softmax(-1),
        ["logsumexp"] = x => x.logsumexp(0),
        ["gelu"] = x => nn.functional.gelu(x),
        ["layer_norm"] = x => nn.functional.layer_norm(x, [x.size(-1)]),
        ["linear"] = x => nn.functional.linear(x, eye(2, x.size(-1))),
        ["matmul"] = x => x.matmul(x.transpose(-1, -2)),
        ["gram"] = x => x.transpose(-1, -2).matmul(x),
        ["index_select"] = x => x.index_select(-1, tensor(new long[] { 1, 0, 1 })),
        ["gather"] = x => x.gather(0, zeros_like(x, int64)),
        ["scatter"] = x => zeros_like(x).scatter(0, zeros_like(x, int64).narrow(0, 0, 1), x),
        ["index_add"] = x => zeros_like(x).index_add(0, tensor(new long[] { 1, 0 }), x.narrow(0, 0, 2), 2),
        ["cat"] = x => cat([x, x], -1),
        ["stack"] = x => stack([x, x], 1),
        ["tril"] = x => x.tril(),
        ["reshape"] = x => x.reshape(-1),
        ["flatten"] = x => x.flatten(),
        ["chunk"] = x => x.chunk(2, -1)[1],
        ["pow"] = x => x.pow(3),
    };

    private static readonly Dictionary<string, Func<Tensor, Tensor>> views = new()
    {
        ["whole"] = x => x,
        ["transposed"] = x => x.transpose(0, 1),
        ["turned"] = x => x.permute(2, 0, 1),
        ["narrowed"] = x => x.narrow(2, 1, 3),
        ["sliced"] = x => x.slice(1, 0, 5, 2),
        ["selected"] = x => x.select(1, 2),
        ["expanded"] = x => x.narrow(1, 1, 1).expand(3, 4, 6),
        ["shifted"] = x => x.narrow(0, 1, 2).transpose(0, 2),
    };

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(Operations))]
    public void An_operation_on_a_view_is_that_on_its_copy(string name)
    {
        manual_seed(7);
        foreach (var (kind, view) in views)
        {
            var x = randn(3, 5, 6).requires_grad_();
            var copied = x.detach().clone().requires_grad_();
            var (seen, copy) = (view(x), view(copied).clone());
            var (a, b) = (operations[name](seen), operations[name](copy));
            Assert.Equal(b.shape, a.shape);
            Assert.True(a.allclose(b, 1e-5, 1e-6), $"{name} of {kind}: values");
            if (!a.requires_grad)
                continue;
            var weights = rand(a.shape);
            (a * weights).sum().backward();
            (b * weights).sum().backward();
            Assert.True(x.grad!.allclose(copied.grad!, 1e-4, 1e-5), $"{name} of {kind}: gradients");
        }
    }

    [Fact]
    public void A_view_shows_what_is_written_to_its_base_and_the_other_way_round()
    {
        var x = zeros(2, 3);
        var column = x.select(1, 1);
        x.fill_(4);
        Assert.Equal([4f, 4f], column.data<float>().ToArray());
        column.add_(1);
        Assert.Equal([4f, 5f, 4f, 4f, 5f, 4f], x.data<float>().ToArray());
        x.t().narrow(0, 2, 1).zero_();
        Assert.Equal([4f, 5f, 0f, 4f, 5f, 0f], x.data<float>().ToArray());
    }

    [Fact]
    public void Strides_and_offsets_are_torchs()
    {
        var x = arange(24).view(2, 3, 4);
        Assert.Equal([12L, 4L, 1L], x.stride());
        var turned = x.permute(2, 0, 1);
        Assert.Equal([1L, 12L, 4L], turned.stride());
        Assert.False(turned.is_contiguous());
        var part = x.slice(2, 1, 4, 2).select(0, 1);
        Assert.Equal((13L, 4L, 2L), (part.storage_offset(), part.stride(0), part.stride(1)));
        Assert.Equal([13L, 15, 17, 19, 21, 23], part.data<long>().ToArray());
        Assert.Equal([0L, 0L, 1L], ones(4).expand(2, 3, 4).stride());
        Assert.True(x.select(1, 0).view(2, 2, 2).stride().SequenceEqual([12L, 2L, 1L]));
    }

    [Fact]
    public void Elements_come_in_row_major_order_whatever_the_strides()
    {
        var x = arange(6).reshape(2, 3).t();
        var data = x.data<long>();
        Assert.Equal([0L, 3, 1, 4, 2, 5], data.ToArray());
        Assert.Equal([0L, 3, 1, 4, 2, 5], data);
        Assert.Equal((1L, 5L, 6L), (data[1, 0], data[-1, 1], data.Count));
        data[2, 0] = 9;
        Assert.Equal(9, x.select(0, 2).select(0, 0).item<long>());
        var middle = new long[3];
        data.CopyTo(middle, arrayIndex: 1, tensorIndex: 2);
        Assert.Equal([0L, 1, 4], middle);
        Assert.Throws<IndexOutOfRangeException>(() => data[3, 0]);
        Assert.Throws<ArgumentException>(() => data[1]);
    }

    [Fact]
    public void Overlapping_copies_read_before_they_write()
    {
        var x = arange(6, dtype: float32);
        x.narrow(0, 1, 5).copy_(x.narrow(0, 0, 5));
        Assert.Equal([0f, 0, 1, 2, 3, 4], x.data<float>().ToArray());
        var square = arange(4, dtype: float32).view(2, 2);
        square.add_(square.t());
        Assert.Equal([0f, 3, 3, 6], square.data<float>().ToArray());
        square.copy_(square.t());
        Assert.Equal([0f, 3, 3, 6], square.data<float>().ToArray());
    }

    [Theory]
    [InlineData(70, 130)]
    [InlineData(1, 2000)]
    [InlineData(333, 3)]
    public void Large_transposed_copies_are_right(long rows, long columns)
    {
        var x = arange(rows * columns * 2).view(2, rows, columns);
        var copy = x.transpose(1, 2).contiguous().data<long>();
        var halves = x.transpose(1, 2).to(float32).data<float>();
        for (long b = 0; b < 2; b++)
            for (long r = 0; r < rows; r++)
                for (long c = 0; c < columns; c++)
                {
                    var expected = (((b * rows) + r) * columns) + c;
                    if (copy[b, c, r] != expected || halves[b, c, r] != expected)
                        Assert.Fail($"element {b}, {c}, {r}");
                }
    }
}
