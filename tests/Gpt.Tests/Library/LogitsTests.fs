/// Logits from which nothing can be drawn are found out.
module Gpt.Tests.LogitsTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

let private complaint values =
    Expect.throwsC (fun () -> Logits.check (tensorOf values)) (fun e ->
        Expect.isTrue (e :? ArgumentException) "kind of error"
        e.Message)

let tests =
    testList "logits" [
        law
            1000
            "logits are found out that hold NaN or +infinity, or nothing"
            (Arb.zip (logits, seeds))
            (fun (values, seed) ->
                Logits.check (tensorOf [| values; values |])
                let place = seed % values.Length
                let spoilt x = values |> Array.mapi (fun i y -> if i = place then x else y)
                Expect.stringContains (complaint [| values; spoilt nanf |]) $"NaN at row 1, token {place}" "NaN"

                Expect.stringContains
                    (complaint [| spoilt infinityf; values |])
                    $"+infinity at row 0, token {place}"
                    "infinity"

                let nothing = Array.create values.Length inf
                Expect.stringContains (complaint [| values; nothing |]) "every token of row 1" "nothing")
    ]
