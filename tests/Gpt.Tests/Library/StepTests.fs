/// How a step is computed - in parts, with blocks computed again, in bfloat16 - changes its cost, not what it learns.
module Gpt.Tests.StepTests

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private plain = StepOptions.plain

/// What a gradient is taken of.
type private Case = {
    Config: GptConfig
    /// Windows of a batch; equal parts of it are computed one after the other.
    Parts: int
    PartSize: int
    Seed: uint64
    Adapted: bool
    Precision: Precision
}

let private cases =
    gen {
        let! activation = Gen.elements [ Gelu; GeluTanh; Relu ]
        let! tied = Gen.elements [ true; false ]
        let! byLayer = Gen.elements [ false; true ]
        let! layers = Gen.choose (1, 3)
        let! dropout = Gen.elements [ 0.0; 0.3 ]
        let! parts = Gen.choose (1, 4)
        let! size = Gen.choose (1, 3)
        let! seed = Gen.choose (0, 100_000)
        let! adapted = Gen.elements [ false; false; true ]
        let! precision = Gen.elements [ Precision.Float32; Precision.BFloat16 ]

        return {
            Config = {
                config with
                    Activation = activation
                    TiedHead = tied
                    ScaleByLayer = byLayer
                    Layers = layers
                    Dropout = dropout
            }
            Parts = parts
            PartSize = size
            Seed = uint64 seed
            Adapted = adapted
            Precision = precision
        }
    }
    |> Arb.fromGen

let private batchOf (size: int) (seed: uint64) =
    let text = Array.init 200 (fun i -> (i * i + i / 3) % 11)
    Batches.draw (Device.cpu ()) size 8 text (Rng.ofSeed seed)

/// The loss and the gradient of a case, computed with options.
let private gradient (case: Case) (mode: Mode) (options: StepOptions) : float * float32[] =
    use model = denseModel case.Config

    use lora = lora case.Config Lora.everyLayer 3UL

    use state =
        if case.Adapted then
            Step.startAdapters lora model
        else
            Step.start model

    let batch = batchOf (case.Parts * case.PartSize) case.Seed

    use loss =
        Step.differentiate
            {
                options with
                    Precision = case.Precision
            }
            mode
            batch
            state

    Gpt.Tensors.item loss, Gpt.Tensors.toFloats state.Gradient

let private norm (numbers: float32[]) = sqrt (numbers |> Array.sumBy (fun x -> float x * float x))

/// How far two gradients are apart, as a share of the second's length.
let private distance (a: float32[]) (b: float32[]) = norm (Array.map2 (-) a b) / max 1e-9 (norm b)

/// The embedded engine computes the same operations in the same order; libtorch may sum in another.
let private expectSame (what: string) (got: float * float32[]) (want: float * float32[]) =
    if Device.engine = "embedded" then
        Expect.equal got want what
    else
        Expect.isLessThan (abs (fst got - fst want)) 1e-5 $"{what}: loss"
        Expect.isLessThan (distance (snd got) (snd want)) 1e-2 $"{what}: gradient"

let private costs =
    testList "costs" [
        law 60 "blocks that are computed again give the gradients of those that are kept" cases (fun case ->
            let mode = Train(Rng.ofSeed case.Seed)
            let want = gradient case mode plain
            expectSame "recompute" (gradient case mode { plain with Recompute = true }) want)

        law 60 "a batch in parts has the gradient of the whole, up to rounding" cases (fun case ->
            let inParts = gradient case Eval { plain with Parts = case.Parts }
            let whole = gradient case Eval plain
            // What rounding to bfloat16 makes of the gradients of the activations depends on the share they are scaled by.
            let near = if case.Precision = Precision.BFloat16 then 2e-2 else 1e-5
            Expect.isLessThan (abs (fst inParts - fst whole)) 1e-5 "loss"
            Expect.isLessThan (distance (snd inParts) (snd whole)) near "gradient")

        law 20 "parts and computing again go together" cases (fun case ->
            let mode, parts = Train(Rng.ofSeed case.Seed), { plain with Parts = case.Parts }
            expectSame "both" (gradient case mode { parts with Recompute = true }) (gradient case mode parts))

        testCase "parts have masks of their own" (fun () ->
            let case = {
                Config = { config with Dropout = 0.5 }
                Parts = 2
                PartSize = 1
                Seed = 1UL
                Adapted = false
                Precision = Precision.Float32
            }

            use model = denseModel case.Config
            let row = [ 1; 5; 2; 9; 3; 3; 0; 7 ]
            let one = ids [ row ]

            let lossOf (inputs: Tensor) parts =
                use state = Step.start model
                let batch = { Inputs = inputs; Targets = inputs }
                use loss = Step.differentiate { plain with Parts = parts } (Train(Rng.ofSeed 1UL)) batch state
                Gpt.Tensors.item loss

            Expect.notEqual (lossOf (ids [ row; row ]) 2) (lossOf one 1) "the second part drops other values")

        testCase "refuses parts that a batch cannot be cut into" (fun () ->
            let sentence parts batch = StepOptions.validate batch { plain with Parts = parts } |> error
            Expect.stringContains (sentence 0 4) "accumulate is 0" "none"
            Expect.stringContains (sentence 3 4) "batch of 4" "no divisor"
            use model = model config
            use state = Step.start model

            Expect.throwsT<ArgumentException>
                (fun () -> Step.differentiate { plain with Parts = 3 } Eval (batchOf 4 1UL) state |> dispose)
                "in a step, too")

        testCase "computing again refuses windows longer than the context, as the plain way does" (fun () ->
            use model = model { config with Context = 4 }
            use state = Step.start model

            Expect.throwsT<ArgumentException>
                (fun () -> Step.differentiate { plain with Recompute = true } Eval (batchOf 1 1UL) state |> dispose)
                "context")
    ]

