namespace Gpt.Cli

open System
open System.CommandLine
open System.CommandLine.Parsing
open Gpt

/// What is wrong with a command line, in a sentence of our own.
[<RequireQualifiedAccess>]
module Mistakes =

    /// The known word that a misspelt one is nearest to, if it is near: two letters differ at most, or a quarter of a long
    /// word's and half of a short one's.
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

    /// A word that is not known, and what it was probably meant to be.
    let unknown (known: string seq) (word: string) : string =
        match nearest known word with
        | Some other -> $"{word} is not known here; did you mean {other}?"
        | None -> $"{word} is not known here."

    let private kind (type': Type) : string =
        if type' = typeof<int> || type' = typeof<int64> then
            "a whole number"
        elif type' = typeof<float> then
            "a number, such as 0.001"
        else
            "a text"

    let private ofOption (result: OptionResult) : string =
        let option = result.Option

        match List.ofSeq result.Tokens with
        | [] -> $"{option.Name} has no value; it takes {kind option.ValueType}."
        // Of texts the parser refuses empty paths alone.
        | [ token ] when token.Value = "" && option.ValueType = typeof<string> ->
            $"{option.Name} is empty; it must name a file or a folder."
        | [ token ] when token.Value = "" -> $"{option.Name} is empty; it must be {kind option.ValueType}."
        | [ token ] -> $"{option.Name} is {token.Value}; it must be {kind option.ValueType}."
        | tokens -> $"{option.Name} is given {tokens.Length} times; once is right."

    /// What the parser complains of: an option's value, or something that is missing.
    let ofError (error: ParseError) : string =
        match error.SymbolResult with
        | :? OptionResult as option -> ofOption option
        | :? ArgumentResult as argument ->
            match argument.Parent with
            | :? OptionResult as option -> ofOption option
            | _ -> $"{argument.Argument.Name} is missing."
        | :? CommandResult as command when command.Command.Subcommands.Count > 0 -> "a command is missing."
        | :? CommandResult as command ->
            match Seq.tryHead command.Command.Arguments with
            | Some argument -> $"{argument.Name} is missing."
            | None -> error.Message
        | _ -> error.Message
