/// Merging, encoding and decoding with byte-level BPE.
module Gpt.Tests.BpeTests

open System
open System.Text
open System.Threading.Tasks
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small
open Gpt.Tests.Texts

/// Merges of random tokens, 0 to 3 at first, in a random order of ranks, and a word of these four.
let private merges (seed: int) (count: int) : struct (int * int * int)[] =
    let random = Random seed

    let merges =
        [|
            for joined in 4 .. 3 + count -> struct (random.Next joined, random.Next joined, joined)
        |]
        |> Array.distinctBy (fun struct (left, right, _) -> left, right)

    random.Shuffle merges
    merges

let private word (seed: int) (length: int) : int[] =
    let random = Random seed
    Array.init length (fun _ -> random.Next 4)

/// Merging as it is explained: look at all neighbours, merge the first of the lowest rank, begin again.
let rec private naive (merges: struct (int * int * int)[]) (tokens: int list) : int list =
    let rankOf (_, (left, right)) =
        match merges |> Array.tryFindIndex (fun struct (l, r, _) -> (l, r) = (left, right)) with
        | Some rank -> rank
        | None -> Int32.MaxValue

    match tokens |> List.pairwise |> List.indexed with
    | [] -> tokens
    | neighbours ->
        let best = List.minBy rankOf neighbours

        match rankOf best with
        | Int32.MaxValue -> tokens
        | rank ->
            let struct (_, _, joined) = merges[rank]
            let place = fst best
            List.take place tokens @ joined :: List.skip (place + 2) tokens |> naive merges

let private applied (apply: BpeMerges -> int[] -> int -> struct (int * int64)) merges (word: int[]) : int list =
    let tokens = Array.copy word
    let struct (count, _) = apply (BpeMerges.create merges) tokens word.Length
    List.ofArray tokens[.. count - 1]

let private steps apply merges (word: int[]) : float =
    let struct (_, steps) = apply (BpeMerges.create merges) (Array.copy word) word.Length
    float steps

let private mergeTests =
    testList "merges" [
        law
            1500
            "by scanning, with a heap and as explained, the same"
            (both (within 0 1_000_000) (both (within 0 24) (within 0 70)))
            (fun (seed, (count, length)) ->
                let merges, word = merges seed count, word (seed + 1) length
                let explained = naive merges (List.ofArray word)
                Expect.equal (applied BpeMerges.applyByScan merges word) explained "by scanning"
                Expect.equal (applied BpeMerges.applyByHeap merges word) explained "with a heap"
                Expect.equal (applied BpeMerges.apply merges word) explained "whichever is chosen")

        testCase "a word ten times as long takes little more than ten times the steps" (fun () ->
            for seed in 1..5 do
                let merges = merges seed 40

                let growth =
                    steps BpeMerges.apply merges (word 9 100_000) / steps BpeMerges.apply merges (word 9 10_000)

                Expect.isLessThan growth 12.0 "steps for 100,000 tokens over those for 10,000"
                // What the limit would show if it were quadratic:
                let scanned = steps BpeMerges.applyByScan merges
                Expect.isGreaterThan (scanned (word 9 4_000) / scanned (word 9 400)) 50.0 "by scanning")

        testCase "lower, step by step" (fun () ->
            // l o w e r are 0 1 2 3 4.
            let merges = [| struct (0, 1, 5); struct (3, 4, 6); struct (5, 2, 7); struct (7, 6, 8) |]
            Expect.equal (applied BpeMerges.apply merges [| 0; 1; 2; 3; 4 |]) [ 8 ] "lower"
            Expect.equal (applied BpeMerges.apply merges [| 0; 1; 2 |]) [ 7 ] "low"
            Expect.equal (applied BpeMerges.apply merges [| 2; 3; 0 |]) [ 2; 3; 0 ] "wel")
    ]

let private encode tokenizer text = Tokenizer.encode tokenizer text |> get

