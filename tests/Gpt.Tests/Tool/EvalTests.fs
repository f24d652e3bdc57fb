/// `gpt eval` and `gpt export` as a person runs them.
module Gpt.Tests.EvalTests

open System.IO
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Small
open Gpt.Tests.Tool

/// A folder with a small model in `model`, and a text for it.
let private withModel (test: string -> Model -> unit) =
    withFolder (fun folder ->
        use model = denseModel config
        Checkpoint.save (Path.Combine(folder, "model")) (Characters(CharTokenizer.ofText "\n abcdefghi")) model
        File.WriteAllText(Path.Combine(folder, "text.txt"), "a bad cab\nhid a big fig")
        File.WriteAllText(Path.Combine(folder, "ids.txt"), "[2, 1, 3,\n2 5]")
        test folder model)

let private eval (more: string list) = [ "eval"; "--model"; "model" ] @ more

let private succeed folder arguments =
    let run = gptIn folder arguments
    Expect.equal run.Code 0 run.Error
    run.Out

let private parse (text: string) =
    use document = JsonDocument.Parse text
    document.RootElement.Clone()

let private expectReport (want: PerplexityReport) (text: string) =
    let answer = parse text
    Expect.equal (answer.GetProperty("scoredTokens").GetInt32()) want.ScoredTokens "tokens"
    Expect.floatClose Accuracy.medium (answer.GetProperty("meanNll").GetDouble()) want.MeanNll "mean"
    Expect.floatClose Accuracy.medium (answer.GetProperty("perplexity").GetDouble()) want.Perplexity "perplexity"

let private refused name (arguments: string list) code (words: string list) =
    testCase name (fun () ->
        withModel (fun folder _ ->
            let before = filesBelow folder
            let run = gptIn folder arguments
            Expect.equal run.Code code run.Error
            Expect.equal (run.Error.TrimEnd('\n').Split('\n').Length) 1 "one line"
            Expect.equal run.Out "" "standard output"
            Expect.equal (filesBelow folder) before "nothing left behind"

            for word in words do
                Expect.stringContains run.Error word "named"))

let tests =
    testList "eval and export" [
        testCase "eval prints the library's numbers" (fun () ->
            withModel (fun folder model ->
                let tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
                let ids = Tokenizer.encode tokenizer (File.ReadAllText(Path.Combine(folder, "text.txt"))) |> get
                let measure context stride = Perplexity.measure context stride model ids
                let json more = succeed folder (eval ([ "--data"; "text.txt"; "--json" ] @ more))
                json [] |> expectReport (measure 8 8)
                json [ "--context"; "5" ] |> expectReport (measure 5 5)
                json [ "--context"; "6"; "--stride"; "2" ] |> expectReport (measure 6 2)

                succeed folder (eval [ "--tokens"; "ids.txt"; "--json" ])
                |> expectReport (Perplexity.measure 8 8 model [| 2; 1; 3; 2; 5 |])

                let plain = succeed folder (eval [ "--data"; "text.txt" ])
                Expect.stringContains plain $"scored tokens  {(measure 8 8).ScoredTokens}" "for people"))

        testCase "eval keeps the weights in the type that is asked for" (fun () ->
            withModel (fun folder model ->
                for name, weights in [ "bfloat16", WeightType.BFloat16; "int8", WeightType.Int8 ] do
                    use quantized = Quantize.model weights model
                    let want = Perplexity.measure 8 8 quantized [| 2; 1; 3; 2; 5 |]
                    Expect.notEqual want (Perplexity.measure 8 8 model [| 2; 1; 3; 2; 5 |]) "rounding shows"

                    succeed folder (eval [ "--tokens"; "ids.txt"; "--json"; "--dtype"; name ]) |> expectReport want))

        testCase "export writes a folder that holds the same model" (fun () ->
            withModel (fun folder model ->
                Expect.equal (succeed folder [ "export"; "--model"; "model"; "--out"; "out" ]) "" "standard output"
                use loaded = Checkpoint.loadModel (Device.cpu ()) (Path.Combine(folder, "out")) |> get
                Expect.equal (Gpt.Tensors.toFloats loaded.Flat) (Gpt.Tensors.toFloats model.Flat) "weights"))

        refused "neither a text nor ids" (eval []) 2 [ "--data"; "--tokens" ]
        refused "both a text and ids" (eval [ "--data"; "text.txt"; "--tokens"; "ids.txt" ]) 2 [ "one of the two" ]
        refused "a text that is not there" (eval [ "--data"; "nothing.txt" ]) 1 [ "nothing.txt" ]
        refused "ids that are none" (eval [ "--tokens"; "text.txt" ]) 1 [ "text.txt"; "\"a\"" ]
        refused "a context beyond the model's" (eval [ "--data"; "text.txt"; "--context"; "9" ]) 2 [ "context is 9" ]
        refused "a type that there is not" (eval [ "--tokens"; "ids.txt"; "--dtype"; "int4" ]) 2 [
            "--dtype"
            "int4"
            "bfloat16"
        ]
        refused "a stride of nothing" (eval [ "--data"; "text.txt"; "--stride"; "0" ]) 2 [ "stride is 0" ]
        refused "a character the model does not know" (eval [ "--data"; "model/config.json" ]) 1 [
            "config.json"
            "character"
        ]
        refused "a model that is not there" [ "eval"; "--model"; "nowhere"; "--tokens"; "ids.txt" ] 1 [ "nowhere" ]
        refused "an export to nowhere" [ "export"; "--model"; "model" ] 2 [ "--out" ]
        refused "an export that cannot be written" [ "export"; "--model"; "model"; "--out"; "text.txt/x" ] 1 [
            "text.txt/x"
        ]
    ]
