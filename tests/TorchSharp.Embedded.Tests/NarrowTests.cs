using TorchSharp.Threading;
using Xunit;
using static TorchSharp.torch;

namespace TorchSharp.Tests;

/// <summary>Weights in bfloat16 and int8: conversions, what takes them, and the product against that of the widened weights.</summary>
[Collection("Threads")]
public sealed class NarrowTests : IDisposable
{
    private readonly int before = WorkerPool.Threads;

    public static TheoryData<ScalarType> Types => [ScalarType.BFloat16, ScalarType.Int8];

    public void Dispose() => WorkerPool.Threads = before;

    [Theory]
    [MemberData(nameof(Types))]
    public void Linear_is_that_of_the_widened_weights(ScalarType type)
    {
        var random = new Random(41);
        for (var repeat = 0; repeat < 300; repeat++)
        {
            WorkerPool.Threads = 1 + (repeat % 3);
            var rows = repeat % 7 == 6 ? 200 : random.Next(1, 8);
            Check(type, rows, random.Next(1, 68), random.Next(1, 68), random.Next(4), random.Next(2) == 0);
        }
    }

    [Theory]
    [InlineData(ScalarType.BFloat16, 1, 3001, 257)]
    [InlineData(ScalarType.Int8, 1, 3001, 257)]
    [InlineData(ScalarType.BFloat16, 5, 768, 768)] // asks for memory ahead
    [InlineData(ScalarType.Int8, 5, 768, 768)]
    [InlineData(ScalarType.BFloat16, 33, 70, 515)] // two times 32 rows
    [InlineData(ScalarType.Int8, 130, 1300, 1031)] // two blocks of widened weights
    [InlineData(ScalarType.BFloat16, 130, 1300, 1031)]
    public void Large_sizes(ScalarType type, int rows, int outputs, int inputs)
    {
        for (var threads = 1; threads <= 3; threads++)
        {
            WorkerPool.Threads = threads;
            Check(type, rows, outputs, inputs, threads, true);
        }
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void A_row_has_the_bits_that_it_has_alone(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var weights = Weights(type, 77, 131, 3);
        var bias = rand([77]);
        var x = randn([128, 131]);
        using var nothing = no_grad();
        var alone = nn.functional.linear(x.narrow(0, 90, 1), weights, bias).data<float>().ToArray();
        foreach (var rows in new[] { 91, 93, 128 })
            Assert.Equal(alone, nn.functional.linear(x.narrow(0, 0, rows), weights, bias).narrow(0, 90, 1).data<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Empty_axes(ScalarType type)
    {
        using var scope = NewDisposeScope();
        Assert.Equal([0, 5], nn.functional.linear(zeros([0, 3]), zeros([5, 3], type)).shape);
        Assert.Equal([2, 0], nn.functional.linear(zeros([2, 3]), zeros([0, 3], type)).shape);
        Assert.Equal([1f, 1f], nn.functional.linear(zeros([1, 0]), zeros([2, 0], type), ones([2])).data<float>().ToArray());
    }

    [Fact]
    public void BFloat16_is_the_nearest_even_on_ties()
    {
        using var scope = NewDisposeScope();
        var random = new Random(43);
        var values = Enumerable.Range(0, 20_000)
            .Select(i => i % 4 == 0
                ? BitConverter.UInt32BitsToSingle(((uint)random.Next() & 0x7FFF0000) | 0x8000) // a tie, if finite
                : BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)))
            .Where(float.IsFinite)
            .ToArray();
        var narrow = tensor(values).to(ScalarType.BFloat16);
        var back = narrow.to(ScalarType.Float32).data<float>().ToArray();
        for (var i = 0; i < values.Length; i++)
            Assert.Equal(Nearest(values[i]), back[i]);
        // A second time it stays what it is.
        Assert.Equal(back, tensor(back).to(ScalarType.BFloat16).to(ScalarType.Float32).data<float>().ToArray());
    }

    [Fact]
    public void BFloat16_keeps_what_is_no_number()
    {
        using var scope = NewDisposeScope();
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, -0f, BitConverter.UInt32BitsToSingle(0x7F800001)];
        var back = tensor(values).to(ScalarType.BFloat16).to(ScalarType.Float32).data<float>().ToArray();
        Assert.Equal(
            [float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.PositiveInfinity, -0f, float.NaN], back);
        Assert.True(float.IsNegative(back[4]));
    }