let private codecTests =
    let tokenizer = trained ()

    let agree (name: string) (check: Tokenizer -> Text.Json.JsonElement -> unit) =
        testCase $"{name} as the tokenizers library does" (fun () ->
            for case in cases.Value.GetProperty(name).EnumerateArray() do
                check tokenizer case)

    testList "texts" [
        agree "encode" (fun tokenizer case ->
            let text = case.GetProperty "text" |> string
            Expect.equal (encode tokenizer text) (ids (case.GetProperty "ids")) text)

        agree "decode" (fun tokenizer case ->
            let tokens = ids (case.GetProperty "ids")
            Expect.equal (Tokenizer.decode tokenizer tokens) (string (case.GetProperty "text")) "text"
            Expect.equal (Tokenizer.decodePlain tokenizer tokens) (string (case.GetProperty "plain")) "without special")

        law 3000 "decoding what was encoded gives the text back" texts (fun text ->
            Expect.equal (encode tokenizer text |> Tokenizer.decode tokenizer) text "with special tokens"
            let plain = Tokenizer.encodePlain tokenizer text |> get
            Expect.isFalse (Array.exists (Tokenizer.isSpecial tokenizer) plain) "no special token"
            Expect.equal (Tokenizer.decode tokenizer plain) text "all as ordinary text")

        law 1000 "half of a surrogate pair comes back as U+FFFD" units (fun text ->
            Expect.equal (encode tokenizer text |> Tokenizer.decode tokenizer) (wellFormed text) "text")

        law
            2000
            "encoding two texts together is encoding each, at a border before blanks"
            (both texts texts)
            (fun (a, b) ->
                let first, second = a.TrimEnd(), " " + b
                let apart = Array.append (encode tokenizer first) (encode tokenizer second)
                Expect.equal (encode tokenizer (first + second)) apart "ids")

        law 1000 "and on both sides of a special token" (both texts texts) (fun (first, second) ->
            let ``end`` = BpeTokenizer.EndOfText
            let apart = Array.concat [ encode tokenizer first; encode tokenizer ``end``; encode tokenizer second ]
            Expect.equal (encode tokenizer (first + ``end`` + second)) apart "ids")

        law 1000 "the bytes of a text are those of its tokens" texts (fun text ->
            let bytes = encode tokenizer text |> Array.collect (Tokenizer.bytes tokenizer)
            Expect.equal bytes (Encoding.UTF8.GetBytes text) "bytes")

        law 1000 "any ids are decoded as their bytes together" (idsOf tokenizer) (fun tokens ->
            let bytes = tokens |> Array.collect (Tokenizer.bytes tokenizer)
            Expect.equal (Tokenizer.decode tokenizer tokens) (Encoding.UTF8.GetString bytes) "text"
            Expect.equal (Tokenizer.decode tokenizer (List.ofArray tokens)) (Encoding.UTF8.GetString bytes) "of a list")

        testCase "words that were met before are encoded as at first" (fun () ->
            // More words than the cache has slots, so that some have taken the places of others.
            let words = [ for i in 0..4999 -> $" {String('a', i % 7)}{i}" ]
            let warm = trained ()
            let first = words |> List.map (encode warm)
            Expect.equal (words |> List.map (encode warm)) first "second time"
            let fresh = words |> List.chunkBySize 500 |> List.collect (List.map (encode (trained ())))
            Expect.equal first fresh "with caches that hold little")

        testCase "many threads may use one tokenizer" (fun () ->
            let shared = trained ()

            let texts = [|
                for i in 0..199 -> String.Join(" ", [ for j in 0..99 -> $"the{(i * j) % 300} wider" ])
            |]

            let expected = texts |> Array.map (encode tokenizer)
            let found = Array.zeroCreate texts.Length
            Parallel.For(0, texts.Length, (fun i -> found[i] <- encode shared texts[i])) |> ignore
            Expect.equal found expected "ids")

        testCase "a word of 100,000 characters" (fun () ->
            let word = String.init 100_000 (fun i -> "abcdeinrsthwo".Substring(i * 7 % 13 * (i % 11) % 13, 1))
            Expect.equal (encode tokenizer word |> Tokenizer.decode tokenizer) word "text")

        testCase "an id outside the vocabulary is refused" (fun () ->
            for id in [ -1; 400 ] do
                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> Tokenizer.decode tokenizer [ id ] |> ignore)
                    $"decode {id}"

                Expect.throwsT<ArgumentOutOfRangeException>
                    (fun () -> Tokenizer.bytes tokenizer id |> ignore)
                    $"bytes {id}")

        testCase "what is special" (fun () ->
            Expect.equal (Tokenizer.endOfText tokenizer) (Some 0) "end of text"
            Expect.isTrue (Tokenizer.isSpecial tokenizer 0) "special"
            Expect.isFalse (Tokenizer.isSpecial tokenizer 1) "not special"
            let characters = Characters(CharTokenizer.ofText "<|endoftext|>")
            Expect.equal (Tokenizer.endOfText characters) None "characters have none"
            Expect.isFalse (Tokenizer.isSpecial characters 0) "nor a special one")
    ]

let private added =
    let tokenizer (tokens: (string * bool) list) =
        let vocabulary =
            ByteAlphabet.order |> List.mapi (fun id value -> ByteAlphabet.write (ReadOnlySpan [| value |]), id)

        BpeTokenizer.create {
            Vocabulary = Array.ofList vocabulary
            Pairs = [||]
            Added = [|
                for i, (text, isSpecial) in List.indexed tokens ->
                    {
                        Id = 256 + i
                        Text = text
                        IsSpecial = isSpecial
                    }
            |]
            WholeWords = false
        }
        |> get
        |> Bpe

    testList "added tokens" [
        testCase "of two at one place the longer one is meant, of two places the first" (fun () ->
            let tokenizer = tokenizer [ "<a", false; "<a>", true; "a><", true ]
            Expect.equal (encode tokenizer "<a><a") [| 257; 256 |] "ids"
            Expect.equal (encode tokenizer "a><a>") [| 258; 64; 29 |] "the first place")

        testCase "those that are not special are found in plain text too" (fun () ->
            let tokenizer = tokenizer [ "<é>", false; "<x>", true ]
            Expect.equal (encode tokenizer "<é><x>") [| 256; 257 |] "all"
            Expect.equal (Tokenizer.encodePlain tokenizer "<é><x>" |> get) [| 256; 27; 87; 29 |] "plain"
            Expect.equal (Tokenizer.decode tokenizer [ 256; 257 ]) "<é><x>" "text"
            Expect.equal (Tokenizer.decodePlain tokenizer [ 256; 257 ]) "<é>" "without special ones")
    ]

let tests = testList "Bpe" [ mergeTests; codecTests; added ]
