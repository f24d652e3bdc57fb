(**
# Beam search against the others

The article's third challenge. Beam search keeps the B most likely texts at each step where greedy choice keeps one.

    dotnet fsi samples/07-beam.fsx [TOKENS] [STEPS]
*)
#load "shared.fsx"

open Gpt
open Shared

let model, tokenizer = playwright (number 1 200)
let prompt = Tokenizer.encode tokenizer "HAMLET:\n" |> get
let tokens = number 0 50

/// The tokens that a sampling picks, and the mean of ln p that the model gives them.
let sample sampling =
    let options = {
        GenerationOptions.defaults with
            MaxNewTokens = tokens
            LogProbabilities = Some 0
    }

    let text = (Generate.stream options sampling (Rng.ofSeed 1UL) model prompt |> Generate.collect)[0]
    text.Tokens, Array.average text.LogProbabilities

/// The same of a beam search: with a length penalty of 1 a text's score is the mean.
let search beams =
    let options = {
        BeamOptions.defaults with
            Beams = beams
            MaxNewTokens = tokens
    }

    let best = Beam.search options [] (Rng.ofSeed 1UL) model prompt |> List.head
    best.Tokens, best.Score

let texts = [
    "greedy", sample Sampling.greedy
    "beam 5", search 5
    "top-k 40", sample (Sampling.random (Warpers.topK 40))
    "top-p 0.9", sample (Sampling.random (Warpers.topP 0.9))
]

(**
Beam search finds the likeliest text, and likely texts repeat themselves. Distinct-2 is the share of different pairs of tokens,
repetition the share of tokens in runs of four that stood there before. Which text is the most coherent is for the reader.
*)
printfn "strategy   mean ln p  perplexity  distinct-2  repetition"

for name, (ids, mean) in texts do
    let text = List.ofArray ids
    let distinct, repetition = TextMetrics.distinct 2 text, TextMetrics.repetition 4 text
    printfn $"%-9s{name}  %9.4f{mean}  %10.3f{exp -mean}  %10.3f{distinct}  %10.3f{repetition}"

for name, (ids, _) in texts do
    printHeading name
    printfn $"HAMLET:\n{Tokenizer.decode tokenizer ids}"
