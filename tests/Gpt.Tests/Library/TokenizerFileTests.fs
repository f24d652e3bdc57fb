/// Tokenizers as files: the forms that they come in, and files that are wrong.
module Gpt.Tests.TokenizerFileTests

open System
open System.IO
open System.Text.Json.Nodes
open Expecto
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small
open Gpt.Tests.Texts

let private bpe (tokenizer: Tokenizer) : BpeTokenizer =
    match tokenizer with
    | Bpe tokenizer -> tokenizer
    | Characters _ -> failtest "a BPE was expected"

/// All that a tokenizer is made of, in one order.
let private contents (tokenizer: Tokenizer) =
    let tokenizer = bpe tokenizer
    let parts = BpeTokenizer.parts tokenizer
    BpeTokenizer.names tokenizer, List.ofArray parts.Pairs, List.ofArray parts.Added, parts.WholeWords

let private write (folder: string) (files: (string * string) list) =
    Directory.CreateDirectory folder |> ignore

    for name, text in files do
        File.WriteAllText(Path.Combine(folder, name), text)

let private readBack (files: (string * string) list) : Tokenizer =
    let mutable found = None

    withFolder (fun folder ->
        write folder files
        found <- Some(TokenizerFiles.read folder |> get))

    found.Value

/// The rank file that tiktoken would have of a vocabulary whose special tokens stand at its end.
let private rankFile (tokenizer: Tokenizer) : string =
    String.concat "" [
        for id in 0 .. Tokenizer.vocabSize tokenizer - 1 do
            if not (Tokenizer.isSpecial tokenizer id) then
                $"{Convert.ToBase64String(Tokenizer.bytes tokenizer id)} {id}\n"
    ]

/// A vocabulary in the order of GPT-2's: the bytes, the merges, `<|endoftext|>`.
let private gpt2Like =
    lazy
        (let texts = cases.Value.GetProperty "texts" |> strings

         let trained =
             texts
             |> BpeTraining.train {
                 VocabSize = 350
                 MinFrequency = 0
                 SpecialTokens = []
             }

         BpeTokenizer.create {
             BpeTokenizer.parts trained with
                 Added = [|
                     {
                         Id = 350
                         Text = BpeTokenizer.EndOfText
                         IsSpecial = true
                     }
                 |]
         }
         |> get
         |> Bpe)

