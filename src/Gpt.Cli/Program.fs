module Gpt.Cli.Program

open System
open System.CommandLine
open System.Reflection

/// The command of a name. The others are not made: making them all would take longer than many commands do.
let private find (name: string) : Command option =
    match name with
    | "train" -> Some(TrainCommand.create ())
    | "generate" -> Some(GenerateCommand.create ())
    | "tokenize" -> Some(TokenizeCommand.create ())
    | "steps" -> Some(StepsCommand.create ())
    | "warpers" -> Some(WarpersCommand.create ())
    | "attention" -> Some(AttentionCommand.create ())
    | "compare" -> Some(CompareCommand.create ())
    | "temperature" -> Some(TemperatureCommand.create ())
    | "info" -> Some(InfoCommand.create ())
    | "eval" -> Some(EvalCommand.create ())
    | "export" -> Some(ExportCommand.create ())
    | "bench" -> Some(BenchCommand.create ())
    | "download" -> Some(DownloadCommand.create ())
    | "doctor" -> Some(DoctorCommand.create ())
    | "completion" -> Some(CompletionCommand.create ())
    | _ -> None

/// Says what is wrong with a command line, and where to look.
let private refuse (called: string) (sentence: string) : int =
    Screen.note $"gpt: {sentence} `{called} --help` lists what is right."
    Problem.codes.Usage

/// The words by which a command is called, such as `gpt bench train`.
let private callOf (command: Command) : string =
    let rec path (command: Command) =
        match Seq.tryHead (Seq.cast<Symbol> command.Parents) with
        | Some(:? Command as parent) -> path parent @ [ command.Name ]
        | _ -> [ command.Name ]

    String.concat " " (path command)

let private run (entry: Entry) (command: Command) (args: string[]) : int =
    // Not a RootCommand, which would be called after the assembly.
    let root = Command "gpt"
    let help = Option<bool>("--help", [| "-h"; "-?" |], Recursive = true)
    root.Options.Add help
    root.Subcommands.Add command
    let parsed = root.Parse args
    let command = parsed.CommandResult.Command
    let called = callOf command

    if (Options.given parsed help).IsSome then
        HelpScreen.command called entry command
        Problem.codes.Done
    else
        match Seq.tryHead parsed.UnmatchedTokens, Seq.tryHead parsed.Errors with
        | Some token, _ ->
            let known = Seq.append (command.Options |> Seq.map _.Name) (command.Subcommands |> Seq.map _.Name)

            refuse called (Mistakes.unknown known token)
        | None, Some error -> refuse called (Mistakes.ofError error)
        | None, None -> parsed.Invoke()

let private version () =
    match Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
    | null -> "unknown"
    | found -> found.InformationalVersion

[<EntryPoint>]
let main args =
    match List.ofArray args with
    | [] -> refuse "gpt" "a command is missing."
    | ("--help" | "-h" | "-?") :: _ ->
        HelpScreen.tool ()
        Problem.codes.Done
    | "--version" :: _ ->
        Console.Out.WriteLine(version ())
        Problem.codes.Done
    | "complete" :: words ->
        Completion.candidates find words |> List.iter Console.Out.WriteLine
        Problem.codes.Done
    | name :: _ ->
        match Catalogue.all |> List.tryFind (fun entry -> entry.Name = name), find name with
        | Some entry, Some command -> run entry command args
        | _ -> refuse "gpt" (Mistakes.unknown (Catalogue.all |> List.map _.Name) name)