/// A text of the library's grammar, and a model that learns something of it in a moment.
let private grammar = lazy (Grammar.generate 11UL 20_000)

let private finalLoss precision (seed: uint64) : float =
    let tokenizer = Characters(CharTokenizer.ofText grammar.Value)
    let corpus = Corpus.ofText tokenizer 32 0.9 grammar.Value |> get

    let small = {
        GptConfig.mini with
            VocabSize = Tokenizer.vocabSize tokenizer
            Context = 32
            Dim = 32
            Layers = 2
            Heads = 2
            FeedForward = 128
            Dropout = 0.0
    }

    let options = {
        training 120 with
            BatchSize = 8
            WindowLength = 32
            Schedule = WarmupCosine(1e-2, 1e-3, 10, 120)
            Step = { plain with Precision = precision }
            EvaluateEvery = 120
            EvaluationBatches = 10
            Seed = seed
    }

    use model = Init.model (Device.cpu ()) small (Rng.ofSeed seed)

    match (Training.run options corpus model |> Seq.last).Event with
    | Evaluated(_, validation) -> validation
    | other -> failtest $"the last event is %A{other}"

let private bfloat16 =
    testList "bfloat16" [
        law 40 "gradients are those of float32 up to the rounding of what is multiplied" cases (fun case ->
            let loss, rounded =
                gradient
                    {
                        case with
                            Precision = Precision.BFloat16
                    }
                    Eval
                    plain

            let want, full =
                gradient
                    {
                        case with
                            Precision = Precision.Float32
                    }
                    Eval
                    plain

            Expect.notEqual rounded full "something is rounded"
            Expect.isLessThan (abs (loss - want) / want) 0.02 "loss"
            Expect.isLessThan (distance rounded full) 0.1 "gradient")

        testCase "every parameter that is learned gets its gradient" (fun () ->
            for tied in [ true; false ] do
                use model = denseModel { config with TiedHead = tied }
                use state = Step.start model

                use _loss =
                    Step.differentiate
                        {
                            plain with
                                Precision = Precision.BFloat16
                        }
                        Eval
                        (batchOf 4 1UL)
                        state

                for name, view in state.GradientViews do
                    Expect.isGreaterThan (norm (Gpt.Tensors.toFloats view)) 0.0 name)

        testCase "what is learned stays float32: a step smaller than bfloat16 can tell changes the weights" (fun () ->
            use model = model config
            let mutable state = Step.start model
            let before = Gpt.Tensors.toFloats state.Model.Flat

            let step = {
                plain with
                    Precision = Precision.BFloat16
            }

            let struct (next, loss, norm) = Step.advance step AdamW.defaults 1e-6 Eval (batchOf 4 1UL) state

            state <- next
            dispose loss
            dispose norm
            let after = Gpt.Tensors.toFloats state.Model.Flat
            dispose state

            let moved = Array.map2 (fun (a: float32) b -> abs (a - b) > 0.0f && abs (a - b) < 2e-6f) before after

            Expect.isGreaterThan (moved |> Array.averageBy (fun moved -> if moved then 1.0 else 0.0)) 0.9 "moved")

        testCase "the loss at the end is that of float32 within what another seed changes" (fun () ->
            let seeds = [ 1UL; 2UL; 3UL ]
            let full = seeds |> List.map (finalLoss Precision.Float32)
            let rounded = seeds |> List.map (finalLoss Precision.BFloat16)
            let noise = List.max full - List.min full

            Expect.isLessThan
                (abs (List.average rounded - List.average full))
                noise
                $"float32 %A{full}, bfloat16 %A{rounded}"

            Expect.notEqual rounded full "something is rounded")

        testCase "names are read, and float16 is refused with the reason" (fun () ->
            for precision in [ Precision.Float32; Precision.BFloat16 ] do
                Expect.equal (Precision.parse (Precision.name precision)) (Ok precision) "read back"

            Expect.stringContains (Precision.parse "float16" |> error) "6e-8" "reason"
            Expect.stringContains (Precision.parse "int8" |> error) "float32 and bfloat16" "others")
    ]

let tests = testList "step" [ costs; bfloat16 ]
