/// From text to tokens, to a corpus, to batches.
module Gpt.Tests.TextTests

open System
open System.Text
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private strings =
    ArbMap.defaults
    |> ArbMap.generate<char>
    |> Gen.listOf
    |> Gen.map (fun characters -> String(Array.ofList characters))
    |> Arb.fromGen

/// What a text with lone halves of surrogate pairs becomes: each half is U+FFFD.
let private wellFormed (text: string) = text.EnumerateRunes() |> Seq.map string |> String.concat ""

let private tokenizerTests =
    testList "CharTokenizer" [
        law 1000 "decoding what was encoded gives the text back" strings (fun text ->
            let tokenizer = CharTokenizer.ofText text

            Expect.equal
                (CharTokenizer.encode tokenizer text |> get |> CharTokenizer.decode tokenizer)
                (wellFormed text)
                "round trip")

        law 1000 "one id a character, all below the vocabulary's size" strings (fun text ->
            let tokenizer = CharTokenizer.ofText text
            let ids = CharTokenizer.encode tokenizer text |> get
            Expect.equal ids.Length (Seq.length (text.EnumerateRunes())) "count"
            Expect.isTrue (ids |> Array.forall (fun id -> id >= 0 && id < CharTokenizer.vocabSize tokenizer)) "range")

        testCase "ids follow the code points" (fun () ->
            let tokenizer = CharTokenizer.ofText "hello, 𝔘 world"

            Expect.equal
                (CharTokenizer.alphabet tokenizer)
                [ " "; ","; "d"; "e"; "h"; "l"; "o"; "r"; "w"; "𝔘" ]
                "alphabet")

        testCase "an unknown character is named with its place" (fun () ->
            let sentence = CharTokenizer.encode (CharTokenizer.ofText "abc") "abß" |> error
            Expect.stringContains sentence "'ß' (U+00DF) at position 2" "character and position"
            Expect.stringContains sentence "abc" "what would be right")

        testCase "an id outside the vocabulary is refused" (fun () ->
            let tokenizer = CharTokenizer.ofText "abc"

            Expect.throwsT<ArgumentOutOfRangeException>
                (fun () -> CharTokenizer.decode tokenizer [ 3 ] |> ignore)
                "id 3")

        testCase "an alphabet with a repetition or a word is refused" (fun () ->
            Expect.stringContains (CharTokenizer.ofAlphabet [ "a"; "a" ] |> error) "2 times" "repetition"
            Expect.stringContains (CharTokenizer.ofAlphabet [ "a"; "bc" ] |> error) "\"bc\"" "word")

        testCase "tokenizer.json brings the same tokenizer back" (fun () ->
            let tokenizer = Characters(CharTokenizer.ofText "\n\t \"\\aé𝔘😀")
            let copy = TokenizerJson.write tokenizer |> TokenizerJson.read |> get
            let text = "a😀\"\\\n\té𝔘 "
            Expect.equal (Tokenizer.encode copy text |> get) (Tokenizer.encode tokenizer text |> get) "ids")
    ]

let private corpusTests =
    testList "Corpus" [
        testCase "the article's nine tenths are for training" (fun () ->
            let corpus = Corpus.ofTokens 8 0.9 [| 0..999 |] |> get
            Expect.equal corpus.Training [| 0..899 |] "training"
            Expect.equal corpus.Validation [| 900..999 |] "validation")

        law
            500
            "nothing is lost, and what is too short is refused"
            (Arb.fromGen (Gen.zip (Gen.choose (0, 300)) (Gen.choose (1, 40))))
            (fun (count, context) ->
                match Corpus.ofTokens context 0.9 [| 1..count |] with
                | Ok corpus ->
                    Expect.equal (Array.append corpus.Training corpus.Validation) [| 1..count |] "all tokens in order"
                    Expect.isGreaterThan corpus.Validation.Length context "a window and its follower fit"
                | Error sentence ->
                    Expect.isLessThanOrEqual (count - int (0.9 * float count)) context "refused only when too short"
                    Expect.stringContains sentence (string count) "the number of tokens is named")

        testCase "what the error asks for is enough" (fun () ->
            for context, share in List.allPairs [ 1; 8; 28; 63; 256 ] [ 0.9; 0.29; 0.5; 0.01 ] do
                let sentence = Corpus.ofTokens context share [| 0 |] |> error
                let enough = sentence.Split("at least ")[1] |> fun rest -> int (rest.Split(' ')[0])

                Expect.isOk
                    (Corpus.ofTokens context share (Array.zeroCreate enough))
                    $"context {context}, share {share}, {enough} tokens")

        testCase "an empty text and a single character are refused" (fun () ->
            let tokenizer = Characters(CharTokenizer.ofText "a")
            Expect.stringContains (Corpus.ofText tokenizer 8 0.9 "" |> error) "empty" "empty"
            Expect.stringContains (Corpus.ofText tokenizer 8 0.9 "a" |> error) "too short" "one character")
    ]

let private batchTests =
    let tokens = [| 0..99 |]

    testList "Batches" [
        law
            200
            "targets are the inputs one step later, windows of the corpus"
            (ArbMap.defaults |> ArbMap.arbitrary<uint64>)
            (fun seed ->
                let batch = Batches.draw (Device.cpu ()) 4 10 tokens (Rng.ofSeed seed)
                let inputs, targets = Gpt.Tensors.toIds batch.Inputs, Gpt.Tensors.toIds batch.Targets
                Expect.equal batch.Inputs.shape [| 4L; 10L |] "shape"
                Expect.equal targets (inputs |> Array.map (fun id -> id + 1L)) "these tokens count upwards"

                for row in Array.chunkBySize 10 inputs do
                    Expect.equal row [| row[0] .. row[0] + 9L |] "a window is consecutive")

        testCase "the same generator gives the same batch, another one another" (fun () ->
            let starts seed = Batches.starts 8 10 tokens (Rng.ofSeed seed)
            Expect.equal (starts 1UL) (starts 1UL) "same"
            Expect.notEqual (starts 1UL) (starts 2UL) "other")

        testCase "every place is drawn, the last one too" (fun () ->
            let drawn = Batches.starts 3000 10 [| 0..29 |] (Rng.ofSeed 1UL) |> Set
            Expect.equal drawn (Set [ 0..19 ]) "places")
    ]

let tests = testList "text" [ tokenizerTests; corpusTests; batchTests ]
