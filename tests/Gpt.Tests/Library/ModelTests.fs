module Gpt.Tests.ModelTests

open System
open System.IO
open System.Security.Cryptography
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

module Raw = Gpt.Tests.Tensors

let private logitsOf (model: Model) (rows: int list list) =
    Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model (ids rows)) |> Gpt.Tensors.toFloats

let private againstOracle name (config: GptConfig) =
    testCase $"logits are those of the slow version, {name}" (fun () ->
        use model = denseModel config
        let rows = [ [ 1; 5; 0; 10; 3; 3; 7; 2 ]; [ 9; 9; 1; 0; 4; 6; 8; 5 ] ]

        let want =
            rows
            |> Seq.collect (Array.ofList >> NaiveGpt.logits model)
            |> Seq.collect (Seq.map float32)
            |> Array.ofSeq

        let got = Transformer.forward Eval model (ids rows)
        expectClose (tolerance 1e-4 1e-4) "logits" (arrayOf got) (reals [| 2L; 8L; 11L |] want))

let private causality =
    law 200 "what comes later changes nothing before it, not one bit" (tokens 11 2 8) (fun row ->
        use model = denseModel config
        let changed = List.mapi (fun i id -> if i = row.Length - 1 then (id + 1) % 11 else id) row
        let before = 11 * (row.Length - 1)
        let a, b = logitsOf model [ row ], logitsOf model [ changed ]
        Expect.equal a[.. before - 1] b[.. before - 1] "logits before the change"
        Expect.notEqual a[before..] b[before..] "logits at the change")

let private scaled = {
    config with
        TiedHead = false
        ScaleAttention = false
        ScaleByLayer = true
}

let private cached (config: GptConfig) =
    let kind = if config = scaled then ", scaled otherwise" else ""

    law 200 $"feeding in parts through the cache gives the logits of feeding at once{kind}" (tokens 11 1 8) (fun row ->
        use model = denseModel config
        use cache = KvCache.create 1 config.Context model
        let whole = logitsOf model [ row ] |> Array.chunkBySize 11

        // Parts of 1, 2, 1, 2 … tokens: single queries and masked ones.
        let rec parts size (rest: int list) =
            if rest.IsEmpty then
                []
            else
                let part, after = List.splitAt (min size rest.Length) rest
                part :: parts (3 - size) after

        let feed (cache: KvCache) part =
            let logits, cache = Transformer.extend model cache (ids [ part ])
            let want = reals [| 1L; 11L |] whole[cache.Lengths[0] - 1]
            expectClose (tolerance 1e-4 0.0) $"after {cache.Lengths[0]} tokens" (arrayOf logits) want
            cache

        let final = List.fold feed cache (parts 1 row)
        Expect.equal final.Lengths[0] row.Length "tokens in the cache")

let private modelOf folder (entry: System.Text.Json.JsonElement) =
    let int (name: string) = entry.GetProperty(name).GetInt32()
    let tensors = SafetensorsFile.read (Path.Combine(folder, string (entry.GetProperty "file")))

    let config: GptConfig = {
        VocabSize = int "vocab"
        Context = int "ctx"
        Dim = int "d"
        Layers = int "layers"
        Heads = int "heads"
        FeedForward = int "ff"
        Dropout = 0.0
        NormEpsilon = 1e-5
        Activation = Gelu
        TiedHead = true
        ScaleAttention = true
        ScaleByLayer = false
    }

    let fill (name: string) (parameter: Tensor) =
        let stored = tensors[$"param.{name}"]
        Expect.equal parameter.shape stored.Shape name
        parameter.copy_ (Raw.ofNArray stored) |> ignore

    Model.build (Device.cpu ()) config fill, tensors

let private toleranceOf (index: System.Text.Json.JsonElement) (name: string) =
    let pair = index.GetProperty("tolerances").GetProperty name
    tolerance (pair[0].GetDouble()) (pair[1].GetDouble())

let private fixture folder name =
    testCase name (fun () ->
        let index = json (Path.Combine(folder, "index.json"))
        let model, tensors = modelOf folder (index.GetProperty("configs").GetProperty name)
        use model = model
        use state = Step.start model

        let batch = {
            Inputs = Raw.ofNArray tensors["x"]
            Targets = Raw.ofNArray tensors["y"]
        }

        use logits = Transformer.forward Eval model batch.Inputs
        expectClose (toleranceOf index "minigpt_logits") "logits" (arrayOf logits) tensors["logits"]
        use loss = Step.differentiate StepOptions.plain Eval batch state
        expectClose (toleranceOf index "minigpt_losses") "loss" (arrayOf loss) tensors["loss"]

        for name, view in state.GradientViews do
            expectClose (toleranceOf index "minigpt_grads") name (arrayOf view) tensors[$"grad.{name}"])

