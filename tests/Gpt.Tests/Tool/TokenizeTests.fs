/// `gpt tokenize` and `gpt bench tokenize`.
module Gpt.Tests.TokenizeTests

open System
open System.IO
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Tool
open Gpt.Tests.Small

/// Runs a test in a folder that holds `text.txt` and the small trained vocabulary in `tokenizer`.
let private withTokenizer (test: string -> unit) =
    withText "the lower, the better" (fun folder ->
        let target = Path.Combine(folder, "tokenizer")
        Directory.CreateDirectory target |> ignore
        File.Copy(Path.Combine(Texts.folder, "trained.json"), Path.Combine(target, "tokenizer.json"))
        test folder)

let private tokenize (input: string) (folder: string) (more: string list) : Run =
    gptFed input folder ([ "tokenize"; "--tokenizer"; "tokenizer" ] @ more)

let private answer (run: Run) : string =
    Expect.equal run.Code 0 run.Error
    run.Out

let private lines (texts: string list) = texts |> List.map (fun line -> line + "\n") |> String.concat ""

let private idsOf (text: string) = Tokenizer.encode (Texts.trained ()) text |> get
let private listOf (ids: int[]) = "[" + String.Join(", ", ids) + "]"

let private work =
    testList "does its work" [
        testCase "tokens with their texts, or with their bytes, and how many" (fun () ->
            withTokenizer (fun folder ->
                let text = "light 𝟙"
                let shown = answer (tokenize "" folder [ "--text"; text ])
                let ids = idsOf text
                let rows = shown.TrimEnd().Split '\n'
                Expect.equal rows.Length (ids.Length + 1) "a row a token"
                Expect.stringContains rows[0] $"{ids[0]}  \"light\"" "the first"
                Expect.stringContains shown "<9F" "a part of a character"
                Expect.equal (Array.last rows) $"{ids.Length} tokens, 10 bytes" "count"
                Expect.equal (answer (tokenize text folder [])) shown "the same from standard input"
                let json = ToolTests.parse (answer (tokenize "" folder [ "--text"; text; "--json" ]))
                Expect.equal (Texts.ids (json.GetProperty "ids")) ids "as JSON"
                Expect.equal (json.GetProperty("count").GetInt32()) ids.Length "count as JSON"
                Expect.isGreaterThan (json.GetProperty("tokensPerSecond").GetDouble()) 0.0 "speed"
                let pieces = json.GetProperty "pieces" |> Texts.strings
                Expect.equal (List.head pieces) "light" "pieces as JSON"))

        testCase "lines of JSON, there and back" (fun () ->
            withTokenizer (fun folder ->
                let texts = [ ""; "the lower"; "Grüße 😀\n\t\u0000"; "<|endoftext|>" ]
                let input = lines (List.map JsonSerializer.Serialize texts)
                let encoded = answer (tokenize input folder [ "--jsonl" ])
                Expect.equal encoded (lines (List.map (idsOf >> listOf) texts)) "ids"
                let back = answer (tokenize encoded folder [ "--jsonl"; "--decode" ])
                Expect.equal back input "texts"))

        testCase "special tokens as ordinary text, or left out" (fun () ->
            withTokenizer (fun folder ->
                let plain = answer (tokenize "\"a<|endoftext|>\"\n" folder [ "--jsonl"; "--plain" ])
                Expect.isFalse (Array.contains 0 (Texts.ids (ToolTests.parse plain))) "ordinary text"
                let without = answer (tokenize "[0, 65, 0]\n" folder [ "--jsonl"; "--decode"; "--plain" ])
                Expect.equal without "\"a\"\n" "left out"))

        testCase "ids become a text" (fun () ->
            withTokenizer (fun folder ->
                let ids = idsOf "the lower"
                let text = String.Join(",", ids)
                Expect.equal (answer (tokenize "" folder [ "--decode"; "--text"; text ])) "the lower\n" "commas"
                Expect.equal (answer (tokenize (listOf ids) folder [ "--decode" ])) "the lower\n" "a list"))

        testCase "bench prints the speeds" (fun () ->
            withTokenizer (fun folder ->
                for more in [ [ "--tokenizer"; "tokenizer" ]; [] ] do
                    let run = gptIn folder ([ "bench"; "tokenize"; "--data"; "text.txt"; "--json" ] @ more)
                    let facts = ToolTests.parse (answer run)
                    Expect.equal (facts.GetProperty("bytes").GetInt32()) 21 "bytes"

                    for name in [ "encodeMBPerSecond"; "decodeMBPerSecond"; "tokens"; "vocab" ] do
                        Expect.isGreaterThan (facts.GetProperty(name).GetDouble()) 0.0 name))
    ]

/// A run that must fail with a sentence that holds the words.
let private refused name input (arguments: string list) code (words: string list) =
    testCase name (fun () ->
        withTokenizer (fun folder ->
            let run = gptFed input folder ("tokenize" :: arguments)
            Expect.equal run.Code code run.Error
            Expect.stringStarts run.Error "gpt: " "who speaks"
            Expect.equal (run.Error.TrimEnd('\n').Split('\n').Length) 1 "one line"

            for word in words do
                Expect.stringContains run.Error word "named"))

let private mistakes =
    let tokenizer = [ "--tokenizer"; "tokenizer" ]

    testList "names what is wrong" [
        refused "a folder without a tokenizer" "" [ "--tokenizer"; "nothing" ] 1 [ "nothing"; "tokenizer.json" ]
        refused "a line that is no JSON string" "\"a\"\n[1]\n" ("--jsonl" :: tokenizer) 1 [ "line 2"; "JSON string" ]
        refused "half of a surrogate pair" "\"\\ud800\"\n" ("--jsonl" :: tokenizer) 1 [ "line 1"; "JSON string" ]
        refused "null" "null\n" ("--jsonl" :: tokenizer) 1 [ "line 1"; "JSON string" ]
        refused "an id that is no whole number" "[1.5]\n" ("--jsonl" :: "--decode" :: tokenizer) 1 [ "line 1"; "ids" ]
        refused "an id outside the vocabulary" "[1]\n[400]\n" ("--jsonl" :: "--decode" :: tokenizer) 1 [
            "line 2"
            "400"
            "0 to 399"
        ]
        refused "a word for an id" "" ("--decode" :: "--text" :: "1,x" :: tokenizer) 1 [ "\"x\"" ]
        refused "a text and lines" "" ("--text" :: "a" :: "--jsonl" :: tokenizer) 2 [ "--text"; "--jsonl" ]
    ]

let tests = testList "tokenize" [ work; mistakes ]
