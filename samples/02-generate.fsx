#r "../src/Gpt/bin/Release/net10.0/TorchSharp.Embedded.dll"
#r "../src/Gpt/bin/Release/net10.0/Gpt.dll"

open Gpt

match Checkpoint.load (Device.best ()) "runs/shakespeare" with
| Error sentence -> printfn $"{sentence}"
| Ok(model, tokenizer) ->
    let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
    let tokens = Tokenizer.encode tokenizer "HAMLET:" |> Result.defaultValue [||]
    let next = Generate.tokens sampling (Rng.ofSeed 1UL) model tokens
    printfn $"HAMLET:{next |> Seq.take 200 |> Tokenizer.decode tokenizer}"
