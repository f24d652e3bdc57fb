using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

public sealed unsafe class ElementwiseTests
{
    private delegate void UnaryKernel(long n, float* x, float* y);

    private delegate void BinaryKernel(long n, float* a, float* b, float* y);

    private static readonly double[] Special =
    [
        0, -0.0, 1, -1, 0.5, 2, 1e-30, -1e-30, 1e-40, 3.4e38, -3.4e38, 88.7, 88.8, -87.3, -87.4, -103, -104, -105, 9.01, 10, 20, -20,
        double.PositiveInfinity, double.NegativeInfinity, double.NaN, 1e-7, 0.3, -0.3, 2.5, 3.5, -2.5, 1e9, 8388609, Math.PI,
    ];

    private static readonly (string Name, UnaryKernel Kernel, Func<double, double> Want, double Ulps)[] UnaryCases =
    [
        ("neg", Elementwise.Unary<NegOp>, x => -x, 0),
        ("abs", Elementwise.Unary<AbsOp>, Math.Abs, 0),
        ("exp", Elementwise.Unary<ExpOp>, Math.Exp, 1.2),
        ("log", Elementwise.Unary<LogOp>, Math.Log, 2),
        ("sqrt", Elementwise.Unary<SqrtOp>, Math.Sqrt, 0.51),
        ("rsqrt", Elementwise.Unary<RsqrtOp>, x => 1 / Math.Sqrt(x), 1.6),
        ("reciprocal", Elementwise.Unary<ReciprocalOp>, x => 1 / x, 0.51),
        ("tanh", Elementwise.Unary<TanhOp>, Math.Tanh, 3),
        ("sigmoid", Elementwise.Unary<SigmoidOp>, x => 1 / (1 + Math.Exp(-x)), 3),
        ("relu", Elementwise.Unary<ReluOp>, x => double.IsNaN(x) ? x : Math.Max(x, 0), 0),
        ("silu", Elementwise.Unary<SiluOp>, x => x / (1 + Math.Exp(-x)), 3),
        ("square", Elementwise.Unary<SquareOp>, x => x * x, 0.51),
        ("sin", Elementwise.Unary<SinOp>, Math.Sin, 2),
        ("cos", Elementwise.Unary<CosOp>, Math.Cos, 2),
        ("floor", Elementwise.Unary<FloorOp>, Math.Floor, 0),
        ("ceiling", Elementwise.Unary<CeilingOp>, Math.Ceiling, 0),
        ("round", Elementwise.Unary<RoundOp>, Math.Round, 0),
        ("sign", Elementwise.Unary<SignOp>, x => double.IsNaN(x) ? x : Math.Sign(x), 0),
        ("gelu", (n, x, y) => Gelu.Forward(n, x, y, false), WantGelu, System.Runtime.Intrinsics.X86.Fma.IsSupported ? 8 : 80),
    ];

    private static readonly (string Name, BinaryKernel Kernel, Func<double, double, double> Want, double Ulps)[] BinaryCases =
    [
        ("add", Elementwise.Binary<AddOp>, (a, b) => a + b, 0.51),
        ("sub", Elementwise.Binary<SubOp>, (a, b) => a - b, 0.51),
        ("mul", Elementwise.Binary<MulOp>, (a, b) => a * b, 0.51),
        ("div", Elementwise.Binary<DivOp>, (a, b) => a / b, 0.51),
        ("sub from", Elementwise.Binary<SubFromOp>, (a, b) => b - a, 0.51),
        ("div into", Elementwise.Binary<DivIntoOp>, (a, b) => b / a, 0.51),
        ("max", Elementwise.Binary<MaxOp>, Math.Max, 0),
        ("min", Elementwise.Binary<MinOp>, Math.Min, 0),
        ("relu grad", Elementwise.Binary<ReluGradOp>, (a, b) => b <= 0 ? 0 : a, 0),
    ];

    [Fact]
    public void UnaryOpsAgreeWithDouble()
    {
        var random = new Random(1);
        foreach (var (name, kernel, want, ulps) in UnaryCases)
        {
            foreach (var scale in new[] { 0.01, 1, 10, 60 })
                foreach (var n in Numbers.Sizes)
                    Check(name, kernel, want, ulps, Numbers.Normal(random, n, scale));
            Check(name, kernel, want, ulps, Special.Select(x => (double)(float)x).ToArray());
        }
    }

    [Fact]
    public void BinaryOpsAgreeWithDouble()
    {
        var random = new Random(2);
        foreach (var (name, kernel, want, ulps) in BinaryCases)
            foreach (var n in Numbers.Sizes)
            {
                var (a, b) = (Numbers.Normal(random, n), Numbers.Normal(random, n));
                a[0] = n % 5 == 0 ? double.NaN : b[0];
                b[n - 1] = n % 7 == 0 ? double.NaN : b[n - 1];
                using Guarded x = new(a), y = new(b, 3), z = new(n, 2);
                kernel(n, x.Pointer, y.Pointer, z.Pointer);
                CloseInUlps(name, a.Zip(b, want).ToArray(), z.Doubles, ulps);
                kernel(n, x.Pointer, y.Pointer, x.Pointer);
                Assert.Equal(z.Bits, x.Bits);
            }
    }

