(**
# Sampling strategies

Greedy choice takes the most likely token. Top-k, top-p and min-p rule out unlikely ones and draw from the rest: top-k keeps a
fixed number, top-p as many as it takes to hold a share of the probability, min-p those not much less likely than the best.

    dotnet fsi samples/03-sampling.fsx [STEPS]
*)
#load "shared.fsx"

open System
open Gpt
open Shared

let cuts = [
    "none", id
    "top-k 10", Warpers.topK 10
    "top-p 0.9", Warpers.topP 0.9
    "min-p 0.1", Warpers.minP 0.1
]

(**
A hundred random logits, as in the article. A token that is ruled out has the logit -infinity.
*)
let struct (numbers, _) = Rng.normals 100 (Rng.ofSeed 7UL)
let logits = Tensors.ofFloats (Device.cpu ()) [ 1L; 100L ] numbers
printfn $"greedy picks token {Tensors.itemId (Choose.greedy logits)}"

for name, cut in cuts do
    let kept = cut logits
    let left = Tensors.toFloats kept |> Array.filter Single.IsFinite |> Array.length
    let struct (drawn, _) = Choose.sample (Rng.ofSeed 1UL) kept
    printfn $"%-10s{name} leaves %3d{left} of 100 tokens and draws token {Tensors.itemId drawn}"

(**
What is left of a model's choice where it is sure, after a colon, and where it is not, at the start of a line.
*)
let model, tokenizer = playwright (number 0 200)
printfn "\ncandidates  after 'HAMLET:'  after 'HAMLET:\\n'"

for name, cut in cuts do
    let candidates prompt =
        Trace.distributions (Sampling.random cut) (Rng.ofSeed 1UL) model (Tokenizer.encode tokenizer prompt |> get)
        |> List.last
        |> Array.filter (fun probability -> probability > 0.0)
        |> Array.length

    printfn $"""%-10s{name}  %15d{candidates "HAMLET:"}  %17d{candidates "HAMLET:\n"}"""

for name, sampling in ("greedy", Sampling.greedy) :: [ for name, cut in cuts -> name, Sampling.random cut ] do
    printHeading name
    let text = Generate.text sampling (Rng.ofSeed 2UL) 150 tokenizer model "HAMLET:" |> get
    printfn $"HAMLET:{text}"
