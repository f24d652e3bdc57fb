/// What a model takes, predicted from its sizes, against what the embedded engine's pool has handed out.
module Gpt.Tests.MemoryTests

open System
open System.IO
open System.Reflection
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private cpu = Device.cpu ()

/// The pool of the embedded engine, which has no public face; libtorch says nothing of its own on the processor.
let private pool = typeof<Gpt.Tensor>.Assembly.GetType "TorchSharp.StoragePool" |> Option.ofObj

let private inside = BindingFlags.NonPublic ||| BindingFlags.Static

let private read (pool: Type) (name: string) : int64 =
    match pool.GetProperty(name, inside) with
    | null -> failtest $"the pool has no {name}"
    | property -> unbox (property.GetValue null)

let private startCounting (pool: Type) =
    match pool.GetMethod("ResetMostUsed", inside) with
    | null -> failtest "the pool cannot count anew"
    | reset -> reset.Invoke(null, [||]) |> ignore

/// A run of the whole model, or of adapters.
let private start (lora: LoraOptions option) (model: Model) : TrainingState =
    match lora with
    | None -> Step.start model
    | Some options ->
        use fresh = Lora.init cpu model.Config options (Rng.ofSeed 4UL)
        Step.startAdapters fresh model

/// The bytes that a step holds at its height, the run's own included, and the model that adapters adapt.
let private usedBy pool (config: GptConfig) (lora: LoraOptions option) (options: StepOptions) (batch: int) : int64 =
    let outset = read pool "UsedBytes"
    use model = Init.model cpu config (Rng.ofSeed 1UL)
    let text = Array.init 4000 (fun i -> i * 7 % config.VocabSize)
    let before = if lora.IsSome then outset else read pool "UsedBytes"
    let mutable state = start lora model
    let windows = Batches.draw cpu batch config.Context text (Rng.ofSeed 2UL)
    startCounting pool

    let struct (next, loss, norm) =
        Step.advance options AdamW.defaults 1e-3 (Train(Rng.ofSeed 3UL)) windows state

    let most = read pool "MostUsedBytes" - before
    state <- next
    List.iter dispose [ loss; norm; windows.Inputs; windows.Targets ]
    dispose state
    most

let private usual = {
    GptConfig.mini with
        VocabSize = 64
        Context = 64
        Dropout = 0.0
}

let private rounded = {
    StepOptions.plain with
        Precision = Precision.BFloat16
}

/// Sizes of every kind: what the blocks, the head, the update or a single block need is the most in one or another.
let private cases = [
    "the article's", usual, StepOptions.plain, 16
    "with dropout", { usual with Dropout = 0.1 }, StepOptions.plain, 16
    "one layer", { usual with Layers = 1 }, StepOptions.plain, 16
    "wide",
    {
        usual with
            Dim = 256
            FeedForward = 1024
    },
    StepOptions.plain,
    8
    "narrow feed-forward",
    {
        usual with
            Dim = 256
            FeedForward = 512
    },
    StepOptions.plain,
    8
    "many words",
    {
        usual with
            Layers = 2
            VocabSize = 4096
    },
    StepOptions.plain,
    16
    "a head of its own",
    {
        usual with
            TiedHead = false
            VocabSize = 512
    },
    StepOptions.plain,
    16
    "one window: little but the parameters",
    {
        usual with
            Dim = 512
            FeedForward = 2048
    },
    StepOptions.plain,
    1
    "in parts", usual, { StepOptions.plain with Parts = 4 }, 32
    "blocks again",
    { usual with Layers = 6 },
    {
        StepOptions.plain with
            Recompute = true
    },
    16
    "bfloat16", usual, rounded, 16
    "bfloat16 with many words",
    {
        usual with
            Layers = 2
            VocabSize = 4096
    },
    rounded,
    16
    "bfloat16, blocks again", { usual with Layers = 6 }, { rounded with Recompute = true }, 16
]

let private attention = {
    Rank = 8
    Alpha = 16.0
    Targets = Lora.attention
}

