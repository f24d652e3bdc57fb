using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>Masks as bytes, made and used, at the width of this machine; nothing before or behind the bytes is touched.</summary>
public sealed unsafe class CompareTests
{
    private const byte Untouched = 0xAB;

    private static float[] Values(Random random, int n)
    {
        float[] special = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 0f, -0f];
        return [.. Enumerable.Range(0, n).Select(_ => random.Next(4) == 0 ? special[random.Next(5)] : random.Next(-3, 4))];
    }

    [Fact]
    public void ComparisonsAgree()
    {
        var random = new Random(1);
        foreach (var n in Numbers.Sizes)
        {
            Check<EqualOp>(random, n, (a, b) => a == b);
            Check<NotEqualOp>(random, n, (a, b) => a != b);
            Check<LessOp>(random, n, (a, b) => a < b);
            Check<LessOrEqualOp>(random, n, (a, b) => a <= b);
        }
    }

    [Fact]
    public void TrueValuesAreCounted()
    {
        var random = new Random(2);
        foreach (var n in Numbers.Sizes.Append(0))
        {
            var bytes = Enumerable.Range(0, n + 2).Select(_ => (byte)random.Next(2)).ToArray();
            fixed (byte* p = bytes)
                Assert.Equal(bytes.Skip(1).Take(n).Sum(x => x), Compare.CountTrue(n, p + 1));
        }
    }

    [Fact]
    public void TheFirstPlaceIsFound()
    {
        var random = new Random(3);
        foreach (var n in Numbers.Sizes)
        {
            var values = Values(random, n);
            foreach (var wanted in new[] { 0f, 1f, float.NegativeInfinity, 9f })
            {
                using var x = new GuardedFloats(n);
                values.CopyTo(x.Span);
                var place = Array.FindIndex(values, v => v == wanted);
                var job = new FirstJob { N = n, X = x.Start, Value = wanted };
                Vec.Here(ref job, 0, 1);
                Assert.Equal(place < 0 ? n : place, FirstJob.Found);
            }
        }
    }

    [Fact]
    public void MasksChoose()
    {
        var random = new Random(4);
        foreach (var n in Numbers.Sizes)
        {
            float[] a = Values(random, n), b = Values(random, n);
            var mask = Enumerable.Range(0, n).Select(_ => random.Next(2) == 0).ToArray();
            using torch.Tensor x = torch.tensor(a), y = torch.tensor(b), m = torch.tensor(mask), one = torch.tensor(a[..1]);
            using torch.Tensor both = torch.where(m, x, y), left = torch.where(m, one, y), right = torch.where(m, x, one), filled = x.masked_fill(m, 7f);
            Assert.Equal(mask.Select((c, i) => c ? a[i] : b[i]), both.data<float>().ToArray());
            Assert.Equal(mask.Select((c, i) => c ? a[0] : b[i]), left.data<float>().ToArray());
            Assert.Equal(mask.Select((c, i) => c ? a[i] : a[0]), right.data<float>().ToArray());
            Assert.Equal(mask.Select((c, i) => c ? 7f : a[i]), filled.data<float>().ToArray());
        }
    }

    /// <summary>As PyTorch has it: <c>torch.tensor([5, 6]).masked_fill(mask, -1.5)</c> is -1 where the mask holds.</summary>
    [Theory]
    [InlineData(-1.0, -1)]
    [InlineData(-1.5, -1)]
    [InlineData(2.7, 2)]
    public void AMaskedFillCutsWhatStandsBehindThePoint(double value, long want)
    {
        using torch.Tensor x = torch.tensor(new long[] { 5, 6 }), mask = torch.tensor(new[] { true, false }), filled = x.masked_fill(mask, value);
        Assert.Equal([want, 6], filled.data<long>().ToArray());
    }

    private static void Check<TOp>(Random random, int n, Func<float, float, bool> twin)
        where TOp : struct, IBinaryOp
    {
        float[] a = Values(random, n), b = Values(random, n);
        using GuardedFloats x = new(n), y = new(n);
        a.CopyTo(x.Span);
        b.CopyTo(y.Span);
        var bytes = new byte[n + 2];
        fixed (byte* p = bytes)
            foreach (var scalar in new[] { false, true })
            {
                Array.Fill(bytes, Untouched);
                var job = new Job<TOp> { N = n, A = x.Start, B = y.Start, Y = p + 1, Scalar = scalar };
                Vec.Here(ref job, 0, 1);
                Assert.Equal(
                    [Untouched, .. a.Select((v, i) => (byte)(twin(v, scalar ? b[0] : b[i]) ? 1 : 0)), Untouched], bytes);
            }
    }

    private struct Job<TOp> : IVecJob
        where TOp : struct, IBinaryOp
    {
        internal int N;
        internal float* A, B;
        internal byte* Y;
        internal bool Scalar;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            if (Scalar)
                Compare.RowScalar<TOp, V>(N, A, *B, Y);
            else
                Compare.Row<TOp, V>(N, A, B, Y);
        }
    }

    private struct FirstJob : IVecJob
    {
        internal static long Found;
        internal int N;
        internal float* X;
        internal float Value;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V> => Found = Compare.First<V>(N, X, Value);
    }
}
