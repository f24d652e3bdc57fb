module Gpt.Tests.OptimTests

open System.IO
open System.Text.Json
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

module Raw = Gpt.Tests.Tensors

/// Cases for the optimizer: options, a number of matrix entries, parameters, gradients of a few steps.
let private cases =
    gen {
        let! seed = Gen.choose (0, 1_000_000)
        let! size = Gen.choose (1, 40)
        let! matrices = Gen.choose (0, size)
        let! decay = Gen.elements [ 0.0; 0.1; 0.5 ]
        let! clip = Gen.elements [ None; Some 0.5; Some 100.0 ]
        let! beta2 = Gen.elements [ 0.95; 0.999 ]

        return
            seed,
            size,
            matrices,
            {
                AdamW.defaults with
                    WeightDecay = decay
                    ClipNorm = clip
                    Beta2 = beta2
            }
    }
    |> Arb.fromGen

let private vector seed size = Raw.ofFloats [| int64 size |] (uniform -1.0 1.0 size seed)

let private twins =
    law 300 "the in-place step is the chain of pure transforms" cases (fun (seed, size, matrices, options) ->
        let schedule = WarmupCosine(1e-2, 1e-3, 2, 6)
        let chain = AdamW.chain options schedule
        let mutable pureParameters = vector seed size
        let mutable pureState = Transform.init chain pureParameters
        let parameters = vector seed size
        let mutable state = AdamW.init parameters

        for step in 0..4 do
            let gradient = vector (seed + step + 1) size

            let context = {
                Step = step
                Parameters = pureParameters
                MatrixCount = int64 matrices
            }

            let next, update = chain.Apply context pureState gradient
            pureState <- next
            pureParameters <- pureParameters.add update

            let _, after =
                AdamW.update options (Schedule.rate schedule step) (int64 matrices) parameters gradient state

            state <- after

            expectClose
                (tolerance 1e-6 1e-5)
                $"parameters after step {step}"
                (arrayOf parameters)
                (arrayOf pureParameters)

        dispose state)

/// `AdamW.update` by TorchSharp's operators, each a pass over memory.
let private byOperators (options: AdamWOptions) rate (matrices: int64) count (parameters: Tensor) (gradient: Tensor) =
    let mean, square = parameters.zeros_like (), parameters.zeros_like ()
    let scalar = Tensors.scalar
    let bias beta = 1.0 - beta ** float count
    let norm = gradient.norm ()

    options.ClipNorm
    |> Option.iter (fun limit -> gradient.mul_ (Transforms.clipFactor limit norm) |> ignore)

    mean.mul_(scalar options.Beta1).add_(gradient, scalar (1.0 - options.Beta1)) |> ignore

    square.mul_(scalar options.Beta2).addcmul_(gradient, gradient, scalar (1.0 - options.Beta2))
    |> ignore

    let root = square.sqrt().mul_(scalar (1.0 / sqrt (bias options.Beta2))).add_(scalar options.Epsilon)
    parameters.narrow(0L, 0L, matrices).mul_(scalar (1.0 - rate * options.WeightDecay)) |> ignore
    parameters.addcdiv_ (mean, root, scalar (-rate / bias options.Beta1)) |> ignore
    [ parameters; mean; square ]

let private onePass =
    law 100 "a step is TorchSharp's operators one by one, bit for bit" cases (fun (seed, size, matrices, options) ->
        let size, matrices, count = 997 * size, int64 (997 * matrices), 1 + seed % 50
        let parameters, gradient = vector seed size, vector (seed + 1) size

        let state = {
            AdamW.init parameters with
                Step = count - 1
        }

        let expected = byOperators options 1e-2 matrices count (vector seed size) (vector (seed + 1) size)

        AdamW.update options 1e-2 matrices parameters gradient state |> ignore

        for name, expected, actual in
            List.zip3 [ "parameters"; "mean"; "square" ] expected [ parameters; state.Mean; state.Square ] do
            Expect.equal (arrayOf actual) (arrayOf expected) name

        dispose state)

