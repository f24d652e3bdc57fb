/// Texts and vocabularies for the tests of tokenizers.
module Gpt.Tests.Texts

open System
open System.IO
open System.Text
open System.Text.Json
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Small

let folder = Path.Combine(Fixtures.own, "bpe")

/// The vocabulary of 400 tokens that the tokenizers library trained, and what it says of it.
let trained () = File.ReadAllText(Path.Combine(folder, "trained.json")) |> TokenizerJson.read |> get

let cases = lazy Fixtures.json (Path.Combine(folder, "cases.json"))

let string (json: JsonElement) : string = json.ToString()

let ids (json: JsonElement) : int[] = [| for id in json.EnumerateArray() -> id.GetInt32() |]

let strings (json: JsonElement) : string list = [ for text in json.EnumerateArray() -> string text ]

/// What a text with lone halves of surrogate pairs becomes: each half is U+FFFD.
let wellFormed (text: string) = text.EnumerateRunes() |> Seq.map _.ToString() |> String.concat ""

/// Pieces that meet each alternative of GPT-2's rule and each kind of character.
let private pieces =
    "the|The|banana| |  |   |\n|\t|\r\n|'|''|'s|'t|'re|'ve|'m|'ll|'d|'S|'r|'l|s|t|re|1|23|½|²|Ⅷ|٣|é|e\u0301|ß|ж|你好|日本|한|नमस्ते|ا"
    + "|😀|👨‍👩‍👧|𝐀|𠮷|𝟙|𞤀|.|!?|--|_|\u0000|\u001c|\u001f|\u007f|\u0085|\u00a0|\u180e|\u200b|\u2028|\u3000|\ufeff|\uffff"
    + "|<|endoftext|>"
    |> _.Split('|')
    |> List.ofArray
    |> List.append [ "<|endoftext|>"; "<|endoftext"; "|"; "\U0010FFFF" ]

let private joined (part: Gen<string>) : Arbitrary<string> =
    let parts =
        Gen.sized (fun size -> Gen.choose (0, size / 4 + 1) |> Gen.bind (fun n -> Gen.listOfLength n part))

    let shrink (parts: string list) = Seq.init parts.Length (fun i -> List.removeAt i parts)
    let asParts (text: string) = text.EnumerateRunes() |> Seq.map _.ToString() |> List.ofSeq

    Arb.fromGenShrink (
        Gen.map (String.concat "") parts,
        (fun text -> asParts text |> shrink |> Seq.map (String.concat ""))
    )

let private anyRune =
    Gen.oneof [ Gen.choose (0, 0x24F); Gen.choose (0, 0xD7FF); Gen.choose (0xE000, 0x10FFFF) ]
    |> Gen.map Char.ConvertFromUtf32

/// Texts of whole characters.
let texts: Arbitrary<string> = joined (Gen.frequency [ 3, Gen.elements pieces; 1, anyRune ])

/// Any UTF-16 units, lone halves of pairs among them.
let units: Arbitrary<string> =
    let half = Gen.choose (0xD800, 0xDFFF) |> Gen.map (fun code -> String(char code, 1))
    let parts = Gen.frequency [ 3, Gen.elements pieces; 1, anyRune; 2, half ] |> Gen.listOf
    Arb.fromGen (Gen.map (String.concat "") parts)

/// Ids of a vocabulary, broken characters among them.
let idsOf (tokenizer: Tokenizer) : Arbitrary<int[]> =
    Gen.choose (0, Tokenizer.vocabSize tokenizer - 1) |> Gen.arrayOf |> Arb.fromGen
