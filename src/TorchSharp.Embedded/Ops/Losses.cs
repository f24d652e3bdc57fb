using TorchSharp.Kernels;
using Reduction = TorchSharp.torch.nn.Reduction;

namespace TorchSharp;

/// <summary>
/// cross_entropy of logits [N, V] and targets [N] (or [V] and one target, or [N, V, ...] and [N, ...]). Probabilities
/// are never stored: the gradient makes them again from the logits and each row's log-sum-exp.
/// </summary>
internal static unsafe class Losses
{
    internal static TensorImpl CrossEntropy(
        TensorImpl logits, TensorImpl target, long ignore, Reduction reduction, double smoothing)
    {
        Check(logits, target, smoothing);
        var flat = ClassesLast(logits);
        var classes = flat.Sizes[^1];
        var ids = Copy.Contiguous(target);
        var used = CountTargets(ids, classes, ignore, logits);
        var losses = TensorImpl.Empty(target.Sizes, Dtypes.Float);
        var lse = TensorImpl.Empty([2, ids.Count], Dtypes.Float);
        var rows = Copy.Contiguous(flat);
        Kernels.CrossEntropy.Forward(ids.Count, classes, rows.Floats, ids.Longs, ignore, smoothing, losses.Floats, lse.Floats);
        var y = losses;
        if (reduction != Reduction.None)
        {
            y = TensorImpl.Empty(Shape.Scalar, Dtypes.Float);
            var sum = Reduce.Sum(losses.Count, losses.Floats);
            *y.Floats = reduction == Reduction.Mean ? sum / used : sum;
            losses.Release();
        }
        if (Graph.Records(flat))
            Graph.Record(y, new CrossEntropyNode(rows, ids, lse, ignore, smoothing, reduction, used), flat);
        rows.Release();
        lse.Release();
        ids.Release();
        flat.Release();
        return y;
    }

    /// <summary>The squares of the distances; recorded through their parts.</summary>
    internal static TensorImpl MeanSquare(TensorImpl input, TensorImpl target, Reduction reduction)
    {
        var distance = Arithmetic.Sub(input, target);
        var square = Unary.Square(distance);
        distance.Release();
        if (reduction == Reduction.None)
            return square;
        var y = reduction == Reduction.Mean ? Sums.Mean(square, [], false, null) : Sums.Sum(square, [], false, null);
        square.Release();
        return y;
    }

    private static void Check(TensorImpl logits, TensorImpl target, double smoothing)
    {
        if (logits.Dtype != Dtypes.Float || target.Dtype != Dtypes.Long)
            throw new ArgumentException($"cross_entropy: expected logits of Float32 and targets of Int64, got {logits} and {target}");
        var expected = logits.Rank switch
        {
            0 => null,
            1 => Shape.Scalar,
            _ => Shape.Without(logits.Sizes, 1),
        };
        if (expected is null || !Shape.Same(expected, target.Sizes))
            throw new ArgumentException($"cross_entropy: targets {target} do not fit logits {logits}: expected [N, V] and [N]");
        if (!(smoothing >= 0 && smoothing <= 1))
            throw new ArgumentException($"cross_entropy: label_smoothing must be between 0 and 1, not {smoothing}");
    }

    private static TensorImpl ClassesLast(TensorImpl logits)
    {
        if (logits.Rank <= 2)
            return logits.Share();
        var order = new long[logits.Rank];
        for (var i = 0; i < order.Length; i++)
            order[i] = i == 0 ? 0 : i == order.Length - 1 ? 1 : i + 1;
        return Views.Permute(logits, order);
    }

    private static long CountTargets(TensorImpl ids, long classes, long ignore, TensorImpl logits)
    {
        var used = 0L;
        var data = ids.Longs;
        for (long i = 0; i < ids.Count; i++)
        {
            if (data[i] == ignore)
                continue;
            if ((ulong)data[i] >= (ulong)classes)
                throw new ArgumentException($"cross_entropy: target {data[i]} is out of range [0, {classes}) for logits {logits}");
            used++;
        }
        return used;
    }

    private sealed class CrossEntropyNode(
        TensorImpl logits, TensorImpl target, TensorImpl lse, long ignore, double smoothing, Reduction reduction, long used) : Node
    {
        private Saved logits = new(logits);
        private Saved target = new(target);
        private Saved lse = new(lse);

        internal override void ReleaseSaved()
        {
            logits.Release();
            target.Release();
            lse.Release();
        }

        protected override void Backward(TensorImpl gradient)
        {
            var (x, ids, sums) = (logits.Get(this), target.Get(this), lse.Get(this));
            var scale = reduction == Reduction.None ? Copy.OwnedContiguous(gradient) : Rows(gradient, ids);
            // If nobody else holds the logits they become their own gradient.
            var reuse = !BackwardPass.Current.Retains && x.IsHeldOnce && x.Storage != scale.Storage;
            var dx = reuse ? x.Alias() : TensorImpl.EmptyLike(x);
            Kernels.CrossEntropy.Backward(
                ids.Count, x.Sizes[^1], x.Floats, ids.Longs, ignore, smoothing, sums.Floats, scale.Floats, dx.Floats);
            if (reuse)
                x.Touch();
            scale.Release();
            Give(0, dx);
        }

        private TensorImpl Rows(TensorImpl gradient, TensorImpl ids)
        {
            var g = *gradient.Floats;
            gradient.Release();
            return Fill.Full(ids.Sizes, Dtypes.Float, reduction == Reduction.Mean ? g / used : g);
        }
    }
}
