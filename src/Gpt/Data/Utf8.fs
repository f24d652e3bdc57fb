namespace Gpt

open System
open System.Text

/// Texts that come as bytes: what is not UTF-8 is refused, and not read as other characters.
[<RequireQualifiedAccess>]
module Utf8 =

    /// UTF-8 that raises DecoderFallbackException for bytes that are none.
    let strict: Encoding = UTF8Encoding(true, throwOnInvalidBytes = true)

    /// Bytes as a text, without a byte-order mark. `name` is what the error, one sentence, calls them.
    let decode (name: string) (bytes: byte[]) : Result<string, string> =
        let start = if bytes.AsSpan().StartsWith strict.Preamble then 3 else 0

        try
            Ok(strict.GetString(bytes, start, bytes.Length - start))
        with :? DecoderFallbackException as problem ->
            let place = start + problem.Index

            Error
                $"{name} is not UTF-8 text: byte {place} is 0x{bytes[place]:X2}, which no character has there; save it as UTF-8"
