using TorchSharp.Kernels;
using Xunit;

namespace TorchSharp.Tests;

/// <summary>
/// Random inputs of an attention, in the layouts that training uses (q, k, v interleaved in [B, T, 3C] where Tq = Tk, o in [B, T, C]), the
/// kernel's results, and the twin's.
/// </summary>
internal sealed unsafe class AttentionCase : IDisposable
{
    internal enum Masking
    {
        None,
        Padding,
        Matrix,
        Additive,
        AdditiveStrided,
        HiddenRows,
    }

    private readonly AttentionShape shape;
    private readonly double[] bias;
    private readonly DropoutKey dropout;
    private readonly List<Guarded> owned = [];
    private readonly Guarded q, k, v, dO;
    private readonly byte[] allowed;
    private readonly Guarded added;
    private readonly Masking masking;

    internal AttentionCase(
        int b, int h, int tq, int tk, int d, bool causal, Masking masking, float p, int seed, double spread = 1)
    {
        var random = new Random(seed);
        var (three, c) = (tq == tk ? 3 * h * d : h * d, h * d);
        AttentionStrides query = new((long)tq * three, d, three), key = new((long)tk * three, d, three), plain = new((long)tq * c, d, c);
        var head = AttentionStrides.Contiguous(h, tk, d);
        shape = new AttentionShape
        {
            B = b,
            H = h,
            Tq = tq,
            Tk = tk,
            D = d,
            Scale = (float)(1 / Math.Sqrt(d)),
            Causal = causal,
            Q = query,
            K = key,
            V = key,
            O = plain,
            DO = AttentionStrides.Contiguous(h, tq, d),
            DQ = query,
            DK = key,
            DV = head,
        };
        this.masking = masking;
        dropout = new DropoutKey((ulong)seed, 17, p);
        q = Own(new Guarded(Numbers.Normal(random, (long)b * tq * three, spread)));
        k = Own(new Guarded(Numbers.Normal(random, (long)b * tk * three, spread), 3));
        v = Own(new Guarded(Numbers.Normal(random, (long)b * tk * three), 2));
        dO = Own(new Guarded(Numbers.Normal(random, (long)b * h * tq * d)));
        (O, Lse) = (Own(new Guarded((long)b * tq * c)), Own(new Guarded((long)b * h * tq)));
        Dq = Own(new Guarded(new double[(long)b * tq * three]));
        Dk = Own(new Guarded(new double[(long)b * tk * three], 5));
        Dv = Own(new Guarded((long)b * h * tk * d));
        bias = new double[b * tq * tk];
        allowed = new byte[b * tq * tk];
        added = Own(new Guarded(MakeMask(random)));
    }

    internal Guarded O { get; }

    internal Guarded Lse { get; }

    internal Guarded Dq { get; }

    internal Guarded Dk { get; }

    internal Guarded Dv { get; }

    internal void Run()
    {
        fixed (byte* bytes = allowed)
        {
            long tq = shape.Tq, tk = shape.Tk;
            var mask = masking switch
            {
                Masking.None => default,
                Masking.Padding => new MaskView(MaskKind.Bool, bytes, tq * tk, 0, 0, 1),
                Masking.Matrix or Masking.HiddenRows => new MaskView(MaskKind.Bool, bytes, tq * tk, 0, tk, 1),
                Masking.Additive => new MaskView(MaskKind.Additive, added.Pointer, tq * tk, 0, tk, 1),
                _ => new MaskView(MaskKind.Additive, added.Pointer, tq * tk, 0, 1, tq),
            };
            Attention.Forward(shape, q.Pointer, k.Pointer, v.Pointer, O.Pointer, Lse.Pointer, mask, dropout);
            Attention.Backward(shape, q.Pointer, k.Pointer, v.Pointer, O.Pointer, dO.Pointer, Lse.Pointer, Dq.Pointer, Dk.Pointer,
                Dv.Pointer, mask, dropout);
        }
    }

    internal void Verify(double relative = 1e-5)
    {
        foreach (var guarded in owned)
            guarded.Check();
        for (var b = 0; b < shape.B; b++)
            for (var h = 0; h < shape.H; h++)
                Verify(b, h, relative);
    }

    public void Dispose() => owned.ForEach(guarded => guarded.Dispose());

