namespace Gpt.Cli

open System
open System.Runtime.InteropServices
open Gpt

/// Whether a training run has the memory that it takes, and what is said when it has not.
[<RequireQualifiedAccess>]
module Room =

    /// What the tool keeps of a model beside the run: the one that it began at, and the best so far.
    let private copies (config: GptConfig) = 8L * Params.count config

    let private advice (config: GptConfig) (options: TrainingOptions) (available: int64) : string =
        let room = available - copies config
        let most = MemoryUse.largestBatch room config options.Step options.WindowLength

        let ways = [
            if not options.Step.Recompute then
                "--recompute"
            "a larger --accumulate"
        ]

        match most with
        | Some batch -> $"""--batch {batch} would fit, or try {String.concat " or " ways}"""
        | None -> "not even one window fits; take a smaller model or a shorter --context"

    /// The bytes that a run is expected to take at its height.
    let needed (config: GptConfig) (options: TrainingOptions) : int64 =
        (MemoryUse.training config options.Step options.BatchSize options.WindowLength).Total
        + copies config

    /// Refuses a run that will not fit, before anything is computed.
    let check device (config: GptConfig) (options: TrainingOptions) : Result<unit, Problem> =
        let needed = needed config options

        match Machine.memoryOf device with
        | Some available when needed > available ->
            Error(
                Failed
                    $"training takes about {Machine.megabytes needed} MB and {device} has {Machine.megabytes available} MB: {advice config options available}"
            )
        | _ -> Ok()

    /// Whether an exception says that memory has run out: the embedded engine's own, or what libtorch says of the processor or
    /// a GPU.
    let private isOutOfMemory (problem: exn) =
        match problem with
        | :? OutOfMemoryException -> true
        | :? ExternalException ->
            problem.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase)
            || problem.Message.Contains("not enough memory", StringComparison.OrdinalIgnoreCase)
        | _ -> false

    /// Runs a training; when memory runs out on the way, that is one sentence. Nothing is written before a run has ended, so
    /// that what stood in the folder of the checkpoint is still there.
    let guard device (config: GptConfig) (options: TrainingOptions) out (work: unit -> 'a) : Result<'a, Problem> =
        try
            Ok(work ())
        with problem when isOutOfMemory problem ->
            let needed = needed config options
            // More is taken by others than was foreseen: what would fit is reckoned with half of it.
            let available = Machine.memoryOf device |> Option.defaultValue needed

            Error(
                Failed
                    $"memory ran out in training, which takes about {Machine.megabytes needed} MB: {advice config options (min needed available / 2L)}; {out} is as it was"
            )
