/// `gpt generate`, `steps`, `compare` and `temperature`, on a model that has learnt nothing.
module Gpt.Tests.GenerateToolTests

open System
open System.IO
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Small
open Gpt.Tests.Tool

let private parse (text: string) =
    use document = JsonDocument.Parse text
    document.RootElement.Clone()

let private alphabet = "\n \"',:{}[]-.0123456789" + String([| 'a' .. 'z' |])

/// A model whose weights are far from their first values, so that its likes are strong, with every character of JSON.
let private save (folder: string) (layers: int) =
    use model =
        denseModel {
            config with
                VocabSize = alphabet.Length
                Context = 64
                Layers = layers
        }

    Checkpoint.save folder (Characters(CharTokenizer.ofText alphabet)) model

/// Runs a test in a folder with two models of one vocabulary.
let private withModels (test: string -> unit) =
    withText "" (fun folder ->
        save (Path.Combine(folder, "model")) 2
        save (Path.Combine(folder, "draft")) 1
        test folder)

let private answer folder (arguments: string list) : string =
    let run = gptIn folder arguments
    Expect.equal run.Code 0 run.Error
    run.Out

let private generate folder (more: string list) =
    answer
        folder
        ([
            "generate"
            "--model"
            "model"
            "--prompt"
            "to be"
            "--max-new-tokens"
            "40"
         ]
         @ more)

let private sequences (text: string) = [ for item in (parse text).GetProperty("sequences").EnumerateArray() -> item ]

let private ids (element: JsonElement) = [
    for item in element.GetProperty("tokens").EnumerateArray() -> item.GetInt32()
]

