/// Perplexity: which tokens are scored and with what before them, and transformers' numbers for two passages.
module Gpt.Tests.PerplexityTests

open System.IO
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

let private policies =
    gen {
        let! context = Gen.choose (2, 8)
        let! stride = Gen.choose (1, context)
        let! count = Gen.choose (2, 40)
        return context, stride, count
    }
    |> Arb.fromGen

let private scoredOnce =
    law
        500
        "each token is scored at most once, with as much before it as was promised"
        policies
        (fun (context, stride, count) ->
            let windows = Perplexity.windows context stride count
            let scored = windows |> Seq.collect (fun window -> [ window.ScoreFrom .. window.End - 1 ]) |> List.ofSeq
            Expect.equal scored (List.distinct scored |> List.sort) "in order, none twice"

            let left = Set.ofList [ 0 .. count - 1 ] - Set.ofList scored

            let firsts =
                if stride = context then
                    Set.ofList [ 0..context .. count - 1 ]
                else
                    Set.singleton 0

            Expect.equal
                left
                firsts
                "only first tokens of windows that do not overlap, else the text's first, are left out"

            for window in windows do
                Expect.isLessThanOrEqual (window.End - window.Start) context "no longer than the context"
                Expect.equal (window.Start % stride) 0 "windows begin at multiples of the stride"
                let before = window.ScoreFrom - window.Start

                Expect.isGreaterThanOrEqual
                    before
                    (if window.Start = 0 then 1 else max 1 (context - stride))
                    "tokens before")

let private longText =
    testCase "a text of a million tokens has as many windows as it takes" (fun () ->
        let windows = Perplexity.windows 4 1 1_000_000 |> Array.ofSeq
        Expect.equal windows.Length 999_997 "windows"
        let scored = windows |> Array.sumBy (fun window -> window.End - window.ScoreFrom)
        Expect.equal scored 999_999 "tokens")

/// log p of each token by a pass over its window alone.
let private naive (model: Model) (windows: seq<ScoredWindow>) (tokens: int[]) = [
    for window in windows do
        let logits = NaiveGpt.logits model tokens[window.Start .. window.End - 1]

        for position in window.ScoreFrom .. window.End - 1 do
            let row = logits[position - 1 - window.Start]
            let total = row |> Array.sumBy exp |> log
            position, total - row[tokens[position]]
]

let private againstOracle =
    law
        60
        "losses are those of the slow version, window by window"
        (both policies (within 0 1000))
        (fun ((context, stride, count), seed) ->
            use model = denseModel { config with TiedHead = seed % 2 = 0 }
            let random = System.Random seed
            let tokens = Array.init count (fun _ -> random.Next 11)
            let want = naive model (Perplexity.windows context stride count) tokens
            let got = Perplexity.losses context stride model tokens |> List.ofSeq
            Expect.equal (List.map fst got) (List.map fst want) "positions"

            for (position, loss), (_, expected) in List.zip got want do
                expectBelow 1e-4 (abs (loss - expected)) $"loss of token {position}"

            let report = Perplexity.measure context stride model tokens
            Expect.equal report.ScoredTokens want.Length "tokens"
            expectBelow 1e-4 (abs (report.MeanNll - List.averageBy snd want)) "mean"
            expectBelow 1e-9 (abs (log report.Perplexity - report.MeanNll)) "perplexity")

/// The rows of logits of a large vocabulary are made a part at a time.
let private largeVocabulary =
    testCase "a vocabulary whose logits do not fit into one part" (fun () ->
        use model =
            denseModel {
                config with
                    VocabSize = 400_000
                    Context = 64
            }

        let tokens = Array.init 64 (fun i -> i * 6007)
        let parts = Perplexity.losses 64 64 model tokens |> Seq.map snd |> Array.ofSeq
        let inputs = Small.ids [ List.ofArray tokens[..62] ]
        let logits = Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model inputs)
        let targets = Small.ids [ List.ofArray tokens[1..] ]
        let whole = Gpt.Tensors.item (Loss.crossEntropy logits targets)
        expectBelow 1e-5 (abs (Array.average parts - whole)) "mean"
        Expect.equal parts.Length 63 "tokens")

let private passages (folder: string) = [
    for passage in 0..1 do
        for name, stride in [ "windows128", 128; "stride64", 64 ] do
            testCase $"passage {passage}, {name}" (fun () ->
                let stored = SafetensorsFile.read (Path.Combine(folder, "expected.safetensors"))

                let ids name =
                    match stored[name].Values with
                    | Whole ids -> Array.map int ids
                    | Reals _ -> failtest name

                let tokens = ids $"passage{passage}.ids"
                let got = Perplexity.losses 128 stride TinyGpt2.model.Value tokens |> Array.ofSeq
                Expect.equal (Array.map fst got) (ids $"passage{passage}.{name}.positions") "positions"
                let losses = got |> Array.map (snd >> float32)
                let want = stored[$"passage{passage}.{name}.nll"]
                expectClose (tolerance 1e-4 1e-4) "losses" (reals want.Shape losses) want
                let report = Perplexity.measure 128 stride TinyGpt2.model.Value tokens

                let expected =
                    TinyGpt2.expected.Value
                        .GetProperty("passages")
                        .[passage].GetProperty(name)
                        .GetProperty("perplexity")
                        .GetDouble()

                expectBelow 1e-4 (abs (report.Perplexity / expected - 1.0)) "perplexity, relative")
]

let private refused name (words: string list) (check: Model -> Result<unit, string>) =
    testCase name (fun () ->
        use model = model config
        let sentence = check model |> error

        for word in words do
            Expect.stringContains sentence word "the error says it")

let tests =
    testList "perplexity" [
        scoredOnce
        longText
        againstOracle
        largeVocabulary
        refused "a context beyond the model's" [ "context is 9"; "2 to the model's, 8" ] (Perplexity.checkWindows 9 9)
        refused "a context that predicts nothing" [ "context is 1" ] (Perplexity.checkWindows 1 1)
        refused "a stride of nothing" [ "stride is 0" ] (Perplexity.checkWindows 8 0)
        refused "a stride past the window" [ "stride is 9"; "8" ] (Perplexity.checkWindows 8 9)
        refused "a text of one token" [ "1 tokens" ] (fun model -> Perplexity.checkText model [| 3 |])
        refused "an id outside the vocabulary" [ "token 1"; "11"; "0 to 10" ] (fun model ->
            Perplexity.checkText model [| 3; 11 |])
        testList "against transformers" (testsOf (shared "gpt2-tiny") passages)
    ]
