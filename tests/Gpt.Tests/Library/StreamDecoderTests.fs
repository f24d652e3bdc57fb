/// Text from tokens as they come.
module Gpt.Tests.StreamDecoderTests

open System
open System.Text
open Expecto
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small
open Gpt.Tests.Texts

/// The pieces that the tokens give one after the other, the last one that of the end.
let private pieces (tokenizer: Tokenizer) (tokens: int[]) : string list =
    let push (texts, state) token =
        let struct (text, after) = StreamDecoder.push state token
        text :: texts, after

    let texts, state = Array.fold push ([], StreamDecoder.start tokenizer) tokens
    List.rev (StreamDecoder.flush state :: texts)

let private whole name (tokenizer: Tokenizer) =
    law 2000 $"the pieces together are the text: {name}" (idsOf tokenizer) (fun tokens ->
        Expect.equal (pieces tokenizer tokens |> String.concat "") (Tokenizer.decode tokenizer tokens) "text")

/// Only the 256 bytes, so that nearly all sequences are broken ones.
let private bytes =
    BpeTraining.train
        {
            VocabSize = 256
            MinFrequency = 0
            SpecialTokens = []
        }
        []
    |> Bpe

let tests =
    let tokenizer = trained ()

    testList "StreamDecoder" [
        whole "a trained vocabulary" tokenizer
        whole "bytes" bytes
        whole "characters" (Characters(CharTokenizer.ofText "abcé𝐀😀\n"))

        law 1000 "a text of whole characters comes as soon as it is there" texts (fun text ->
            let tokens = Tokenizer.encode tokenizer text |> get
            let texts = pieces tokenizer tokens
            Expect.equal (List.last texts) "" "nothing is held back at the end"

            for count in 0 .. tokens.Length do
                let known = tokens[.. count - 1] |> Array.collect (Tokenizer.bytes tokenizer)
                let shown = texts |> List.take count |> String.concat "" |> Encoding.UTF8.GetBytes
                Expect.isTrue (known.AsSpan().StartsWith(ReadOnlySpan shown)) "what is shown is what is known"
                Expect.isLessThan (known.Length - shown.Length) 4 "bytes held back")

        testCase "an emoji comes with its last byte" (fun () ->
            let tokens = Tokenizer.encode bytes "x😀y" |> get
            Expect.equal (pieces bytes tokens) [ "x"; ""; ""; ""; "😀"; "y"; "" ] "pieces")

        testCase "a character that never ends is one U+FFFD, a state may be pushed to twice" (fun () ->
            let tokens = Tokenizer.encode bytes "😀" |> get
            Expect.equal (pieces bytes tokens[..2]) [ ""; ""; ""; "\uFFFD" ] "pieces"
            let struct (_, held) = StreamDecoder.push (StreamDecoder.start bytes) tokens[0]

            for _ in 1..2 do
                let struct (text, _) = StreamDecoder.push held tokens[0]
                Expect.equal text "\uFFFD" "the first is broken by the second")
    ]