let private generation =
    testList "generate" [
        testCase "several texts from one prompt differ, and repeat with the seed" (fun () ->
            withModels (fun folder ->
                let texts = sequences (generate folder [ "--samples"; "3"; "--json" ]) |> List.map ids
                Expect.equal (List.distinct texts).Length 3 "texts"

                Expect.equal
                    (sequences (generate folder [ "--samples"; "3"; "--json" ]) |> List.map ids)
                    texts
                    "again"

                let shown = generate folder [ "--samples"; "3" ]
                Expect.equal (shown.Split '\n' |> Array.filter _.StartsWith("===== ")).Length 3 "headings"))

        testCase "a prompt as tokens is the prompt as text" (fun () ->
            withModels (fun folder ->
                let tokens = Tokenizer.encode (Characters(CharTokenizer.ofText alphabet)) "to be" |> get
                let words = String.Join(",", tokens)

                let byTokens =
                    answer folder [
                        "generate"
                        "--model"
                        "model"
                        "--prompt-tokens"
                        words
                        "--max-new-tokens"
                        "40"
                    ]

                Expect.equal byTokens (generate folder []) "text"))

        testCase "a stop text ends the text and is not shown" (fun () ->
            withModels (fun folder ->
                let whole = (generate folder []).TrimEnd('\n').Substring 5
                let stop = whole.Substring(10, 3)
                let item = sequences (generate folder [ "--stop"; stop; "--json" ]) |> List.head
                let text = string (item.GetProperty "text")
                Expect.equal text (whole.Substring(0, whole.IndexOf(stop, StringComparison.Ordinal))) "text"
                Expect.equal (string (item.GetProperty "finishReason")) "stop" "reason"))

        testCase "an end token ends the text" (fun () ->
            withModels (fun folder ->
                let whole = sequences (generate folder [ "--json" ]) |> List.head |> ids
                let last = whole[7]
                let item = sequences (generate folder [ "--eos"; string last; "--json" ]) |> List.head
                Expect.equal (ids item) (whole |> List.take (1 + List.findIndex ((=) last) whole)) "tokens"
                Expect.equal (string (item.GetProperty "finishReason")) "eos" "reason"
                let longer = [ "--eos"; string last; "--min-new-tokens"; "30"; "--json" ]

                Expect.isGreaterThanOrEqual
                    (sequences (generate folder longer) |> List.head |> ids).Length
                    30
                    "minimum"))

        testCase "log-probabilities come with their alternatives" (fun () ->
            withModels (fun folder ->
                let item = sequences (generate folder [ "--json"; "--log-probs"; "3"; "--greedy" ]) |> List.head

                let own = [
                    for x in item.GetProperty("logProbabilities").EnumerateArray() -> x.GetDouble()
                ]

                Expect.equal own.Length 40 "one a token"

                for probability, alternatives in Seq.zip own (item.GetProperty("alternatives").EnumerateArray()) do
                    Expect.equal (alternatives.GetArrayLength()) 3 "alternatives"
                    let best = alternatives.[0].GetProperty("logProbability").GetDouble()
                    Expect.equal best probability "the greedy token is the best"))

        testCase "beams: several texts with scores, the best one when a person reads" (fun () ->
            withModels (fun folder ->
                let beams = [ "--beams"; "4"; "--length-penalty"; "0.5"; "--early-stopping"; "true" ]
                let found = sequences (generate folder (beams @ [ "--return"; "3"; "--json" ]))
                let scores = found |> List.map (fun item -> item.GetProperty("score").GetDouble())
                Expect.equal scores (List.sortDescending scores) "best first"
                Expect.equal (List.distinct (List.map ids found)).Length 3 "different texts"
                let best = string (found.Head.GetProperty "text")
                Expect.equal (generate folder beams) ("to be" + best + "\n") "the best is shown"))

        testCase "weights in fewer bits, the draft's too, and in steps and compare" (fun () ->
            withModels (fun folder ->
                for dtype in [ "bfloat16"; "int8" ] do
                    let greedy = generate folder [ "--greedy"; "--dtype"; dtype ]
                    Expect.equal (generate folder [ "--greedy"; "--draft"; "draft"; "--dtype"; dtype ]) greedy "text"

                for command in [ "steps"; "compare" ] do
                    let plain = [ command; "--model"; "model"; "--prompt"; "to be"; "--json" ]
                    let rounded = answer folder (plain @ [ "--dtype"; "int8" ])
                    Expect.notEqual rounded (answer folder plain) "rounding shows in the probabilities"))

        testCase "guessed tokens give the greedy text" (fun () ->
            withModels (fun folder ->
                let greedy = generate folder [ "--greedy" ]
                Expect.equal (generate folder [ "--greedy"; "--draft"; "draft" ]) greedy "by a draft model"
                Expect.equal (generate folder [ "--greedy"; "--lookup"; "3" ]) greedy "by look-up"
                let told = parse (generate folder [ "--lookup"; "2"; "--json" ])
                Expect.isGreaterThanOrEqual (told.GetProperty("acceptanceRate").GetDouble()) 0.0 "acceptance rate"))

        testCase "a regular expression and a JSON schema are kept" (fun () ->
            withModels (fun folder ->
                let byRegex = (generate folder [ "--regex"; "(be|or) [a-z]{2,5}\\." ]).TrimEnd('\n').Substring 5
                Expect.isMatch byRegex "^(be|or) [a-z]{2,5}\\.$" "regular expression"

                let schema =
                    """{"type":"object","properties":{"a":{"enum":[1,2]},"b":{"type":"boolean"}},"required":["a","b"]}"""

                let item = sequences (generate folder [ "--json-schema"; schema; "--json" ]) |> List.head
                let json = parse (string (item.GetProperty "text"))
                Expect.contains [ 1; 2 ] (json.GetProperty("a").GetInt32()) "a"
                Expect.contains [ JsonValueKind.True; JsonValueKind.False ] (json.GetProperty("b").ValueKind) "b"
                Expect.equal (string (item.GetProperty "finishReason")) "stop" "complete"))

        testCase "guidance and every processor change the text" (fun () ->
            withModels (fun folder ->
                let plain = generate folder []

                for more in
                    [
                        [ "--guidance-scale"; "3" ]
                        [ "--guidance-scale"; "3"; "--negative-prompt"; "or not" ]
                        [ "--dynamic-temperature"; "0.1,0.4" ]
                        [ "--xtc"; "1,0.05" ]
                        [ "--mirostat"; "1" ]
                        [ "--dry"; "3,1.75,1" ]
                        [ "--logit-bias"; "3:9" ]
                        [ "--suppress-tokens"; "1,2,3,4,5,20,21,22,23" ]
                        [ "--frequency-penalty"; "2"; "--penalty-last-n"; "8" ]
                    ] do
                    Expect.notEqual (generate folder more) plain $"{more}"

                let hot order = generate folder [ "--temperature"; "4"; "--top-p"; "0.5"; "--order"; order ]
                Expect.notEqual (hot "huggingface") (hot "llamacpp") "order"
                Expect.equal (hot "temperature,top-p") (hot "huggingface") "order by names"))
    ]

