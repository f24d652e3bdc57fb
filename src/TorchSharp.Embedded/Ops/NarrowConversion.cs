using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>Float32 to and from the types that weights are stored in, of any layout.</summary>
internal static unsafe class NarrowConversion
{
    /// <summary>narrow = the elements nearest to x, x broadcast to it.</summary>
    internal static void From<E, T>(TensorImpl narrow, TensorImpl x)
        where E : struct, INarrow<T>
        where T : unmanaged
    {
        StridedLoop.Plan(out var loop, narrow.Sizes, narrow, x);
        var body = new NarrowBody<E, T> { Y = (T*)narrow.Bytes, X = x.Floats };
        loop.Run(ref body);
    }

    /// <summary>y = narrow, broadcast to it.</summary>
    internal static void To<E, T>(TensorImpl y, TensorImpl narrow)
        where E : struct, INarrow<T>
        where T : unmanaged
    {
        StridedLoop.Plan(out var loop, y.Sizes, y, narrow);
        var body = new WidenBody<E, T> { Y = y.Floats, X = (T*)narrow.Bytes };
        loop.Run(ref body);
    }

    private struct NarrowBody<E, T> : IRowBody
        where E : struct, INarrow<T>
        where T : unmanaged
    {
        internal T* Y;
        internal float* X;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            var y = Y + offset[0];
            var x = X + offset[1];
            long dy = stride[0], dx = stride[1];
            for (long i = 0; i < count; i++)
                y[i * dy] = E.Narrow(x[i * dx]);
        }
    }

    private struct WidenBody<E, T> : IRowBody
        where E : struct, INarrow<T>
        where T : unmanaged
    {
        internal float* Y;
        internal T* X;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            var y = Y + offset[0];
            var x = X + offset[1];
            long dy = stride[0], dx = stride[1];
            if (dy == 1 && dx == 1)
                Widening.Row<E, T>(x, y, count);
            else
                for (long i = 0; i < count; i++)
                    y[i * dy] = E.Widen(x[i * dx]);
        }
    }
}
