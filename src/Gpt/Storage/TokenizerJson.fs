namespace Gpt

open System
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// `tokenizer.json` in the format of Hugging Face's tokenizers library: GPT-2's byte-level BPE, and character-level
/// vocabularies as a BPE without merges, where every character stays a token of its own. What would cut or merge in another
/// way than these two do is refused, not read as if it were not there.
[<RequireQualifiedAccess>]
module TokenizerJson =

    let private indented =
        JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

    let private object (fields: (string * JsonNode | null) list) : JsonObject =
        let json = JsonObject()

        for name, value in fields do
            json[name] <- value

        json

    let private text (value: string) : JsonNode | null = JsonValue.Create value
    let private flag (value: bool) : JsonNode = JsonValue.Create value
    let private number (value: int) : JsonNode = JsonValue.Create value

    /// A vocabulary as an object from names to ids, in the order of the ids.
    let internal vocabularyObject (vocabulary: (string * int) seq) : JsonObject =
        object [ for name, id in Seq.sortBy snd vocabulary -> name, number id ]

    let private addedObject (added: AddedToken) : JsonNode =
        object [
            "id", number added.Id
            "content", text added.Text
            "single_word", flag false
            "lstrip", flag false
            "rstrip", flag false
            "normalized", flag false
            "special", flag added.IsSpecial
        ]

    let private byteLevel () : JsonNode =
        object [
            "type", text "ByteLevel"
            "add_prefix_space", flag false
            "trim_offsets", flag true
            "use_regex", flag true
        ]

    let private pairArray (pairs: struct (string * string)[]) : JsonNode =
        pairs
        |> Array.map (fun struct (left, right) -> JsonArray(text left, text right): JsonNode)
        |> JsonArray
        :> JsonNode

    let private model vocabulary (merges: JsonNode) wholeWords : JsonNode =
        object [
            "type", text "BPE"
            "dropout", null
            "unk_token", null
            "continuing_subword_prefix", null
            "end_of_word_suffix", null
            "fuse_unk", flag false
            "byte_fallback", flag false
            "ignore_merges", flag wholeWords
            "vocab", vocabularyObject vocabulary
            "merges", merges
        ]

    let private file added preTokenizer decoder model : string =
        let json =
            object [
                "version", text "1.0"
                "truncation", null
                "padding", null
                "added_tokens", JsonArray(Array.map addedObject added)
                "normalizer", null
                "pre_tokenizer", preTokenizer
                "post_processor", null
                "decoder", decoder
                "model", model
            ]

        json.ToJsonString indented + "\n"

    /// The text of `tokenizer.json`.
    let write (tokenizer: Tokenizer) : string =
        match tokenizer with
        | Characters tokenizer ->
            let vocabulary = CharTokenizer.alphabet tokenizer |> List.mapi (fun id character -> character, id)
            file [||] null (object [ "type", text "Fuse" ]) (model vocabulary (JsonArray()) false)
        | Bpe tokenizer ->
            let parts = BpeTokenizer.parts tokenizer
            let vocabulary = BpeTokenizer.names tokenizer |> List.mapi (fun id name -> name, id)
            file parts.Added (byteLevel ()) (byteLevel ()) (model vocabulary (pairArray parts.Pairs) parts.WholeWords)

    /// The text of `tokenizer_config.json`, which tells transformers to take `tokenizer.json` as it is, and which token ends
    /// a text.
    let writeConfig (tokenizer: Tokenizer) : string =
        let json =
            object [
                "tokenizer_class", text "PreTrainedTokenizerFast"
                "clean_up_tokenization_spaces", flag false
                if (Tokenizer.endOfText tokenizer).IsSome then
                    "bos_token", text BpeTokenizer.EndOfText
                    "eos_token", text BpeTokenizer.EndOfText
            ]

        json.ToJsonString indented + "\n"

    /// A field that is there and not null.
    let private field (name: string) (json: JsonElement) : JsonElement option =
        match json.TryGetProperty name with
        | true, value when value.ValueKind <> JsonValueKind.Null -> Some value
        | _ -> None

    let private string (json: JsonElement) : string =
        match json.GetString() with
        | null -> raise (FormatException "null where a text is expected")
        | value -> value

    let private typeOf (json: JsonElement option) : string =
        json |> Option.bind (field "type") |> Option.map string |> Option.defaultValue "none"

    let private isTrue (name: string) (json: JsonElement) =
        field name json |> Option.exists (fun value -> value.GetBoolean())

    let private isFalse (name: string) (json: JsonElement) =
        field name json |> Option.exists (fun value -> not (value.GetBoolean()))

    let private vocabulary (model: JsonElement) : (string * int)[] = [|
        for property in model.GetProperty("vocab").EnumerateObject() -> property.Name, property.Value.GetInt32()
    |]

    /// A merge is a pair in new files, in old ones a text with a space between the halves.
    let private pair (merge: JsonElement) : struct (string * string) =
        match
            merge.ValueKind,
            (if merge.ValueKind = JsonValueKind.String then
                 (string merge).Split ' '
             else
                 [||])
        with
        | JsonValueKind.String, [| left; right |] -> struct (left, right)
        | JsonValueKind.Array, _ when merge.GetArrayLength() = 2 -> struct (string merge[0], string merge[1])
        | _ -> raise (FormatException $"{merge.GetRawText()} is not a merge")

    let private addedTokens (root: JsonElement) : AddedToken[] = [|
        match field "added_tokens" root with
        | None -> ()
        | Some tokens ->
            for token in tokens.EnumerateArray() do
                {
                    Id = token.GetProperty("id").GetInt32()
                    Text = string (token.GetProperty "content")
                    IsSpecial = isTrue "special" token
                }
    |]

    let private charactersOf (root: JsonElement) (model: JsonElement) : Result<Tokenizer, string> =
        let entries = vocabulary model |> List.ofArray |> List.sortBy snd

        let isCharacter (token: AddedToken) = List.contains (token.Text, token.Id) entries

        if entries |> List.map snd <> [ 0 .. entries.Length - 1 ] then
            Error $"its {entries.Length} ids are not 0 to {entries.Length - 1}, each once"
        else
            match addedTokens root |> Array.tryFind (isCharacter >> not) with
            | Some token ->
                Error $"it adds the token {token.Text} to its characters, which a tokenizer of characters alone has not"
            | None -> entries |> List.map fst |> CharTokenizer.ofAlphabet |> Result.map Characters

    let private bpeOf (root: JsonElement) (model: JsonElement) : Result<Tokenizer, string> =
        BpeTokenizer.create {
            Vocabulary = vocabulary model
            Pairs = [| for merge in model.GetProperty("merges").EnumerateArray() -> pair merge |]
            Added = addedTokens root
            WholeWords = isTrue "ignore_merges" model
        }
        |> Result.map Bpe

    /// What a file asks for that GPT-2's tokenizer does not do.
    let private beyondGpt2 (root: JsonElement) (model: JsonElement) : string option =
        let isText name = field name model |> Option.exists (fun value -> string value <> "")
        let normalizer = field "normalizer" root
        let preTokenizer = field "pre_tokenizer" root
        let postProcessor = field "post_processor" root

        let rec addsTokens (processor: JsonElement) =
            match typeOf (Some processor) with
            | "ByteLevel" -> false
            | "TemplateProcessing" -> processor.GetProperty("special_tokens").EnumerateObject() |> Seq.isEmpty |> not
            | "Sequence" -> processor.GetProperty("processors").EnumerateArray() |> Seq.exists addsTokens
            | _ -> true

        let stripping (token: JsonElement) =
            [ "single_word"; "lstrip"; "rstrip" ] |> List.exists (fun name -> isTrue name token)

        let odd =
            field "added_tokens" root
            |> Option.bind (fun tokens -> tokens.EnumerateArray() |> Seq.tryFind stripping)
            |> Option.map (fun token -> token.GetProperty("content").ToString())

        [
            normalizer.IsSome, $"its normalizer is {typeOf normalizer}, GPT-2 has none"
            preTokenizer |> Option.exists (isTrue "add_prefix_space"), "it puts a space before a text, GPT-2 does not"
            preTokenizer |> Option.exists (isFalse "use_regex"), "it does not cut texts into words as GPT-2 does"
            postProcessor |> Option.exists addsTokens,
            $"its post-processor, {typeOf postProcessor}, may put tokens around a text, GPT-2's does not"
            odd.IsSome,
            $"the added token {odd |> Option.toList |> String.Concat} takes in blanks or asks for whole words"
            isText "continuing_subword_prefix", "its tokens have a prefix inside words, GPT-2's have none"
            isText "end_of_word_suffix", "its tokens have a suffix at the end of words, GPT-2's have none"
            field "dropout" model |> Option.exists (fun value -> value.GetDouble() > 0.0),
            "it leaves out merges by chance"
        ]
        |> List.tryFind fst
        |> Option.map snd

    /// The tokenizer that the text of a `tokenizer.json` describes, or one sentence that says why it cannot be used.
    let read (text: string) : Result<Tokenizer, string> =
        try
            use document = JsonDocument.Parse text
            let root = document.RootElement
            let model = root.GetProperty "model"
            let merges = model.GetProperty("merges").GetArrayLength()

            match string (model.GetProperty "type"), typeOf (field "pre_tokenizer" root), beyondGpt2 root model with
            | "BPE", ("ByteLevel" | "none"), Some sentence -> Error sentence
            | "BPE", "ByteLevel", None -> bpeOf root model
            | "BPE", "none", None when merges = 0 -> charactersOf root model
            | kind, preTokenizer, _ ->
                Error
                    $"its model is {kind} with {merges} merges and its pre-tokenizer is {preTokenizer}; a BPE with the pre-tokenizer ByteLevel, as GPT-2's, or without merges and pre-tokenizer can be loaded"
        with
        | :? JsonException -> Error "it is not valid JSON"
        | :? InvalidOperationException
        | :? FormatException
        | :? Collections.Generic.KeyNotFoundException -> Error "it is not what the tokenizers library writes"
