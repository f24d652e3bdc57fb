namespace Gpt.Cli

open System
open System.Diagnostics
open System.Runtime.CompilerServices
open System.Runtime.Intrinsics
open System.Threading

/// What the processor can do at most: float32 multiply-adds from registers to registers, on so many threads at once. A matrix
/// product is measured against it.
[<RequireQualifiedAccess>]
module Peak =

    /// Steps of the chains: about a millisecond.
    let private steps = 250_000

    // Twelve chains keep two multiply-add units busy where one takes up to five cycles. Each width is written out: the vectors
    // stay in registers only as locals of one method.
    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains512 () : float32 =
        let x, y = Vector512.Create 0.999f, Vector512.Create 0.001f
        let mutable a, b, c, d = x, x, x, x
        let mutable e, f, g, h = x, x, x, x
        let mutable i, j, k, l = x, x, x, x

        for _ in 1..steps do
            a <- Vector512.FusedMultiplyAdd(a, x, y)
            b <- Vector512.FusedMultiplyAdd(b, x, y)
            c <- Vector512.FusedMultiplyAdd(c, x, y)
            d <- Vector512.FusedMultiplyAdd(d, x, y)
            e <- Vector512.FusedMultiplyAdd(e, x, y)
            f <- Vector512.FusedMultiplyAdd(f, x, y)
            g <- Vector512.FusedMultiplyAdd(g, x, y)
            h <- Vector512.FusedMultiplyAdd(h, x, y)
            i <- Vector512.FusedMultiplyAdd(i, x, y)
            j <- Vector512.FusedMultiplyAdd(j, x, y)
            k <- Vector512.FusedMultiplyAdd(k, x, y)
            l <- Vector512.FusedMultiplyAdd(l, x, y)

        Vector512.Sum(a + b + c + d + e + f + g + h + i + j + k + l)

    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains256 () : float32 =
        let x, y = Vector256.Create 0.999f, Vector256.Create 0.001f
        let mutable a, b, c, d = x, x, x, x
        let mutable e, f, g, h = x, x, x, x
        let mutable i, j, k, l = x, x, x, x

        for _ in 1..steps do
            a <- Vector256.FusedMultiplyAdd(a, x, y)
            b <- Vector256.FusedMultiplyAdd(b, x, y)
            c <- Vector256.FusedMultiplyAdd(c, x, y)
            d <- Vector256.FusedMultiplyAdd(d, x, y)
            e <- Vector256.FusedMultiplyAdd(e, x, y)
            f <- Vector256.FusedMultiplyAdd(f, x, y)
            g <- Vector256.FusedMultiplyAdd(g, x, y)
            h <- Vector256.FusedMultiplyAdd(h, x, y)
            i <- Vector256.FusedMultiplyAdd(i, x, y)
            j <- Vector256.FusedMultiplyAdd(j, x, y)
            k <- Vector256.FusedMultiplyAdd(k, x, y)
            l <- Vector256.FusedMultiplyAdd(l, x, y)

        Vector256.Sum(a + b + c + d + e + f + g + h + i + j + k + l)

    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains128 () : float32 =
        let x, y = Vector128.Create 0.999f, Vector128.Create 0.001f
        let mutable a, b, c, d = x, x, x, x
        let mutable e, f, g, h = x, x, x, x
        let mutable i, j, k, l = x, x, x, x

        for _ in 1..steps do
            a <- Vector128.MultiplyAddEstimate(a, x, y)
            b <- Vector128.MultiplyAddEstimate(b, x, y)
            c <- Vector128.MultiplyAddEstimate(c, x, y)
            d <- Vector128.MultiplyAddEstimate(d, x, y)
            e <- Vector128.MultiplyAddEstimate(e, x, y)
            f <- Vector128.MultiplyAddEstimate(f, x, y)
            g <- Vector128.MultiplyAddEstimate(g, x, y)
            h <- Vector128.MultiplyAddEstimate(h, x, y)
            i <- Vector128.MultiplyAddEstimate(i, x, y)
            j <- Vector128.MultiplyAddEstimate(j, x, y)
            k <- Vector128.MultiplyAddEstimate(k, x, y)
            l <- Vector128.MultiplyAddEstimate(l, x, y)

        Vector128.Sum(a + b + c + d + e + f + g + h + i + j + k + l)

    /// The widest vectors of this machine: how many floats they hold, and the chains over them.
    let private widest () : struct (int * (unit -> float32)) =
        if Vector512.IsHardwareAccelerated then
            struct (16, chains512)
        elif Vector256.IsHardwareAccelerated then
            struct (8, chains256)
        else
            struct (4, chains128)

    /// Billions of operations a second, a multiply-add being two, on `threads` threads at once for about a millisecond: the
    /// slowest of them counts. One reading; a shared machine gives others the next moment.
    let gflops (threads: int) : float =
        let struct (lanes, chains) = widest ()
        use start = new Barrier(threads)
        let seconds = Array.zeroCreate<float> threads

        let work (index: int) =
            Thread(
                ThreadStart(fun () ->
                    start.SignalAndWait()
                    let before = Stopwatch.GetTimestamp()
                    chains () |> ignore
                    seconds[index] <- Stopwatch.GetElapsedTime(before).TotalSeconds)
            )

        let team = Array.init threads work
        team |> Array.iter _.Start()
        team |> Array.iter _.Join()
        float threads * float (2 * 12 * steps * lanes) / Array.max seconds / 1e9
