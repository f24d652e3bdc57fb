namespace Gpt

open System
open System.Collections.Generic
open System.Text.Json

/// JSON schemas (draft 2020-12), as far as they are regular. What is written is compact JSON, and an object's properties come
/// in the order of the schema.
///
/// - `type` (one or a list), `enum`, `const`, `anyOf`, `$ref` to `#/$defs/name` or `#/definitions/name` when not recursive
/// - object: `properties`, `required`; no other properties are written, and `additionalProperties` may be false only
/// - array: `items` (which must be there), `minItems`, `maxItems`
/// - string: `minLength` and `maxLength` in characters, or `pattern`, which as the standard has it matches anywhere in the
///   string unless it is anchored with ^ and $
/// - integer: `minimum`, `maximum`, `exclusiveMinimum`, `exclusiveMaximum`; up to 15 digits, no point and no exponent
/// - number: up to 15 digits before the point, 15 after it, 2 in the exponent; boolean; null
///
/// A schema is nested at most 256 deep. Where `type` holds integer and number, it has no bounds, as number has none.
///
/// Annotations are passed over. Every other keyword is refused with its path, for to pass over it would be to break it.
[<RequireQualifiedAccess>]
module internal JsonSchema =

    /// What is compiled already, for schemas that are referred to more than once, and what is being compiled.
    type private Compiler = {
        Known: Dictionary<string, Language>
        Open: HashSet<string>
    }

    let rec private schema (compiler: Compiler) (node: SchemaNode) : Language =
        let keywords = SchemaReader.keywords node
        let has keyword = List.contains keyword keywords

        if has "$ref" then
            SchemaReader.allow " beside '$ref'" [ "$ref" ] node
            reference compiler node
        elif has "anyOf" then
            SchemaReader.allow " beside 'anyOf'" [ "anyOf" ] node
            anyOf compiler node
        elif has "enum" then
            match SchemaReader.items "enum" node with
            | [] -> SchemaReader.refuse node "nothing satisfies it: 'enum' is empty"
            | values -> SchemaValues.oneOf "enum" values node
        elif has "const" then
            SchemaValues.oneOf "const" [ node.Json.GetProperty "const" ] node
        else
            match SchemaValues.typesOf node with
            | ValueSome types ->
                // A whole number is a number, too, whose bounds are not supported.
                let isOwn type_ = type_ <> "integer" || not (List.contains "number" types)
                let known = "type" :: (types |> List.filter isOwn |> List.collect SchemaValues.keywordsOf)
                SchemaReader.allow $""" for type {String.concat ", " types}""" known node
                Choice(List.map (ofType compiler node) types)
            | ValueNone ->
                match keywords with
                | [] -> SchemaReader.refuse node "a schema needs one of 'type', 'enum', 'const', 'anyOf' and '$ref'"
                | keyword :: _ -> SchemaReader.refuse node $"keyword '{keyword}' is not supported without 'type'"

    and private ofType compiler node type_ =
        match type_ with
        | "object" -> object compiler node
        | "array" -> array compiler node
        | "string" -> SchemaValues.string_ node
        | "integer" -> SchemaValues.integer node
        | "number" -> JsonText.number
        | "boolean" -> Choice [ Language.text "true"; Language.text "false" ]
        | _ -> Language.text "null"

    and private object compiler node =
        let properties = SchemaReader.members "properties" node
        let required = SchemaReader.strings "required" node

        match SchemaReader.find "additionalProperties" node with
        | ValueSome json when json.ValueKind <> JsonValueKind.False ->
            SchemaReader.refuse node "keyword 'additionalProperties' is supported as false only"
        | _ -> ()

        match required |> List.tryFind (fun name -> not (List.exists (fst >> (=) name) properties)) with
        | Some name -> SchemaReader.refuse node $"nothing satisfies it: '{name}' is required and not in 'properties'"
        | None ->
            JsonText.object [
                for name, json in properties ->
                    let value = schema compiler (SchemaReader.below node [ "properties"; name ] json)
                    name, value, List.contains name required
            ]

    and private array compiler node =
        match SchemaReader.find "items" node with
        | ValueNone -> SchemaReader.refuse node "an array without 'items' is not supported: any value could be in it"
        | ValueSome json ->
            let struct (least, most) = SchemaReader.counts "minItems" "maxItems" node
            JsonText.array least most (schema compiler (SchemaReader.below node [ "items" ] json))

    and private anyOf compiler node =
        match SchemaReader.items "anyOf" node with
        | [] -> SchemaReader.refuse node "nothing satisfies it: 'anyOf' is empty"
        | ways ->
            Choice(
                ways
                |> List.mapi (fun i json -> schema compiler (SchemaReader.below node [ "anyOf"; string i ] json))
            )

    and private reference compiler node =
        let pointer =
            match node.Json.GetProperty "$ref" with
            | json when json.ValueKind = JsonValueKind.String -> string (json.GetString())
            | _ -> SchemaReader.refuse node "'$ref' must be a string"

        let target =
            match pointer.Split '/' with
            | [| "#"; ("$defs" | "definitions") as place; name |] ->
                let name = Uri.UnescapeDataString(name).Replace("~1", "/").Replace("~0", "~")

                {
                    node with
                        Json = node.Root
                        Path = "#"
                }
                |> SchemaReader.members place
                |> List.tryFind (fst >> (=) name)
                |> Option.map (fun (_, json) -> {
                    node with
                        Json = json
                        Path = pointer
                })
            | _ -> SchemaReader.refuse node $"$ref '{pointer}' is not supported; #/$defs/name is"

        match target with
        | None -> SchemaReader.refuse node $"$ref '{pointer}' points to nothing"
        | Some target ->
            match compiler.Known.TryGetValue pointer with
            | true, language -> language
            | _ when not (compiler.Open.Add pointer) ->
                SchemaReader.refuse node $"$ref '{pointer}' is recursive, which is not supported"
            | _ ->
                let language = schema compiler target
                compiler.Open.Remove pointer |> ignore
                compiler.Known[pointer] <- language
                language

    /// How deep a schema's objects and arrays may be nested, so that the stack has room for them.
    let private deepest = 256

    /// The language of a schema. Raises Refusal with the path of what cannot be used.
    let read (text: string) : Language =
        try
            use document = JsonDocument.Parse(text, JsonDocumentOptions(MaxDepth = deepest))

            schema
                {
                    Known = Dictionary()
                    Open = HashSet()
                }
                {
                    Json = document.RootElement
                    Path = "#"
                    Root = document.RootElement
                }
        with
        | :? JsonException as e ->
            raise (
                Refusal
                    $"the schema is no JSON, or nested more than {deepest} deep, from line {e.LineNumber}, byte {e.BytePositionInLine} on, counted from 0"
            )
        | :? InvalidOperationException
        | :? ArgumentException -> raise (Refusal "the schema holds a string with half of a surrogate pair")
