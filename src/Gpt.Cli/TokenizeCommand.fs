namespace Gpt.Cli

open System
open System.CommandLine
open System.Diagnostics
open System.IO
open System.Text
open System.Text.Json
open Gpt

/// `gpt tokenize`: text to token ids and back, once or a line at a time.
[<RequireQualifiedAccess>]
module TokenizeCommand =

    let private folder: Option<string> =
        Options.optional
            "--tokenizer"
            "folder with the files of a tokenizer; that of the newest checkpoint in runs unless given"
        |> Options.notEmpty

    let private text: Option<string> =
        Options.optional "--text" "what to encode, or with --decode the ids; standard input unless given"

    let private decode = Options.flag "--decode" "from ids to text"

    let private jsonl =
        Options.flag
            "--jsonl"
            "a JSON string on each line of standard input, a JSON list of ids on each line of the answer; with --decode the other way round"

    let private plain =
        Options.flag "--plain" "special tokens are ordinary text; with --decode they are left out"

    let private json = Options.json ()

    /// What turns a text into ids and ids into a text.
    type private Codec = {
        Tokenizer: Tokenizer
        Encode: string -> Result<int[], string>
        Decode: int[] -> Result<string, string>
    }

    let private codec (plain: bool) (tokenizer: Tokenizer) : Codec =
        let size = Tokenizer.vocabSize tokenizer

        let checkedIds (ids: int[]) =
            match ids |> Array.tryFind (fun id -> id < 0 || id >= size) with
            | Some id -> Error $"id {id} is not in the vocabulary; ids are 0 to {size - 1}"
            | None -> Ok ids

        {
            Tokenizer = tokenizer
            Encode = (if plain then Tokenizer.encodePlain else Tokenizer.encode) tokenizer
            Decode = checkedIds >> Result.map ((if plain then Tokenizer.decodePlain else Tokenizer.decode) tokenizer)
        }

    let private listOf (ids: int[]) = "[" + String.Join(", ", ids) + "]"

    /// What a line of JSON holds.
    let private parsed (what: string) (read: JsonElement -> 'a) (line: string) : Result<'a, string> =
        try
            use document = JsonDocument.Parse line
            Ok(read document.RootElement)
        with
        | :? JsonException
        | :? FormatException
        // Another kind of value, or half of a surrogate pair written as an escape.
        | :? InvalidOperationException -> Error $"it is not {what}"

    let private jsonString: string -> Result<string, string> =
        parsed "a JSON string" (fun value ->
            match value.GetString() with
            | null -> raise (FormatException "null")
            | text -> text)

    let private jsonIds: string -> Result<int[], string> =
        parsed "a JSON list of ids" (fun value -> [| for id in value.EnumerateArray() -> id.GetInt32() |])

    /// Answers each line of standard input with a line, until the first that is wrong.
    let private answerLines (answer: string -> Result<string, string>) : Result<int, Problem> =
        use lines = Texts.openInput ()

        let next () : Result<string, string> option =
            try
                lines.ReadLine() |> Option.ofObj |> Option.map Ok
            with :? DecoderFallbackException ->
                Some(Error "it, or one shortly after it, is not UTF-8 text")

        let rec from number =
            match next () with
            | None -> Ok Problem.codes.Done
            | Some line ->
                match Result.bind answer line with
                | Error sentence -> Error(Failed $"line {number}: {sentence}")
                | Ok answer ->
                    Console.Out.WriteLine answer
                    from (number + 1)

        from 1

    /// A token as a person may read it: its text in quotes, or its bytes if they are not whole characters.
    let private piece (tokenizer: Tokenizer) (id: int) : string =
        let bytes = Tokenizer.bytes tokenizer id
        let text = Encoding.UTF8.GetString bytes

        if Encoding.UTF8.GetBytes text = bytes then
            Json.readable text
        else
            "<" + BitConverter.ToString(bytes).Replace('-', ' ') + ">"

    let private printTokens (asJson: bool) (tokenizer: Tokenizer) (ids: int[]) (time: TimeSpan) : unit =
        let perSecond = Math.Round(float ids.Length / max 1e-6 time.TotalSeconds)

        if asJson then
            Json.print (
                Json.object [
                    "ids", Json.list Json.whole ids
                    "pieces", ids |> Json.list (fun id -> Json.text (Tokenizer.decode tokenizer [ id ]))
                    "count", Json.whole ids.Length
                    "tokensPerSecond", Json.number perSecond
                ]
            )
        else
            for id in ids do
                printfn $"%8d{id}  {piece tokenizer id}"

            let bytes = ids |> Array.sumBy (fun id -> (Tokenizer.bytes tokenizer id).Length)
            printfn $"{ids.Length} tokens, {bytes} bytes"

            // Of one text, the first in this process: `gpt bench tokenize` measures.
            Screen.note $"{perSecond:N0} tokens/s"

    /// Ids with commas or blanks between them, in brackets or not.
    let private idsOf (text: string) : Result<int[], string> =
        let words =
            text
                .Trim()
                .TrimStart('[')
                .TrimEnd(']')
                .Split([| ','; ' '; '\t'; '\r'; '\n' |], StringSplitOptions.RemoveEmptyEntries)

        match words |> Array.tryFind (fun word -> not (fst (Int32.TryParse word))) with
        | Some word -> Error $"\"{word}\" is not a token id"
        | None -> Ok(Array.map int words)

    let private once (asJson: bool) (decode: bool) (codec: Codec) (text: string) : Result<int, string> =
        if decode then
            idsOf text
            |> Result.bind codec.Decode
            |> Result.map (fun text ->
                if asJson then
                    Json.print (Json.object [ "text", Json.text text ])
                else
                    printfn "%s" text)
        else
            let start = Stopwatch.GetTimestamp()

            codec.Encode text
            |> Result.map (fun ids -> printTokens asJson codec.Tokenizer ids (Stopwatch.GetElapsedTime start))
        |> Result.map (fun () -> Problem.codes.Done)

    let private run (given: ParseResult) : Result<int, Problem> =
        result {
            let decode, lines = given.GetRequiredValue decode, given.GetRequiredValue jsonl

            if lines && (Options.given given text).IsSome then
                do! Error(Usage "--text and --jsonl exclude each other; --jsonl reads standard input")

            let! folder =
                match Options.given given folder with
                | Some folder -> Ok folder
                | None -> Options.newestCheckpoint folder

            let! tokenizer = TokenizerFiles.read folder |> Problem.failed
            let codec = codec (given.GetRequiredValue plain) tokenizer

            if lines && decode then
                return! answerLines (jsonIds >> Result.bind codec.Decode >> Result.map Json.quoted)
            elif lines then
                return! answerLines (jsonString >> Result.bind codec.Encode >> Result.map listOf)
            else
                let! wanted =
                    match Options.given given text with
                    | Some text -> Ok text
                    | None -> Texts.ofInput () |> Problem.failed

                return! once (given.GetRequiredValue json) decode codec wanted |> Problem.failed
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "tokenize"
            "Show the tokens of a text, or the text of tokens."
            [ folder; text; decode; jsonl; plain; json ]
            run
