(**
# Temperature

Temperature divides the logits before the softmax: below 1 the likely tokens gain, above 1 they lose.

    dotnet fsi samples/02-temperature.fsx [STEPS]

STEPS is how long a model is trained when there is no checkpoint in runs.
*)
#load "shared.fsx"

open Gpt
open Shared

let vocabulary = [ "A"; "B"; "C"; "D"; "E" ]
let logits = [| 3.0f; 1.5f; 0.8f; 0.3f; -0.5f |]

/// What the softmax makes of the five logits at a temperature.
let probabilities temperature =
    let row = Tensors.ofFloats (Device.cpu ()) [ 1L; int64 logits.Length ] logits
    (Warpers.temperature temperature row).softmax -1L |> Tensors.toFloats

let head = vocabulary |> List.map (fun name -> $"P({name})".PadRight 10) |> String.concat ""
printfn "Temp     %s\n%s" head (String.replicate 55 "-")

for temperature in [ 0.1; 0.5; 1.0; 1.5; 2.0 ] do
    let cells = probabilities temperature |> Array.map (sprintf "%-10.4f") |> String.concat ""
    printfn $"%-8.1f{temperature} {cells}"

for temperature in [ 0.5; 1.0; 2.0 ] do
    printfn $"\ntemperature {temperature}"

    for name, share in Seq.zip vocabulary (probabilities temperature) do
        printfn $"  {name} %.2f{share} {TextChart.bar 40 (float share)}"

(**
The same on a model. Cold, it repeats what is safest; hot, it misspells; between 0.7 and 1 it reads best.
*)
let model, tokenizer = playwright (number 0 200)

for temperature in [ 0.3; 0.8; 1.5 ] do
    let sampling = Sampling.random (Warpers.temperature temperature)
    let text = Generate.text sampling (Rng.ofSeed 1UL) 150 tokenizer model "HAMLET:" |> get
    printHeading $"temperature {temperature}"
    printfn $"HAMLET:{text}"
