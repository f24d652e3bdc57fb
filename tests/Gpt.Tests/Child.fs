/// Programs that tests run to their end, in processes of their own.
module Gpt.Tests.Child

open System.Diagnostics
open Expecto

/// What a program left: its exit code, and all it wrote to standard output and to standard error.
type Run = {
    Code: int
    Out: string
    Error: string
}

/// Runs a program in a folder, with variables of the environment beside those there are.
let run (folder: string) (variables: (string * string) list) (program: string) (arguments: string list) : Run =
    let start = ProcessStartInfo(program, arguments, WorkingDirectory = folder)
    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true

    for name, value in variables do
        start.Environment[name] <- value

    match Process.Start start with
    | null -> failtest $"{program} does not start"
    | child ->
        use child = child
        let error = child.StandardError.ReadToEndAsync()
        let output = child.StandardOutput.ReadToEnd()
        child.WaitForExit()

        {
            Code = child.ExitCode
            Out = output
            Error = error.Result
        }
