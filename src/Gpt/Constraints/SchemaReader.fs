namespace Gpt

open System
open System.Collections.Generic
open System.Text.Json

/// A schema, where it stands, and the document that it belongs to.
type internal SchemaNode = {
    Json: JsonElement
    /// Where it stands, as a JSON pointer: #/properties/name.
    Path: string
    Root: JsonElement
}

/// Keywords of a schema: reading them one by one, with errors that say where.
[<RequireQualifiedAccess>]
module internal SchemaReader =

    /// Keywords that say nothing about values, or only name schemas for others to refer to.
    let private silent =
        set [
            "title"
            "description"
            "default"
            "example"
            "examples"
            "$schema"
            "$id"
            "$comment"
            "$defs"
            "definitions"
            "deprecated"
            "readOnly"
            "writeOnly"
        ]

    /// Raises the refusal of what stands in a schema.
    let refuse (node: SchemaNode) (what: string) : 'a = raise (Refusal $"{node.Path}: {what}")

    /// The schema of a keyword or below it.
    let below (node: SchemaNode) (steps: string list) (json: JsonElement) : SchemaNode =
        let escaped = steps |> List.map (fun step -> "/" + step.Replace("~", "~0").Replace("/", "~1"))

        {
            node with
                Json = json
                Path = node.Path + String.concat "" escaped
        }

    /// The value of a keyword, if it is there.
    let find (keyword: string) (node: SchemaNode) : JsonElement voption =
        match node.Json.TryGetProperty keyword with
        | true, value -> ValueSome value
        | _ -> ValueNone

    /// The keywords that say something about values. Refuses what is no object, or holds a keyword twice.
    let keywords (node: SchemaNode) : string list =
        if node.Json.ValueKind <> JsonValueKind.Object then
            refuse node $"a schema must be an object; {node.Json.GetRawText()} is not supported"

        let names = [ for property in node.Json.EnumerateObject() -> property.Name ]

        match names |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
        | Some(name, count) -> refuse node $"'{name}' stands {count} times; once would be right"
        | None -> names |> List.filter (silent.Contains >> not)

    /// Refuses keywords that are not among `known`, beside `subject`.
    let allow (subject: string) (known: string list) (node: SchemaNode) : unit =
        match keywords node |> List.except known with
        | [] -> ()
        | keyword :: _ -> refuse node $"keyword '{keyword}' is not supported{subject}"

    /// The members of a keyword that must be an object, each name once.
    let members (keyword: string) (node: SchemaNode) : (string * JsonElement) list =
        match find keyword node with
        | ValueNone -> []
        | ValueSome json when json.ValueKind <> JsonValueKind.Object -> refuse node $"'{keyword}' must be an object"
        | ValueSome json ->
            let members = [ for property in json.EnumerateObject() -> property.Name, property.Value ]

            match members |> List.countBy fst |> List.tryFind (fun (_, count) -> count > 1) with
            | Some(name, count) -> refuse node $"'{keyword}' holds '{name}' {count} times; once would be right"
            | None -> members

    /// The items of a keyword that must be an array.
    let items (keyword: string) (node: SchemaNode) : JsonElement list =
        match find keyword node with
        | ValueNone -> []
        | ValueSome json when json.ValueKind <> JsonValueKind.Array -> refuse node $"'{keyword}' must be an array"
        | ValueSome json -> [ for item in json.EnumerateArray() -> item ]

    /// The items of a keyword that must be an array of strings.
    let strings (keyword: string) (node: SchemaNode) : string list =
        let items = items keyword node

        if items |> List.exists (fun item -> item.ValueKind <> JsonValueKind.String) then
            refuse node $"'{keyword}' must hold strings only"

        items |> List.map (fun item -> string (item.GetString()))

    /// A keyword that must be a whole number, written as one.
    let whole (keyword: string) (node: SchemaNode) : int64 voption =
        match find keyword node with
        | ValueNone -> ValueNone
        | ValueSome json ->
            match
                if json.ValueKind = JsonValueKind.Number then
                    json.TryGetInt64()
                else
                    (false, 0L)
            with
            | true, number -> ValueSome number
            | _ ->
                refuse
                    node
                    $"'{keyword}' is {json.GetRawText()}; a whole number without point and exponent is supported"

    /// Two keywords that bound a count: the least, 0 if it is not said, and the most.
    let counts (least: string) (most: string) (node: SchemaNode) : struct (int * int voption) =
        let count keyword =
            match whole keyword node with
            | ValueSome number when number < 0L || number > int64 Int32.MaxValue ->
                refuse node $"'{keyword}' is {number}; it must be in 0 to {Int32.MaxValue}"
            | number -> number |> ValueOption.map int

        match count least |> ValueOption.defaultValue 0, count most with
        | low, ValueSome high when low > high ->
            refuse node $"nothing satisfies it: '{least}' is {low} and '{most}' is {high}"
        | low, high -> struct (low, high)
