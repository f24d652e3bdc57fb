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

    /// Twelve chains of `next`, each step of one after the step before: they keep two multiply-add units busy where one takes up
    /// to five cycles. Inlined, so that the vectors stay in registers.
    let inline private chains
        ([<InlineIfLambda>] next: 'v -> 'v)
        ([<InlineIfLambda>] add: 'v -> 'v -> 'v)
        (start: 'v)
        : 'v =
        let mutable a, b, c, d = start, start, start, start
        let mutable e, f, g, h = start, start, start, start
        let mutable i, j, k, l = start, start, start, start

        for _ in 1..steps do
            a <- next a
            b <- next b
            c <- next c
            d <- next d
            e <- next e
            f <- next f
            g <- next g
            h <- next h
            i <- next i
            j <- next j
            k <- next k
            l <- next l

        add (add (add (add a b) (add c d)) (add (add e f) (add g h))) (add (add i j) (add k l))

    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains512 () : float32 =
        let x, y = Vector512.Create 0.999f, Vector512.Create 0.001f
        Vector512.Sum(chains (fun a -> Vector512.FusedMultiplyAdd(a, x, y)) (fun a b -> a + b) x)

    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains256 () : float32 =
        let x, y = Vector256.Create 0.999f, Vector256.Create 0.001f
        Vector256.Sum(chains (fun a -> Vector256.FusedMultiplyAdd(a, x, y)) (fun a b -> a + b) x)

    [<MethodImpl(MethodImplOptions.AggressiveOptimization)>]
    let private chains128 () : float32 =
        let x, y = Vector128.Create 0.999f, Vector128.Create 0.001f
        Vector128.Sum(chains (fun a -> Vector128.MultiplyAddEstimate(a, x, y)) (fun a b -> a + b) x)

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