let private forms =
    testList "forms" [
        testCase "what was written is read, all of it" (fun () ->
            for tokenizer in [ trained (); gpt2Like.Value ] do
                let files = TokenizerFiles.write tokenizer

                Expect.equal
                    (List.map fst files)
                    [ "tokenizer.json"; "tokenizer_config.json"; "vocab.json"; "merges.txt" ]
                    "files"

                Expect.equal (contents (readBack files)) (contents tokenizer) "from tokenizer.json"
                Expect.equal (TokenizerFiles.write (readBack files)) files "and written again"

                Expect.equal
                    (contents (readBack (List.skip 2 files)))
                    (contents tokenizer)
                    "from vocab.json and merges.txt")

        testCase "a rank file of tiktoken gives the same tokenizer" (fun () ->
            let tokenizer = gpt2Like.Value
            let copy = readBack [ "x.tiktoken", rankFile tokenizer ]
            Expect.equal (contents copy) (contents tokenizer) "tokenizer")

        testCase "merges may be pairs or texts, added tokens may stand outside the vocabulary" (fun () ->
            let tokenizer = gpt2Like.Value

            let change (edit: JsonObject -> JsonObject -> unit) =
                let json = (nonNull (JsonNode.Parse(TokenizerJson.write tokenizer))).AsObject()
                edit json ((nonNull json["model"]).AsObject())
                json.ToJsonString() |> TokenizerJson.read |> get |> contents

            let asTexts (model: JsonObject) =
                let texts = [|
                    for pair in (nonNull model["merges"]).AsArray() do
                        let pair = (nonNull pair).AsArray()
                        JsonValue.Create $"{pair[0]} {pair[1]}": JsonNode | null
                |]

                model["merges"] <- JsonArray texts

            Expect.equal (change (fun _ model -> asTexts model)) (contents tokenizer) "texts"

            let without (model: JsonObject) =
                (nonNull model["vocab"]).AsObject().Remove BpeTokenizer.EndOfText |> ignore

            Expect.equal (change (fun _ model -> without model)) (contents tokenizer) "outside")

        testCase "words that are tokens though no merges lead there" (fun () ->
            let ranks = rankFile gpt2Like.Value + Convert.ToBase64String "xyzzy"B + " 350\n"
            let tokenizer = BpeFiles.readTiktoken ranks |> get |> Bpe
            Expect.equal (Tokenizer.encode tokenizer "xyzzy" |> get) [| 350 |] "the whole word"
            Expect.isGreaterThan (Tokenizer.encode tokenizer "xyzzyx" |> get).Length 1 "not as a part"
            Expect.equal (contents (readBack (TokenizerFiles.write tokenizer))) (contents tokenizer) "written and read")

        law 500 "a tokenizer that was written and read encodes the same" texts (fun text ->
            let tokenizer = trained ()
            let copy = TokenizerJson.write tokenizer |> TokenizerJson.read |> get
            Expect.equal (Tokenizer.encode copy text) (Tokenizer.encode tokenizer text) "ids")

        testCase "a checkpoint keeps the tokenizer" (fun () ->
            withFolder (fun folder ->
                let tokenizer = trained ()
                use model = model { config with VocabSize = 400 }
                Checkpoint.save folder tokenizer model
                let loaded, copy = Checkpoint.load (Device.cpu ()) folder |> get
                dispose loaded
                Expect.equal (contents copy) (contents tokenizer) "tokenizer"
                Expect.isTrue (File.Exists(Path.Combine(folder, "vocab.json"))) "vocab.json"
                Expect.isTrue (File.Exists(Path.Combine(folder, "merges.txt"))) "merges.txt"))
    ]

/// The trained tokenizer.json with a text replaced; the error must hold the words.
let private broken (before: string) (after: string) (words: string list) =
    testCase $"{before} becomes {after}" (fun () ->
        let text = TokenizerJson.write (trained ())
        Expect.stringContains text before "what is to be replaced is there"
        let sentence = text.Replace(before, after) |> TokenizerJson.read |> error

        for word in words do
            Expect.stringContains sentence word "the error says it"

        Expect.isFalse (sentence.Contains '\n') "one line")

