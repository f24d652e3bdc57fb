namespace Gpt.Cli

open System
open System.Runtime.InteropServices
open Gpt

/// Whether a training run has the memory that it takes, and what is said when it has not.
[<RequireQualifiedAccess>]
module Room =

    /// What the tool keeps of a model beside the run: the best so far, and the one that it began at, which a run of adapters counts
    /// itself, or the fresh adapters and the best.
    let private copies (config: GptConfig) (lora: LoraOptions option) : int64 =
        match lora with
        | None -> 8L * Params.count config
        | Some lora -> 4L * Params.count config + 8L * Lora.count config lora

    let private advice device (config: GptConfig) lora (options: TrainingOptions) (available: int64) : string =
        let room = available - copies config lora

        let most =
            match lora with
            | None -> MemoryUse.largestBatch room device config options.Step options.WindowLength
            | Some lora -> MemoryUse.largestBatchOfAdapters room device config lora options.Step options.WindowLength

        let ways = [
            if not options.Step.Recompute then
                "--recompute"
            "a larger --accumulate"
        ]

        match most with
        | Some batch -> $"""--batch {batch} would fit, or try {String.concat " or " ways}"""
        | None -> "not even one window fits; take a smaller model or a shorter --context"

    /// The bytes that a run, of the whole model or of adapters, is expected to take on a device at its height.
    let needed device (config: GptConfig) (lora: LoraOptions option) (options: TrainingOptions) : int64 =
        let batch, length = options.BatchSize, options.WindowLength

        let run =
            match lora with
            | None -> MemoryUse.training device config options.Step batch length
            | Some lora -> MemoryUse.trainingAdapters device config lora options.Step batch length

        run.Total + copies config lora

    /// Refuses a run that will not fit, before anything is computed.
    let check device (config: GptConfig) lora (options: TrainingOptions) : Result<unit, Problem> =
        let needed = needed device config lora options

        match Machine.memoryOf device with
        | Some available when needed > available ->
            Error(
                Failed
                    $"training takes about {Machine.megabytes needed} MB and {device} has {Machine.megabytes available} MB: {advice device config lora options available}"
            )
        | _ -> Ok()

    /// Whether an exception says that memory has run out: the embedded engine's own, or what libtorch says of the processor or
    /// a GPU.
    let private isOutOfMemory (problem: exn) =
        match problem with
        | :? OutOfMemoryException -> true
        | :? ExternalException ->
            [ "out of memory"; "not enough memory"; "can't allocate memory" ]
            |> List.exists (fun words -> problem.Message.Contains(words, StringComparison.OrdinalIgnoreCase))
        | _ -> false

    /// Runs a training; when memory runs out on the way, that is one sentence. It is made before, while there is room for it.
    let guard device config lora (options: TrainingOptions) out (work: unit -> Result<'a, Problem>) =
        let needed = needed device config lora options
        // More is taken by others than was foreseen: what would fit is reckoned with half of it.
        let available = (Machine.memoryOf device |> Option.defaultValue needed |> min needed) / 2L

        let sentence =
            $"memory ran out in training, which takes about {Machine.megabytes needed} MB: {advice device config lora options available}; nothing more was written to {out}"

        try
            work ()
        with problem when isOutOfMemory problem ->
            Error(Failed sentence)
