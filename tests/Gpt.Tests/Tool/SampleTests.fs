/// The scripts of samples/, whose numbers must be right, and the first F# of README, run from README itself.
module Gpt.Tests.SampleTests

open System
open System.Globalization
open System.IO
open System.Text.RegularExpressions
open Expecto
open Gpt
open Gpt.Tests.Scripts

/// The numbers of the lines that begin with a word, one list a line.
let private numbers (word: string) (output: string) : float list list = [
    for line in output.Split '\n' do
        if line.StartsWith word then
            [
                for number in Regex.Matches(line.Substring word.Length, @"-?\d+(\.\d+)?") ->
                    Double.Parse(number.Value, CultureInfo.InvariantCulture)
            ]
]

/// Runs a test in an empty folder.
let private inFolder (test: string -> unit) =
    Small.withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        test folder)

let private train =
    testCase "01-train reports, writes and leaves a checkpoint" (fun () ->
        inFolder (fun folder ->
            let output = ran folder "01-train.fsx" [ "2" ]
            Expect.stringContains output "step     2" "the last step"
            Expect.stringContains output "HAMLET:" "text"

            match numbers "---- training loss" output with
            | [ first; _; last ] -> Expect.isLessThan last[1] first[1] "the validation loss falls"
            | lines -> failtest $"{lines.Length} evaluations"

            use model = Checkpoint.loadModel (Device.cpu ()) (Path.Combine(folder, "runs", "sample")) |> Small.get
            Expect.equal model.Config.Dim 128 "the article's width"))

/// softmax of the article's logits at a temperature.
let private softmax (temperature: float) =
    let powers = [ 3.0; 1.5; 0.8; 0.3; -0.5 ] |> List.map (fun logit -> exp (logit / temperature))
    powers |> List.map (fun power -> power / List.sum powers)

let private temperature =
    testCase "02-temperature prints the softmax of the article's logits, and trains when nothing is there" (fun () ->
        inFolder (fun folder ->
            let output = ran folder "02-temperature.fsx" [ "1" ]
            Expect.stringContains output "training a small model for 1 steps" "what is done instead"
            Expect.equal (Regex.Count(output, "(?m)^HAMLET:")) 3 "texts"

            for temperature in [ "0.1"; "0.5"; "1.0"; "1.5"; "2.0" ] do
                let row = (numbers $"{temperature} " output).Head

                for shown, right in List.zip row (softmax (float temperature)) do
                    Fixtures.expectBelow 5.1e-5 (abs (shown - right)) $"temperature {temperature}"

            Expect.stringContains output "1.0      0.6986" "P(A) at temperature 1"))

let private sampling =
    testCase "03-sampling cuts what arithmetic says" (fun () ->
        withPlaywright (fun folder ->
            let output = ran folder "03-sampling.fsx" []
            let struct (logits, _) = Rng.normals 100 (Rng.ofSeed 7UL)
            let powers = logits |> Array.map (float >> exp)
            let shares = powers |> Array.map (fun power -> power / Array.sum powers) |> Array.sortDescending
            let before = shares |> Array.scan (+) 0.0 |> Array.truncate 100
            let nucleus = before |> Array.filter (fun mass -> mass < 0.9) |> Array.length
            let near = shares |> Array.filter (fun share -> share >= 0.1 * shares[0]) |> Array.length
            let best = Array.IndexOf(logits, Array.max logits)
            Expect.stringContains output $"greedy picks token {best}\n" "greedy"

            for name, count in [ "none", 100; "top-k 10", 10; "top-p 0.9", nucleus; "min-p 0.1", near ] do
                let lines = numbers (name.PadRight 10) output
                Expect.equal lines.Head[0] (float count) $"{name}: what is left of 100 random logits"
                Expect.isTrue (lines[1] |> List.forall (fun left -> left >= 1.0 && left <= 96.0)) $"{name}: a model's"

            Expect.equal (Regex.Count(output, "(?m)^HAMLET:")) 5 "texts"))

/// A folder with a GPT-2 of two small layers and a byte-pair vocabulary.
let private saveGpt2 (folder: string) =
    let tokenizer =
        Bpe(
            BpeTraining.train
                {
                    BpeTraining.defaults with
                        VocabSize = 300
                }
                [ Grammar.generate 5UL 2_000 ]
        )

    use model =
        Small.denseModel {
            Small.config with
                VocabSize = Tokenizer.vocabSize tokenizer
                Context = 64
                Activation = GeluTanh
        }

    Checkpoint.save folder tokenizer model

let private gpt2 =
    testCase "04-gpt2 writes by each strategy, five times hot and cold" (fun () ->
        Small.withFolder (fun folder ->
            saveGpt2 folder
            let output = ran folder "04-gpt2.fsx" [ folder; "8" ]
            use generator = TextGeneration.pipeline folder |> Small.get
            let prompt = "The future of artificial intelligence is"

            for strategy in [ Strategy.greedy; Strategy.random [ Temperature 0.9; TopK 50 ] ] do
                let text = TextGeneration.continueText strategy 8 (Rng.ofSeed 1UL) generator prompt |> Small.get
                Expect.stringContains output $"\n{text}\n" "the library's text"

            Expect.equal (Regex.Count(output, $"(?m)^{prompt}")) 3 "strategies"
            Expect.equal (Regex.Count(output, $"(?m)^- {prompt}")) 10 "runs"

            match numbers "===== temperature" output with
            | [ hot; cold ] -> Expect.isGreaterThan hot[1] cold[1] "hot texts differ more"
            | lines -> failtest $"{lines.Length} temperatures"))

