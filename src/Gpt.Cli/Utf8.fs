namespace Gpt.Cli

open System
open System.IO
open System.Text

/// Texts that come as bytes: what is not UTF-8 is refused, as `gpt train` refuses it, and not read as other characters.
[<RequireQualifiedAccess>]
module Utf8 =

    let private strict = UTF8Encoding(true, throwOnInvalidBytes = true)

    /// Bytes as a text, without a byte-order mark. `name` is what the error calls them.
    let decode (name: string) (bytes: byte[]) : Result<string, string> =
        let start = if bytes.AsSpan().StartsWith strict.Preamble then 3 else 0

        try
            Ok(strict.GetString(bytes, start, bytes.Length - start))
        with :? DecoderFallbackException as problem ->
            let place = start + problem.Index

            Error $"{name} is not UTF-8 text: byte {place} is 0x{bytes[place]:X2}, which no character has there"

    /// The text of a file.
    let readFile (path: string) : Result<string, string> =
        if Directory.Exists path then
            Error $"{path} is a folder; give one text file"
        else
            File.ReadAllBytes path |> decode path

    /// All of standard input, whatever the terminal's encoding is.
    let readInput () : Result<string, string> =
        use input = Console.OpenStandardInput()
        use bytes = new MemoryStream()
        input.CopyTo bytes
        decode "standard input" (bytes.ToArray())

    /// Standard input line by line. Reading raises DecoderFallbackException where bytes are not UTF-8, a few lines ahead of them.
    let openInput () : StreamReader =
        new StreamReader(Console.OpenStandardInput(), strict, detectEncodingFromByteOrderMarks = false)
