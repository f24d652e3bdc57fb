/// Random JSON schemas, values that are valid under them, and a validator of its own, from the standard's text.
module Gpt.Tests.Schemas

open System
open System.Text.Encodings.Web
open System.Text.Json
open System.Text.RegularExpressions
open FsCheck
open FsCheck.FSharp

/// A schema as text.
type Schema = { Text: string }

let private quote (text: string) = JsonSerializer.Serialize text
let private list (parts: string list) = String.concat "," parts
let private object members = "{" + list [ for name, value in members -> $"{quote name}:{value}" ] + "}"
let private names = [ "a"; "b c"; "é"; "x\"y"; "n\n"; "/"; "😀" ]

/// Patterns with values that match them somewhere.
let patterns = [
    "^[A-Z]{2}-\\d+$", "QX-07"
    "ab*c", "zabbc\""
    "^\"?\\\\$", "\"\\"
    "é$", "\té"
    "^(?:yes|no)$", "no"
]

let private literals = [
    "1"
    "-2.50"
    "1e3"
    "\"é\\n\""
    "\"\\u0041\""
    "true"
    "null"
    "[1,\"a\",[]]"
    "{\"k\":{\"l\":0},\"m\":[{}]}"
]

/// An optional keyword.
let private maybe keyword (values: Gen<string>) =
    Gen.oneof [ Gen.constant []; values |> Gen.map (fun value -> [ keyword, value ]) ]

let private numbers low high = Gen.choose (low, high) |> Gen.map string

let private strings =
    Gen.oneof [
        Gen.map2 (@) (maybe "minLength" (numbers 0 2)) (maybe "maxLength" (numbers 2 4))
        Gen.elements patterns |> Gen.map (fun (pattern, _) -> [ "pattern", quote pattern ])
    ]
    |> Gen.map (fun keywords -> object (("type", quote "string") :: keywords))

let private integers =
    let low =
        Gen.oneof [
            maybe "minimum" (numbers -1200 40)
            maybe "exclusiveMinimum" (numbers -12 40)
        ]

    let high = Gen.oneof [ maybe "maximum" (numbers 42 1200); maybe "exclusiveMaximum" (numbers 42 99) ]
    Gen.map2 (@) low high |> Gen.map (fun keywords -> object (("type", quote "integer") :: keywords))

let private simple =
    Gen.oneof [
        strings
        integers
        Gen.elements [ "number"; "boolean"; "null" ] |> Gen.map (fun name -> object [ "type", quote name ])
        Gen.constant """{"type":["string","null","integer"],"maxLength":3,"title":"some"}"""
        Gen.elements literals |> Gen.map (fun value -> object [ "const", value ])
        Gen.subListOf literals
        |> Gen.map (fun values -> object [ "enum", "[" + list ("\"one\"" :: values) + "]" ])
        Gen.constant """{"$ref":"#/$defs/shared"}"""
        Gen.constant """{"enum":[1,"a",2.5,null],"type":["integer","null"],"description":"of types"}"""
    ]

let rec private ofDepth depth : Gen<string> =
    if depth = 0 then
        simple
    else
        let below = ofDepth (depth - 1)

        Gen.oneof [
            simple
            gen {
                let! names = Gen.subListOf names
                let! values = Gen.listOfLength names.Length below
                let! required = Gen.subListOf names

                return
                    object [
                        "type", quote "object"
                        "properties", object (List.zip names values)
                        "required", "[" + list (List.map quote required) + "]"
                        "additionalProperties", "false"
                    ]
            }
            gen {
                let! items = below
                let! least = maybe "minItems" (numbers 0 2)
                let! most = maybe "maxItems" (numbers 2 3)
                return object (("type", quote "array") :: ("items", items) :: least @ most)
            }
            Gen.choose (1, 3)
            |> Gen.bind (fun n -> Gen.listOfLength n below)
            |> Gen.map (fun ways -> object [ "anyOf", "[" + list ways + "]" ])
        ]

let schemas: Arbitrary<Schema> =
    gen {
        let! shared = ofDepth 0
        let! depth = Gen.choose (0, 2)
        let! root = ofDepth depth
        // What is shared may not refer to itself.
        let shared =
            if shared.Contains "$ref" then
                """{"type":"boolean"}"""
            else
                shared

        return {
            Text = root.Substring(0, root.Length - 1) + $""","$defs":{{"shared":{shared}}}}}"""
        }
    }
    |> Arb.fromGen

let private ofKind (value: JsonElement) (name: string) =
    match name with
    | "object" -> value.ValueKind = JsonValueKind.Object
    | "array" -> value.ValueKind = JsonValueKind.Array
    | "string" -> value.ValueKind = JsonValueKind.String
    | "null" -> value.ValueKind = JsonValueKind.Null
    | "boolean" -> value.ValueKind = JsonValueKind.True || value.ValueKind = JsonValueKind.False
    | "number" -> value.ValueKind = JsonValueKind.Number
    | "integer" -> value.ValueKind = JsonValueKind.Number && Double.IsInteger(value.GetDouble())
    | _ -> failwith name

let private orList (json: JsonElement) =
    if json.ValueKind = JsonValueKind.Array then
        List.ofSeq (json.EnumerateArray())
    else
        [ json ]