    private void Verify(int b, int h, double relative)
    {
        int tq = (int)shape.Tq, tk = (int)shape.Tk, d = (int)shape.D;
        double[] bias = this.bias[(b * tq * tk)..((b + 1) * tq * tk)], keep = new double[tq * tk];
        for (var i = 0; i < tq; i++)
            for (var j = 0; j < tk; j++)
            {
                if (shape.Causal && j > i)
                    bias[(i * tk) + j] = double.NegativeInfinity;
                var block = ((((((b * shape.H) + h) * ((tk + 1) / 2)) + (j / 2)) * ((tq + 31) / 32)) + (i / 32)) * 64;
                keep[(i * tk) + j] = Reference.Keep(dropout, (ulong)(block + (32 * (j % 2)) + (i % 32)));
            }
        double[] qs = Rows(q, shape.Q, b, h, tq), ks = Rows(k, shape.K, b, h, tk), vs = Rows(v, shape.V, b, h, tk);
        double[] o = new double[tq * d], lse = new double[tq], dq = new double[tq * d], dk = new double[tk * d], dv = new double[tk * d];
        ReferenceAttention.Forward(d, shape.Scale, qs, ks, vs, bias, keep, o, lse);
        var at = (int)((b * shape.H) + h) * tq;
        var size = 1 + qs.Concat(ks).Max(Math.Abs);
        Numbers.Close(o, Rows(O, shape.O, b, h, tq), relative, relative, $"o {this}");
        Numbers.Close(lse, Lse.Doubles[at..(at + tq)], 1e-6 * size, 1e-6, $"lse {this}");
        ReferenceAttention.Backward(d, shape.Scale, qs, ks, vs, bias, keep, Rows(dO, shape.DO, b, h, tq), dq, dk, dv);
        Numbers.Close(dq, Rows(Dq, shape.DQ, b, h, tq), relative * size, relative, $"dq {this}");
        Numbers.Close(dk, Rows(Dk, shape.DK, b, h, tk), relative * size, relative, $"dk {this}");
        Numbers.Close(dv, Rows(Dv, shape.DV, b, h, tk), relative * size, relative, $"dv {this}");
    }

    public override string ToString() =>
        $"B {shape.B} H {shape.H} Tq {shape.Tq} Tk {shape.Tk} D {shape.D} causal {shape.Causal} {masking} p {dropout.P}";

    /// <summary>Fills bias and allowed, gives the additive mask; the first key, and so the causal first query, stays visible.</summary>
    private double[] MakeMask(Random random)
    {
        int tq = (int)shape.Tq, tk = (int)shape.Tk;
        var mask = new double[bias.Length];
        var hiddenKeys = Enumerable.Range(0, tk * (int)shape.B).Select(j => j % tk > 0 && random.Next(3) == 0).ToArray();
        for (var at = 0; at < bias.Length; at++)
        {
            var (b, i, j) = (at / (tq * tk), at / tk % tq, at % tk);
            var hidden = masking switch
            {
                Masking.Padding => hiddenKeys[(b * tk) + j],
                Masking.Matrix or Masking.Additive or Masking.AdditiveStrided => j > 0 && random.Next(2) == 0,
                Masking.HiddenRows => i % 3 == 0 || (j > 0 && random.Next(2) == 0),
                _ => false,
            };
            var additive = masking is Masking.Additive or Masking.AdditiveStrided;
            bias[at] = hidden ? double.NegativeInfinity : additive ? (float)random.NextDouble() : 0;
            allowed[at] = hidden ? (byte)0 : (byte)(1 + (at % 3));
            mask[masking == Masking.AdditiveStrided ? (b * tq * tk) + (j * tq) + i : at] = bias[at];
        }
        return mask;
    }

    private double[] Rows(Guarded x, AttentionStrides strides, int b, int h, int time)
    {
        var rows = new double[time * shape.D];
        for (var i = 0; i < rows.Length; i++)
            rows[i] = x.Pointer[(b * strides.Batch) + (h * strides.Head) + (i / shape.D * strides.Time) + (i % shape.D)];
        return rows;
    }

    private Guarded Own(Guarded guarded)
    {
        owned.Add(guarded);
        return guarded;
    }
}