let private steps =
    testCase "05-steps shows the candidates, and trains when no GPT-2 can be had" (fun () ->
        inFolder (fun folder ->
            let output = ran folder "05-steps.fsx" []
            Expect.stringContains output "openai-community/gpt2" "what is missing"
            Expect.stringContains output "training a small model" "what is done instead"

            let candidates =
                Regex.Matches(output, @"(?m)^  '.*' : (0\.\d{4})$") |> Seq.map _.Groups[1].Value |> List.ofSeq

            Expect.equal candidates.Length 25 "five candidates at each of five steps"

            for best in List.chunkBySize 5 candidates do
                Expect.equal best (List.sortDescending best) "best first"

            let text label = Regex.Match(output, $"(?s)\n{label}: '(.*?)'\n").Groups[1].Value
            Expect.stringStarts (text "Final") "Once upon a time in a land far away" "prompt"
            Expect.equal (text "Cached") (text "Final") "the cache changes nothing"))

let private perplexity =
    testCase "06-perplexity tells a trained model from an untrained one" (fun () ->
        withPlaywright (fun folder ->
            let output = ran folder "06-perplexity.fsx" [ "500" ]
            let untrained, trained = (numbers "untrained" output).Head, numbers "trained" output

            Fixtures.expectBelow
                10.0
                (abs (untrained[1] - 96.0))
                "an untrained one hesitates between all 96 characters"

            Expect.equal (trained |> List.map List.head) [ 32.0; 16.0; 8.0 ] "strides"

            for row in trained do
                Expect.isTrue (row[1] > 1.0 && row[1] < untrained[1] / 2.0) $"perplexity {row[1]}"
                Fixtures.expectBelow 1e-3 (abs (log row[1] - row[2])) "its logarithm is the loss"

            Expect.stringContains output "letter of the word" "where it is surprised"))

let private beam =
    testCase "07-beam finds likelier texts than greedy choice" (fun () ->
        withPlaywright (fun folder ->
            let output = ran folder "07-beam.fsx" [ "12" ]
            let row (name: string) = (numbers (name + " ") output).Head
            let mean name = (row name)[0]
            Expect.isGreaterThanOrEqual (mean "beam 5") (mean "greedy") "ln p"
            Expect.isGreaterThan (mean "greedy") (mean "top-p 0.9") "ln p of what is drawn"
            Expect.equal (Regex.Count(output, "(?m)^HAMLET:")) 4 "texts"))

let private ownText =
    testCase "08-your-own-text learns this repository" (fun () ->
        inFolder (fun folder ->
            let output = ran folder "08-your-own-text.fsx" [ "2" ]
            Expect.isTrue (Regex.IsMatch(output, @"^\d{3},\d{3} characters, \d+ different ones\n")) "the text"
            Expect.equal (Regex.Count(output, "(?m)^namespace Gpt.Cli$")) 3 "three samples"

            match numbers "loss" output with
            | [ first; _; last ] ->
                Expect.isLessThan last[1] first[1] "the validation loss falls"
                Expect.isTrue (last[2] >= 0.0 && last[2] <= 100.0) "known words"
            | lines -> failtest $"{lines.Length} evaluations"))

/// The first block of F# in README.
let private block () =
    let readme = File.ReadAllText(Path.Combine(Fixtures.root, "README.md")).Replace("\r\n", "\n")
    Regex.Match(readme, "(?s)```fsharp\n(.*?)```").Groups[1].Value

let private quotation =
    testCase "README's hello in F# is samples/hello.fsx, in five lines at most" (fun () ->
        let code = block().Split '\n' |> Array.filter (fun line -> line <> "" && not (line.StartsWith "#r "))
        Expect.isLessThanOrEqual code.Length 5 "lines"
        Expect.equal (block ()) (File.ReadAllText(sample "hello.fsx").Replace("\r\n", "\n")) "the script")

let private hello =
    testCase "README's hello in F# runs, and says so when there is no checkpoint" (fun () ->
        withPlaywright (fun folder ->
            let script = Path.Combine(folder, "hello.fsx")
            File.WriteAllText(script, block ())
            // Its references start from samples/.
            let arguments = [ $"--lib:{sample String.Empty}"; script ]
            let model, tokenizer = playwright.Value
            let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
            let text = Generate.text sampling (Rng.ofSeed 1UL) 200 tokenizer model "HAMLET:" |> Small.get
            Expect.equal (printed folder arguments) $"HAMLET:{text}\n" "the library's text"

            Directory.Delete(Path.Combine(folder, "runs"), true)
            let run = start folder arguments
            Expect.notEqual run.Code 0 "failed"
            Expect.stringContains run.Error "runs/shakespeare" "what is missing is named"))

let tests =
    testList "samples" [
        quotation
        // The scripts name the embedded engine's build.
        if Device.engine = "embedded" then
            hello
            train
            temperature
            sampling
            gpt2
            steps
            perplexity
            beam
            ownText
    ]