let private everyLayer = {
    attention with
        Targets = Lora.everyLayer
}

/// Adapters of every kind, each in every way that a step is computed.
let private adapterCases =
    let wordy = {
        usual with
            Layers = 2
            VocabSize = 4096
    }

    let large = {
        usual with
            Dim = 512
            FeedForward = 2048
    }

    [
        for precision, name in [ Precision.Float32, "float32"; Precision.BFloat16, "bfloat16" ] do
            for recompute in [ false; true ] do
                let options = {
                    Precision = precision
                    Parts = 1
                    Recompute = recompute
                }

                let how = name + (if recompute then ", blocks again" else "")

                for layers, lora in [ "attention", attention; "every layer", everyLayer ] do
                    $"{layers}, {how}", usual, lora, options, 16
                    $"{layers}, {how}, dropout", { usual with Dropout = 0.1 }, lora, options, 16
                    $"{layers}, {how}, one layer", { usual with Layers = 1 }, lora, options, 16
                    $"{layers}, {how}, many words", wordy, lora, options, 16
                    $"{layers}, {how}, one window", large, lora, options, 1

        "in parts", usual, attention, { StepOptions.plain with Parts = 4 }, 32
        "a large rank", usual, { everyLayer with Rank = 64 }, StepOptions.plain, 16

        for target in [ "attn.c_proj"; "mlp.c_proj"; "c_fc"; "h.3.attn.c_attn"; "h.0.mlp.c_fc" ] do
            $"{target} alone", { usual with Layers = 6 }, { attention with Targets = [ target ] }, StepOptions.plain, 16
            $"{target} alone, bfloat16", usual, { attention with Targets = [ target ] }, rounded, 16
    ]

let private close (predicted: MemoryUse) (used: int64) =
    let off = float predicted.Total / float used - 1.0
    Expect.isLessThan (abs off) 0.1 $"predicted {predicted.Total}, used {used}"

