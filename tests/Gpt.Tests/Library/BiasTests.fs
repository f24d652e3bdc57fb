/// Biases, bans and forced tokens against naive definitions.
module Gpt.Tests.BiasTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

let private vocab = 6

let private biased =
    gen {
        let! sequences = Gen.listOf (tokens 3 1 4).Generator |> Gen.map (List.truncate 6)
        let! biases = Gen.listOfLength sequences.Length (Gen.elements [ -2.0; -0.5; 0.25; 4.0 ])
        return List.zip sequences biases
    }
    |> Arb.fromGen

/// The bias of a token after a text: that of every sequence that text and token end with.
let private naiveBias biases (text: int list) token =
    let next = text @ [ token ]

    biases
    |> List.filter (fun (sequence: int list, _) ->
        sequence.Length <= next.Length && List.skip (next.Length - sequence.Length) next = sequence)
    |> List.sumBy snd

let private message (work: unit -> unit) =
    Expect.throwsC work (fun e ->
        Expect.isTrue (e :? ArgumentException) "kind of error"
        e.Message)

let tests =
    testList "biases" [
        law
            1000
            "a sequence is biased where the text ends with what stands before its last token"
            (Arb.zip (tokens 3 0 12, biased))
            (fun (text, biases) ->
                let warped = floatsOf (Biases.sequence biases (historyOf [ text ]) (one (Array.zeroCreate vocab)))

                for token in 0 .. vocab - 1 do
                    Expect.equal (float warped[token]) (naiveBias biases text token) $"token {token} after {text}")

        law
            1000
            "a bad word is never finished, and nothing else is ruled out"
            (Arb.zip (tokens 3 0 12, biased))
            (fun (text, biases) ->
                let words = List.map fst biases
                let warped = floatsOf (Biases.badWords words (historyOf [ text ]) (one (Array.zeroCreate vocab)))
                let hits = words |> List.map (fun word -> word, 1.0)

                for token in 0 .. vocab - 1 do
                    Expect.equal (isKept warped[token]) (naiveBias hits text token = 0.0) $"token {token} after {text}")

        law
            1000
            "a logit bias is added to the tokens named, each time they are"
            (Arb.zip (tokens vocab 0 6, seeds))
            (fun (ids, seed) ->
                let values = uniform -4.0 4.0 vocab seed
                let biases = ids |> List.mapi (fun i id -> id, float i - 2.5)
                let warped = floatsOf (Biases.logit biases (one values))

                for token in 0 .. vocab - 1 do
                    let sum = biases |> List.filter (fun (id, _) -> id = token) |> List.sumBy snd
                    Expect.equal warped[token] (values[token] + float32 sum) $"token {token}")

        law 1000 "banned and allowed part the vocabulary" (Arb.zip (logits, tokens 5000 1 20)) (fun (values, ids) ->
            let ids = ids |> List.map (fun id -> id % values.Length) |> List.distinct
            let allowed = floatsOf (Biases.allowed ids (one values))
            let named = Set ids
            Expect.isTrue (Array.forall2 (fun x y -> x = y || y = inf) values allowed) "logits stay"

            if ids.Length < values.Length then
                let banned = floatsOf (Biases.banned ids (one values))

                for i in 0 .. values.Length - 1 do
                    Expect.equal allowed[i] (if named.Contains i then values[i] else inf) "allowed"
                    Expect.equal banned[i] (if named.Contains i then inf else values[i]) "banned"
            else
                Expect.stringContains
                    (message (fun () -> Biases.banned ids (one values) |> ignore))
                    "every token"
                    "nothing left")

        law
            1000
            "forced tokens come first, whatever the logits say"
            (Arb.zip (logits, Arb.zip (tokens 5000 0 4, Arb.fromGen (Gen.choose (0, 5)))))
            (fun (values, (ids, produced)) ->
                let ids = ids |> List.map (fun id -> id % values.Length)
                let warped = Biases.forcedFirst ids produced (one values)

                if produced < ids.Length then
                    Expect.equal (support warped) [ ids[produced] ] "only this one"
                    Expect.equal (Array.item ids[produced] (floatsOf warped)) 0f "its logit"
                else
                    Expect.isTrue (areSame (floatsOf warped) values) "free")

        law
            1000
            "a text does not end before its minimum length"
            (Arb.zip (Arb.fromGen (Gen.choose (0, 5)), Arb.fromGen (Gen.choose (0, 5))))
            (fun (minimum, produced) ->
                let kept = support (Biases.minimumLength minimum [ 1; 3 ] produced (one (Array.zeroCreate 5)))
                Expect.equal kept (if produced < minimum then [ 0; 2; 4 ] else [ 0..4 ]) "kept")

        testCase "rules that leave nothing say so by name" (fun () ->
            let input = one [| 1f; 2f |]

            let says (text: string) work =
                Expect.stringContains (message (fun () -> work input |> ignore)) text "message"

            says "tokens rules out every token" (Biases.banned [ 1; 0; 1 ])
            says "biases rules out every token" (Biases.logit [ 0, -infinity; 1, -infinity ])
            says "words rules out every token" (Biases.badWords [ [ 0 ]; [ 0; 1 ] ] (historyOf [ [ 1; 0 ] ]))
            says "endTokens rules out every token" (Biases.minimumLength 1 [ 0; 1 ] 0))

        testCase "tokens that the vocabulary does not have are refused" (fun () ->
            let input = one [| 1f; 2f |]

            let says (text: string) work =
                Expect.stringContains (message (fun () -> work input |> ignore)) text "message"

            says "tokens holds token 2; ids must be in 0 to 1" (Biases.banned [ 2 ])
            says "tokens holds token 7" (Biases.allowed [ 0; 7 ])
            says "biases holds token 2" (Biases.logit [ 2, 1.0 ])
            says "biases holds token 2" (Biases.sequence [ [ 0; 2 ], 1.0 ] (historyOf [ [] ]))
            says "tokens holds token 5" (Biases.forcedFirst [ 5 ] 0))
    ]
