namespace Gpt.Cli

open System
open System.Diagnostics
open System.Text.Json.Nodes
open Gpt

/// The memory that training steps take, measured beside what is foretold: what `gpt bench memory` prints.
[<RequireQualifiedAccess>]
module Footprint =

    /// What is trained, and how.
    type Case = {
        Config: GptConfig
        Lora: LoraOptions option
        Step: StepOptions
        Batch: int
    }

    /// The smallest run of the same kind: what the runtime and the engine load for it is not a step's.
    let private smallest (case: Case) : Case =
        let config = {
            case.Config with
                Dim = 8
                FeedForward = 32
                Heads = 1
                Layers = 1
                VocabSize = 8
                Context = 8
        }

        {
            case with
                Config = config
                Lora = case.Lora |> Option.map (fun lora -> { lora with Rank = 1 })
                Batch = case.Step.Parts
        }

    /// The most bytes that have been in use so far: of a GPU what its driver knows of now, for TorchSharp gives nothing back, of the
    /// processor what this process has had resident.
    let private mostUsed (device: TorchSharp.torch.Device) : int64 =
        if Device.isCpu device then
            use self = Process.GetCurrentProcess()
            self.PeakWorkingSet64
        else
            Machine.usedOf device |> Option.defaultValue 0L

    let private usedNow (device: TorchSharp.torch.Device) : int64 =
        if Device.isCpu device then
            GC.Collect()
            Environment.WorkingSet
        else
            mostUsed device

    /// The bytes that three steps take at their height, the run's own included, and the model that adapters adapt.
    let private used device (rng: Rng) (case: Case) : int64 =
        let outset = usedNow device
        use model = Init.model device case.Config rng
        let text = Array.init (case.Config.Context + 4000) (fun i -> i * 7919 % case.Config.VocabSize)
        let windows = Batches.draw device case.Batch case.Config.Context text rng

        let before, start =
            match case.Lora with
            | None -> usedNow device, Step.start model
            | Some options ->
                use fresh = Lora.init device case.Config options rng
                outset, Step.startAdapters fresh model

        let advance (state: TrainingState) (step: int) =
            let mode = Train(Rng.split (uint64 step) rng)
            let struct (next, loss, norm) = Step.advance case.Step AdamW.defaults 1e-3 mode windows state
            loss.Dispose()
            norm.Dispose()
            next

        use _last = List.fold advance start [ 1..3 ]
        Device.wait device
        windows.Inputs.Dispose()
        windows.Targets.Dispose()
        mostUsed device - before

    /// Measures a case on a device. The error is that nobody says what a GPU holds.
    let measure device (rng: Rng) (case: Case) : Result<JsonObject, Problem> =
        if not (Device.isCpu device) && (Machine.usedOf device).IsNone then
            Error(
                Failed $"what is in use of {device} is not known: nvidia-smi does not answer; install NVIDIA's driver"
            )
        else
            used device rng (smallest case) |> ignore

            let foretold =
                match case.Lora with
                | None -> MemoryUse.training device case.Config case.Step case.Batch case.Config.Context
                | Some lora ->
                    MemoryUse.trainingAdapters device case.Config lora case.Step case.Batch case.Config.Context

            let used = used device rng case
            let megabytes (bytes: int64) = Math.Round(float bytes / 1048576.0, 1)
            let facts = JsonObject()
            facts["usedMB"] <- megabytes used
            facts["foretoldMB"] <- megabytes foretold.Total
            facts["foretoldToUsed"] <- Math.Round(float foretold.Total / float used, 3)
            Ok facts