let private others =
    testList "looks" [
        testCase "steps shows candidates, what was picked and the text" (fun () ->
            withModels (fun folder ->
                let shown = answer folder [ "steps"; "--model"; "model"; "--prompt"; "to be"; "--steps"; "3" ]
                Expect.stringContains shown "Prompt tokens: 5\nPrompt: 'to be'\n" "prompt"
                Expect.stringContains shown "Step 3 - Top 5 candidates:\n" "steps"
                Expect.equal (shown.Split("-> Picked: ").Length) 4 "picks"

                let told =
                    parse (
                        answer folder [ "steps"; "--model"; "model"; "--prompt"; "to be"; "--steps"; "3"; "--json" ]
                    )

                let greedy = (generate folder [ "--greedy" ]).Substring(0, 8)
                Expect.equal (string (told.GetProperty "final")) greedy "greedy unless asked otherwise"

                for step in told.GetProperty("steps").EnumerateArray() do
                    let best = step.GetProperty("candidates").[0]

                    Expect.equal
                        (best.GetProperty("token").GetInt32())
                        (step.GetProperty("picked").GetProperty("token").GetInt32())
                        "best"))

        testCase "compare tells each strategy's numbers and how much runs differ" (fun () ->
            withModels (fun folder ->
                let arguments = [ "compare"; "--model"; "model"; "--prompt"; "to be"; "--max-new-tokens"; "30" ]
                let told = parse (answer folder (arguments @ [ "--json" ]))
                let strategies = [ for item in told.GetProperty("strategies").EnumerateArray() -> item ]
                let names = strategies |> List.map (fun item -> string (item.GetProperty "strategy"))
                Expect.equal names [ "greedy"; "top-k 50"; "top-p 0.9"; "beam 5" ] "strategies"
                let mean (item: JsonElement) = item.GetProperty("meanLogProbability").GetDouble()
                Expect.isGreaterThanOrEqual (mean strategies[3]) (mean strategies[0]) "beams find a likelier text"

                let temperatures = [ for item in told.GetProperty("temperatures").EnumerateArray() -> item ]
                let difference (item: JsonElement) = item.GetProperty("meanDifference").GetDouble()

                Expect.isGreaterThan
                    (difference temperatures[0])
                    (difference temperatures[1])
                    "0.9 differs more than 0.1"

                let shown = answer folder arguments
                Expect.stringContains shown "mean log p" "table"
                Expect.stringContains shown "temperature 0.1, run 5" "runs"))

        testCase "temperature prints the table with right numbers and a chart" (fun () ->
            let shown = (gptIn "." [ "temperature" ]).Out

            Expect.stringContains
                shown
                "1        0.6986    0.1559    0.0774    0.0470    0.0211"
                "the article's logits"

            Expect.stringContains shown "  A ████████████████████████████             0.70" "bar"
            let told = parse (gptIn "." [ "temperature"; "--logits"; "1,1"; "--temperatures"; "2"; "--json" ]).Out
            Expect.equal (told.[0].GetProperty("probabilities").[1].GetDouble()) 0.5 "half")
    ]

