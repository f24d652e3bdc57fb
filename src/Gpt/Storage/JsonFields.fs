namespace Gpt

open System
open System.Text.Json
open System.Text.Json.Nodes

/// JSON files read field by field. What is wrong with a field is a FormatException inside, whose message is one sentence that
/// names it, and an Error of `read` outside.
[<RequireQualifiedAccess>]
module internal JsonFields =

    /// A value as the file has it, on one line and not too long.
    let show (value: JsonElement) : string =
        let text = value.GetRawText().ReplaceLineEndings " "

        if text.Length <= 60 then
            text
        else
            text.Substring(0, 60) + "…"

    let wrong (name: string) (value: JsonElement) (expected: string) : 'a =
        raise (FormatException $"{name} is {show value}; {expected} is expected")

    let missing (name: string) : 'a = raise (FormatException $"{name} is missing")

    /// The value of a field that must be there.
    let required (json: JsonElement) (name: string) : JsonElement =
        match json.TryGetProperty name with
        | true, value -> value
        | _ -> missing name

    /// An int32.
    let whole (name: string) (value: JsonElement) : int =
        match value.ValueKind with
        | JsonValueKind.Number when fst (value.TryGetInt32()) -> value.GetInt32()
        | _ -> wrong name value "a whole number"

    let real (name: string) (value: JsonElement) : float =
        match value.ValueKind with
        | JsonValueKind.Number -> value.GetDouble()
        | _ -> wrong name value "a number"

    /// An object as the text of a file, for people to read too.
    let write (json: JsonObject) : string = json.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n"

    /// What `ofRoot` makes of the object that a text holds, or one sentence that says what is wrong with it.
    let read (ofRoot: JsonElement -> Result<'a, string>) (text: string) : Result<'a, string> =
        try
            use document = JsonDocument.Parse text
            ofRoot document.RootElement
        with
        | :? JsonException -> Error "it is not valid JSON"
        | :? InvalidOperationException -> Error "it is not a JSON object"
        | :? FormatException as e -> Error e.Message