let private refused (read: unit -> Result<'a, string>) (words: string list) =
    let sentence = read () |> error

    for word in words do
        Expect.stringContains sentence word "the error says it"

let private brokenTests =
    testList "broken files" [
        broken "\"z\": 90" "\"z\": 500" [ "id 90"; "0 to 399" ]
        broken "\"z\": 90" "\"z\": 89" [ "id 89"; "\"y\""; "\"z\"" ]
        broken "\"z\": 90" "\"z\": -1" [ "\"z\""; "-1" ]
        broken "\"z\": 90" "\"y\": 90" [ "\"y\""; "twice" ]
        broken "\"z\": 90" "\"z!☃\": 90" [ "token 90"; "z!☃" ]
        broken "\"z\": 90" "\"z\": \"90\"" [ "tokenizers library" ]
        broken "\"Ġhis\"" "\"Ġhiß\"" [ "\"Ġhis\""; "not in the vocabulary" ]
        broken "\"id\": 0" "\"id\": 3" [ "<|endoftext|>"; "3"; "0" ]
        broken "\"content\": \"<|endoftext|>\"" "\"content\": \"\"" [ "empty" ]
        broken "\"lstrip\": false" "\"lstrip\": true" [ "<|endoftext|>"; "blanks" ]
        broken "\"BPE\"" "\"WordPiece\"" [ "WordPiece" ]
        broken "\"normalizer\": null" "\"normalizer\": { \"type\": \"NFC\" }" [ "NFC" ]
        broken "\"add_prefix_space\": false" "\"add_prefix_space\": true" [ "space" ]
        broken "\"use_regex\": true" "\"use_regex\": false" [ "words" ]
        broken "\"dropout\": null" "\"dropout\": 0.1" [ "chance" ]
        broken "\"end_of_word_suffix\": null" "\"end_of_word_suffix\": \"</w>\"" [ "suffix" ]
        broken "\"vocab\"" "\"vocabulary\"" [ "tokenizers library" ]
        broken "{" "" [ "JSON" ]

        testCase "post-processors that may put tokens around a text" (fun () ->
            let own = "\"post_processor\": null"
            let text = TokenizerJson.write (trained ())
            Expect.stringContains text own "the file has none"

            for added in
                [
                    """{ "type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0] }"""
                    """{ "type": "Sequence", "processors": [
                        { "type": "ByteLevel" },
                        { "type": "TemplateProcessing", "special_tokens": { "<s>": { "id": "<s>", "ids": [0] } } } ] }"""
                ] do
                let replaced = text.Replace(own, $"\"post_processor\": {added}")
                refused (fun () -> TokenizerJson.read replaced) [ "tokens around a text" ])

        testCase "a token that is added to a tokenizer of characters" (fun () ->
            let text = TokenizerJson.write (Characters(CharTokenizer.ofText "abcd"))
            let added token id = $"\"added_tokens\": [{{ \"id\": {id}, \"content\": \"{token}\" }}], \"model\""
            let replaced token id = text.Replace("\"model\"", added token id)
            Expect.isOk (TokenizerJson.read (replaced "b" 1)) "one of its own"
            refused (fun () -> TokenizerJson.read (replaced "ab" 4)) [ "the token ab" ])

        testCase "a merge that stands twice" (fun () ->
            let parts = BpeTokenizer.parts (bpe (trained ()))

            let twice = {
                parts with
                    Pairs = Array.append parts.Pairs [| parts.Pairs[0] |]
            }

            refused (fun () -> BpeTokenizer.create twice) [ "merge"; "twice" ])

        testCase "a vocabulary that lacks a byte is an error of the text that needs it" (fun () ->
            let tokenizer =
                BpeTokenizer.create {
                    Vocabulary = [| "a", 0; "b", 1; "ab", 2 |]
                    Pairs = [| struct ("a", "b") |]
                    Added = [||]
                    WholeWords = false
                }
                |> get

            Expect.equal (BpeTokenizer.encode tokenizer "abba") (Ok [| 2; 1; 0 |]) "known bytes"
            refused (fun () -> BpeTokenizer.encode tokenizer "ab cé") [ "0x20"; "\" c" ])

        testCase "vocab.json and merges.txt" (fun () ->
            let vocab = BpeFiles.writeVocab (bpe (trained ()))
            refused (fun () -> BpeFiles.readVocabAndMerges "{" "") [ "vocab.json"; "JSON" ]
            refused (fun () -> BpeFiles.readVocabAndMerges "[1]" "") [ "vocab.json" ]
            refused (fun () -> BpeFiles.readVocabAndMerges vocab "#version: 0.2\nh e\nthe\n") [ "line 3"; "\"the\"" ]
            refused (fun () -> BpeFiles.readVocabAndMerges vocab "h e\nh e r\n") [ "line 2" ]
            refused (fun () -> BpeFiles.readVocabAndMerges vocab "h e\nq q\n") [ "merge 1"; "\"qq\"" ])

        testCase "rank files" (fun () ->
            let ranks = rankFile gpt2Like.Value
            refused (fun () -> BpeFiles.readTiktoken "IQ== 0\nIg==\n") [ "line 2" ]
            refused (fun () -> BpeFiles.readTiktoken "IQ== 0\n??? 1\n") [ "line 2" ]
            refused (fun () -> BpeFiles.readTiktoken (ranks + "enp6eg== 900\n")) [ "no token has the id 351" ]
            refused (fun () -> BpeFiles.readTiktoken (ranks + "enp6eg== 7\n")) [ "id 7" ])

        testCase "a folder without a tokenizer is named" (fun () ->
            refused (fun () -> TokenizerFiles.read "/no/such/folder") [ "/no/such/folder"; "vocab.json" ]

            withFolder (fun folder ->
                write folder [ "vocab.json", "{}" ]
                refused (fun () -> TokenizerFiles.read folder) [ folder ]
                write folder [ "tokenizer.json", "[" ]
                refused (fun () -> TokenizerFiles.read folder) [ "tokenizer.json"; "JSON" ]))
    ]

/// The official vocabulary of GPT-2 and what transformers says of it.
let private official =
    let data = Path.GetFullPath(Path.Combine(Fixtures.shared "", "..", "data", "gpt2-tokenizer"))

    testList
        "GPT-2's own vocabulary"
        (Fixtures.testsOf (Fixtures.shared "tokenizer") (fun folder ->
            let read = lazy (TokenizerFiles.read data |> get)
            let all = lazy Fixtures.json (Path.Combine(folder, "cases.json"))

            [
                testCase "every case, encoded and decoded" (fun () ->
                    for case in all.Value.GetProperty("encode").EnumerateArray() do
                        let text, tokens = string (case.GetProperty "text"), ids (case.GetProperty "ids")

                        let encode =
                            if case.GetProperty("special").GetBoolean() then
                                Tokenizer.encode
                            else
                                Tokenizer.encodePlain

                        Expect.equal (encode read.Value text |> get) tokens text
                        Expect.equal (Tokenizer.decode read.Value tokens) text "back")

                testCase "any ids" (fun () ->
                    for case in all.Value.GetProperty("decode").EnumerateArray() do
                        let decode =
                            if case.GetProperty("skip_special").GetBoolean() then
                                Tokenizer.decodePlain
                            else
                                Tokenizer.decode

                        let tokens = ids (case.GetProperty "ids")
                        Expect.equal (decode read.Value tokens) (string (case.GetProperty "text")) $"%A{tokens}")

                testCase "the three forms are one tokenizer" (fun () ->
                    let tokenizer = read.Value
                    Expect.equal (Tokenizer.endOfText tokenizer) (Some 50256) "end of text"
                    let json = TokenizerJson.write tokenizer |> TokenizerJson.read |> get
                    Expect.isTrue (contents json = contents tokenizer) "tokenizer.json"
                    let ranks = BpeFiles.readTiktoken (rankFile tokenizer) |> get |> Bpe
                    Expect.isTrue (contents ranks = contents tokenizer) "tiktoken's ranks"

                    Expect.equal
                        (BpeFiles.writeMerges (bpe tokenizer))
                        (File.ReadAllText(Path.Combine(data, "merges.txt")))
                        "merges.txt, to the byte")

                testCase "the tiny GPT-2's folder is loaded, and its texts encoded as transformers does" (fun () ->
                    let folder = Fixtures.shared "gpt2-tiny"
                    let model, tokenizer = Checkpoint.load (Device.cpu ()) folder |> get
                    dispose model
                    let expected = Fixtures.json (Path.Combine(folder, "expected.json"))

                    for case in expected.GetProperty("tokenize").EnumerateArray() do
                        let text, tokens = string (case.GetProperty "text"), ids (case.GetProperty "ids")
                        Expect.equal (Tokenizer.encode tokenizer text |> get) tokens text
                        Expect.equal (Tokenizer.decode tokenizer tokens) text "back")
            ]))

let tests = testList "tokenizer files" [ forms; brokenTests; official ]
