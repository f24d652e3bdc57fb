/// What `gpt` is given and must refuse: numbers and paths that are none, options that cannot be met together, files in the way.
module Gpt.Tests.InputTests

open System
open System.IO
open Expecto
open Gpt
open Gpt.Tests.Small
open Gpt.Tests.Tool

/// Runs a test in a folder that holds `text.txt`, a model of that text's letters in `model` and an empty `folder`.
let private withModel (test: string -> unit) =
    withText sampleText (fun folder ->
        use model = denseModel { config with VocabSize = 15 }
        Checkpoint.save (Path.Combine(folder, "model")) (Characters(CharTokenizer.ofText sampleText)) model
        Directory.CreateDirectory(Path.Combine(folder, "folder")) |> ignore
        test folder)

/// A command line, whose words blanks separate and `""` stands for no letters, as words.
let private words (line: string) : string list = line.Split ' ' |> Array.map _.Replace("\"\"", "") |> List.ofArray

/// What a refused command line says in its one sentence; no file comes or goes.
let private sentenceOf (code: int) (folder: string) (line: string) : string =
    let before = filesBelow folder
    let run = gptIn folder (words line)
    Expect.equal run.Code code $"{line}: {run.Error}"
    let lines = run.Error.TrimEnd('\n').Split '\n'
    Expect.equal (lines |> Array.filter _.StartsWith("gpt: ")) [| Array.last lines |] $"{line}: one sentence, the last"
    Expect.isFalse (run.Error.Contains "   at ") $"{line}: no stack trace"
    Expect.isFalse (run.Error.Contains "(Parameter") $"{line}: no name of a parameter"
    Expect.equal (filesBelow folder) before $"{line}: files"
    Array.last lines

let private refused (name: string) (lines: (string * string) list) =
    testCase name (fun () ->
        withModel (fun folder ->
            for line, words in lines do
                Expect.stringContains (sentenceOf 2 folder line) words line))

let private numbers =
    refused "a comma is no decimal point" [
        "train --data text.txt --lr 0,001", "--lr is 0,001; it must be a number, such as 0.001"
        "generate --model model --temperature 0,5", "--temperature is 0,5; it must be a number"
        "compare --model model --top-p 1,000", "--top-p is 1,000; it must be a number"
        "generate --model model --top-p \"\"", "--top-p is empty; it must be a number"
    ]

let private paths =
    refused "an empty path is told so" [
        for line in
            [
                "train --out"
                "train --data"
                "train --plot"
                "train --from"
                "train --resume"
                "export --out"
                "export --adapter"
                "eval --data"
                "eval --tokens"
                "generate --model"
                "generate --draft"
                "generate --json-schema"
                "attention --svg"
                "warpers --svg"
                "compare --svg"
                "temperature --svg"
                "tokenize --tokenizer"
                "bench tokenize --data"
                "info --model"
            ] do
            $"{line} \"\"", $"{Array.last (line.Split ' ')} is empty; it must name a file or a folder"
    ]

let private every = String.Join(",", [ 0..14 ])

let private together =
    refused "what cannot be met together is told in a sentence" [
        "generate --model model --regex \"\"", "every token"
        "generate --model model --regex t{0}", "every token"
        "generate --model model --regex t{3} --no-repeat-ngram 1", "every token"
        "generate --model model --regex : --suppress-tokens 2", "every token"
        $"generate --model model --suppress-tokens {every}", "every token"
        $"warpers --model model --suppress-tokens {every}", "every token"
        "generate --model model --beams 2 --return 2 --regex \"\"", "every continuation"
        "generate --model model --beams 2147483647", "--beams is 2147483647; it must be in 1 to 1,000"
        "compare --model model --beams 1001", "--beams is 1001; it must be in 1 to 1,000"
    ]