let private trajectory folder (case: JsonElement) =
    testCase (string (case.GetProperty "name")) (fun () ->
        let name = string (case.GetProperty "name")
        let file = SafetensorsFile.read (Path.Combine(folder, "adamw.safetensors"))
        let number (field: string) = case.GetProperty(field).GetDouble()
        let clip = case.GetProperty "clip_norm"

        let options = {
            Beta1 = case.GetProperty("betas").[0].GetDouble()
            Beta2 = case.GetProperty("betas").[1].GetDouble()
            Epsilon = number "eps"
            WeightDecay = number "weight_decay"
            ClipNorm =
                if clip.ValueKind = JsonValueKind.Null then
                    None
                else
                    Some(clip.GetDouble())
        }

        let part i step = floats file[$"grads.{i}"] |> Array.splitInto 12 |> Array.item step
        let flat (parts: float32[] list) = let all = Array.concat parts in Raw.ofFloats [| all.LongLength |] all
        let parameters = flat [ for i in 0..2 -> floats file[$"init.{i}"] ]
        let mutable state = AdamW.init parameters

        for step in 0..11 do
            let gradient = flat [ for i in 0..2 -> part i step ]
            // PyTorch's optimizer decays every parameter it is given: all of them count as matrices here.
            let norm, after = AdamW.update options (number "lr") (parameters.numel ()) parameters gradient state
            state <- after

            let want =
                Array.concat [
                    for i in 0..2 -> floats file[$"{name}.params.{i}"] |> Array.splitInto 12 |> Array.item step
                ]

            expectClose
                (tolerance 1e-6 1e-5)
                $"parameters after step {step}"
                (arrayOf parameters)
                (reals parameters.shape want)

            let wantNorm = (floats file[$"{name}.norms"])[step]

            expectClose
                (tolerance 1e-6 1e-5)
                $"norm at step {step}"
                (reals [||] (Gpt.Tensors.toFloats norm))
                (reals [||] [| wantNorm |])

        dispose state)

let private schedule (number: int) (case: JsonElement) =
    let kind = string (case.GetProperty "kind")

    testCase $"{kind} {number}" (fun () ->
        let number (field: string) = case.GetProperty(field).GetDouble()

        let schedule =
            match kind with
            | "warmup_cosine" ->
                WarmupCosine(number "lr", number "min_lr", int (number "warmup"), int (number "decay_iters"))
            | "CosineAnnealingLR" -> Cosine(number "lr", number "eta_min", int (number "T_max"))
            | other -> failtest $"unknown schedule {other}"

        for step, want in Seq.indexed (case.GetProperty("lrs").EnumerateArray()) do
            let want, got = want.GetDouble(), Schedule.rate schedule step
            Expect.isLessThanOrEqual (abs (got - want)) (1e-12 + 1e-9 * want) $"step {step}: {got}, expected {want}")

let tests =
    testList "optimizer" [
        twins
        onePass

        testCase "decay leaves vectors alone" (fun () ->
            let parameters = Raw.ofFloats [| 4L |] [| 1f; 1f; 1f; 1f |]
            let gradient = Raw.ofFloats [| 4L |] [| 0f; 0f; 0f; 0f |]

            let _, after =
                AdamW.update
                    {
                        AdamW.defaults with
                            WeightDecay = 0.5
                    }
                    0.1
                    2L
                    parameters
                    gradient
                    (AdamW.init parameters)

            Expect.equal
                (Gpt.Tensors.toFloats parameters)
                [| 0.95f; 0.95f; 1f; 1f |]
                "only the first two are a matrix's"

            dispose after)

        testCase "schedules at their borders" (fun () ->
            let rate = Schedule.rate (WarmupCosine(1.0, 0.1, 4, 10))

            Expect.equal
                [ rate 0; rate 4; rate 10; rate 11; rate 1000 ]
                [ 0.2; 1.0; 0.1; 0.1; 0.1 ]
                "warm-up and cosine"

            Expect.equal (Schedule.rate (Constant 0.5) 99) 0.5 "constant"
            Expect.floatClose Accuracy.high (Schedule.rate (Cosine(1.0, 0.0, 10)) 5) 0.5 "half way")

        testCase "what cannot be used is named" (fun () ->
            Expect.stringContains (Schedule.validate (Constant nan) |> error) "NaN" "rate"
            Expect.stringContains (Schedule.validate (WarmupCosine(1.0, -1.0, 0, 5)) |> error) "minimum" "minimum"
            Expect.stringContains (Schedule.validate (Cosine(1.0, 0.0, 0)) |> error) "steps is 0" "steps"
            Expect.stringContains (AdamW.validate { AdamW.defaults with Beta1 = 1.0 } |> error) "beta1 is 1" "beta1"

            Expect.stringContains
                (AdamW.validate {
                    AdamW.defaults with
                        ClipNorm = Some 0.0
                 }
                 |> error)
                "clipping"
                "clip"

            Expect.stringContains
                (AdamW.validate {
                    AdamW.defaults with
                        WeightDecay = nan
                 }
                 |> error)
                "weight decay"
                "decay")

        testList
            "against PyTorch"
            (testsOf (shared "optim") (fun folder ->
                let index = json (Path.Combine(folder, "index.json"))

                [
                    testList "AdamW" [
                        for case in index.GetProperty("adamw").EnumerateArray() -> trajectory folder case
                    ]
                    testList
                        "schedule"
                        (index.GetProperty("schedules").EnumerateArray() |> Seq.mapi schedule |> List.ofSeq)
                ]))
    ]
