/// Models with weights in bfloat16 and int8: how they are rounded, that the rounded weights are what computes, how much accuracy
/// that costs, and that they generate like any model.
module Gpt.Tests.QuantizeTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

let private types = [ WeightType.BFloat16; WeightType.Int8 ]

let private numbers (tensor: Tensor) =
    use wide = tensor.to_type TorchSharp.torch.ScalarType.Float32
    Gpt.Tensors.toFloats wide

/// What a parameter of a quantized model stands for: its numbers, times their scales if it has them.
let private widened (quantized: Model) (name: string) : float32[] =
    let byName = Map.ofList quantized.Named
    let values = numbers byName[name]

    match Map.tryFind $"{name}.scale" byName with
    | None -> values
    | Some scale ->
        let scales = numbers scale
        let columns = values.Length / scales.Length
        values |> Array.mapi (fun i x -> x * scales[i / columns])

/// The float32 model with the rounded weights of a quantized one.
let private widenedModel (quantized: Model) : Model =
    Model.build (Device.cpu ()) quantized.Config (fun name parameter ->
        let shape = List.ofArray parameter.shape
        parameter.copy_ (Gpt.Tensors.ofFloats (Device.cpu ()) shape (widened quantized name)) |> ignore)

/// A small model whose sizes, layers and head are drawn.
let private models: FsCheck.Arbitrary<GptConfig> =
    gen {
        let! heads = Gen.choose (1, 3)
        let! width = Gen.choose (1, 7)
        let! vocabulary = Gen.choose (2, 40)
        let! hidden = Gen.choose (1, 30)
        let! tied = Gen.elements [ true; false ]

        return {
            config with
                Heads = heads
                Dim = heads * width
                VocabSize = vocabulary
                FeedForward = hidden
                TiedHead = tied
        }
    }
    |> Arb.fromGen

let private isNarrow (name: string, shape: int64 list) = shape.Length > 1 && name <> "wpe.weight"

let private rounding =
    law 100 "weights are rounded to the nearest, all else stays bit for bit" models (fun config ->
        use model = denseModel config
        let originals = Map.ofList model.Named

        for weights in types do
            use quantized = Quantize.model weights model
            Expect.equal quantized.WeightType weights "type"

            for name, shape in Params.shapes config do
                let before, after = numbers originals[name], widened quantized name

                if not (isNarrow (name, shape)) then
                    Expect.equal after before name
                elif weights = WeightType.BFloat16 then
                    // 8 significant bits: half of the last is 2^-8 of the number at most.
                    for x, y in Array.zip before after do
                        Expect.isLessThanOrEqual (abs (float y - float x)) (abs (float x) / 256.0) name
                else
                    for x, y in
                        Array.zip (Array.chunkBySize (int shape[1]) before) (Array.chunkBySize (int shape[1]) after) do
                        let largest = x |> Array.map (abs >> float) |> Array.max

                        for x, y in Array.zip x y do
                            let half = largest / 127.0 / 2.0
                            Expect.isLessThanOrEqual (abs (float y - float x)) (half * 1.00001) name)

let private zeros =
    testCase "a row of zeros stays zeros" (fun () ->
        use model = Model.build (Device.cpu ()) config (fun _ _ -> ())
        use quantized = Quantize.model WeightType.Int8 model

        for name, _ in Params.shapes config do
            Expect.all (widened quantized name) ((=) 0.0f) name)

let private logitsOf (model: Model) (rows: int list list) =
    Gpt.Tensors.noGrad (fun () ->
        use logits = Transformer.forward Eval model (ids rows)
        arrayOf logits)

let private computation =
    law
        100
        "logits are those of a float32 model with the rounded weights"
        (both models (within 0 1000))
        (fun (config, seed) ->
            use model = denseModel config
            let random = Random seed
            let rows = [ for _ in 1..2 -> [ for _ in 1..8 -> random.Next config.VocabSize ] ]

            for weights in types do
                use quantized = Quantize.model weights model
                use wide = widenedModel quantized
                // libtorch rounds what is multiplied by weights in bfloat16, too.
                let rounds = weights = WeightType.BFloat16 && Device.engine <> "embedded"
                let close = if rounds then tolerance 0.1 0.1 else tolerance 1e-4 1e-4
                expectClose close $"logits in {weights}" (logitsOf quantized rows) (logitsOf wide rows))

