/// Vocabularies from texts.
module Gpt.Tests.BpeTrainingTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small
open Gpt.Tests.Texts

let private pairs (tokenizer: BpeTokenizer) = List.ofArray (BpeTokenizer.parts tokenizer).Pairs

let private options size frequency : BpeTraining = {
    VocabSize = size
    MinFrequency = frequency
    SpecialTokens = []
}

/// Training as it is explained: count all pairs anew, join the most frequent one everywhere, begin again.
let private naive (frequency: int) (count: int) (text: string) : struct (string * string) list =
    let rec join (left: string) right (word: string list) =
        match word with
        | a :: b :: rest when a = left && b = right -> (a + b) :: join left right rest
        | a :: rest -> a :: join left right rest
        | [] -> []

    let rec grow count (ids: Map<string, int>) (words: string list list) =
        let met = words |> List.collect List.pairwise |> List.countBy id

        if count = 0 || met.IsEmpty then
            []
        else
            let (left, right), times =
                met |> List.minBy (fun ((left, right), times) -> -times, ids[left], ids[right])

            let ids =
                if ids.ContainsKey(left + right) then
                    ids
                else
                    ids.Add(left + right, ids.Count)

            if times < frequency then
                []
            else
                struct (left, right) :: grow (count - 1) ids (List.map (join left right) words)

    let names = ByteAlphabet.order |> List.map (fun value -> ByteAlphabet.write (ReadOnlySpan [| value |]))

    let split (word: string) = [
        for value in Text.Encoding.UTF8.GetBytes word -> ByteAlphabet.write (ReadOnlySpan [| value |])
    ]

    PreTokenizer.words text
    |> List.map split
    |> grow count (names |> List.mapi (fun id name -> name, id) |> Map)

/// Words of few letters, so that counts are often equal.
let private wordy =
    Gen.listOf (Gen.elements [ "a"; "b"; "c"; " "; "ab"; "é"; "\n" ])
    |> Gen.map (String.concat "")
    |> Arb.fromGen

let tests =
    testList "BpeTraining" [
        testCase "tokens, ids and merges are those of the tokenizers library" (fun () ->
            let texts = cases.Value.GetProperty "texts" |> strings

            for case in cases.Value.GetProperty("trainings").EnumerateArray() do
                let number (name: string) = case.GetProperty(name).GetInt32()

                let trained =
                    texts
                    |> BpeTraining.train {
                        VocabSize = number "vocabSize"
                        MinFrequency = number "minFrequency"
                        SpecialTokens = case.GetProperty "special" |> strings
                    }

                let merges = [
                    for merge in case.GetProperty("merges").EnumerateArray() ->
                        struct (string merge[0], string merge[1])
                ]

                Expect.equal (BpeTokenizer.names trained) (strings (case.GetProperty "names")) "names"
                Expect.equal (pairs trained) merges "merges")

        law
            1000
            "the merges are those of training as it is explained"
            (both (within 0 4) wordy)
            (fun (frequency, text) ->
                let trained = BpeTraining.train (options 266 frequency) [ text ]
                Expect.equal (pairs trained) (naive frequency 10 text) "merges")

        law 300 "a text in parts teaches what it teaches in one piece" (both wordy wordy) (fun (first, second) ->
            // Parts end where words end.
            let first, second = first.TrimEnd(), " " + second
            let apart = BpeTraining.train (options 300 0) [ first; second ]
            Expect.equal (pairs apart) (pairs (BpeTraining.train (options 300 0) [ first + second ])) "merges")

        testCase "sizes and options that cannot be are refused" (fun () ->
            let refused (training: BpeTraining) (word: string) =
                Expect.throwsT<ArgumentOutOfRangeException> (fun () -> BpeTraining.train training [] |> ignore) word

            refused (options 255 0) "VocabSize"

            refused
                {
                    options 256 0 with
                        SpecialTokens = [ "<x>" ]
                }
                "VocabSize with a special token"

            refused (options 256 -1) "MinFrequency"

            refused
                {
                    options 300 0 with
                        SpecialTokens = [ "" ]
                }
                "SpecialTokens")
    ]
