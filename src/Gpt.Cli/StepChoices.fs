namespace Gpt.Cli

open System.CommandLine
open Gpt

/// The options that decide how a training step is computed: what it costs, not what it learns.
type StepChoices = {
    Dtype: Option<string>
    Tf32: Option<bool>
    Recompute: Option<bool>
    Accumulate: Option<int>
}

[<RequireQualifiedAccess>]
module StepChoices =

    let create () : StepChoices = {
        Dtype = Options.withDefault "--dtype" "what the dense layers compute in: float32 or bfloat16" "float32"
        Tf32 = Options.flag "--tf32" "on a GPU: let float32 products round what they multiply to TF32"
        Recompute =
            Options.flag
                "--recompute"
                "compute the blocks again on the way back, not keep what they computed: a third more work, far less memory"
        Accumulate =
            Options.withDefault
                "--accumulate"
                "compute the windows of a step in so many parts, one after the other: the memory of one part"
                1
    }

    /// The options in the order of the help.
    let all (choices: StepChoices) : Option list = [
        choices.Dtype
        choices.Tf32
        choices.Recompute
        choices.Accumulate
    ]

    /// TF32 switched on, if it was asked for.
    let useTf32 (parsed: ParseResult) (choices: StepChoices) device : Result<unit, Problem> =
        if parsed.GetRequiredValue choices.Tf32 then
            Device.useTf32 device |> Options.asOption parsed
        else
            Ok()

    /// What was asked for, for steps of `batch` windows on a device, with TF32 switched on if it was.
    let read (parsed: ParseResult) (choices: StepChoices) device (batch: int) : Result<StepOptions, Problem> =
        result {
            let! precision = Precision.parse (parsed.GetRequiredValue choices.Dtype) |> Options.asOption parsed

            do! useTf32 parsed choices device

            return!
                StepOptions.validate batch {
                    Precision = precision
                    Parts = parsed.GetRequiredValue choices.Accumulate
                    Recompute = parsed.GetRequiredValue choices.Recompute
                }
                |> Options.asOption parsed
        }