    [Fact]
    public void Int8_drops_the_fraction_and_ends_at_its_range()
    {
        using var scope = NewDisposeScope();
        var narrow = tensor(new[] { 1.9f, -1.9f, 127f, -128f, 0.4f, 1000f, -1000f }).to(ScalarType.Int8);
        Assert.Equal([1, -1, 127, -128, 0, 127, -128], narrow.data<sbyte>().ToArray());
        var all = Enumerable.Range(-128, 256).Select(i => (float)i).ToArray();
        Assert.Equal(all, tensor(all).to(ScalarType.Int8).to(ScalarType.Float32).data<float>().ToArray());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Copies_views_and_selection_take_them(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var wide = arange(0, 60, ScalarType.Float32).reshape(5, 12);
        var narrow = wide.to(type);
        Assert.Equal(type == ScalarType.Int8 ? 1 : 2, narrow.element_size());
        Assert.Equal(60 * narrow.element_size(), narrow.bytes.Length);
        void Same(Func<Tensor, Tensor> f) => Assert.Equal(f(wide).data<float>().ToArray(), f(narrow).to(ScalarType.Float32).data<float>().ToArray());
        Same(x => x.clone());
        Same(x => x.t().contiguous());
        Same(x => x.narrow(1, 3, 5));
        Same(x => x.index_select(0, tensor(new long[] { 4, 0, 4 })));
        Same(x => x.index_select(1, tensor(new long[] { 11, 2 })));
        Same(x => cat([x, x], 1));
        var target = zeros([5, 12], type);
        target.copy_(wide.t().contiguous().t());
        Assert.True(target.Equals(narrow));
        Assert.Equal(3f, full([1], 3, type).ToSingle());
        Assert.Contains(" 59", narrow.ToString(TensorStringStyle.Julia), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Everything_else_says_what_to_do(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var narrow = ones([3, 3], type);
        var wide = ones([3, 3]);
        Action[] wrong =
        [
            () => narrow.add(1), () => narrow.sub(narrow), () => wide.mul(narrow), () => narrow.exp(), () => narrow.eq(narrow),
            () => narrow.isnan(), () => where(narrow.to(ScalarType.Float32).gt(0), narrow, narrow),
        ];
        foreach (var action in wrong)
            Assert.Contains("Convert to Float32", Assert.Throws<NotSupportedException>(action).Message, StringComparison.Ordinal);
        Assert.Contains("Float32", Assert.Throws<NotSupportedException>(() => narrow.to(ScalarType.Int64)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => narrow.matmul(narrow));
        Assert.Throws<ArgumentException>(() => narrow.max());
        Assert.Throws<ArgumentException>(() => nn.functional.linear(narrow, wide));
        Assert.Throws<ArgumentException>(() => nn.functional.linear(ones([2, 4]), narrow));
        wide.requires_grad = true;
        var error = Assert.Throws<InvalidOperationException>(() => nn.functional.linear(wide, narrow));
        Assert.Contains("no_grad", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Int8_has_no_gradient_and_is_not_computed_with()
    {
        using var scope = NewDisposeScope();
        var narrow = ones([3, 3], ScalarType.Int8);
        Assert.Throws<InvalidOperationException>(() => ones([3], ScalarType.Int8, requires_grad: true));
        Assert.Throws<ArgumentException>(() => nn.functional.linear(narrow, narrow));
        Assert.Throws<NotSupportedException>(() => narrow.add(narrow));
    }

    private static float Nearest(float x)
    {
        // The two neighbours, and of the nearer the even one; in double, which holds both distances exactly.
        var below = BitConverter.SingleToUInt32Bits(x) & 0xFFFF0000;
        double low = BitConverter.UInt32BitsToSingle(below);
        double high = BitConverter.UInt32BitsToSingle(below + 0x10000);
        if (double.IsInfinity(high))
            high = Math.CopySign(Math.Pow(2, 128), x);
        var (toLow, toHigh) = (Math.Abs(x - low), Math.Abs(high - x));
        return (float)(toLow < toHigh || (toLow == toHigh && ((below >> 16) & 1) == 0) ? low : high);
    }

    /// <summary>Weights [outputs, inputs] in one of four layouts: plain, transposed, rows with gaps, columns with gaps.</summary>
    private static Tensor Weights(ScalarType type, int outputs, int inputs, int layout)
    {
        var (rows, columns) = layout == 1 ? (inputs, outputs) : (outputs, inputs);
        var whole = randn([rows, layout >= 2 ? 2 * columns : columns]).mul(40).to(type);
        return layout switch
        {
            0 => whole,
            1 => whole.t(),
            2 => whole.narrow(1, columns / 2, columns),
            _ => whole.reshape(rows, columns, 2).select(2, 1),
        };
    }

    private static void Check(ScalarType type, int rows, int outputs, int inputs, int layout, bool biased)
    {
        using var scope = NewDisposeScope();
        using var nothing = no_grad();
        var weights = Weights(type, outputs, inputs, layout);
        var x = layout % 2 == 1 ? randn([inputs, rows]).t() : randn([rows, inputs]);
        var bias = biased ? randn([outputs]) : null;
        var wide = weights.to(ScalarType.Float32).contiguous();
        var expected = nn.functional.linear(x, wide, bias).data<float>().ToArray();
        var actual = nn.functional.linear(x, weights, bias).data<float>().ToArray();
        if (rows <= 128)
        {
            Assert.Equal(expected, actual);
            return;
        }
        // Tiled: sums of other orders, so against the sum of the magnitudes.
        var sizes = nn.functional.linear(x.abs(), wide.abs(), bias?.abs()).data<float>().ToArray();
        for (var i = 0; i < actual.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-6 * sizes[i], $"{rows} {outputs} {inputs} {layout}: {expected[i]} {actual[i]}");
    }
}
