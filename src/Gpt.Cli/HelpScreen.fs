namespace Gpt.Cli

open System
open System.CommandLine
open System.Globalization
open System.Text

/// The help as a person reads it: options with what they take, in groups where there are many, and examples.
[<RequireQualifiedAccess>]
module HelpScreen =

    /// The width to fill, and whether headings may be bold: on a terminal whose owner has not asked for no colours.
    let private width, private isBold =
        if Console.IsOutputRedirected then
            100, false
        else
            let wants = String.IsNullOrEmpty(Environment.GetEnvironmentVariable "NO_COLOR")
            Math.Clamp(Console.WindowWidth - 1, 60, 110), wants

    let private heading (text: string) = if isBold then $"\u001b[1m{text}\u001b[0m" else text

    /// A text broken at spaces into lines of at most so many characters; a longer word has a line of its own.
    let private wrap (room: int) (text: string) : string list =
        let add (lines: string list) (word: string) =
            match lines with
            | line :: rest when line.Length + 1 + word.Length <= room -> $"{line} {word}" :: rest
            | _ -> word :: lines

        text.Split(' ', StringSplitOptions.RemoveEmptyEntries) |> Array.fold add [] |> List.rev

    /// Names with their descriptions beside them, the descriptions in one column; a name too long for it has its own line.
    let private columns (rows: (string * string) list) : string list =
        let longest = rows |> List.map (fst >> String.length) |> List.fold max 0
        let left = min longest 28

        rows
        |> List.collect (fun (name, description) ->
            let lines = wrap (width - left - 4) description
            let indent = String(' ', left + 4)

            match lines with
            | first :: rest when name.Length <= left ->
                $"  {name.PadRight left}  {first}" :: List.map ((+) indent) rest
            | lines -> $"  {name}" :: List.map ((+) indent) lines)

    let private folders =
        set [
            "--model"
            "--out"
            "--tokenizer"
            "--from"
            "--resume"
            "--draft"
            "--cache"
            "--adapter"
        ]

    let private files = set [ "--data"; "--svg"; "--plot"; "--tokens" ]

    /// What an option takes, in a word.
    let private takes (option: Option) : string =
        let isOf (types: Type list) = types |> List.contains option.ValueType

        if isOf [ typeof<bool> ] then ""
        elif folders.Contains option.Name then " FOLDER"
        elif files.Contains option.Name then " FILE"
        elif isOf [ typeof<int>; typeof<int64> ] then " N"
        elif isOf [ typeof<float> ] then " X"
        else " TEXT"

    let private description (option: Option) : string =
        let usual =
            if option.HasDefaultValue then
                match option.GetDefaultValue() with
                | null
                | :? bool -> ""
                | value -> $" [{Convert.ToString(value, CultureInfo.InvariantCulture)}]"
            else
                ""

        (Option.ofObj option.Description |> Option.defaultValue "") + usual

    /// Above which option of which command a heading stands, where they are too many for one list.
    let private groups =
        let choosing = "--greedy", "How tokens are chosen"
        let general = "--seed", "In general"

        Map [
            "generate",
            Map [
                choosing
                "--eos", "How a text ends, and what is told about it"
                "--beams", "Beam search"
                "--draft", "Guessing ahead"
                general
            ]
            "warpers", Map [ choosing; "--svg", "In general" ]
            "train",
            Map [
                "--from", "Going on from a checkpoint"
                "--preset", "Sizes of the model"
                "--data", "Where from and where to"
                "--steps", "Training"
                "--plot", "What is shown"
                general
            ]
        ]

    let private options (command: Command) : string list =
        let headings = groups |> Map.tryFind command.Name |> Option.defaultValue Map.empty
        let help = "-h, --help", "show this"

        let row (option: Option) = option.Name + takes option, description option

        // Each group begins at the option that has a heading; the first has one of its own or the common one.
        let cut (option: Option) (current, groups) =
            match Map.tryFind option.Name headings with
            | Some title -> [], (title, row option :: current) :: groups
            | None -> row option :: current, groups

        let visible = command.Options |> Seq.filter (_.Hidden >> not) |> List.ofSeq
        let first, rest = List.foldBack cut visible ([], [])
        let all = if first.IsEmpty then rest else ("Options", first) :: rest

        let withHelp =
            match List.rev all with
            | (title, rows) :: before -> List.rev ((title, rows @ [ help ]) :: before)
            | [] -> [ "Options", [ help ] ]

        withHelp |> List.collect (fun (title, rows) -> [ ""; heading $"{title}:"; yield! columns rows ])

    let private examples (entry: Entry) : string list = [
        if not entry.Examples.IsEmpty then
            ""
            heading "Examples:"

            for what, line in entry.Examples do
                $"  {line}"
                $"      {what}"
    ]

    let private print (lines: string list) : unit =
        let text = StringBuilder()
        lines |> List.iter (fun line -> text.Append(line).Append '\n' |> ignore)
        Console.Out.Write text

    /// The help of a command that is called by these words, such as `gpt bench train`.
    let command (called: string) (entry: Entry) (command: Command) : unit =
        let commands = [
            for sub in command.Subcommands -> sub.Name, Option.ofObj sub.Description |> Option.defaultValue ""
        ]

        let arguments = command.Arguments |> List.ofSeq
        let names = arguments |> List.map (fun argument -> $" {argument.Name}") |> String.concat ""
        let what = Option.ofObj command.Description |> Option.defaultValue ""

        print [
            yield! wrap width what
            ""
            heading "Usage:"
            + $" {called}"
            + (if commands.IsEmpty then
                   names + " [options]"
               else
                   " COMMAND [options]")
            if not arguments.IsEmpty then
                ""
                heading "Arguments:"

                yield!
                    columns [
                        for argument in arguments ->
                            argument.Name, Option.ofObj argument.Description |> Option.defaultValue ""
                    ]
            if not commands.IsEmpty then
                ""
                heading "Commands:"
                yield! columns commands
            yield! options command
            yield! examples entry
        ]

    /// The help of the tool: its commands, and how to begin.
    let tool () : unit =
        print [
            "Train a small GPT from scratch and generate text with it."
            ""
            heading "Usage:" + " gpt COMMAND [options]"
            ""
            heading "Commands:"
            yield! columns [ for entry in Catalogue.all -> entry.Name, entry.Summary.TrimEnd '.' ]
            ""
            heading "Options:"
            yield!
                columns [
                    "-h, --help", "show this, or after a command its help"
                    "--version", "show the version"
                ]
            ""
            heading "Examples:"
            "  gpt train                          train on Shakespeare, a few minutes"
            "  gpt generate --prompt \"HAMLET:\"    write with what was trained"
            "  gpt generate --help                all the ways to write"
        ]
