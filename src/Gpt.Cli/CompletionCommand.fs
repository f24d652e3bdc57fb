namespace Gpt.Cli

open System.CommandLine

/// `gpt completion`: the script that lets a shell complete the arguments of gpt.
[<RequireQualifiedAccess>]
module CompletionCommand =

    let private known = String.concat ", " Shells.all
    let private shell = Argument<string>("SHELL", Description = $"one of {known}")

    let private run (parsed: ParseResult) : Result<int, Problem> =
        let name = parsed.GetRequiredValue shell

        match Shells.script name with
        | Some script ->
            printfn "%s" script
            Ok Problem.codes.Done
        | None -> Error(Usage $"there is no completion for {name}; there is for {known}")

    /// The command, for `Program`.
    let create () : Command =
        let command =
            Options.command "completion" "Print a script that lets a shell complete the arguments of gpt." [] run

        command.Arguments.Add shell
        command
