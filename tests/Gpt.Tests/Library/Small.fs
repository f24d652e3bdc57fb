/// What the library's tests share: small models, small texts, generators of cases.
module Gpt.Tests.Small

open System
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.NArray

/// A configuration that computes in a moment.
let config: GptConfig = {
    GptConfig.mini with
        VocabSize = 11
        Context = 8
        Dim = 12
        Layers = 2
        Heads = 3
        FeedForward = 20
        Dropout = 0.0
}

let model config = Init.model (Device.cpu ()) config (Rng.ofSeed 7UL)

/// A model whose every parameter is far from its initial value, so that a forgotten bias shows.
let denseModel config =
    Model.build (Device.cpu ()) config (fun name parameter ->
        let struct (values, _) = Rng.ofSeed 8UL |> Rng.splitNamed name |> Rng.normals (int (parameter.numel ()))

        let offset =
            if name.Contains "ln_" && name.EndsWith ".weight" then
                1.0f
            else
                0.0f

        let scaled = values |> Array.map (fun x -> offset + 0.3f * x)

        parameter.copy_ (Gpt.Tensors.ofFloats parameter.device (List.ofArray parameter.shape) scaled)
        |> ignore)

/// Token ids (B, T) as a tensor.
let ids (rows: int list list) : Tensor =
    let shape = [ int64 rows.Length; int64 rows.Head.Length ]
    rows |> List.concat |> List.map int64 |> Array.ofList |> Gpt.Tensors.ofIds (Device.cpu ()) shape

/// Frees what a test made.
let dispose (resource: IDisposable) = resource.Dispose()

/// Token ids below a vocabulary size, `least` to `most` of them.
let tokens vocab least most =
    gen {
        let! length = Gen.choose (least, most)
        return! Gen.listOfLength length (Gen.choose (0, vocab - 1))
    }
    |> Arb.fromGen

/// The result, or the test fails with the error.
let get (result: Result<'a, string>) : 'a =
    match result with
    | Ok value -> value
    | Error sentence -> Expecto.Tests.failtest $"unexpected error: {sentence}"

/// A text with a rule that a small model learns at once: each letter is followed by the next of the alphabet.
let counting = Array.init 2000 (fun i -> i % 11)

/// A short training on windows of 8 tokens.
let training (steps: int) : TrainingOptions = {
    Training.defaults steps with
        BatchSize = 4
        WindowLength = 8
        Schedule = Constant 1e-2
        EvaluationBatches = 2
        Seed = 1UL
}

/// Fresh adapters of rank 2 for layers of `config`.
let lora (config: GptConfig) (targets: string list) (seed: uint64) : Lora =
    Lora.init
        (Device.cpu ())
        config
        {
            Rank = 2
            Alpha = 4.0
            Targets = targets
        }
        (Rng.ofSeed seed)

/// The error, or the test fails.
let error (result: Result<'a, string>) : string =
    match result with
    | Ok _ -> Expecto.Tests.failtest "an error was expected"
    | Error sentence -> sentence

/// A real tensor as a plain array.
let arrayOf (tensor: Tensor) : NArray = reals tensor.shape (Gpt.Tensors.toFloats tensor)

/// A folder that does not exist yet, removed when the test is over.
let withFolder (test: string -> unit) =
    let folder = IO.Path.Combine(IO.Path.GetTempPath(), $"gpt-test-{Guid.NewGuid():N}")

    try
        test folder
    finally
        if IO.Directory.Exists folder then
            IO.Directory.Delete(folder, true)
