/// The memory of a run as the tool foretells it, and a run whose memory ends on the way.
module Gpt.Tests.RoomTests

open System
open System.IO
open Expecto
open Gpt
open Gpt.Tests.Small
open Gpt.Tests.Tool

let private succeed (run: Run) =
    Expect.equal run.Code 0 run.Error
    run

/// The one sentence of a run that failed, and what follows `word` in it up to the next space.
let private sentenceOf (run: Run) : string =
    Expect.equal run.Code 1 run.Error
    Expect.equal run.Out "" "standard output"
    Expect.isFalse (run.Error.Contains "   at ") "no stack trace"
    run.Error.Split '\n' |> Array.filter _.StartsWith("gpt: ") |> Array.exactlyOne

let private batchIn (sentence: string) : string =
    let after = sentence.Split "--batch "
    after[1].Split ' ' |> Array.head

/// What .NET takes for the memory that there is, in megabytes.
let private memory (megabytes: int) = [ "DOTNET_GCHeapHardLimit", $"0x{int64 megabytes <<< 20:X}" ]

let private characters = Characters(CharTokenizer.ofText sampleText)

/// A model whose training takes some megabytes.
let private config = {
    GptConfig.mini with
        VocabSize = Tokenizer.vocabSize characters
        Context = 64
        Layers = 2
        Dropout = 0.0
}

let private withBase (test: string -> unit) =
    withText sampleText (fun folder ->
        use model = Init.model (Device.cpu ()) config (Rng.ofSeed 1UL)
        Checkpoint.save (Path.Combine(folder, "base")) characters model
        test folder)

/// The files below a folder, to the byte.
let private contents (folder: string) =
    Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
    |> Array.sort
    |> Array.map (fun path -> path, File.ReadAllBytes path)

let private gpt2 = (Map.ofList GptConfig.presets)["gpt2"]

let private adapters =
    testList "adapters" [
        testCase "info foretells less than for the whole model, and more for more layers" (fun () ->
            let info more =
                let run =
                    gptIn
                        (Path.GetTempPath())
                        ([ "info"; "--memory"; "--preset"; "gpt2"; "--batch"; "1"; "--json" ] @ more)

                (ToolTests.parse (succeed run).Out).GetProperty "training"

            let read (name: string) more = (info more).GetProperty(name).GetDouble()
            let lora more = [ "--lora-rank"; "8" ] @ more
            let megabytes bytes = Math.Round(float bytes / 1048576.0, 1)

            let count =
                Lora.count gpt2 {
                    Rank = 8
                    Alpha = 1.0
                    Targets = Lora.attention
                }

            Expect.equal (read "gradientsMB" (lora [])) (megabytes (4L * count)) "gradients"
            Expect.equal (read "momentsMB" (lora [])) (megabytes (8L * count)) "moments"

            Expect.equal
                (read "weightsMB" (lora []))
                (megabytes (8L * Params.count gpt2 + 4L * count))
                "the model, the merged one and the adapters"

            Expect.isLessThan (read "totalMB" (lora [])) (read "totalMB" []) "less than all"

            Expect.isGreaterThan
                (read "activationsMB" (lora [ "--lora-layers"; "all" ]))
                (read "activationsMB" (lora []))
                "more layers")

        testCase "a run that will not fit is refused, with the batch that would" (fun () ->
            withBase (fun folder ->
                let train more =
                    let usual = [
                        "train"
                        "--from"
                        "base"
                        "--data"
                        "text.txt"
                        "--out"
                        "tuned"
                        "--steps"
                        "1"
                    ]

                    (gptWith (memory 256) folder (usual @ [ "--lora-rank"; "4" ] @ more)).Result

                let before = filesBelow folder
                let sentence = sentenceOf (train [ "--batch"; "512" ])

                for word in [ "training takes about"; "cpu has 256.0 MB"; "would fit"; "--recompute" ] do
                    Expect.stringContains sentence word "sentence"

                Expect.equal (filesBelow folder) before "nothing left behind"
                train [ "--batch"; batchIn sentence ] |> succeed |> ignore
                let more = string (int (batchIn sentence) + 1)
                sentenceOf (train [ "--batch"; more ]) |> ignore))

        testCase "layers without a rank, and adapters in int8, are refused" (fun () ->
            for more, word in
                [
                    [ "--memory"; "--lora-layers"; "all" ], "--lora-layers"
                    [ "--lora-rank"; "4" ], "--lora-rank"
                    [ "--memory"; "--lora-rank"; "0" ], "rank is 0"
                    [ "--memory"; "--lora-rank"; "4"; "--dtype"; "int8" ], "int8"
                ] do
                let run = gptIn (Path.GetTempPath()) ("info" :: more)
                Expect.equal run.Code 2 run.Error
                Expect.stringContains run.Error word "named")
    ]

