(**
# Your own text

The article's second challenge: another text, and how long it takes until samples look like it. Here it is the source code of
this library, or the files of a folder of yours.

    dotnet fsi samples/08-your-own-text.fsx [STEPS] [FOLDER] [ENDING]
*)
#load "shared.fsx"

open System
open System.IO
open System.Text.RegularExpressions
open Gpt
open Shared

let steps = number 0 1000

let folder =
    List.tryItem 1 arguments |> Option.defaultValue (Path.Combine(__SOURCE_DIRECTORY__, "../src"))

let ending = List.tryItem 2 arguments |> Option.defaultValue ".fs"

let text =
    Directory.GetFiles(folder, "*" + ending, SearchOption.AllDirectories)
    |> Array.filter (fun path -> not (path.Contains "/obj/" || path.Contains @"\obj\"))
    |> Array.sortWith (fun a b -> String.CompareOrdinal(a, b))
    |> Array.map File.ReadAllText
    |> String.concat "\n"

let tokenizer = Characters(CharTokenizer.ofText text)
let corpus = Corpus.ofText tokenizer 64 0.9 text |> get
printfn $"{text.Length:N0} characters, {Tokenizer.vocabSize tokenizer} different ones"

(**
By eye, and by a number: the share of the words of a sample that stand in the text.
*)
let words text = [ for word in Regex.Matches(text, @"\p{L}{2,}") -> word.Value ]
let known = set (words text)

let percent sample =
    let found = words sample
    100.0 * float (found |> List.filter known.Contains |> List.length) / float (max 1 found.Length)

let sampling = Sampling.random (Warpers.temperature 0.8)
// The text's first line.
let prompt = text.Substring(0, 1 + text.IndexOf '\n')

let options = {
    Training.defaults steps with
        EvaluateEvery = max 1 (steps / 4)
        EvaluationBatches = 5
}

for report in Training.run options corpus (fresh tokenizer) do
    match report.Event with
    | Stepped _ -> ()
    | Evaluated(training, validation) ->
        let step, read = report.Step, report.Step * options.BatchSize * options.WindowLength
        let sample = Generate.text sampling (Rng.ofSeed 1UL) 300 tokenizer report.State.Model prompt |> get
        printHeading $"step {step}, epoch %.2f{float read / float corpus.Training.Length}"

        printf $"loss %.4f{training}, validation %.4f{validation}, known words %.0f{percent sample} %%\n\n"
        printfn $"{prompt}{sample}"
