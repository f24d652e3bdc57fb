namespace Gpt.Cli

open System
open System.Text.Encodings.Web
open System.Text.Json.Nodes

/// Answers for programs, put together value by value: a serializer that finds out about types as it runs has nothing to find in
/// a build ahead of time.
[<RequireQualifiedAccess>]
module Json =

    let text (value: string) : JsonNode = nonNull (JsonValue.Create value)
    let whole (value: int) : JsonNode = JsonValue.Create value
    let long (value: int64) : JsonNode = JsonValue.Create value
    let number (value: float) : JsonNode = JsonValue.Create value

    let truth (value: bool) : JsonNode = JsonValue.Create value

    let list (node: 'a -> JsonNode) (items: 'a seq) : JsonNode = JsonArray [| for item in items -> node item |]

    let object (fields: (string * JsonNode) list) : JsonNode =
        let json = JsonObject()

        for name, value in fields do
            json[name] <- value

        json

    /// One line, as standard output gets it.
    let print (json: JsonNode) : unit = Console.Out.WriteLine(json.ToJsonString())

    /// A text in quotes, in which a person can read what is not ASCII too.
    let readable (value: string) : string = "\"" + JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode value + "\""

    /// A text in quotes, in ASCII alone.
    let quoted (value: string) : string = "\"" + JavaScriptEncoder.Default.Encode value + "\""
