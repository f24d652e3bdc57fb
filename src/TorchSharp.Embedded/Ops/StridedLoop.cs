using System.Runtime.CompilerServices;
using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>
/// What is done with one row: count elements; operand k starts at element offset[k] from its base
/// pointer and goes on by stride[k] (0: the same element for all). Must not write its own fields: threads share it.
/// </summary>
internal unsafe interface IRowBody
{
    void Row<V>(long count, long* offset, long* stride)
        where V : struct, IVec<V>;
}

/// <summary>
/// The one place that broadcasts and walks strides. Up to four operands are seen in one shape, each with its own
/// strides, 0 along axes where it is broadcast; axes that lie behind one another in all operands are merged, so most
/// cases end as one row ([B, T, C] + [B, T, C]) or as rows ([B, T, C] + [C], [N, C] * [N, 1]).
/// </summary>
internal unsafe struct StridedLoop
{
    internal const int MaxOperands = 4;

    /// <summary>Axes before the row; sizes at [axis], strides at [axis * MaxOperands + operand].</summary>
    internal int Outer;

    /// <summary>Elements in a row.</summary>
    internal long Inner;

    internal long Total;
    internal fixed long Sizes[Shape.MaxDimensions];
    internal fixed long Strides[Shape.MaxDimensions * MaxOperands];
    internal fixed long InnerStrides[MaxOperands];

    /// <summary>
    /// Plans the walk over <paramref name="sizes"/>. Every operand broadcasts to it; the caller has checked this.
    /// </summary>
    [SkipLocalsInit]
    internal static void Plan(
        out StridedLoop loop, long[] sizes, TensorImpl a, TensorImpl? b = null, TensorImpl? c = null, TensorImpl? d = null)
    {
        Unsafe.SkipInit(out loop);
        loop.Total = Shape.Product(sizes, 0, sizes.Length);
        loop.Outer = 0;
        loop.Inner = 1;
        for (var k = 0; k < MaxOperands; k++)
            loop.InnerStrides[k] = 0;
        var raw = stackalloc long[MaxOperands];
        for (var axis = 0; axis < sizes.Length; axis++)
        {
            if (sizes[axis] == 1)
                continue;
            raw[0] = StrideAt(a, sizes, axis);
            raw[1] = b is null ? 0 : StrideAt(b, sizes, axis);
            raw[2] = c is null ? 0 : StrideAt(c, sizes, axis);
            raw[3] = d is null ? 0 : StrideAt(d, sizes, axis);
            loop.Append(sizes[axis], raw);
        }
    }

    /// <summary>Runs the body over all rows, on all threads where there are many elements.</summary>
    internal void Run<TBody>(ref TBody body)
        where TBody : struct, IRowBody
    {
        fixed (StridedLoop* self = &this)
        {
            var job = new Job<TBody> { Loop = self, Body = body };
            Vec.For(Total, Elementwise.Grain, ref job);
        }
    }

    /// <summary>Where the operands stand at row number <paramref name="row"/>; <paramref name="index"/> gets its place.</summary>
    internal readonly void Seek(long row, long* index, long* offset)
    {
        for (var k = 0; k < MaxOperands; k++)
            offset[k] = 0;
        if (Total == 0)
            return;
        for (var axis = Outer - 1; axis >= 0; axis--)
        {
            index[axis] = row % Sizes[axis];
            row /= Sizes[axis];
            for (var k = 0; k < MaxOperands; k++)
                offset[k] += index[axis] * Strides[axis * MaxOperands + k];
        }
    }

    /// <summary>Goes to the next row.</summary>
    internal readonly void Next(long* index, long* offset)
    {
        for (var axis = Outer - 1; axis >= 0; axis--)
        {
            var last = ++index[axis] == Sizes[axis];
            var steps = last ? 1 - Sizes[axis] : 1;
            for (var k = 0; k < MaxOperands; k++)
                offset[k] += steps * Strides[axis * MaxOperands + k];
            if (!last)
                return;
            index[axis] = 0;
        }
    }

    private static long StrideAt(TensorImpl operand, long[] sizes, int axis)
    {
        var own = axis - (sizes.Length - operand.Rank);
        return own < 0 || operand.Sizes[own] == 1 ? 0 : operand.Strides[own];
    }

    /// <summary>Puts an axis behind the last one, or merges the two where every operand allows it.</summary>
    private void Append(long size, long* raw)
    {
        var merges = Inner != 1;
        for (var k = 0; k < MaxOperands; k++)
            merges &= InnerStrides[k] == raw[k] * size;
        if (!merges && Inner != 1)
        {
            Sizes[Outer] = Inner;
            for (var k = 0; k < MaxOperands; k++)
                Strides[Outer * MaxOperands + k] = InnerStrides[k];
            Outer++;
            Inner = 1;
        }
        Inner *= size;
        for (var k = 0; k < MaxOperands; k++)
            InnerStrides[k] = raw[k];
    }

    private struct Job<TBody> : IVecJob
        where TBody : struct, IRowBody
    {
        internal StridedLoop* Loop;
        internal TBody Body;

        public void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var index = stackalloc long[Shape.MaxDimensions];
            var offset = stackalloc long[MaxOperands];
            var stride = Loop->InnerStrides;
            var column = start % Loop->Inner;
            Loop->Seek(start / Loop->Inner, index, offset);
            for (var k = 0; k < MaxOperands; k++)
                offset[k] += column * stride[k];
            while (start < end)
            {
                var count = Math.Min(end - start, Loop->Inner - column);
                Body.Row<V>(count, offset, stride);
                start += count;
                for (var k = 0; k < MaxOperands; k++)
                    offset[k] -= column * stride[k];
                column = 0;
                if (start < end)
                    Loop->Next(index, offset);
            }
        }
    }
}