/// The runtime and the allocator are told to reserve the same, whatever there is, and to give back at once what is freed.
let private steady =
    memory 1024
    @ [
        "DOTNET_GCRegionRange", "0x40000000"
        "DOTNET_EnableWriteXorExecute", "0"
        "MALLOC_MMAP_THRESHOLD_", "65536"
        "MALLOC_ARENA_MAX", "1"
        "GPT_NUM_THREADS", "2"
    ]

/// The fewest kilobytes, up to 32,000 more, between two numbers that `isEnough` holds for.
let rec private least (isEnough: int64 -> bool) (low: int64) (high: int64) : int64 =
    let middle = low + (high - low) / 2L

    if high - low <= 32_000L then high
    elif isEnough middle then least isEnough low middle
    else least isEnough middle high

/// Memory that ends in the middle of a training: the process has the address space that a run takes beside its tensors, and five
/// sixths of what this one's are foretold to take; with five quarters it comes to its end.
let private ending =
    testCase "a run that memory ends says which batch would fit, and leaves the last checkpoint" (fun () ->
        if not (OperatingSystem.IsLinux()) then
            skiptest "only Linux limits the address space of a process"

        withText sampleText (fun folder ->
            let train = [
                "train"
                "--data"
                "text.txt"
                "--steps"
                "1"
                "--eval-batches"
                "1"
                "--dim"
                "32"
                "--layers"
                "8"
                "--heads"
                "2"
            ]

            // OpenBLAS, which some builds of libtorch multiply with, ends the process where a few bytes for itself are not to be had: a
            // little less, and it is a tensor that is not.
            let rec run kilobytes batch out =
                let ended = gptLimited kilobytes steady folder (train @ [ "--batch"; batch; "--out"; out ])

                if ended.Error.Contains "OpenBLAS: malloc failed" then
                    run (kilobytes - 5_000L) batch out
                else
                    ended

            let smaller = least (fun limit -> (run limit "64" "model").Code = 0) 500_000L 6_000_000L

            let deep = {
                config with
                    Dim = 32
                    FeedForward = 128
                    Layers = 8
                    Heads = 2
            }

            let foretold batch = (MemoryUse.training (Device.cpu ()) deep StepOptions.plain batch 64).Total / 1024L
            // The smaller one is large enough for all the threads that the larger one has, and their own memory.
            let own, needed = smaller - foretold 64, foretold 384
            run (own + needed * 5L / 4L) "384" "other" |> succeed |> ignore
            let before = contents (Path.Combine(folder, "model"))
            let less = own + needed * 5L / 6L
            let sentence = sentenceOf (run less "384" "model")

            for word in
                [
                    "memory ran out in training"
                    "would fit"
                    "nothing more was written to model"
                ] do
                Expect.stringContains sentence word "sentence"

            Expect.equal (contents (Path.Combine(folder, "model"))) before "what stood there"

            // libtorch's libraries take memory of their own when they are first used, which the sentence cannot know of: there the
            // next one may be needed.
            let rec follow sentences sentence =
                let next = run less (batchIn sentence) "model"

                if next.Code <> 0 && sentences > 0 then
                    follow (sentences - 1) (sentenceOf next)
                else
                    next

            follow (if Device.engine = "embedded" then 0 else 2) sentence |> succeed |> ignore))

/// What steps take, by resident memory, is what is foretold but for a tenth and what the runtime itself takes.
let private measured =
    testCase "bench memory finds what is foretold" (fun () ->
        if not (OperatingSystem.IsLinux()) then
            skiptest "the most that was resident is read as Linux tells it"

        for more in
            [
                []
                [ "--dropout"; "0.1" ]
                [ "--dtype"; "bfloat16"; "--lora-rank"; "8"; "--lora-layers"; "all" ]
                [ "--recompute"; "--dropout"; "0.1"; "--lora-rank"; "8" ]
            ] do
            let sizes = [ "--context"; "128"; "--batch"; "32"; "--json" ]
            let run = (gptWith steady (Path.GetTempPath()) ([ "bench"; "memory" ] @ sizes @ more)).Result
            let facts = ToolTests.parse (succeed run).Out
            let read (name: string) = facts.GetProperty(name).GetDouble()
            let used, foretold = read "usedMB", read "foretoldMB"
            Expect.isLessThan (abs (used - foretold)) (0.1 * used + 16.0) $"{more}: {run.Out}")

let tests = testList "room" [ adapters; ending; measured ]
