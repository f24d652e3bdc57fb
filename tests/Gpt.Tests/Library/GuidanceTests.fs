/// Guidance against its definition.
module Gpt.Tests.GuidanceTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

let tests =
    testList "guidance" [
        law
            1000
            "guidance is other + scale (log p - other), but where either is impossible"
            (Arb.zip (Arb.zip (logits, seeds), Arb.fromGen (Gen.elements [ -1.0; 0.0; 1.0; 1.5; 7.0 ])))
            (fun ((values, seed), scale) ->
                let others =
                    uniform -4.0 4.0 values.Length seed |> Array.mapi (fun i x -> if i % 5 = 4 then inf else x)

                let warped = floatsOf (Warpers.guidance scale (one others) (one values))
                let logs = exactly values |> Array.map log
                let otherLogs = exactly others |> Array.map log

                for i in 0 .. values.Length - 1 do
                    if not (isKept values[i]) then
                        Expect.equal warped[i] inf "ruled out"
                    // In double precision what is far below the best has no logarithm.
                    elif logs[i] > -600.0 then
                        let want =
                            if isKept others[i] then
                                otherLogs[i] + scale * (logs[i] - otherLogs[i])
                            else
                                logs[i]

                        let slack = 1e-6 + 1e-6 * (1.0 + abs scale) * (abs logs[i] + abs otherLogs[i] |> min 1e4)
                        Expect.isLessThanOrEqual (abs (float warped[i] - want)) slack $"{warped[i]}, expected {want}")

        law 1000 "guidance of scale 1 leaves the probabilities as they are" logits (fun values ->
            let others = Array.rev values
            let warped = floatsOf (Warpers.guidance 1.0 (one others) (one values))

            Array.iter2
                (fun p q -> Expect.isLessThanOrEqual (abs (p - q)) 1e-6 "probability")
                (exactly values)
                (exactly warped))

        testCase "guidance wants logits of one shape" (fun () ->
            Expect.throwsT<ArgumentException>
                (fun () -> Warpers.guidance 2.0 (one [| 1f; 2f |]) (one [| 1f; 2f; 3f |]) |> ignore)
                "shapes")
    ]
