module Gpt.Tests.LoraTests

open Expecto
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

let private cpu = Device.cpu ()

let attention: LoraOptions = {
    Rank = 2
    Alpha = 3.0
    Targets = Lora.attention
}

let everyLayer = {
    attention with
        Rank = 3
        Targets = Lora.everyLayer
}

/// Adapters whose every number is far from zero.
let denseLora options seed =
    Lora.build cpu config options (fun name matrix ->
        let struct (values, _) = Rng.ofSeed seed |> Rng.splitNamed name |> Rng.normals (int (matrix.numel ()))

        matrix.copy_ (Gpt.Tensors.ofFloats cpu (List.ofArray matrix.shape) (Array.map ((*) 0.3f) values))
        |> ignore)

let private fresh options = Lora.init cpu config options (Rng.ofSeed 5UL)
let numbers (tensor: Tensor) = Gpt.Tensors.toFloats tensor

let private corpus = Corpus.ofTokens 8 0.9 counting |> get

let private training = {
    training 20 with
        Schedule = Constant 2e-2
        ReportEvery = 20
        EvaluateEvery = 20
}

let private batch = {
    Inputs = ids [ [ 1; 5; 2; 9 ]; [ 3; 3; 0; 7 ] ]
    Targets = ids [ [ 5; 2; 9; 4 ]; [ 3; 0; 7; 10 ] ]
}

/// The product of two matrices as plain arrays, (n, k) and (k, m).
let private product (n: int) (k: int) (m: int) (a: float[]) (b: float[]) =
    Array.init (n * m) (fun i -> Seq.sum (seq { for j in 0 .. k - 1 -> a[i / m * k + j] * b[j * m + i % m] }))

/// (rows, columns) to (columns, rows).
let private transposed (rows: int) (columns: int) (a: float[]) =
    Array.init (rows * columns) (fun i -> a[i % rows * columns + i / rows])

let private wide (tensor: Tensor) = numbers tensor |> Array.map float

let private expectNear limit what (got: float[]) (want: float[]) =
    Expect.equal got.Length want.Length what
    expectBelow limit (Array.map2 (fun a b -> abs (a - b)) got want |> Array.max) what

/// The layers that are adapted, with the views of A and B in a list of either, and the sides (in, out) of the weight.
let private pairs (named: (string * Tensor) list) = [
    for name, a in named do
        if name.EndsWith ".lora_A.weight" then
            let layer = name.Replace(".lora_A.weight", "")
            let b = Map.find $"{layer}.lora_B.weight" (Map.ofList named)
            layer, a, b, int a.shape[1], int b.shape[0]
]

let private refused name (change: LoraOptions -> LoraOptions) (words: string list) =
    testCase $"refuses {name}" (fun () ->
        let sentence = Lora.validate config (change attention) |> error
        words |> List.iter (fun word -> Expect.stringContains sentence word "named")

        Expect.throwsT<System.ArgumentException>
            (fun () -> Lora.init cpu config (change attention) (Rng.ofSeed 1UL) |> ignore)
            "build raises")

let private arithmetic =
    testList "arithmetic" [
        law
            20
            "merging adds alpha / r times B A to the adapted weights, nothing to the others"
            (within 0 10_000)
            (fun seed ->
                for options in [ attention; everyLayer ] do
                    use model = denseModel config
                    use lora = denseLora options (uint64 seed)
                    use merged = Lora.merge lora model
                    let before, after = Map.ofList model.Named, Map.ofList merged.Named

                    let adapted =
                        Map.ofList [
                            for layer, a, b, inputs, outputs in pairs lora.Named ->
                                $"{layer}.weight", product outputs options.Rank inputs (wide b) (wide a)
                        ]

                    for KeyValue(name, weight) in before do
                        match Map.tryFind name adapted with
                        | None -> Expect.equal (numbers after[name]) (numbers weight) name
                        | Some added ->
                            let scale = options.Alpha / float options.Rank
                            let want = Array.map2 (fun w d -> w + scale * d) (wide weight) added
                            expectNear 1e-5 name (wide after[name]) want)

        law 20 "gradients of A and B are those that the merged weights' give" (within 0 10_000) (fun seed ->
            for options in [ attention; everyLayer ] do
                use model = denseModel config
                use lora = denseLora options (uint64 seed)
                use merged = Lora.merge lora model
                use state = Step.startAdapters lora model
                use whole = Step.start merged
                use loss = Step.differentiate StepOptions.plain Eval batch state
                use want = Step.differentiate StepOptions.plain Eval batch whole
                expectBelow 1e-5 (abs (Gpt.Tensors.item loss - Gpt.Tensors.item want)) "loss"
                let gradients = Map.ofList whole.GradientViews
                let matrices = Map.ofList [ for layer, a, b, _, _ in pairs lora.Named -> layer, (wide a, wide b) ]
                let rank, scale = options.Rank, options.Alpha / float options.Rank

                for layer, gotA, gotB, inputs, outputs in pairs state.GradientViews do
                    let gradient = wide gradients[$"{layer}.weight"] |> Array.map ((*) scale)
                    let a, b = matrices[layer]
                    let wantA = product rank outputs inputs (transposed outputs rank b) gradient
                    let wantB = product outputs inputs rank gradient (transposed rank inputs a)
                    expectNear 1e-5 $"A of {layer}" (wide gotA) wantA
                    expectNear 1e-5 $"B of {layer}" (wide gotB) wantB)

        law 20 "the merged model computes what the adapted one does" (tokens 11 1 8) (fun context ->
            use model = denseModel config
            use lora = denseLora everyLayer 3UL
            use merged = Lora.merge lora model
            let input = ids [ context ]

            let adapted = {
                model with
                    Params = Lora.apply lora model
            }

            let got = Transformer.forward Eval merged input |> wide
            expectNear 1e-5 "logits" got (Transformer.forward Eval adapted input |> wide))

        testCase "fresh adapters change nothing" (fun () ->
            use model = denseModel config
            use lora = fresh everyLayer
            use merged = Lora.merge lora model
            let logits model = Transformer.forward Eval model batch.Inputs |> numbers
            Expect.equal (logits merged) (logits model) "merged"

            Expect.equal
                (logits {
                    model with
                        Params = Lora.apply lora model
                })
                (logits model)
                "adapted")

        testCase "A begins evenly within 1 / √in, B at zero, by the generator alone" (fun () ->
            use lora = fresh everyLayer
            use again = fresh everyLayer
            use other = Lora.init cpu config everyLayer (Rng.ofSeed 6UL)
            Expect.equal (numbers again.Flat) (numbers lora.Flat) "same seed"
            Expect.notEqual (numbers other.Flat) (numbers lora.Flat) "other seed"

            for layer, a, b, inputs, _ in pairs lora.Named do
                let bound = 1.0 / sqrt (float inputs)
                let largest = wide a |> Array.map abs |> Array.max
                expectBelow bound largest layer
                Expect.isGreaterThan largest (0.7 * bound) layer
                Expect.isTrue (Array.forall ((=) 0.0f) (numbers b)) layer)

        testCase "names of layers are matched by whole parts" (fun () ->
            let layers targets =
                Lora.shapes { config with Layers = 1 } { attention with Targets = targets }
                |> List.map (fun (name, _) -> name.Replace(".lora_A.weight", "").Replace(".lora_B.weight", ""))
                |> List.distinct

            Expect.equal (layers [ "c_proj" ]) [ "h.0.attn.c_proj"; "h.0.mlp.c_proj" ] "both halves"
            Expect.equal (layers [ "attn.c_proj" ]) [ "h.0.attn.c_proj" ] "one"
            Expect.equal (layers Lora.everyLayer).Length 4 "all"
            Expect.equal (Lora.count config attention) (2L * 2L * (12L + 36L)) "numbers"

            Expect.stringContains
                (Lora.validate config { attention with Targets = [ "proj" ] } |> error)
                "proj"
                "no part")
    ]

