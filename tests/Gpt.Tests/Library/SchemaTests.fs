/// Constraints from JSON schemas.
module Gpt.Tests.SchemaTests

open System
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Patterns
open Gpt.Tests.Schemas
open Gpt.Tests.Small

let private seeds = within 0 1_000_000

let private parse (text: string) =
    use document = JsonDocument.Parse text
    document.RootElement.Clone()

let private onBytes schema = Constraint.jsonSchema bytes [] schema |> get

let private walksAreValid (name: string) (words: Words) =
    law 1000 $"random walks over {name} end in valid JSON" (both schemas seeds) (fun (schema, seed) ->
        let random, json = Random seed, parse schema.Text
        let constraint_ = Constraint.jsonSchema words.Vocabulary words.Ends schema.Text |> get
        let tokens = walk words (random.Next 40) (fun ids -> ids[random.Next ids.Length]) constraint_
        let text = spell words tokens
        Expect.isTrue (isValid json json (parse text)) $"{text} under {schema.Text}")

let private accepted =
    law 2000 "valid values are accepted however they are escaped" (both schemas seeds) (fun (schema, seed) ->
        let json = parse schema.Text
        let text = instance (Random seed) json json
        Expect.isTrue (isValid json json (parse text)) $"the test's own value {text} under {schema.Text}"
        Expect.isTrue (accepts (onBytes schema.Text) text) $"{text} under {schema.Text}")

let private bounds =
    law
        1000
        "an integer is accepted exactly within its bounds"
        (both (both (within -3000 3000) (within 0 3000)) seeds)
        (fun ((low, width), seed) ->
            let high = low + width
            let constraint_ = onBytes $"""{{"type":"integer","minimum":{low},"exclusiveMaximum":{high + 1}}}"""
            let random = Random seed

            for n in
                [
                    low - 1
                    low
                    low + 1
                    high - 1
                    high
                    high + 1
                    random.Next(-4000, 7000)
                    10 * low
                    low / 10
                    0
                ] do
                Expect.equal (accepts constraint_ (string n)) (n >= low && n <= high) $"{n} in {low} to {high}")

let private takes schema (right: string list) (wrong: string list) =
    testCase $"{schema}" (fun () ->
        let constraint_ = onBytes schema

        for text in right do
            Expect.isTrue (accepts constraint_ text) text

        for text in wrong do
            Expect.isFalse (accepts constraint_ text) text)

let private examples =
    testList "examples" [
        takes
            """{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"},"c":{"type":"null"}},"required":["b"]}""" [
                """{"b":null}"""
                """{"a": null, "b":null}"""
                """{"b":null,"c":null}"""
                """{"a":null,"b":null,"c":null}"""
            ] [
                "{}"
                """{"a":null}"""
                """{"b":null,"a":null}"""
                """{ "b":null}"""
                """{"b":null,}"""
                """{"b":null,"b":null}"""
                """{"b":  null}"""
                """{"\u0062":null}"""
            ]
        takes """{"type":"object"}""" [ "{}" ] [ ""; "{\"a\":1}" ]
        takes """{"type":"array","items":{"const":0},"minItems":2,"maxItems":3}""" [ "[0,0]"; "[0, 0,0]" ] [
            "[]"
            "[0]"
            "[0,0,0,0]"
            "[0,0,]"
        ]
        takes """{"type":"array","items":{"const":0},"maxItems":0}""" [ "[]" ] [ "[0]" ]
        takes """{"type":"array","items":{"const":0}}""" [ "[]"; "[0,0,0,0,0]" ] [ "["; "[,]" ]
        takes """{"type":"string","minLength":1,"maxLength":2}""" [
            "\"a\""
            "\"😀\""
            "\"\\uD83D\\ude00é\""
            "\"\\n\\/\""
            "\"\\u0000\\uffff\""
        ] [
            "\"\""
            "\"abc\""
            "\"\n\""
            "\"\\uD83D\""
            "\"\\uDE00\""
            "\"\\uDE00\\uD83D\""
            "\"\\x\""
            "a"
        ]
        takes """{"type":"number"}""" [ "0"; "-0"; "10.05"; "1e5"; "-1.5E-09"; "123456789012345.123456789012345e+99" ] [
            "00"
            "01"
            "+1"
            "1."
            ".5"
            "1e"
            "1e100"
            "1234567890123456"
            "NaN"
            "-"
        ]
        takes """{"type":"integer"}""" [ "0"; "-7"; "999999999999999"; "-999999999999999" ] [
            "-0"
            "1.0"
            "1e3"
            "1000000000000000"
        ]
        takes """{"type":"integer","minimum":-10,"maximum":-3}""" [ "-3"; "-9"; "-10" ] [ "-2"; "-11"; "-03"; "3"; "0" ]
        takes """{"enum":["é\n\"/",-1.50,[1,{"a":null}],{}]}""" [ "\"é\\n\\\"/\""; "-1.50"; "[1, {\"a\":null}]"; "{}" ] [
            "\"é\\n\\\"\\/\""
            "-1.5"
            "[1,{}]"
        ]
        takes """{"type":"string","pattern":"b+"}""" [ "\"b\""; "\"abc\""; "\"\\u0062\"" ] [ "\"\""; "\"ac\"" ]
        takes """{"type":"string","pattern":"^b+$"}""" [ "\"b\"" ] [ "\"abc\""; "\"\"" ]
        takes
            """{"$defs":{"p/q~":{"type":"boolean"}},"anyOf":[{"$ref":"#/$defs/p~1q~0"},{"$ref":"#/$defs/p%2Fq~0"},{"type":"null"}]}""" [
                "true"
                "null"
            ] [ "1" ]
    ]

