namespace Gpt.Cli

open System
open System.IO
open Gpt

/// Texts that a command reads, which must be UTF-8.
[<RequireQualifiedAccess>]
module Texts =

    /// The text of a file.
    let ofFile (path: string) : Result<string, string> =
        if Directory.Exists path then
            Error $"{path} is a folder; give one text file"
        else
            File.ReadAllBytes path |> Utf8.decode path

    /// All of standard input, whatever the terminal's encoding is.
    let ofInput () : Result<string, string> =
        use input = Console.OpenStandardInput()
        use bytes = new MemoryStream()
        input.CopyTo bytes
        Utf8.decode "standard input" (bytes.ToArray())

    /// Standard input line by line. Reading raises DecoderFallbackException where bytes are not UTF-8, a few lines ahead of them.
    let openInput () : StreamReader =
        new StreamReader(Console.OpenStandardInput(), Utf8.strict, detectEncodingFromByteOrderMarks = false)
