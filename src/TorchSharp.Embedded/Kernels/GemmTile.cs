using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace TorchSharp.Kernels;

/// <summary>A number as a type, so that the JIT makes one method body a value and drops the branches it rules out.</summary>
internal interface IConst
{
    static abstract int Value { get; }
}

internal readonly struct N1 : IConst
{
    public static int Value => 1;
}

internal readonly struct N2 : IConst
{
    public static int Value => 2;
}

internal readonly struct N3 : IConst
{
    public static int Value => 3;
}

internal readonly struct N4 : IConst
{
    public static int Value => 4;
}

/// <summary>
/// The innermost product: C[r, c] (+)= sum over p of a[p, r] b[p, c], for a tile of C that stays in registers.
/// </summary>
/// <remarks>
/// <para>a is a packed panel [k, rows], b a packed panel [k, columns]. For each p the tile takes one or two vectors of b and broadcasts
/// the elements of a one after another.</para>
/// <para>The full tile is 12 x 2 vectors where there are 32 vector registers (AVX-512, Arm) and 6 x 2 where there are 16: 24 or 12
/// accumulators, enough independent sums to hide the latency of the multiply-add (4 cycles, 1 or 2 a cycle), with 12 multiply-adds for
/// every 7 loads. A third and two thirds of the rows, and one vector of columns, exist for the edges.</para>
/// </remarks>
internal static unsafe class GemmTile<L, TV>
    where L : ILanes<TV>
    where TV : struct
{
    /// <summary>Rows of the full tile; a multiple of 3.</summary>
    internal static int Rows
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => L.Count == 16 || AdvSimd.IsSupported ? 12 : 6;
    }

    /// <summary>Columns of the full tile.</summary>
    internal static int Columns
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2 * L.Count;
    }

    /// <summary>The rows of the smallest tile that holds this many, 1 to <see cref="Rows"/>.</summary>
    internal static int RowsFor(long rows) => (int)((rows + (Rows / 3) - 1) / (Rows / 3)) * (Rows / 3);

    /// <summary>The columns of the smallest tile that holds this many, 1 to <see cref="Columns"/>.</summary>
    internal static int ColumnsFor(long columns) => columns > L.Count ? 2 * L.Count : L.Count;

    /// <summary>
    /// One tile. The panels have <see cref="RowsFor"/> rows and <see cref="ColumnsFor"/> columns; only rows x columns of C are read and
    /// written. The value stored is (C if accumulate) + product + (bias[c] if not null).
    /// </summary>
    internal static void Run(
        long k, float* a, float* b, float* c, long ldc, long rows, long columns, float* bias, bool accumulate, ref GemmAhead aheadA,
        ref GemmAhead aheadB)
    {
        var (height, width) = (RowsFor(rows), ColumnsFor(columns));
        if (rows == height && columns == width)
        {
            Run(k, a, b, c, ldc, height, width, bias, accumulate, ref aheadA, ref aheadB);
            return;
        }
        var whole = stackalloc float[Rows * Columns];
        Run(k, a, b, whole, width, height, width, null, false, ref aheadA, ref aheadB);
        for (long r = 0; r < rows; r++)
        {
            for (long j = 0; j < columns; j += L.Count)
            {
                var n = (int)Math.Min(L.Count, columns - j);
                var v = L.Load(whole + (r * width) + j);
                if (accumulate)
                    v = L.Add(v, L.LoadFirst(c + (r * ldc) + j, n));
                if (bias != null)
                    v = L.Add(v, L.LoadFirst(bias + j, n));
                L.StoreFirst(v, c + (r * ldc) + j, n);
            }
        }
    }

    private static void Run(
        long k, float* a, float* b, float* c, long ldc, int height, int width, float* bias, bool accumulate, ref GemmAhead aheadA,
        ref GemmAhead aheadB)
    {
        if (width == Columns)
        {
            if (height == Rows)
                Tile<N3, N2>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
            else if (height == Rows / 3)
                Tile<N1, N2>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
            else
                Tile<N2, N2>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
        }
        else if (height == Rows)
            Tile<N3, N1>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
        else if (height == Rows / 3)
            Tile<N1, N1>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
        else
            Tile<N2, N1>(k, a, b, c, ldc, bias, accumulate, ref aheadA, ref aheadB);
    }

    /// <summary>A tile of THeight thirds of <see cref="Rows"/> by TWidth vectors.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Tile<THeight, TWidth>(
        long k, float* a, float* b, float* c, long ldc, float* bias, bool accumulate, ref GemmAhead aheadA, ref GemmAhead aheadB)
        where THeight : IConst
        where TWidth : IConst
    {
        var rows = THeight.Value * (Rows / 3);
        TV l0 = L.Zero, l1 = L.Zero, l2 = L.Zero, l3 = L.Zero, l4 = L.Zero, l5 = L.Zero;
        TV l6 = L.Zero, l7 = L.Zero, l8 = L.Zero, l9 = L.Zero, l10 = L.Zero, l11 = L.Zero;
        TV r0 = L.Zero, r1 = L.Zero, r2 = L.Zero, r3 = L.Zero, r4 = L.Zero, r5 = L.Zero;
        TV r6 = L.Zero, r7 = L.Zero, r8 = L.Zero, r9 = L.Zero, r10 = L.Zero, r11 = L.Zero;
        Prefetch(c, ldc, rows);
        while (k > 0)
        {
            aheadA.AskL1();
            aheadB.AskL2();
            var steps = Math.Min(k, GemmAhead.Steps);
            k -= steps;
            for (; steps > 0; steps--)
            {
                var left = L.Load(b);
                var right = TWidth.Value == 2 ? L.Load(b + L.Count) : L.Zero;
                Step<TWidth>(a, left, right, ref l0, ref r0);
                Step<TWidth>(a + 1, left, right, ref l1, ref r1);
                if (rows > 2)
                {
                    Step<TWidth>(a + 2, left, right, ref l2, ref r2);
                    Step<TWidth>(a + 3, left, right, ref l3, ref r3);
                }
                if (rows > 4)
                {
                    Step<TWidth>(a + 4, left, right, ref l4, ref r4);
                    Step<TWidth>(a + 5, left, right, ref l5, ref r5);
                }
                if (rows > 6)
                {
                    Step<TWidth>(a + 6, left, right, ref l6, ref r6);
                    Step<TWidth>(a + 7, left, right, ref l7, ref r7);
                }
                if (rows > 8)
                {
                    Step<TWidth>(a + 8, left, right, ref l8, ref r8);
                    Step<TWidth>(a + 9, left, right, ref l9, ref r9);
                    Step<TWidth>(a + 10, left, right, ref l10, ref r10);
                    Step<TWidth>(a + 11, left, right, ref l11, ref r11);
                }
                a += rows;
                b += TWidth.Value * L.Count;
            }
        }
        Finish<TWidth>(c, l0, r0, bias, accumulate);
        Finish<TWidth>(c + ldc, l1, r1, bias, accumulate);
        if (rows > 2)
        {
            Finish<TWidth>(c + (2 * ldc), l2, r2, bias, accumulate);
            Finish<TWidth>(c + (3 * ldc), l3, r3, bias, accumulate);
        }
        if (rows > 4)
        {
            Finish<TWidth>(c + (4 * ldc), l4, r4, bias, accumulate);
            Finish<TWidth>(c + (5 * ldc), l5, r5, bias, accumulate);
        }
        if (rows > 6)
        {
            Finish<TWidth>(c + (6 * ldc), l6, r6, bias, accumulate);
            Finish<TWidth>(c + (7 * ldc), l7, r7, bias, accumulate);
        }
        if (rows > 8)
        {
            Finish<TWidth>(c + (8 * ldc), l8, r8, bias, accumulate);
            Finish<TWidth>(c + (9 * ldc), l9, r9, bias, accumulate);
            Finish<TWidth>(c + (10 * ldc), l10, r10, bias, accumulate);
            Finish<TWidth>(c + (11 * ldc), l11, r11, bias, accumulate);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TWidth>(float* a, TV left, TV right, ref TV l, ref TV r)
        where TWidth : IConst
    {
        var x = L.Create(*a);
        l = L.MulAdd(x, left, l);
        if (TWidth.Value == 2)
            r = L.MulAdd(x, right, r);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TWidth>(float* c, TV l, TV r, float* bias, bool accumulate)
        where TWidth : IConst
    {
        if (accumulate)
        {
            l = L.Add(L.Load(c), l);
            if (TWidth.Value == 2)
                r = L.Add(L.Load(c + L.Count), r);
        }
        if (bias != null)
        {
            l = L.Add(l, L.Load(bias));
            if (TWidth.Value == 2)
                r = L.Add(r, L.Load(bias + L.Count));
        }
        L.Store(l, c);
        if (TWidth.Value == 2)
            L.Store(r, c + L.Count);
    }

    /// <summary>Asks for the tile's part of C early: it arrives while the products are summed.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch(float* c, long ldc, int rows)
    {
        if (!Sse.IsSupported)
            return;
        for (; rows > 0; rows--, c += ldc)
        {
            Sse.Prefetch0(c);
            Sse.Prefetch0(c + Columns - 1);
        }
    }
}