let private refused (schema: string) (sentence: string) =
    testCase $"{schema} is refused" (fun () ->
        Expect.equal (Constraint.jsonSchema bytes [] schema |> error) sentence "sentence")

let private unsupported =
    testList "refusals" [
        refused
            """{"type":"object","properties":{"a":{"type":"string","format":"date"}}}"""
            "#/properties/a: keyword 'format' is not supported for type string"
        refused
            """{"type":"object","patternProperties":{}}"""
            "#: keyword 'patternProperties' is not supported for type object"
        refused
            """{"type":"object","additionalProperties":true}"""
            "#: keyword 'additionalProperties' is supported as false only"
        refused """{"type":"array"}""" "#: an array without 'items' is not supported: any value could be in it"
        refused
            """{"type":"array","items":{"type":"null"},"uniqueItems":true}"""
            "#: keyword 'uniqueItems' is not supported for type array"
        refused """{"type":"array","items":true}""" "#/items: a schema must be an object; true is not supported"
        refused """{"type":"number","minimum":0}""" "#: keyword 'minimum' is not supported for type number"

        refused
            """{"type":["integer","number"],"minimum":0}"""
            "#: keyword 'minimum' is not supported for type integer, number"
        refused """{"type":"integer","multipleOf":2}""" "#: keyword 'multipleOf' is not supported for type integer"
        refused
            """{"type":"integer","minimum":1.5}"""
            "#: 'minimum' is 1.5; a whole number without point and exponent is supported"
        refused """{"type":"date"}""" "#: type 'date' is none of object, array, string, number, integer, boolean, null"
        refused """{"oneOf":[]}""" "#: keyword 'oneOf' is not supported without 'type'"
        refused """{}""" "#: a schema needs one of 'type', 'enum', 'const', 'anyOf' and '$ref'"
        refused """{"anyOf":[{"allOf":[]}]}""" "#/anyOf/0: keyword 'allOf' is not supported without 'type'"
        refused """{"anyOf":[{"type":"null"}],"type":"null"}""" "#: keyword 'type' is not supported beside 'anyOf'"
        refused """{"enum":["a"],"minLength":1}""" "#: keyword 'minLength' is not supported beside 'enum'"
        refused
            """{"type":"string","pattern":"a","maxLength":3}"""
            "#: 'pattern' together with 'minLength' or 'maxLength' is not supported"
        refused
            """{"type":"object","properties":{"x~/y":{"type":"string","pattern":"\\b"}}}"""
            "#/properties/x~0~1y: the pattern has a word boundary \\b at position 0, which is not supported"
        refused
            """{"type":"string","pattern":"^a|b$"}"""
            "#: the pattern has anchors and alternatives; write ^(?:a|b)$ for ^a|b$"
        refused """{"$ref":"other.json"}""" "#: $ref 'other.json' is not supported; #/$defs/name is"
        refused """{"$ref":"#/$defs/a"}""" "#: $ref '#/$defs/a' points to nothing"
        refused
            """{"$ref":"#/$defs/a","$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/a"}}}}"""
            "#/$defs/a/items: $ref '#/$defs/a' is recursive, which is not supported"
        refused """{"type":"null","type":"string"}""" "#: 'type' stands 2 times; once would be right"
        refused
            """{"type":"object","properties":{"a":{"type":"null"},"a":{"type":"null"}}}"""
            "#: 'properties' holds 'a' 2 times; once would be right"
        refused """{"const":"\ud800"}""" "the schema holds a string with half of a surrogate pair"

        refused "{" "the schema is no JSON, or nested more than 256 deep, from line 0, byte 1 on, counted from 0"

        testCase "half of a surrogate pair as it is" (fun () ->
            Expect.equal
                (Constraint.jsonSchema bytes [] $"""{{"const":"{char 0xD800}"}}""" |> error)
                "the schema holds a string with half of a surrogate pair"
                "sentence")
    ]

