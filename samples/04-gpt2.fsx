(**
# GPT-2

Any GPT-2 by its name on the Hugging Face Hub, or a folder with one in it. The first time it is downloaded into the cache that
Python's libraries keep. Where it cannot be had, a small one with a byte-pair vocabulary is trained on a play instead.

    dotnet fsi samples/04-gpt2.fsx [NAME OR FOLDER] [TOKENS]
*)
#load "shared.fsx"

open Gpt
open Shared

let generator = gpt2 (List.tryHead arguments)
let tokens = number 1 50
let prompt = "The future of artificial intelligence is"

let write strategy seed = TextGeneration.continueText strategy tokens (Rng.ofSeed seed) generator prompt |> get

for name, strategy in
    [
        "greedy", Strategy.greedy
        "top-k 50, temperature 0.9", Strategy.random [ Temperature 0.9; TopK 50 ]
        "top-p 0.9, temperature 0.8", Strategy.random [ Temperature 0.8; TopP 0.9 ]
    ] do
    printHeading name
    printfn $"{write strategy 1UL}"

(**
The article's first challenge: the same prompt five times, hot and cold. The difference of two texts is their edit distance
divided by the length of the longer one: 0 for equal texts.
*)
for temperature in [ 0.9; 0.1 ] do
    let texts = [
        for seed in 1UL .. 5UL -> write (Strategy.random [ Temperature temperature ]) seed
    ]

    let difference = texts |> List.map _.ToCharArray() |> TextMetrics.meanDifference
    printHeading $"temperature {temperature}, five times: mean difference %.2f{difference}"
    texts |> List.iter (printfn "- %s")
