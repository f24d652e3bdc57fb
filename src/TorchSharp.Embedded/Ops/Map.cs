using TorchSharp.Kernels;

namespace TorchSharp;

/// <summary>A function of one element, for types without a vector kernel.</summary>
internal interface IMap<TX, TY>
{
    static abstract TY Apply(TX x);
}

/// <summary>A function of two elements, for types without a vector kernel.</summary>
internal interface IMap<TA, TB, TY>
{
    static abstract TY Apply(TA a, TB b);
}

/// <summary>Runs element functions over tensors of any layout.</summary>
internal static unsafe class Map
{
    /// <summary>f(x) as a new tensor.</summary>
    internal static TensorImpl Unary<TX, TY, TFn>(TensorImpl x)
        where TX : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TX, TY>
    {
        var y = TensorImpl.EmptyLike(x, Dtypes.Of<TY>());
        UnaryInto<TX, TY, TFn>(y, x);
        return y;
    }

    /// <summary>y = f(x), x broadcast to y; y may be x.</summary>
    internal static void UnaryInto<TX, TY, TFn>(TensorImpl y, TensorImpl x)
        where TX : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TX, TY>
    {
        StridedLoop.Plan(out var loop, y.Sizes, y, x);
        var body = new UnaryBody<TX, TY, TFn> { Y = y.Data<TY>(), X = x.Data<TX>() };
        loop.Run(ref body);
    }

    /// <summary>f(a, b), broadcast, as a new tensor.</summary>
    internal static TensorImpl Binary<TA, TB, TY, TFn>(string operation, TensorImpl a, TensorImpl b)
        where TA : unmanaged
        where TB : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TA, TB, TY>
    {
        var y = TensorImpl.Empty(Shape.Broadcast(a.Sizes, b.Sizes, operation), Dtypes.Of<TY>());
        BinaryInto<TA, TB, TY, TFn>(y, a, b);
        return y;
    }

    /// <summary>y = f(a, b), both broadcast to y; y may be one of them.</summary>
    internal static void BinaryInto<TA, TB, TY, TFn>(TensorImpl y, TensorImpl a, TensorImpl b)
        where TA : unmanaged
        where TB : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TA, TB, TY>
    {
        StridedLoop.Plan(out var loop, y.Sizes, y, a, b);
        var body = new BinaryBody<TA, TB, TY, TFn> { Y = y.Data<TY>(), A = a.Data<TA>(), B = b.Data<TB>() };
        loop.Run(ref body);
    }

    /// <summary>Operand 0 is y, 1 is x.</summary>
    private struct UnaryBody<TX, TY, TFn> : IRowBody
        where TX : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TX, TY>
    {
        internal TY* Y;
        internal TX* X;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            var y = Y + offset[0];
            var x = X + offset[1];
            long dy = stride[0], dx = stride[1];
            if (dy == 1 && dx == 1)
                for (long i = 0; i < count; i++)
                    y[i] = TFn.Apply(x[i]);
            else
                for (long i = 0; i < count; i++)
                    y[i * dy] = TFn.Apply(x[i * dx]);
        }
    }

    /// <summary>Operand 0 is y, 1 is a, 2 is b.</summary>
    private struct BinaryBody<TA, TB, TY, TFn> : IRowBody
        where TA : unmanaged
        where TB : unmanaged
        where TY : unmanaged
        where TFn : struct, IMap<TA, TB, TY>
    {
        internal TY* Y;
        internal TA* A;
        internal TB* B;

        public readonly void Row<V>(long count, long* offset, long* stride)
            where V : struct, IVec<V>
        {
            var y = Y + offset[0];
            var a = A + offset[1];
            var b = B + offset[2];
            long dy = stride[0], da = stride[1], db = stride[2];
            if (dy == 1 && da == 1 && db == 1)
                for (long i = 0; i < count; i++)
                    y[i] = TFn.Apply(a[i], b[i]);
            else if (dy == 1 && da == 1 && db == 0)
                for (long i = 0; i < count; i++)
                    y[i] = TFn.Apply(a[i], *b);
            else
                for (long i = 0; i < count; i++)
                    y[i * dy] = TFn.Apply(a[i * da], b[i * db]);
        }
    }
}
