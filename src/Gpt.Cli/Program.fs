module Gpt.Cli.Program

open System
open System.CommandLine
open System.CommandLine.Help
open System.IO

/// Runs a command's work and turns what went wrong into one line on standard error and an exit code.
let private carryOut (work: ParseResult -> Result<int, Problem>) (parsed: ParseResult) : int =
    let report (sentence: string) (code: int) =
        Screen.note $"gpt: {sentence}"
        code

    try
        match work parsed with
        | Ok code -> code
        | Error(Usage sentence) -> report sentence Problem.codes.Usage
        | Error(Failed sentence) -> report sentence Problem.codes.Failed
    with
    | :? IOException
    | :? UnauthorizedAccessException
    | :? OutOfMemoryException as e -> report e.Message Problem.codes.Failed

[<EntryPoint>]
let main args =
    // Not a RootCommand, which would be called after the assembly.
    let root = Command("gpt", "Train a small GPT from scratch and generate text with it.")
    root.Options.Add(HelpOption(Recursive = true))
    root.Options.Add(VersionOption())

    for create in
        [
            TrainCommand.create
            GenerateCommand.create
            InfoCommand.create
            BenchCommand.create
        ] do
        root.Subcommands.Add(create carryOut)

    let parsed = root.Parse args

    if parsed.Errors.Count > 0 then
        let command = parsed.CommandResult.Command
        let called = if command = root then "gpt" else $"gpt {command.Name}"
        Screen.note $"gpt: {(Seq.last parsed.Errors).Message} `{called} --help` lists what is known."
        Problem.codes.Usage
    else
        parsed.Invoke()
