module Gpt.Cli.Program

open System.CommandLine
open System.CommandLine.Help

[<EntryPoint>]
let main args =
    // Not a RootCommand, which would be called after the assembly.
    let root = Command("gpt", "Train a small GPT from scratch and generate text with it.")
    root.Options.Add(HelpOption(Recursive = true))
    root.Options.Add(VersionOption())

    for command in
        [
            TrainCommand.create
            GenerateCommand.create
            TokenizeCommand.create
            StepsCommand.create
            CompareCommand.create
            TemperatureCommand.create
            InfoCommand.create
            EvalCommand.create
            ExportCommand.create
            BenchCommand.create
            DownloadCommand.create
        ] do
        root.Subcommands.Add(command ())

    let parsed = root.Parse args

    if parsed.Errors.Count > 0 then
        let command = parsed.CommandResult.Command
        let called = if command = root then "gpt" else $"gpt {command.Name}"

        let problem =
            match Seq.tryHead parsed.UnmatchedTokens with
            | Some token -> $"{token} is not known here."
            | None -> parsed.Errors[0].Message

        Screen.note $"gpt: {problem} `{called} --help` lists what is."
        Problem.codes.Usage
    else
        parsed.Invoke()
