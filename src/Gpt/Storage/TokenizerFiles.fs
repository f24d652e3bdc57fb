namespace Gpt

open System
open System.IO

/// A tokenizer as the files of a folder.
[<RequireQualifiedAccess>]
module TokenizerFiles =

    let private inFile (path: string) (result: Result<'a, string>) =
        result |> Result.mapError (fun sentence -> $"{path}: {sentence}")

    let private readText (path: string) : Result<string, string> =
        try
            Ok(File.ReadAllText path)
        with
        | :? IOException
        | :? UnauthorizedAccessException as e -> Error $"{path} cannot be read: {e.Message}"

    let private tiktokenFiles (folder: string) =
        if Directory.Exists folder then
            Directory.GetFiles(folder, "*.tiktoken") |> Array.sort
        else
            [||]

    /// The tokenizer of a folder: of `tokenizer.json` if it is there, else of `vocab.json` and `merges.txt`, else of its one
    /// file that ends in `.tiktoken`. The error is one sentence that names the file and what is wrong with it.
    let read (folder: string) : Result<Tokenizer, string> =
        let path (name: string) = Path.Combine(folder, name)
        let whole, vocab, merges = path "tokenizer.json", path "vocab.json", path "merges.txt"

        match File.Exists whole, File.Exists vocab && File.Exists merges, tiktokenFiles folder with
        | true, _, _ -> readText whole |> Result.bind (TokenizerJson.read >> inFile whole)
        | _, true, _ ->
            readText vocab
            |> Result.bind (fun vocab ->
                readText merges
                |> Result.bind (BpeFiles.readVocabAndMerges vocab >> Result.map Bpe >> inFile folder))
        | _, _, [| ranks |] -> readText ranks |> Result.bind (BpeFiles.readTiktoken >> Result.map Bpe >> inFile ranks)
        | _ ->
            Error
                $"{folder} holds no tokenizer: no tokenizer.json, no vocab.json with merges.txt, and not exactly one .tiktoken file"

    /// The names and texts of the files that other programs look for beside a model: `tokenizer.json` and
    /// `tokenizer_config.json`, for a BPE also `vocab.json` and `merges.txt`.
    let write (tokenizer: Tokenizer) : (string * string) list = [
        "tokenizer.json", TokenizerJson.write tokenizer
        "tokenizer_config.json", TokenizerJson.writeConfig tokenizer
        match tokenizer with
        | Characters _ -> ()
        | Bpe tokenizer ->
            "vocab.json", BpeFiles.writeVocab tokenizer
            "merges.txt", BpeFiles.writeMerges tokenizer
    ]
