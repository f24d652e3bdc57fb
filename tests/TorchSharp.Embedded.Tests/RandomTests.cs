using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Random tensors: from a seed always the same, whatever the threads, and distributed as they say.</summary>
[Collection("Threads")]
public sealed class RandomTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly int threads = get_num_threads();

    public void Dispose()
    {
        set_num_threads(threads);
        scope.Dispose();
    }

    [Fact]
    public void A_seed_fixes_everything_that_follows()
    {
        var first = Everything(1);
        var second = Everything(3);
        Assert.All(first.Zip(second), pair => Assert.True(pair.First.Equals(pair.Second)));

        Tensor[] Everything(int count)
        {
            set_num_threads(count);
            manual_seed(42);
            return
            [
                rand(100, 1001), randn(100_003), randint(3, 17, [5000]), randperm(1000), nn.functional.dropout(ones(300, 300), 0.3),
                empty(99).normal_(1, 2), empty(40_000).uniform_(-1, 1),
            ];
        }
    }

    [Fact]
    public void Calls_and_seeds_differ()
    {
        manual_seed(1);
        var (a, b) = (rand(100), rand(100));
        manual_seed(2);
        var c = rand(100);
        Assert.False(a.Equals(b) || a.Equals(c) || b.Equals(c));
        var state = get_rng_state();
        var d = randn(10);
        set_rng_state(state);
        Assert.True(d.Equals(randn(10)));
        Assert.True(rand(5, generator: new Generator(9)).Equals(rand(5, generator: new Generator(9))));
    }

    [Fact]
    public void Moments_are_those_of_the_distribution()
    {
        const int N = 1_000_000;
        manual_seed(5);
        var (u, z) = (rand(N), randn(N));
        Assert.InRange(u.mean().ToDouble(), 0.5 - 0.0015, 0.5 + 0.0015); // five standard errors
        Assert.InRange(u.@var().ToDouble(), (1 / 12.0) - 0.0005, (1 / 12.0) + 0.0005);
        Assert.True(u.min().ToSingle() >= 0 && u.max().ToSingle() < 1);
        Assert.InRange(z.mean().ToDouble(), -0.005, 0.005);
        Assert.InRange(z.@var().ToDouble(), 1 - 0.0075, 1 + 0.0075);
        Assert.InRange(z.pow(4).mean().ToDouble(), 3 - 0.05, 3 + 0.05);
        Assert.InRange((z.narrow(0, 0, N - 1) * z.narrow(0, 1, N - 1)).mean().ToDouble(), -0.005, 0.005);
        Assert.InRange((z > 1.959964).to(float32).mean().ToDouble(), 0.025 - 0.0008, 0.025 + 0.0008);
    }

    [Fact]
    public void Whole_numbers_stay_in_their_range_and_are_equally_likely()
    {
        manual_seed(6);
        var counts = nn.functional.one_hot(randint(-2, 5, [70_000]) + 2, 7).sum(0L).data<long>().ToArray();
        Assert.All(counts, c => Assert.InRange(c, 10_000 - 500, 10_000 + 500));
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (long)i), randperm(1000).sort().Values.data<long>());
        Assert.Equal([long.MaxValue - 1], randint(long.MaxValue - 1, long.MaxValue, [1]).data<long>());
        Assert.NotEqual(0, randint(long.MinValue, long.MaxValue, [1]).item<long>());
    }

    [Fact]
    public void Dropout_scales_what_it_keeps_and_its_gradient_alike()
    {
        manual_seed(7);
        var x = ones(1000, 100).requires_grad_();
        var y = nn.functional.dropout(x, 0.2);
        Assert.InRange(y.count_nonzero().ToDouble() / 1e5, 0.8 - 0.0065, 0.8 + 0.0065);
        Assert.Equal(1.25f, y.max().ToSingle());
        y.sum().backward();
        Assert.True(x.grad!.Equals(y.detach()));
        Assert.True(nn.functional.dropout(x, 0.2, training: false).Equals(x));
        Assert.Equal(0, nn.functional.dropout(x, 1).sum().ToSingle());
    }

    [Fact]
    public void The_same_step_gives_the_same_bits()
    {
        var first = Step();
        Assert.True(first.Equals(Step()) && first.Equals(Step()));

        static Tensor Step()
        {
            manual_seed(8);
            var (w, v) = (randn(96, 64).requires_grad_(), randn(64, 96).requires_grad_());
            var x = randn(64, 33, 64);
            var hidden = nn.functional.dropout(nn.functional.gelu(nn.functional.linear(x, w)), 0.1);
            var y = nn.functional.layer_norm(nn.functional.linear(hidden, v) + x, [64]).view(64, 33, 4, 16).transpose(1, 2);
            nn.functional.scaled_dot_product_attention(y, y, y, p: 0.1, is_casual: true).square().mean().backward();
            return cat([w.grad!.flatten(), v.grad!.flatten()]);
        }
    }
}
