module Gpt.Cli.Program

open System
open System.CommandLine
open System.Reflection
open Gpt

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
    | "completion" -> Some(CompletionCommand.create ())
    | _ -> None

/// The known word that a misspelt one is nearest to, if it is near: at most two letters, or a quarter of them, differ.
let private nearest (known: string seq) (word: string) : string option =
    let letters (text: string) = text.ToCharArray()

    let distance (other: string) =
        TextMetrics.difference (letters word) (letters other) * float (max word.Length other.Length)

    let most = min (max 2.0 (float word.Length / 4.0)) (float word.Length / 2.0)

    known
    |> Seq.map (fun other -> distance other, other)
    |> Seq.filter (fun (distance, _) -> distance <= most + 1e-6)
    |> Seq.sortBy fst
    |> Seq.tryHead
    |> Option.map snd

/// One sentence about a word that is not known, what it was probably meant to be, and where to look.
let private unknown (called: string) (known: string seq) (word: string) : int =
    let meant =
        match nearest known word with
        | Some other -> $"; did you mean {other}?"
        | None -> "."

    Screen.note $"gpt: {word} is not known here{meant} `{called} --help` lists what is."
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

            unknown called known token
        | None, Some error ->
            Screen.note $"gpt: {error.Message} `{called} --help` lists what is right."
            Problem.codes.Usage
        | None, None -> parsed.Invoke()

let private version () =
    match Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>() with
    | null -> "unknown"
    | found -> found.InformationalVersion

[<EntryPoint>]
let main args =
    match List.ofArray args with
    | [] ->
        Screen.note "gpt: a command is missing. `gpt --help` lists them."
        Problem.codes.Usage
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
        | _ -> unknown "gpt" (Catalogue.all |> List.map _.Name) name