/// Thirty steps of AdamW, held against PyTorch's.
let private trajectory folder =
    testCase "thirty steps" (fun () ->
        let index = json (Path.Combine(folder, "index.json"))
        let entry = index.GetProperty("configs").GetProperty "small"
        let model, _ = modelOf folder entry
        use model = model
        let want = SafetensorsFile.read (Path.Combine(folder, "small_train.safetensors"))
        let options = { AdamW.defaults with Beta2 = 0.95 }

        let row (name: string) (step: int) =
            let all = Raw.ofNArray want[name]
            all.select (0L, int64 step)

        let mutable state = Step.start model

        use _cleanup = {
            new System.IDisposable with
                member _.Dispose() = dispose state
        }

        for step in 0..29 do
            let batch = {
                Inputs = row "xs" step
                Targets = row "ys" step
            }

            let struct (next, loss, norm) = Step.advance StepOptions.plain options 1e-3 Eval batch state
            state <- next

            let close what (got: Tensor) =
                expectClose
                    (toleranceOf index "minigpt_losses")
                    $"{what} of step {step}"
                    (arrayOf (got.reshape [||]))
                    (Raw.toNArray (row what step))

            close "losses" loss
            close "norms" norm

        let comparable (name: string) (tensor: Tensor) =
            // The gradient of the keys' bias is exactly zero; what Adam makes of its rounding says nothing.
            if name.EndsWith "attn.c_attn.bias" then
                [| tensor.narrow (0L, 0L, 32L); tensor.narrow (0L, 64L, 32L) |] |> TorchSharp.torch.cat
            else
                tensor

        for name, parameter in state.Model.Named do
            let got = arrayOf (comparable name (parameter.detach ()))
            let wanted = arrayOf (comparable name (Raw.ofNArray want[$"final.{name}"]))
            expectClose (toleranceOf index "minigpt_final") name got wanted

            let rms =
                Array.map2 (fun a b -> float (a - b) ** 2.0) (floats got) (floats wanted) |> Array.average |> sqrt

            Expect.isLessThanOrEqual rms 1e-5 $"root mean square of the difference in {name}")

let tests =
    testList "model" [
        againstOracle "Gelu" config
        againstOracle "GeluTanh" { config with Activation = GeluTanh }
        againstOracle "Relu" { config with Activation = Relu }
        againstOracle "a head of its own" { config with TiedHead = false }
        againstOracle "scores not scaled" { config with ScaleAttention = false }
        againstOracle "scores scaled by layer" { config with ScaleByLayer = true }

        againstOracle "both" {
            config with
                ScaleAttention = false
                ScaleByLayer = true
        }

        causality
        cached config
        cached scaled

        testCase "too many tokens are refused with both numbers" (fun () ->
            use model = model config
            let message = Expect.throwsC (fun () -> logitsOf model [ List.replicate 9 0 ] |> ignore) _.Message
            Expect.stringContains message "9 tokens" "what was given"
            Expect.stringContains message "context of 8" "what would be right")

        testCase "the same seed gives the same parameters, another one others" (fun () ->
            let flat seed =
                use model = Init.model (Device.cpu ()) config (Rng.ofSeed seed)
                Gpt.Tensors.toFloats model.Flat

            Expect.equal (flat 1UL) (flat 1UL) "same"
            Expect.notEqual (flat 1UL) (flat 2UL) "other")

        testCase "initial values are those of the first version, bit for bit" (fun () ->
            let hash (config: GptConfig) =
                use model = Init.model (Device.cpu ()) config (Rng.ofSeed 7UL)
                SHA256.HashData(model.Flat.bytes.ToArray()) |> Convert.ToHexString

            Expect.equal (hash config) "88CCE281926237B65F6656AC2D0565C378DAFC3DE9D16B817218139921035A60" "small"
            // An odd number of values, drawn in parts.
            let large = {
                GptConfig.mini with
                    VocabSize = 40001
                    Dim = 127
                    Heads = 1
                    FeedForward = 7
                    Layers = 1
            }

            Expect.equal (hash large) "DB1C0B342E874ADF3333F4B2D3025F2D4C795F5D05AECA8779D36DD396C33753" "large")

        testCase "fresh matrices have deviation 0.02, norms are neutral" (fun () ->
            use model = Init.model (Device.cpu ()) GptConfig.mini (Rng.ofSeed 1UL)
            let values = Gpt.Tensors.toFloats (model.Flat.narrow (0L, 0L, model.MatrixCount))
            let deviation = values |> Array.averageBy (fun x -> float x * float x) |> sqrt
            Expect.floatClose Accuracy.low deviation 0.02 "deviation"
            let vectors = model.Named |> List.filter (fun (_, p) -> p.shape.Length = 1)

            for name, parameter in vectors do
                let value = if name.EndsWith ".weight" then 1.0f else 0.0f
                Expect.all (Gpt.Tensors.toFloats parameter) (fun x -> x = value) name)

        testCase "parameters are views of the flat tensor, matrices first" (fun () ->
            use model = model config
            let joined = model.Named |> List.map (snd >> Gpt.Tensors.toFloats) |> Array.concat
            Expect.equal joined (Gpt.Tensors.toFloats model.Flat) "end to end"
            model.Flat.zero_ () |> ignore
            Expect.all (Gpt.Tensors.toFloats model.Params.TokenEmbedding) ((=) 0.0f) "the view sees the change")

        testCase "a copy shares nothing" (fun () ->
            use model = model config
            use copy = Model.copy model
            Expect.equal (Gpt.Tensors.toFloats copy.Flat) (Gpt.Tensors.toFloats model.Flat) "equal"
            copy.Flat.zero_ () |> ignore
            Expect.exists (Gpt.Tensors.toFloats model.Flat) ((<>) 0.0f) "the original stays")

        testList
            "against PyTorch"
            (testsOf (shared "minigpt") (fun folder -> [
                fixture folder "small"
                fixture folder "small_dense"
                fixture folder "medium"
                trajectory folder
            ]))
    ]