let private curve =
    testList "the loss curve" [
        refused "is no folder, which is told before the training" [
            "train --data text.txt --plot folder", "--plot: folder is a folder; give a file such as picture.svg"
        ]

        testCase "is named only where it was written" (fun () ->
            withModel (fun folder ->
                let run =
                    gptIn folder ([ "train"; "--data"; "text.txt"; "--out"; "x"; "--plot"; "text.txt/x" ] @ quick)

                Expect.equal run.Code 0 run.Error
                Expect.stringContains run.Error "text.txt/x cannot be written" "told"
                Expect.isFalse (run.Out.Contains "loss curve") "not named"))
    ]

let private exports =
    refused "an export does not go over its source" [
        "export --model model --out model", "--out is model, the folder of --model; name another"
        "export --model model --out ./model/", "--out is ./model/, the folder of --model; name another"
        "export --model model --adapter folder --out folder", "--out is folder, the folder of --adapter; name another"
    ]

let private choices =
    testList "choices" [
        testCase "warpers --greedy shows the model alone" (fun () ->
            withModel (fun folder ->
                let run = gptIn folder (words "warpers --model model --greedy --json")
                Expect.equal run.Code 0 run.Error
                let stages = (ToolTests.parse run.Out).GetProperty "stages"
                Expect.equal (stages.GetArrayLength()) 1 "stages"))

        refused "are refused by sentences that begin well" [
            "generate --model model --penalty-last-n 3", "gpt: a penalty window is asked for, but"
            "generate --model model --top-k 0", "gpt: --top-k: "
            "generate --model model --order foo", "--order holds \"foo\"; expected huggingface, llamacpp, or"
            "generate --model model --order top-k,foo --top-k 2", "--order holds \"foo\""
        ]
    ]

let private seeds =
    refused "a seed where chance decides nothing is refused" [
        "attention --model model --seed 3", "--seed is not known here"
        "steps --model model --seed 3", "--seed does nothing without --sample"
        "generate --model model --greedy --seed 3", "--seed does nothing with --greedy"
        "generate --model model --beams 3 --seed 3", "--seed does nothing with --beams without --beam-sample"
    ]

let private threads =
    refused "more threads than a machine has" [
        "train --data text.txt --threads 10000", "--threads is 10000; it must be in 1 to 1,024"
    ]

let private texts =
    testList "texts" [
        testCase "what is not UTF-8 is refused" (fun () ->
            withModel (fun folder ->
                let refused (run: Run) (words: string) =
                    Expect.equal run.Code 1 run.Error
                    Expect.stringContains run.Error words "sentence"
                    Expect.equal run.Out "" "standard output"

                let latin (text: string) = Text.Encoding.Latin1.GetBytes text
                let tokenize = words "tokenize --tokenizer model"
                refused (gptFedBytes (latin "beÿ") folder tokenize) "standard input is not UTF-8 text: byte 2 is 0xFF"
                refused (gptFedBytes (latin "\"beÿ\"\n") folder (tokenize @ [ "--jsonl" ])) "not UTF-8 text"
                File.WriteAllBytes(Path.Combine(folder, "latin.txt"), latin "beÿ")
                let eval = gptIn folder (words "eval --model model --data latin.txt")
                refused eval "latin.txt is not UTF-8 text: byte 2 is 0xFF"))

        testCase "a byte-order mark is no text" (fun () ->
            withModel (fun folder ->
                for more, input in [ [], "be"; [ "--jsonl" ], "\"be\"\n" ] do
                    let tokenize = words "tokenize --tokenizer model" @ more
                    let marked = gptFed ("\uFEFF" + input) folder tokenize
                    Expect.equal marked.Code 0 marked.Error
                    Expect.equal marked.Out (gptFed input folder tokenize).Out "the same tokens"))

        testCase "a folder is no text" (fun () ->
            withModel (fun folder ->
                for option in [ "--data"; "--tokens" ] do
                    let said = sentenceOf 1 folder $"eval --model model {option} folder"
                    Expect.equal said "gpt: folder is a folder; give one text file" option))
    ]

let tests =
    testList "input" [ numbers; paths; together; curve; exports; choices; seeds; threads; texts ]
