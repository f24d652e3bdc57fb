namespace Gpt

open System
open System.Collections.Generic
open System.Text.Encodings.Web
open System.Text.Json

/// The other files that a byte-level BPE comes in: `vocab.json` with `merges.txt`, as OpenAI gave GPT-2 away, and the rank
/// files of tiktoken. Neither says which tokens are special; `<|endoftext|>` is, as in GPT-2.
[<RequireQualifiedAccess>]
module BpeFiles =

    let private endOfText id = {
        Id = id
        Text = BpeTokenizer.EndOfText
        IsSpecial = true
    }

    /// The lines of a text that hold anything, with their numbers from 1.
    let private lines (text: string) : (int * string)[] =
        text.Split '\n'
        |> Array.mapi (fun i line -> i + 1, line.TrimEnd '\r')
        |> Array.filter (fun (_, line) -> line <> "")

    let private readVocabulary (json: string) : Result<(string * int)[], string> =
        try
            use document = JsonDocument.Parse json

            Ok [|
                for property in document.RootElement.EnumerateObject() -> property.Name, property.Value.GetInt32()
            |]
        with
        | :? JsonException -> Error "vocab.json is not valid JSON"
        | :? InvalidOperationException
        | :? FormatException -> Error "vocab.json is not an object from tokens to ids"

    let private readMerges (text: string) : Result<struct (string * string)[], string> =
        let body =
            lines text
            |> Array.filter (fun (i, line) -> not (i = 1 && line.StartsWith("#version", StringComparison.Ordinal)))

        let isPair (line: string) =
            match line.Split ' ' with
            | [| left; right |] -> left <> "" && right <> ""
            | _ -> false

        match body |> Array.tryFind (snd >> isPair >> not) with
        | Some(i, line) ->
            Error $"line {i} of merges.txt is \"{line}\"; a merge is two tokens with a space between them"
        | None ->
            body
            |> Array.map (fun (_, line) ->
                let space = line.IndexOf ' '
                struct (line.Substring(0, space), line.Substring(space + 1)))
            |> Ok

    /// The tokenizer of the texts of `vocab.json` and `merges.txt`, or one sentence that says what is wrong with them.
    let readVocabAndMerges (vocab: string) (merges: string) : Result<BpeTokenizer, string> =
        readVocabulary vocab
        |> Result.bind (fun vocabulary ->
            readMerges merges
            |> Result.bind (fun pairs ->
                BpeTokenizer.create {
                    Vocabulary = vocabulary
                    Pairs = pairs
                    Added =
                        vocabulary
                        |> Array.filter (fun (name, _) -> name = BpeTokenizer.EndOfText)
                        |> Array.map (snd >> endOfText)
                    WholeWords = false
                }))

    /// The text of `vocab.json`, added tokens included.
    let writeVocab (tokenizer: BpeTokenizer) : string =
        let json =
            BpeTokenizer.names tokenizer |> Seq.mapi (fun id name -> name, id) |> TokenizerJson.vocabularyObject

        json.ToJsonString(JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping))
        + "\n"

    /// The text of `merges.txt`.
    let writeMerges (tokenizer: BpeTokenizer) : string =
        let pairs =
            (BpeTokenizer.parts tokenizer).Pairs |> Seq.map (fun struct (left, right) -> $"{left} {right}\n")

        "#version: 0.2\n" + String.Concat pairs

    let private readRanks (text: string) : Result<(byte[] * int)[], string> =
        let entry (i, line: string) =
            match line.Split ' ' with
            | [| token; rank |] ->
                let buffer = Array.zeroCreate<byte> token.Length

                match Convert.TryFromBase64String(token, buffer), Int32.TryParse rank with
                | (true, length), (true, rank) when length > 0 && rank >= 0 -> Ok(buffer[.. length - 1], rank)
                | _ -> Error i
            | _ -> Error i

        let entries = lines text |> Array.map entry

        match
            entries
            |> Array.tryPick (function
                | Error i -> Some i
                | Ok _ -> None)
        with
        | Some i -> Error $"line {i} is not a token in base 64, a space and its rank"
        | None -> Ok(entries |> Array.choose Result.toOption)

    /// The last merge on the way to each token, of those that come about by merges. tiktoken merges whatever two neighbours
    /// are a token together, by the rank of that token; what happens inside of a token's bytes until they are that token is
    /// what happens to the same bytes as a word of their own, so its halves are always the same two.
    let private lastMerges (ranks: Dictionary<string, int>) : Map<int, struct (string * string)> =
        let rec reduce (whole: string) (pieces: string list) =
            match pieces with
            | [ left; right ] when left + right = whole -> Some(struct (left, right))
            | _ ->
                let joined (left, right) = ranks.GetValueOrDefault(left + right, Int32.MaxValue)
                let best, (left, right) = pieces |> List.pairwise |> List.indexed |> List.minBy (snd >> joined)

                if joined (left, right) = Int32.MaxValue then
                    None
                else
                    List.take best pieces @ (left + right) :: List.skip (best + 2) pieces |> reduce whole

        Map [
            for KeyValue(token, rank) in ranks do
                if token.Length > 1 then
                    match token |> Seq.map String.Concat |> List.ofSeq |> reduce token with
                    | Some halves -> rank, halves
                    | None -> ()
        ]

    /// The tokenizer of the text of a tiktoken rank file, or one sentence that says what is wrong with it. The file says
    /// nothing of how texts are cut into words, which must be GPT-2's way (as for r50k_base and p50k_base), nor of special
    /// tokens: `<|endoftext|>` gets the lowest id that no token has, which is right for those two.
    let readTiktoken (text: string) : Result<BpeTokenizer, string> =
        readRanks text
        |> Result.bind (fun entries ->
            let vocabulary =
                entries |> Array.map (fun (token, rank) -> ByteAlphabet.write (ReadOnlySpan token), rank)

            let taken = HashSet(Seq.map snd vocabulary)
            let free = Seq.initInfinite id |> Seq.find (taken.Contains >> not)
            let ranks = Dictionary<string, int>()

            for token, rank in vocabulary do
                ranks[token] <- rank

            let merges = lastMerges ranks

            BpeTokenizer.create {
                Vocabulary = vocabulary
                Pairs = merges |> Map.values |> Array.ofSeq
                Added = [| endOfText free |]
                // tiktoken looks for the whole word first, which matters where the merges do not lead to a token.
                WholeWords =
                    vocabulary |> Array.exists (fun (token, rank) -> token.Length > 1 && not (merges.ContainsKey rank))
            })
