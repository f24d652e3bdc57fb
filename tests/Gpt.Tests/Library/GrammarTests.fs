/// The generated corpus: that its entropy is what the library says it is.
module Gpt.Tests.GrammarTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Derivations
open Gpt.Tests.Law

let private word = Gen.elements [ "a"; "b"; "ab"; "ba" ] |> Gen.map Rule.text

/// Rules of a few levels, small enough for all their derivations to be written down.
let rec private rules depth =
    if depth = 0 then
        word
    else
        let part = rules (depth - 1)

        let sequence = Gen.choose (0, 2) |> Gen.bind (fun n -> Gen.listOfLength n part) |> Gen.map Rule.sequence

        let weighted = Gen.zip (Gen.choose (1, 9) |> Gen.map float) part

        let choice = Gen.choose (1, 3) |> Gen.bind (fun n -> Gen.listOfLength n weighted) |> Gen.map Rule.choice

        Gen.oneof [ word; sequence; choice ]

let rec private derivations (rule: Rule) : (string * float) list =
    match rule.Form with
    | Form.Text text -> [ text, 1.0 ]
    | Form.Sequence parts ->
        ([ "", 1.0 ], parts)
        ||> List.fold (fun before part -> [
            for start, p in before do
                for rest, q in derivations part -> start + rest, p * q
        ])
    | Form.Choice ways -> [
        for p, way in ways do
            for text, q in derivations way -> text, p * q
      ]

let private ruleTests =
    testList "Rule" [
        law 500 "length and entropy are those of all derivations" (Arb.fromGen (rules 3)) (fun rule ->
            let all = derivations rule
            let mean f = List.sumBy (fun (text, p) -> p * f text p) all
            Expect.floatClose Accuracy.high rule.Length (mean (fun text _ -> float text.Length)) "length"
            Expect.floatClose Accuracy.high rule.Entropy (mean (fun _ p -> -log p)) "entropy")

        testCase "a fair coin has the entropy log 2" (fun () ->
            let coin = Rule.choice [ 3.0, Rule.text "heads "; 3.0, Rule.text "tails " ]
            Expect.floatClose Accuracy.veryHigh coin.Entropy (log 2.0) "nats"
            Expect.floatClose Accuracy.veryHigh coin.Length 6.0 "characters")

        testCase "ways are chosen as often as their weights say" (fun () ->
            let rule = Rule.choice [ 1.0, Rule.text "a"; 2.0, Rule.text "b"; 7.0, Rule.text "c" ]
            let text = Rule.write 3UL 100_000 rule

            // Chi-squared with 2 degrees of freedom: 13.8 is passed once in a thousand times.
            let chi =
                [ 'a', 10_000.0; 'b', 20_000.0; 'c', 70_000.0 ]
                |> List.sumBy (fun (c, expected) ->
                    (float (text |> Seq.filter ((=) c) |> Seq.length) - expected) ** 2.0 / expected)

            Expect.isLessThan chi 13.8 "chi-squared")

        testCase "a choice of nothing and a weight that is not positive are refused" (fun () ->
            for ways in [ []; [ 0.0, Rule.text "a" ]; [ nan, Rule.text "a" ]; [ -1.0, Rule.text "a" ] ] do
                Expect.throwsT<ArgumentException> (fun () -> Rule.choice ways |> ignore) $"%A{ways}")

        testCase "a rule that writes nothing cannot fill a text" (fun () ->
            Expect.throwsT<ArgumentException> (fun () -> Rule.write 1UL 1 (Rule.text "") |> ignore) "no characters")
    ]

let private confused (rule: Rule) =
    let reader = Reader()

    [
        for part in parts rule do
            match part.Form with
            | Form.Choice ways ->
                for i, (_, first) in List.indexed ways do
                    for _, second in List.skip (i + 1) ways do
                        match confusion reader first second with
                        | Some beginning -> beginning
                        | None -> ()
            | _ -> ()
    ]

let private corpusTests =
    testList "Grammar" [
        testCase "no way of a choice writes what another begins with, so every text has one derivation" (fun () ->
            Expect.equal (confused Grammar.scene) [] "beginnings that two ways share to the end of one")

        testCase "the proof above finds what is ambiguous" (fun () ->
            let choice texts = Rule.choice [ for text in texts -> 1.0, Rule.sequence (List.map Rule.text text) ]
            Expect.equal (confused (choice [ [ "so" ]; [ "s"; "or" ] ])) [ "so" ] "one is a beginning of the other"
            Expect.equal (confused (choice [ [ "a"; "" ]; [ ""; "a" ] ])) [ "a" ] "both write the same"
            Expect.equal (confused (choice [ [ "one" ]; [ "two" ]; [ "three" ] ])) [] "nothing in common")

        testCase "the surprise of a long text is the entropy" (fun () ->
            let scenes = repetitions Grammar.scene (Grammar.generate 11UL 300_000)

            // The surprise of scenes over their length estimates the entropy, with the usual error of a ratio of means.
            let characters = scenes |> List.sumBy (fst >> float)
            let residual = scenes |> List.sumBy (fun (n, nats) -> nats - Grammar.entropy * float n)

            let spread = scenes |> List.sumBy (fun (n, nats) -> (nats - Grammar.entropy * float n) ** 2.0) |> sqrt

            let measured = Grammar.entropy + residual / characters
            let deviation = spread / characters
            Expect.isLessThan deviation (0.01 * Grammar.entropy) "the measurement is sharp"

            Expect.isLessThan
                (abs (measured - Grammar.entropy) / deviation)
                3.3
                $"measured {measured} ± {deviation}, by the rules {Grammar.entropy}")

        testCase "the same seed gives the same text, and a longer one goes on from a shorter" (fun () ->
            let text = Grammar.generate 7UL 20_000
            Expect.equal text.Length 20_000 "length"
            Expect.equal (Grammar.generate 7UL 5_000) (text.Substring(0, 5_000)) "beginning"
            Expect.notEqual (Grammar.generate 8UL 20_000) text "another seed"
            Expect.equal (Grammar.generate 7UL 0) "" "nothing"
            Expect.throwsT<ArgumentOutOfRangeException> (fun () -> Grammar.generate 7UL -1 |> ignore) "length -1")

        testCase "it looks like a play" (fun () ->
            let text = Grammar.generate 1UL 1_000_000
            let letters = [ 'A' .. 'Z' ] @ [ 'a' .. 'z' ]
            Expect.equal (set text) (set ([ '\n'; ' '; '!'; ','; '.'; ':'; '?' ] @ letters)) "alphabet"
            Expect.stringContains text "\n\nHAMLET:\n" "the speaker whom the prompt names"
            Expect.isLessThan (text.Split '\n' |> Seq.map String.length |> Seq.max) 80 "the longest line")
    ]

let tests = testList "corpus" [ ruleTests; corpusTests ]