/// Whether a value is valid. A keyword that the validator does not know is an error of the test.
let rec isValid (root: JsonElement) (schema: JsonElement) (value: JsonElement) : bool =
    let find (name: string) =
        match schema.TryGetProperty name with
        | true, json -> Some json
        | _ -> None

    let isString, isNumber = ofKind value "string", ofKind value "number"
    let length () = Seq.length ((string (value.GetString())).EnumerateRunes())

    schema.EnumerateObject()
    |> Seq.forall (fun keyword ->
        let json = keyword.Value

        match keyword.Name with
        | "$defs"
        | "title"
        | "description" -> true
        | "type" -> orList json |> List.exists (fun name -> ofKind value (string (name.GetString())))
        | "const" -> JsonElement.DeepEquals(json, value)
        | "enum" -> orList json |> List.exists (fun one -> JsonElement.DeepEquals(one, value))
        | "anyOf" -> orList json |> List.exists (fun way -> isValid root way value)
        | "$ref" -> isValid root (root.GetProperty("$defs").GetProperty("shared")) value
        | "minLength" -> not isString || length () >= json.GetInt32()
        | "maxLength" -> not isString || length () <= json.GetInt32()
        | "pattern" ->
            not isString
            || Regex(string (json.GetString()), RegexOptions.ECMAScript).IsMatch(string (value.GetString()))
        | "minimum" -> not isNumber || value.GetDouble() >= json.GetDouble()
        | "maximum" -> not isNumber || value.GetDouble() <= json.GetDouble()
        | "exclusiveMinimum" -> not isNumber || value.GetDouble() > json.GetDouble()
        | "exclusiveMaximum" -> not isNumber || value.GetDouble() < json.GetDouble()
        | "minItems" -> value.ValueKind <> JsonValueKind.Array || value.GetArrayLength() >= json.GetInt32()
        | "maxItems" -> value.ValueKind <> JsonValueKind.Array || value.GetArrayLength() <= json.GetInt32()
        | "items" -> value.ValueKind <> JsonValueKind.Array || orList value |> List.forall (isValid root json)
        | "properties" ->
            value.ValueKind <> JsonValueKind.Object
            || json.EnumerateObject()
               |> Seq.forall (fun property ->
                   match value.TryGetProperty property.Name with
                   | true, member_ -> isValid root property.Value member_
                   | _ -> true)
        | "required" ->
            value.ValueKind <> JsonValueKind.Object
            || orList json |> List.forall (fun name -> fst (value.TryGetProperty(string (name.GetString()))))
        | "additionalProperties" ->
            let known = (find "properties").Value
            let names = [ for property in value.EnumerateObject() -> property.Name ]
            List.distinct names = names && names |> List.forall (fun name -> fst (known.TryGetProperty name))
        | other -> failwith $"unknown keyword {other}")

/// How a value may be written: with every escape that .NET's writer knows, or with as few as it can.
let private writers = [
    JsonSerializerOptions()
    JsonSerializerOptions(Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping)
]

/// A valid value as text, the way other writers write it.
let rec instance (random: Random) (root: JsonElement) (schema: JsonElement) : string =
    let below = instance random root
    let pick (options: 'a list) = options[random.Next options.Length]
    let separator c = if random.Next 2 = 0 then string c else $"{c} "

    let find (name: string) =
        match schema.TryGetProperty name with
        | true, json -> Some json
        | _ -> None

    let bound name otherwise = find name |> Option.map _.GetInt32() |> Option.defaultValue otherwise

    match find "$ref", find "anyOf", find "const", find "enum" with
    | Some _, _, _, _ -> below (root.GetProperty("$defs").GetProperty("shared"))
    | _, Some ways, _, _ -> below (pick (orList ways))
    | _, _, Some value, _ -> JsonSerializer.Serialize(value, writers[1])
    | _, _, _, Some values ->
        let types = find "type" |> Option.map orList

        orList values
        |> List.filter (fun value ->
            types |> Option.forall (List.exists (fun name -> ofKind value (string (name.GetString())))))
        |> pick
        |> fun value -> JsonSerializer.Serialize(value, writers[1])
    | _ ->
        match string ((pick (orList (find "type").Value)).GetString()) with
        | "null" -> "null"
        | "boolean" -> pick [ "true"; "false" ]
        | "integer" ->
            let low = max (bound "minimum" -99999) (bound "exclusiveMinimum" -99999 + 1)
            let high = min (bound "maximum" 99999) (bound "exclusiveMaximum" 99999 - 1)
            string (pick [ low; high; random.Next(low, high + 1) ])
        | "number" -> pick [ "0"; "-0.5"; "1e-07"; "123456789012345"; "3.25E+2" ]
        | "string" ->
            let letters = [ "a"; "\""; "\\"; "\n"; "\u0001"; "é"; "漢"; "😀"; "/"; "<" ]

            let text =
                match find "pattern" with
                | Some pattern -> patterns |> List.find (fst >> (=) (string (pattern.GetString()))) |> snd
                | None ->
                    let least = bound "minLength" 0
                    String.concat "" [ for _ in 1 .. random.Next(least, bound "maxLength" 5 + 1) -> pick letters ]

            JsonSerializer.Serialize(text, pick writers)
        | "array" ->
            let count = random.Next(bound "minItems" 0, bound "maxItems" 3 + 1)
            "[" + String.concat (separator ',') [ for _ in 1..count -> below (find "items").Value ] + "]"
        | _ ->
            let required = [ for name in orList (find "required").Value -> string (name.GetString()) ]

            let members = [
                for property in (find "properties").Value.EnumerateObject() do
                    if List.contains property.Name required || random.Next 2 = 0 then
                        let name = JsonSerializer.Serialize(property.Name, writers[1])
                        // Outside the first plane .NET's writer escapes always; a name is written as it is.
                        let name = name.Replace("\\uD83D\\uDE00", "😀")
                        name + separator ':' + below property.Value
            ]

            "{" + String.concat (separator ',') members + "}"
