using TorchSharp.Kernels;

namespace TorchSharp;

// Copies where the target's rows are the source's columns. They go square by square, so that the cache lines of both
// sides are still there when they are needed again.
internal static unsafe partial class Copy
{
    private const int Tile = 32;

    /// <summary>An outer axis along which the source's elements are neighbours while its rows are not; -1 without one.</summary>
    private static int TransposedAxis(ref StridedLoop loop)
    {
        if (loop.InnerStrides[0] != 1 || loop.InnerStrides[1] <= 1)
            return -1;
        for (var axis = 0; axis < loop.Outer; axis++)
        {
            if (loop.Strides[axis * StridedLoop.MaxOperands + 1] == 1 && loop.Sizes[axis] >= 4)
                return axis;
        }
        return -1;
    }

    private static void Transpose<T>(T* target, T* source, ref StridedLoop loop, int axis)
        where T : unmanaged
    {
        var job = new TransposeJob<T>
        {
            Target = target,
            Source = source,
            Axis = axis,
            Down = loop.Sizes[axis],
            TargetDown = loop.Strides[axis * StridedLoop.MaxOperands],
            Across = loop.Inner,
            SourceAcross = loop.InnerStrides[1],
        };
        // The loop now walks over bands of Tile rows instead of single rows.
        var bands = (job.Down + Tile - 1) / Tile;
        loop.Sizes[axis] = bands;
        loop.Strides[axis * StridedLoop.MaxOperands] = 0;
        loop.Strides[axis * StridedLoop.MaxOperands + 1] = 0;
        fixed (StridedLoop* rest = &loop)
        {
            job.Loop = rest;
            Vec.For(loop.Total / job.Across / job.Down * bands, Elementwise.RowGrain(job.Across * Tile), ref job);
        }
    }

    private struct TransposeJob<T> : IVecJob
        where T : unmanaged
    {
        internal StridedLoop* Loop;
        internal T* Target, Source;
        internal long Down, TargetDown, Across, SourceAcross;
        internal int Axis;

        public readonly void Run<V>(long start, long end)
            where V : struct, IVec<V>
        {
            var index = stackalloc long[Shape.MaxDimensions];
            var offset = stackalloc long[StridedLoop.MaxOperands];
            Loop->Seek(start, index, offset);
            for (; start < end; start++)
            {
                var first = index[Axis] * Tile;
                var rows = Math.Min(Tile, Down - first);
                var y = Target + offset[0] + (first * TargetDown);
                var x = Source + offset[1] + first;
                for (long c = 0; c < Across; c += Tile)
                    Square(y + c, x + (c * SourceAcross), rows, Math.Min(Tile, Across - c));
                Loop->Next(index, offset);
            }
        }

        private readonly void Square(T* y, T* x, long rows, long columns)
        {
            for (long r = 0; r < rows; r++)
            {
                for (long c = 0; c < columns; c++)
                    y[(r * TargetDown) + c] = x[r + (c * SourceAcross)];
            }
        }
    }
}
