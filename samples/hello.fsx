#r "../src/Gpt/bin/Release/net10.0/TorchSharp.Embedded.dll"
#r "../src/Gpt/bin/Release/net10.0/Gpt.dll"

open Gpt
let get result = Result.defaultWith failwith result
let model, tokenizer = Checkpoint.load (Device.best ()) "runs/shakespeare" |> get
let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
Generate.text sampling (Rng.ofSeed 1UL) 200 tokenizer model "HAMLET:" |> get |> printfn "HAMLET:%s"
