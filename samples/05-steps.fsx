(**
# Step by step

A model gives a probability to every token of its vocabulary. One is picked, put behind the text, and the text read again.

    dotnet fsi samples/05-steps.fsx [NAME OR FOLDER] [STEPS]
*)
#load "shared.fsx"

open System
open Gpt
open Shared

let generator = gpt2 (List.tryHead arguments)
let model, tokenizer = generator.Model, generator.Tokenizer
let show id = Svg.token (Tokenizer.decode tokenizer [ id ])

let prompt = "Once upon a time in a land far away"
let ids = Tokenizer.encode tokenizer prompt |> get
printfn $"Prompt tokens: {ids.Length}\nPrompt: '{prompt}'"

(**
First by hand: a forward pass gives logits (batch, time, vocabulary); those of the last position are the next token's.
*)
let probabilities (ids: int[]) =
    Tensors.freeing (fun () ->
        let input = Tensors.ofIds (Model.device model) [ 1L; int64 ids.Length ] (Array.map int64 ids)
        let logits = (Transformer.forward Eval model input).select(1L, int64 ids.Length - 1L)
        logits.softmax -1L |> Tensors.toFloats)

let step number ids =
    let best = probabilities ids |> Array.indexed |> Array.sortByDescending snd |> Array.truncate 5
    printfn $"\nStep {number} - Top 5 candidates:"

    for id, probability in best do
        printfn $"  '{show id}' : %.4f{probability}"

    printfn $"  -> Picked: '{show (fst best[0])}'"
    Array.append ids [| fst best[0] |]

let text = (ids, [ 1 .. number 1 5 ]) ||> List.fold (fun ids number -> step number ids)
printfn $"\nFinal: '{Tokenizer.decode tokenizer text}'"

(**
`Generate.tokens` does the same with a cache, so that each step reads one token only.
*)
let quick = Generate.tokens Sampling.greedy (Rng.ofSeed 1UL) model ids |> Seq.truncate (number 1 5)
printfn $"Cached: '{Tokenizer.decode tokenizer (Seq.append ids quick)}'"