/// How far the logits of a quantized model are off: the root of the mean square, over the deviation of the logits.
let private logitError (model: Model) (quantized: Model) (rows: int list list) : float =
    let values array =
        match array.Values with
        | Reals values -> values |> Array.map float
        | Whole _ -> failtest "logits are reals"

    let want, got = values (logitsOf model rows), values (logitsOf quantized rows)
    let mean = Array.average want
    let squares = Array.averageBy (fun x -> x * x)
    sqrt (squares (Array.map2 (-) got want) / squares (want |> Array.map (fun x -> x - mean)))

/// The bounds of the perplexity's relative change.
let private perplexityBounds = [ WeightType.BFloat16, 0.005; WeightType.Int8, 0.01 ]

let private accuracy (context: int) (logitBounds: float list) (model: Model) (tokens: int[]) =
    for (weights, bound), logitBound in List.zip perplexityBounds logitBounds do
        use quantized = Quantize.model weights model
        let of' model = (Perplexity.measure context context model tokens).Perplexity
        expectBelow bound (abs (of' quantized / of' model - 1.0)) $"change of the perplexity in {weights}"

        expectBelow
            logitBound
            (logitError model quantized [ List.ofArray tokens[.. context - 1] ])
            $"logits in {weights}"

let private ownAccuracy =
    testCase "accuracy of a random model" (fun () ->
        use model =
            Init.model
                (Device.cpu ())
                {
                    config with
                        VocabSize = 101
                        Context = 64
                        Dim = 96
                        FeedForward = 384
                }
                (Rng.ofSeed 3UL)

        // Larger than fresh weights, so that the logits say something.
        model.Flat.narrow(0L, 0L, model.MatrixCount).mul_(Gpt.Tensors.scalar 4.0) |> ignore
        // The logits of random weights move twice as far in int8 as those of the trained model below.
        // libtorch rounds what bfloat16 weights are multiplied by, too.
        let bfloat16 = if Device.engine = "embedded" then 0.005 else 0.01
        accuracy 64 [ bfloat16; 0.02 ] model (Array.init 512 (fun i -> i * i * 37 % 101)))

let private tinyAccuracy (folder: string) = [
    for passage in 0..1 do
        testCase $"passage {passage}" (fun () ->
            let stored = SafetensorsFile.read (Path.Combine(folder, "expected.safetensors"))

            match stored[$"passage{passage}.ids"].Values with
            | Whole ids -> accuracy 128 [ 0.005; 0.01 ] TinyGpt2.model.Value (Array.map int ids)
            | Reals _ -> failtest "ids are whole")
]

let private options = {
    GenerationOptions.defaults with
        MaxNewTokens = 12
        EndTokens = [ 3 ]
}

let private hot = Sampling.random (Warpers.temperature 1.5)

let private generation =
    law
        60
        "batches, sessions and beams go as with any model"
        (Arb.fromGen (Gen.choose (2, 5) |> Gen.bind (fun n -> Gen.listOfLength n (tokens 11 1 8).Generator)))
        (fun prompts ->
            use model = denseModel config

            for weights in types do
                use quantized = Quantize.model weights model
                let prompts = prompts |> List.mapi (fun i prompt -> Rng.ofSeed (uint64 i), Array.ofList prompt)
                let alone rng prompt = Generate.stream options hot rng quantized prompt |> Seq.map _.Id |> List.ofSeq

                // In libtorch the last bits hang on how many rows there are.
                if Device.engine = "embedded" then
                    let together =
                        Generate.batch options hot quantized prompts
                        |> Seq.groupBy _.Row
                        |> Seq.map (fun (_, tokens) -> tokens |> Seq.map _.Id |> List.ofSeq)
                        |> List.ofSeq

                    Expect.equal together [ for rng, prompt in prompts -> alone rng prompt ] "batch"

                let rng, prompt = prompts.Head
                use session = new Session(quantized)

                Expect.equal
                    (session.Stream(options, hot, rng, prompt) |> Seq.map _.Id |> List.ofSeq)
                    (alone rng prompt)
                    "session"

                let beams = {
                    BeamOptions.defaults with
                        Beams = 3
                        MaxNewTokens = 6
                }

                use wide = widenedModel quantized
                let best model = (Beam.search beams [] rng model prompt |> List.head).Score

                expectBelow
                    (if Device.engine = "embedded" then 1e-4 else 0.1)
                    (abs (best quantized - best wide))
                    "beams")