let private learning =
    testList "training" [
        testCase "changes the adapters alone" (fun () ->
            use model = denseModel config
            use lora = fresh attention
            let before, start = numbers model.Flat, numbers lora.Flat

            for report in Training.runAdapters training corpus lora model do
                let state = report.State

                match state.Adaptation with
                | None -> failtest "no adapters"
                | Some adaptation ->
                    use merged = Lora.merge adaptation.Lora model
                    Expect.equal (numbers state.Model.Flat) (numbers merged.Flat) "the model is the merged one"

                    if state.Step = 20 then
                        for name, matrix in adaptation.Lora.Named do
                            Expect.notEqual (numbers matrix) (numbers (Map.find name (Map.ofList lora.Named))) name

                        for name, weight in state.Model.Named do
                            let same = numbers weight = numbers (Map.find name (Map.ofList model.Named))
                            Expect.equal same (not (name.EndsWith "c_attn.weight")) name

            Expect.equal (numbers model.Flat) before "the base"
            Expect.equal (numbers lora.Flat) start "the given adapters")

        testCase "lowers the loss" (fun () ->
            use model = denseModel config
            use lora = fresh everyLayer

            let losses = [
                for report in
                    Training.runAdapters
                        {
                            training with
                                Steps = 200
                                EvaluateEvery = 200
                        }
                        corpus
                        lora
                        model do
                    match report.Event with
                    | Evaluated(_, validation) -> validation
                    | Stepped _ -> ()
            ]

            Expect.isLessThan (List.last losses) (0.5 * List.head losses) "validation loss")

        testCase "runs twice the same and leaves no tensor behind" (fun () ->
            use model = denseModel { config with Dropout = 0.2 }
            use lora = fresh attention
            let before = TrainingTests.liveTensors ()

            let run () = [
                for report in Training.runAdapters training corpus lora model ->
                    report.Event, numbers report.State.Model.Flat
            ]

            Expect.equal (run ()) (run ()) "events and weights"
            Expect.equal (TrainingTests.liveTensors ()) before "live tensors")

        testCase "adapters of a model of other sizes are refused" (fun () ->
            use model = denseModel { config with FeedForward = 16 }
            use lora = fresh attention
            Expect.throwsT<System.ArgumentException> (fun () -> Lora.merge lora model |> dispose) "merge"
            Expect.throwsT<System.ArgumentException> (fun () -> Step.startAdapters lora model |> dispose) "start")
    ]

let tests =
    testList "lora" [
        arithmetic
        learning
        refused "rank 0" (fun o -> { o with Rank = 0 }) [ "rank is 0"; "at most 12" ]
        refused "a rank beyond the shortest side" (fun o -> { o with Rank = 13 }) [ "rank is 13"; "at most 12" ]
        refused "alpha 0" (fun o -> { o with Alpha = 0.0 }) [ "alpha is 0" ]
        refused "an infinite alpha" (fun o -> { o with Alpha = infinity }) [ "alpha is" ]
        refused "no layers" (fun o -> { o with Targets = [] }) [ "at least one" ]
        refused "an unknown layer" (fun o -> { o with Targets = [ "q_proj" ] }) [ "q_proj"; "c_attn" ]

        testCase "the largest rank is allowed" (fun () ->
            Expect.isOk (Lora.validate config { attention with Rank = 12 }) "rank 12")
    ]