let private unsatisfiable =
    testList "nothing satisfies" [
        refused
            """{"type":"array","items":{"type":"null"},"minItems":3,"maxItems":2}"""
            "#: nothing satisfies it: 'minItems' is 3 and 'maxItems' is 2"
        refused
            """{"type":"string","minLength":3,"maxLength":2}"""
            "#: nothing satisfies it: 'minLength' is 3 and 'maxLength' is 2"
        refused """{"type":"string","minLength":-1}""" "#: 'minLength' is -1; it must be in 0 to 2147483647"
        refused """{"enum":[]}""" "#: nothing satisfies it: 'enum' is empty"
        refused """{"anyOf":[]}""" "#: nothing satisfies it: 'anyOf' is empty"
        refused """{"type":[]}""" "#: nothing satisfies it: 'type' is empty"
        refused """{"type":"string","const":1}""" "#: nothing satisfies it: 'const' holds no value of its type"
        refused
            """{"type":"integer","minimum":4,"exclusiveMaximum":4}"""
            "#: nothing satisfies it: no whole number of up to 15 digits is within its bounds, 4 to 3"
        refused
            """{"type":"integer","exclusiveMinimum":9223372036854775807}"""
            "#: nothing satisfies it: no whole number of up to 15 digits is within its bounds, 9223372036854775807 to 999999999999999"
        refused
            """{"type":"object","required":["a"]}"""
            "#: nothing satisfies it: 'a' is required and not in 'properties'"

        testCase "with tokens that lack a brace" (fun () ->
            let vocabulary = Vocabulary.ofTokenizer (Characters(CharTokenizer.ofText "ab\"{:"))
            let schema = """{"type":"object","properties":{"a":{"const":"b"}},"required":["a"]}"""

            Expect.equal
                (Constraint.jsonSchema vocabulary [] schema |> error)
                "the vocabulary cannot spell it: after \"{\"a\":\"b\"\" should come one of }, and no token starts with that"
                "sentence")
    ]

let private sizes =
    testList "sizes" [
        testCase "schemas nested deep, and too deep" (fun () ->
            let nested depth =
                let around = """{"type":"array","minItems":1,"maxItems":1,"items":"""
                String.replicate depth around + """{"type":"null"}""" + String('}', depth)

            Expect.isTrue (accepts (onBytes (nested 200)) (String('[', 200) + "null" + String(']', 200))) "deep"

            Expect.stringContains
                (Constraint.jsonSchema bytes [] (nested 256) |> error)
                "more than 256 deep"
                "too deep")

        testCase "references to references stay small, or are refused for their size" (fun () ->
            let defs = [
                for i in 0..29 ->
                    $"""
                    "d{i}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{i + 1}"}},"b":{{"$ref":"#/$defs/d{i + 1}"}}}}}}"""
            ]

            let schema last =
                $"""{{"$ref":"#/$defs/d{last}","$defs":{{{String.concat "," defs},"d30":{{"type":"null"}}}}}}"""

            Expect.isTrue (accepts (onBytes (schema 27)) """{"a":{"a":{"a":null},"b":{}}}""") "three levels"

            Expect.stringContains
                (Constraint.jsonSchema bytes [] (schema 0) |> error)
                "more than 400000 states"
                "thirty")

        testCase "many optional properties" (fun () ->
            let properties = String.concat "," [ for i in 1..100 -> $"\"p{i}\":{{\"type\":\"integer\"}}" ]
            let constraint_ = onBytes $"""{{"type":"object","properties":{{{properties}}}}}"""
            Expect.isTrue (accepts constraint_ """{"p3":5,"p50":-1,"p100":0}""") "in order"
            Expect.isFalse (accepts constraint_ """{"p50":5,"p3":-1}""") "out of order")
    ]

let tests =
    testList "schemas" [
        walksAreValid "characters" characters
        walksAreValid "pieces of text cut anywhere" pieces
        accepted
        bounds
        examples
        unsupported
        unsatisfiable
        sizes
    ]
