/// Mirostat against a scalar step, and whether it gets where it aims.
module Gpt.Tests.MirostatTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

let private bounds = Arb.fromGen (Gen.elements [ -1.0; 0.0; 0.5; 2.0; 4.0; 10.0; 30.0 ])
let private surprises values = exactly values |> Array.map (fun p -> -Math.Log2 p)

let private message (work: unit -> unit) =
    Expect.throwsC work (fun e ->
        Expect.isTrue (e :? ArgumentException) "kind of error"
        e.Message)

/// Zipf's law over 1,000 tokens: 7.5 bits of entropy.
let private zipf = Array.init 1000 (fun i -> float32 (-log(float (i + 1))))

let tests =
    testList "mirostat" [
        law
            1000
            "it keeps what surprises by mu at most, or the best alone"
            (Arb.zip (logits, bounds))
            (fun (values, mu) ->
                let kept = floatsOf (Mirostat.warp [| mu |] (one values)) |> Array.map isKept
                let surprises = surprises values
                let best = bestOf values
                Expect.isTrue kept[best] "the best"

                for i in 0 .. values.Length - 1 do
                    // At the border rounding decides; the best token may be beyond it.
                    if i <> best && abs (surprises[i] - mu) > 1e-5 * (1.0 + abs mu) then
                        Expect.equal kept[i] (surprises[i] < mu) $"{surprises[i]} bits against {mu}")

        law
            1000
            "mu moves by eta times the error of the surprise after the cut"
            (Arb.zip (Arb.zip (logits, bounds), seeds))
            (fun ((values, mu), seed) ->
                let options: Mirostat = { Tau = 3.0; Eta = 0.25 }
                let warped = Mirostat.warp [| mu |] (one values)
                let struct (ids, _) = Choose.sample (Rng.ofSeed (uint64 seed)) warped
                let after = Mirostat.observe options [| mu |] warped ids
                let picked = Gpt.Tensors.toIds ids |> Array.head |> int
                let surprise = surprises (floatsOf warped) |> Array.item picked
                let want = mu - 0.25 * (surprise - 3.0)

                Expect.isLessThanOrEqual
                    (abs (after[0] - want))
                    (1e-5 * (1.0 + abs surprise))
                    $"{after[0]}, expected {want}")

        testCase "it starts at twice tau" (fun () ->
            Expect.equal (Mirostat.start Mirostat.defaults 2) [| 10.0; 10.0 |] "mu")

        for tau in [ 1.0; 3.0; 5.0 ] do
            testCase $"in the long run the surprise is {tau} bits a token" (fun () ->
                let options: Mirostat = { Tau = tau; Eta = 0.1 }
                let rows, steps = 16, 1000
                let mutable rng = Rng.ofSeed 3UL
                let mutable mu = Mirostat.start options rows
                let mutable total = 0.0

                Gpt.Tensors.freeing (fun () ->
                    let input = tensorOf (Array.replicate rows zipf)

                    for _ in 1..steps do
                        Gpt.Tensors.freeing (fun () ->
                            let warped = Mirostat.warp mu input
                            let struct (ids, after) = Choose.sample rng warped
                            let next = Mirostat.observe options mu warped ids
                            // Each step moves mu by eta times the error: that is how the surprise shows.
                            total <-
                                total
                                + Array.fold2
                                    (fun sum old fresh -> sum + (old - fresh) / options.Eta + tau)
                                    0.0
                                    mu
                                    next

                            mu <- next
                            rng <- after))

                let mean = total / float (rows * steps)
                Expect.isLessThan (abs (mean - tau)) 0.1 $"{mean} bits")

        testCase "uniform logits, of which all surprise alike, come down to the aim" (fun () ->
            let options: Mirostat = { Tau = 2.0; Eta = 0.1 }
            let input = one (Array.zeroCreate 64)
            let mutable mu = Mirostat.start options 1
            let mutable kept = []

            for _ in 1..300 do
                Gpt.Tensors.freeing (fun () ->
                    let warped = Mirostat.warp mu input
                    let ids = Choose.greedy warped
                    kept <- (support warped).Length :: kept
                    mu <- Mirostat.observe options mu warped ids)

            Expect.contains kept 1 "sometimes the best alone"
            let mean = kept |> List.averageBy (float >> Math.Log2)
            Expect.isLessThan (abs (mean - 2.0)) 0.2 $"{mean} bits")

        testCase "what does not fit is refused" (fun () ->
            let input = one [| 0f; inf |]

            Expect.stringContains
                (message (fun () -> Mirostat.warp [| 1.0; 2.0 |] input |> ignore))
                "mu has 2 numbers"
                "rows"

            let ids = Gpt.Tensors.ofIds (Device.cpu ()) [ 1L ] [| 1L |]
            let observe () = Mirostat.observe Mirostat.defaults [| 1.0 |] input ids |> ignore
            Expect.stringContains (message observe) "ruled out" "an id")
    ]