let private expectSame (got: Model) (want: Model) =
    Expect.equal got.WeightType want.WeightType "type"
    Expect.equal (List.map fst got.Named) (List.map fst want.Named) "names"

    for (name, one), (_, other) in List.zip got.Named want.Named do
        Expect.equal one.dtype other.dtype name
        Expect.isTrue (Array.forall2 (=) (numbers one) (numbers other)) name

/// The embedding has more numbers than are rounded at a time.
let private large = {
    config with
        VocabSize = 90_001
        TiedHead = false
}

let private making =
    testList "made block by block" [
        for weights in types do
            testCase $"fresh, in {weights}" (fun () ->
                use fresh = Init.modelAs weights (Device.cpu ()) large (Rng.ofSeed 7UL)
                use whole = model large
                use want = Quantize.model weights whole
                expectSame fresh want)

            testCase $"loaded, in {weights}" (fun () ->
                withFolder (fun folder ->
                    use original = denseModel config
                    let tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
                    Checkpoint.save folder tokenizer original
                    let loaded, _ = Checkpoint.loadAs weights (Device.cpu ()) folder |> get
                    use loaded = loaded
                    use want = Quantize.model weights original
                    expectSame loaded want))

        testCase "in float32 they are what they always were" (fun () ->
            use fresh = Init.modelAs WeightType.Float32 (Device.cpu ()) config (Rng.ofSeed 7UL)
            use want = model config
            expectSame fresh want
            use copy = Quantize.model WeightType.Float32 want
            expectSame copy want)
    ]

let private refused name (words: string list) (work: Model -> unit) =
    testCase name (fun () ->
        use model = denseModel config
        use quantized = Quantize.model WeightType.Int8 model

        try
            work quantized
            failtest "an error was expected"
        with :? ArgumentException as e ->
            for word in "int8" :: words do
                Expect.stringContains e.Message word "the error says it")

let tests =
    testList "quantize" [
        rounding
        zeros
        computation
        ownAccuracy
        testList "accuracy of the tiny GPT-2" (testsOf TinyGpt2.folder tinyAccuracy)
        generation
        making
        refused "training" [ "training" ] (Step.start >> dispose)
        refused "training adapters" [ "adapting" ] (fun model ->
            use lora = lora config Lora.attention 1UL
            Step.startAdapters lora model |> dispose)
        refused "merging adapters" [ "adapting" ] (fun model ->
            use lora = lora config Lora.attention 1UL
            Lora.merge lora model |> dispose)
        refused "saving" [ "saving" ] (fun model ->
            withFolder (fun folder -> Checkpoint.save folder (Characters(CharTokenizer.ofText "\n abcdefghi")) model))
        refused "copying" [ "copy" ] (Model.copy >> dispose)
        refused "converting twice" [ "conversion" ] (Quantize.model WeightType.BFloat16 >> dispose)
        testCase "types by their names" (fun () ->
            for weights in [ WeightType.Float32; WeightType.BFloat16; WeightType.Int8 ] do
                Expect.equal (Quantize.parse (string weights)) (Ok weights) "read back"

            Expect.equal (Quantize.parse "int8") (Ok WeightType.Int8) "a type"
            let sentence = error (Quantize.parse "int4")

            for word in [ "int4"; "float32"; "bfloat16"; "int8" ] do
                Expect.stringContains sentence word "the error says it")
    ]
