namespace Gpt

open System
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.Json.Nodes

/// `tokenizer.json` in the format of Hugging Face's tokenizers library. A character-level vocabulary is a BPE without
/// merges: every character stays a token of its own.
[<RequireQualifiedAccess>]
module TokenizerJson =

    /// The text of `tokenizer.json`.
    let write (Characters tokenizer: Tokenizer) : string =
        let vocab = JsonObject()
        CharTokenizer.alphabet tokenizer |> List.iteri (fun id character -> vocab[character] <- id)
        let model = JsonObject()
        model["type"] <- "BPE"
        model["dropout"] <- null
        model["unk_token"] <- null
        model["fuse_unk"] <- false
        model["byte_fallback"] <- false
        model["vocab"] <- vocab
        model["merges"] <- JsonArray()
        let decoder = JsonObject()
        decoder["type"] <- "Fuse"
        let json = JsonObject()
        json["version"] <- "1.0"
        json["truncation"] <- null
        json["padding"] <- null
        json["added_tokens"] <- JsonArray()
        json["normalizer"] <- null
        json["pre_tokenizer"] <- null
        json["post_processor"] <- null
        json["decoder"] <- decoder
        json["model"] <- model

        let options =
            JsonSerializerOptions(WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)

        json.ToJsonString options + "\n"

    /// The text of `tokenizer_config.json`, which tells transformers to take `tokenizer.json` as it is.
    let writeConfig () : string =
        let json = JsonObject()
        json["tokenizer_class"] <- "PreTrainedTokenizerFast"
        json["clean_up_tokenization_spaces"] <- false
        json.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n"

    let private charactersOf (model: JsonElement) : Result<Tokenizer, string> =
        let entries =
            [
                for property in model.GetProperty("vocab").EnumerateObject() -> property.Name, property.Value.GetInt32()
            ]
            |> List.sortBy snd

        if entries |> List.map snd <> [ 0 .. entries.Length - 1 ] then
            Error $"its {entries.Length} ids are not 0 to {entries.Length - 1}, each once"
        else
            entries |> List.map fst |> CharTokenizer.ofAlphabet |> Result.map Characters

    /// The tokenizer that the text of a `tokenizer.json` describes, or one sentence that says why it cannot be used.
    let read (text: string) : Result<Tokenizer, string> =
        try
            use document = JsonDocument.Parse text
            let model = document.RootElement.GetProperty "model"

            match model.GetProperty("type").GetString(), model.GetProperty("merges").GetArrayLength() with
            | "BPE", 0 -> charactersOf model
            | kind, merges ->
                Error $"its model is {kind} with {merges} merges; character-level vocabularies can be loaded"
        with
        | :? JsonException -> Error "it is not valid JSON"
        | :? InvalidOperationException
        | :? FormatException
        | :? Collections.Generic.KeyNotFoundException -> Error "it is not what the tokenizers library writes"
