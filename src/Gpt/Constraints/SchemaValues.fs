namespace Gpt

open System
open System.Text.Json

/// The parts of a schema that hold no other schemas: types, values, strings and whole numbers.
[<RequireQualifiedAccess>]
module internal SchemaValues =

    let private types = [ "object"; "array"; "string"; "number"; "integer"; "boolean"; "null" ]

    /// The keywords that go with a type.
    let keywordsOf (type_: string) =
        match type_ with
        | "object" -> [ "properties"; "required"; "additionalProperties" ]
        | "array" -> [ "items"; "minItems"; "maxItems" ]
        | "string" -> [ "minLength"; "maxLength"; "pattern" ]
        | "integer" -> [ "minimum"; "maximum"; "exclusiveMinimum"; "exclusiveMaximum" ]
        | _ -> []

    /// Whether a value is of a type. 1.0 is an integer, as the standard has it.
    let private isOf (json: JsonElement) (type_: string) =
        match type_, json.ValueKind with
        | "object", JsonValueKind.Object
        | "array", JsonValueKind.Array
        | "string", JsonValueKind.String
        | "number", JsonValueKind.Number
        | "boolean", (JsonValueKind.True | JsonValueKind.False)
        | "null", JsonValueKind.Null -> true
        | "integer", JsonValueKind.Number -> Double.IsInteger(json.GetDouble())
        | _ -> false

    /// The types that a schema names, if it names any.
    let typesOf (node: SchemaNode) : string list voption =
        match SchemaReader.find "type" node with
        | ValueNone -> ValueNone
        | ValueSome json ->
            let named =
                if json.ValueKind = JsonValueKind.String then
                    [ string (json.GetString()) ]
                else
                    SchemaReader.strings "type" node

            if named.IsEmpty then
                SchemaReader.refuse node "nothing satisfies it: 'type' is empty"

            match named |> List.tryFind (fun name -> not (List.contains name types)) with
            | Some name -> SchemaReader.refuse node $"""type '{name}' is none of {String.concat ", " types}"""
            | None -> ValueSome named

    /// `enum` and `const`: values, of which those of other types than the schema names go.
    let oneOf (keyword: string) (values: JsonElement list) (node: SchemaNode) : Language =
        SchemaReader.allow $" beside '{keyword}'" [ keyword; "type" ] node
        let types = typesOf node

        let allowed =
            match types with
            | ValueNone -> values
            | ValueSome types -> values |> List.filter (fun value -> types |> List.exists (isOf value))

        if allowed.IsEmpty then
            SchemaReader.refuse node $"nothing satisfies it: '{keyword}' holds no value of its type"

        Choice(List.map JsonText.value allowed)

    /// A string with its bounds or its pattern.
    let string_ (node: SchemaNode) : Language =
        let struct (least, most) = SchemaReader.counts "minLength" "maxLength" node

        match SchemaReader.find "pattern" node with
        | ValueNone -> JsonText.quoted (Repeat(JsonText.anyCharacter, least, most))
        | ValueSome _ when least > 0 || most.IsSome ->
            SchemaReader.refuse node "'pattern' together with 'minLength' or 'maxLength' is not supported"
        | ValueSome json when json.ValueKind <> JsonValueKind.String ->
            SchemaReader.refuse node "'pattern' must be a string"
        | ValueSome json ->
            let pattern =
                try
                    RegexSyntax.read JsonText.characters (string (json.GetString()))
                with Refusal sentence ->
                    SchemaReader.refuse node sentence

            let struct (startsAnchored, endsAnchored) = pattern.Anchors

            // In ^a|b$ the anchors belong to one alternative each.
            if pattern.HasAlternatives && (startsAnchored || endsAnchored) then
                SchemaReader.refuse node "the pattern has anchors and alternatives; write ^(?:a|b)$ for ^a|b$"

            let anything = Repeat(JsonText.anyCharacter, 0, ValueNone)

            JsonText.quoted (
                Sequence [
                    if not startsAnchored then
                        anything
                    pattern.Language
                    if not endsAnchored then
                        anything
                ]
            )

    /// A whole number with its bounds.
    let integer (node: SchemaNode) : Language =
        let greatest = JsonText.greatest
        let bound keyword = SchemaReader.whole keyword node |> ValueOption.toList
        let above n = if n = Int64.MaxValue then n else n + 1L
        let below n = if n = Int64.MinValue then n else n - 1L
        let low = List.max (-greatest :: bound "minimum" @ List.map above (bound "exclusiveMinimum"))
        let high = List.min (greatest :: bound "maximum" @ List.map below (bound "exclusiveMaximum"))

        if low > high then
            SchemaReader.refuse
                node
                $"nothing satisfies it: no whole number of up to 15 digits is within its bounds, {low} to {high}"

        JsonText.integer low high
