namespace Gpt.Cli

open System
open System.CommandLine

/// What may come next on a command line, for shells that ask.
[<RequireQualifiedAccess>]
module Completion =

    /// The words that an option takes, where they are few.
    let private values =
        Map [
            "--device", [ "auto"; "cpu"; "cuda" ]
            "--preset", Gpt.GptConfig.presets |> List.map fst
            "--order", [ "huggingface"; "llamacpp" ]
            "--early-stopping", [ "true"; "false"; "never" ]
            "--dtype", [ "float32"; "bfloat16"; "int8" ]
            "--lora-layers", [ "attention"; "all" ]
        ]

    /// The words that the last word may become, it being what was typed of it: of a command's options and subcommands.
    let rec private inside (command: Command) (words: string list) : string list =
        let deeper =
            match words with
            | name :: (_ :: _ as rest) ->
                command.Subcommands
                |> Seq.tryFind (fun sub -> sub.Name = name)
                |> Option.map (fun sub -> inside sub rest)
            | _ -> None

        match deeper with
        | Some found -> found
        | None ->
            let before = words |> List.truncate (words.Length - 1)
            let takesValue (word: string) (option: Option) = option.Name = word && option.ValueType <> typeof<bool>

            match List.tryLast before with
            | Some word when command.Options |> Seq.exists (takesValue word) ->
                values |> Map.tryFind word |> Option.defaultValue []
            | _ -> [
                for sub in command.Subcommands do
                    sub.Name
                if command.Name = "completion" && before.IsEmpty then
                    yield! Shells.all
                for option in command.Options do
                    if not (List.contains option.Name before) then
                        option.Name
                "--help"
              ]

    /// The candidates for the last of the words after `gpt`, which may be empty. `find` makes a command by its name.
    let candidates (find: string -> Command option) (words: string list) : string list =
        let found =
            match words with
            | []
            | [ _ ] -> (Catalogue.all |> List.map _.Name) @ [ "--help"; "--version" ]
            | name :: rest -> find name |> Option.map (fun command -> inside command rest) |> Option.defaultValue []

        let typed = List.tryLast words |> Option.defaultValue ""
        found |> List.filter _.StartsWith(typed, StringComparison.Ordinal)