/// Arguments that must be refused with exit code 2 and these words, before a model is looked for.
let private refused (arguments: string list) (words: string) =
    testCase (String.Join(" ", arguments)) (fun () ->
        let run = gptIn "." (arguments @ [ "--model"; "no such folder" ])
        Expect.equal run.Code 2 run.Error
        Expect.stringContains run.Error words "sentence"
        Expect.equal run.Out "" "standard output")

let private mistakes =
    testList "names what is wrong" [
        refused [ "generate"; "--greedy"; "--temperature"; "0.5" ] "temperature does nothing in a greedy choice"
        refused [ "generate"; "--beams"; "3"; "--samples"; "2" ] "--samples does nothing with --beams"
        refused [ "generate"; "--return"; "3" ] "--return does nothing without --beams"
        refused [ "generate"; "--beams"; "3"; "--early-stopping"; "soon" ] "--early-stopping is soon; expected"
        refused [ "generate"; "--draft"; "x"; "--lookup"; "2" ] "--draft and --lookup are both given"
        refused [ "generate"; "--draft-tokens"; "3" ] "--draft-tokens does nothing without"
        refused [ "generate"; "--negative-prompt"; "x" ] "--negative-prompt does nothing without"
        refused [ "generate"; "--log-probs"; "1" ] "--log-probs does nothing without --json"
        refused [ "generate"; "--xtc"; "often" ] "--xtc: \"often\" is not a number"
        refused [ "generate"; "--mirostat"; "1,2,3" ] "--mirostat has 3 numbers; expected 1 to 2"
        refused [ "generate"; "--logit-bias"; "3" ] "--logit-bias: \"3\" is not ID:BIAS"
        refused [ "generate"; "--suppress-tokens"; "a" ] "--suppress-tokens: \"a\" is not a token id"
        refused [ "generate"; "--order"; "top-p"; "--top-k"; "2" ] "top-k is asked for but does not stand in the order"
        refused [ "generate"; "--samples"; "0" ] "--samples is 0"
        refused [ "steps"; "--steps"; "0" ] "--steps is 0"
        refused [ "compare"; "--low"; "0" ] "--low: temperature: temperature is 0"
    ]

let private modelMistakes =
    testCase "what only the model can tell is told in a sentence" (fun () ->
        withModels (fun folder ->
            for more, words in
                [
                    [ "--prompt"; String('a', 65) ], "--prompt has 65 tokens; it must have at most 64"
                    [ "--prompt-tokens"; "1,99" ], "--prompt-tokens holds 99"
                    [ "--prompt"; "a"; "--eos"; "99" ], "end token 99 is not in the vocabulary"
                    [ "--prompt"; "a"; "--suppress-tokens"; "99" ], "suppress-tokens: token 99"
                    [ "--prompt"; "a"; "--regex"; "(" ], "--regex: "
                    [ "--prompt"; "a"; "--regex"; "[A-Z]" ], "--regex: "
                    [
                        "--prompt"
                        "a"
                        "--json-schema"
                        """{"type":"array","minItems":2,"maxItems":1}"""
                    ],
                    "--json-schema: "
                    [ "--prompt"; "a"; "--beams"; "2"; "--return"; "3" ], "must be in 1 to beams, 2"
                    [ "--prompt"; "a"; "--draft"; "draft"; "--draft-tokens"; "40" ], "draft tokens is 40"
                ] do
                let run = gptIn folder ([ "generate"; "--model"; "model" ] @ more)
                Expect.equal run.Code 2 run.Error
                Expect.stringContains run.Error words words
                Expect.equal run.Out "" "standard output"))

let private absent =
    testCase "a model that is neither a folder nor in the cache is told so" (fun () ->
        withText "" (fun folder ->
            let variables = [ "HF_HUB_OFFLINE", "1"; "HF_HOME", folder ]
            let run = (gptWith variables folder [ "generate"; "--model"; "runs/mine" ]).Result
            Expect.equal run.Code 1 run.Error
            Expect.stringStarts run.Error "gpt: there is no folder runs/mine; HF_HUB_OFFLINE is set" "both"))

let tests = testList "tool: text" [ generation; others; mistakes; modelMistakes; absent ]