    [Fact]
    public void BroadcastsAgreeWithDouble()
    {
        var random = new Random(3);
        foreach (var (rows, cols) in new[] { (1, 1), (3, 5), (7, 16), (5, 67), (300, 130), (2, 40_000) })
        {
            double[] a = Numbers.Normal(random, rows * cols), row = Numbers.Normal(random, cols), col = Numbers.Normal(random, rows);
            using Guarded x = new(a), r = new(row), c = new(col), y = new(rows * cols);
            Elementwise.BinaryRows<SubOp>(rows, cols, x.Pointer, r.Pointer, y.Pointer);
            Numbers.Close(a.Select((v, i) => v - row[i % cols]).ToArray(), y.Doubles, 1e-6, 1e-7, "rows");
            Elementwise.BinaryCols<MulOp>(rows, cols, x.Pointer, c.Pointer, y.Pointer);
            Numbers.Close(a.Select((v, i) => v * col[i / cols]).ToArray(), y.Doubles, 0, 1e-7, "cols");
            Elementwise.BinaryScalar<DivIntoOp>(rows * cols, x.Pointer, 3f, y.Pointer);
            Numbers.Close(a.Select(v => 3 / v).ToArray(), y.Doubles, 0, 1e-7, "scalar");
        }
    }

    [Fact]
    public void FusedUpdatesAgreeWithDouble()
    {
        var random = new Random(4);
        foreach (var n in Numbers.Sizes)
        {
            double[] a = Numbers.Normal(random, n), b = Numbers.Normal(random, n), c = Numbers.Normal(random, n);
            Expect(a, b, c, (p, q, y) => Elementwise.Axpy(n, -0.3f, p, y), (p, q, y) => y - (0.3f * p));
            Expect(a, b, c, (p, q, y) => Elementwise.AddCmul(n, 0.7f, p, q, y), (p, q, y) => y + (0.7f * p * q));
            Expect(a, b, c, (p, q, y) => Elementwise.AddCdiv(n, 0.7f, p, q, y), (p, q, y) => y + (0.7f * p / q));
            Expect(a, b, c, (p, q, y) => Elementwise.Lerp(n, p, q, 0.25f, y), (p, q, y) => p + (0.25 * (q - p)));
            Expect(a, b, c, (p, q, y) => Elementwise.Lerp(n, p, q, 1, y), (p, q, y) => q);
            Expect(a, b, c, (p, q, y) => Elementwise.Fill(n, 2.5f, y), (p, q, y) => 2.5);
        }

        static void Expect(double[] a, double[] b, double[] c, BinaryPointers kernel, Func<double, double, double, double> want)
        {
            using Guarded p = new(a), q = new(b, 2), y = new(c, 3);
            kernel(p.Pointer, q.Pointer, y.Pointer);
            Numbers.Close(c.Select((v, i) => want(a[i], b[i], v)).ToArray(), y.Doubles, 1e-6, 5e-7, "fused");
        }
    }

    private delegate void BinaryPointers(float* a, float* b, float* y);

    private static void Check(string name, UnaryKernel kernel, Func<double, double> want, double ulps, double[] values)
    {
        using Guarded x = new(values), y = new(values.Length, 5);
        kernel(values.Length, x.Pointer, y.Pointer);
        CloseInUlps(name, values.Select(want).ToArray(), y.Doubles, ulps, values);
        kernel(values.Length, x.Pointer, x.Pointer);
        Assert.Equal(y.Bits, x.Bits);
    }

    private static double WantGelu(double x) => x > -20 ? Reference.Gelu(x, false) : double.IsFinite(x) ? 0 : double.NaN;

    // Functions that go through e^x of the other sign give up the digits of what is subnormal (times x).
    private static double Smallest(string name) => name is "sigmoid" or "silu" or "gelu" ? 2e-37 : 1.5e-45;

    private static void CloseInUlps(string name, double[] want, double[] got, double ulps, double[]? at = null)
    {
        for (var i = 0; i < want.Length; i++)
        {
            var rounded = (float)want[i];
            if (float.IsNaN(rounded) ? double.IsNaN(got[i]) : got[i] == rounded)
                continue;
            var unit = Math.Max(Math.Abs(want[i]) * 1.2e-7, Smallest(name));
            if (float.IsNaN(rounded) || !(Math.Abs(got[i] - want[i]) <= ulps * unit))
                Assert.Fail($"{name}({(at is null ? double.NaN : at[i]):R}) is {got[i]:R}, not {want[i]:R}");
        }
    }
}