let tests =
    testList "memory" [
        for name, config, options, batch in cases do
            testCase $"a step takes what is predicted: {name}" (fun () ->
                match pool with
                | None -> skiptest "only the embedded engine says what it uses"
                | Some pool ->
                    close
                        (MemoryUse.training cpu config options batch config.Context)
                        (usedBy pool config None options batch))

        for name, config, lora, options, batch in adapterCases do
            testCase $"a step of adapters takes what is predicted: {name}" (fun () ->
                match pool with
                | None -> skiptest "only the embedded engine says what it uses"
                | Some pool ->
                    close
                        (MemoryUse.trainingAdapters cpu config lora options batch config.Context)
                        (usedBy pool config (Some lora) options batch))

        testCase "the cache takes what is predicted" (fun () ->
            match pool with
            | None -> skiptest "only the embedded engine says what it uses"
            | Some pool ->
                use model = Init.model cpu usual (Rng.ofSeed 1UL)
                let before = read pool "UsedBytes"
                use cache = KvCache.create 3 40 model
                let used = read pool "UsedBytes" - before
                let predicted = (MemoryUse.generating usual WeightType.Float32 3 40).Cache
                Expect.equal cache.Keys.Length 4 "layers"
                Expect.isLessThan (abs (float predicted / float used - 1.0)) 0.1 "cache")

        testCase "weights take four, two or one byte" (fun () ->
            match pool with
            | None -> skiptest "only the embedded engine says what it uses"
            | Some pool ->
                for weights in [ WeightType.Float32; WeightType.BFloat16; WeightType.Int8 ] do
                    let config = {
                        usual with
                            Dim = 256
                            FeedForward = 1024
                    }

                    let before = read pool "UsedBytes"
                    use model = Init.modelAs weights cpu config (Rng.ofSeed 1UL)
                    let used = read pool "UsedBytes" - before
                    Expect.equal model.WeightType weights "type"
                    let predicted = (MemoryUse.generating config weights 1 1).Weights
                    Expect.isLessThan (abs (float predicted / float used - 1.0)) 0.1 $"{weights}: {predicted} {used}")

        law
            200
            "the largest batch fits, and one part more does not"
            (gen {
                let! parts = Gen.choose (1, 8)
                let! megabytes = Gen.choose (1, 4000)
                let! recompute = Gen.elements [ true; false ]
                let! precision = Gen.elements [ Precision.Float32; Precision.BFloat16 ]

                return
                    int64 megabytes <<< 20,
                    {
                        Precision = precision
                        Parts = parts
                        Recompute = recompute
                    }
             }
             |> Arb.fromGen)
            (fun (available, options) ->
                let fits name (total: int -> MemoryUse) most =
                    match most with
                    | Some batch ->
                        Expect.equal (batch % options.Parts) 0 $"{name}: whole parts"
                        Expect.isLessThanOrEqual (total batch).Total available $"{name}: fits"
                        Expect.isGreaterThan (total (batch + options.Parts)).Total available $"{name}: no more"
                    | None -> Expect.isGreaterThan (total options.Parts).Total available $"{name}: nothing fits"

                MemoryUse.largestBatch available cpu usual options 64
                |> fits "whole" (fun batch -> MemoryUse.training cpu usual options batch 64)

                MemoryUse.largestBatchOfAdapters available cpu usual attention options 64
                |> fits "adapters" (fun batch -> MemoryUse.trainingAdapters cpu usual attention options batch 64))

        testCase "a model that cannot be filled leaves nothing behind" (fun () ->
            match pool with
            | None -> skiptest "only the embedded engine says what it uses"
            | Some pool ->
                let broken _ = raise (InvalidDataException "cut short")

                let attempts: (unit -> IDisposable) list = [
                    fun () -> Model.build cpu usual (fun name _ -> broken name)
                    fun () -> Quantize.build WeightType.Int8 cpu usual (fun name _ -> broken name)
                    fun () -> Lora.build cpu usual attention (fun name _ -> broken name)
                ]

                for attempt in attempts do
                    let before = read pool "UsedBytes"
                    Expect.throwsT<InvalidDataException> (fun () -> attempt().Dispose()) "as it was raised"
                    Expect.equal (read pool "UsedBytes") before "bytes")

        testCase "a batch of very many parts is a batch still" (fun () ->
            let options = { StepOptions.plain with Parts = 4096 }
            let most = MemoryUse.largestBatch (1L <<< 40) cpu usual options 1
            Expect.isGreaterThan most.Value 0 "no number that wraps around")

        testCase "adapters that do not fit the model are refused" (fun () ->
            let predict () =
                MemoryUse.trainingAdapters cpu usual { attention with Rank = 0 } StepOptions.plain 16 64 |> ignore

            Expect.throwsT<ArgumentException> predict "rank 0")

        testCase "an evaluation takes no more than a step, in parts either" (fun () ->
            match pool with
            | None -> skiptest "only the embedded engine says what it uses"
            | Some pool ->
                let config = {
                    usual with
                        Layers = 1
                        VocabSize = 4096
                }

                let options = {
                    Training.defaults 1 with
                        Step = { StepOptions.plain with Parts = 4 }
                        EvaluationBatches = 2
                }

                let corpus = Corpus.ofTokens 64 0.9 (Array.init 4000 (fun i -> i * 7 % config.VocabSize)) |> get

                use model = Init.model cpu config (Rng.ofSeed 1UL)
                let before = read pool "UsedBytes"
                startCounting pool
                Training.run options corpus model |> Seq.iter ignore
                let most = read pool "MostUsedBytes" - before
                let foretold = MemoryUse.training cpu config options.Step options.BatchSize options.WindowLength
                Expect.isLessThan (float most) (1.1 * float foretold.Total) "bytes")

        testCase "computing blocks again and parts take less" (fun () ->
            let total options = (MemoryUse.training cpu usual options 64 64).Total
            let plain = total StepOptions.plain

            Expect.isLessThan
                (total {
                    StepOptions.plain with
                        Recompute = true
                })
                (plain / 2L)
                "blocks again"

            Expect.isLessThan (total { StepOptions.plain with Parts = 8 }) (plain / 2L) "parts")
    ]
