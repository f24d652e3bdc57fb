/// Random patterns, texts that match them or nearly do, and vocabularies to spell them with: what the tests of constraints share.
module Gpt.Tests.Patterns

open System
open System.Text
open System.Text.RegularExpressions
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Small

/// A pattern as a tree, so that it can be written down and sampled from.
type Tree =
    /// One character, as a pattern that stands for a set of them.
    | One of string
    | All of Tree list
    | Any of Tree list
    | Times of Tree * string * least: int * most: int

/// What texts are made of. No character beyond U+FFFF: .NET sees two there.
let alphabet = [
    'a'
    'b'
    'c'
    'z'
    '0'
    '7'
    '_'
    ' '
    '\n'
    '-'
    ']'
    '}'
    '.'
    '"'
    '\\'
    '\t'
    'é'
    '漢'
]

let private sets = [
    "a"
    "b"
    "0"
    " "
    "é"
    "漢"
    "."
    "\\d"
    "\\D"
    "\\w"
    "\\W"
    "\\s"
    "\\S"
    "\\n"
    "\\."
    "\\\\"
    "\\x61"
    "\\u00e9"
    "[a-c]"
    "[^a-c]"
    "[a\\-z]"
    "[-a]"
    "[^\\d\\s]"
    "[\\w-]"
    "[b\\]]"
    "[\\u00e0-\\u6fff]"
    "[^\\x00-\\x60]"
    "\\t"
    "]"
    "}"
]

/// How .NET is asked to read a pattern: \d, \w and \s are ASCII in ECMAScript, as they are here.
let regex (pattern: string) = Regex($"^(?:{pattern})(?![\\s\\S])", RegexOptions.ECMAScript, TimeSpan.FromSeconds 20.0)

/// Texts that .NET sees as they are, and soon: it takes a pair of surrogates for two characters and, in ECMAScript, U+0130 for a
/// letter, and longer texts may take it long.
let suitsNet (text: string) =
    text.Length <= 16 && text |> Seq.forall (fun c -> not (Char.IsSurrogate c) && c <> '\u0130')

let rec write (tree: Tree) : string =
    match tree with
    | One set -> set
    | All parts -> parts |> List.map writePart |> String.concat ""
    | Any parts -> parts |> List.map write |> String.concat "|"
    | Times(One set, quantifier, _, _) -> set + quantifier
    | Times(part, quantifier, _, _) -> $"(?:{write part}){quantifier}"

and private writePart tree =
    match tree with
    | Any _ -> $"({write tree})"
    | _ -> write tree

let private quantifiers = [
    "*", 0, 3
    "+", 1, 3
    "?", 0, 1
    "{2}", 2, 2
    "{1,}", 1, 3
    "{0,2}", 0, 2
    "{2,3}", 2, 3
    "*?", 0, 3
]

let private trees: Gen<Tree> =
    let rec tree size =
        if size <= 0 then
            Gen.elements sets |> Gen.map One
        else
            let part = tree (size / 2)

            Gen.oneof [
                Gen.elements sets |> Gen.map One
                Gen.choose (0, 3) |> Gen.bind (fun n -> Gen.listOfLength n part) |> Gen.map All
                Gen.choose (1, 3) |> Gen.bind (fun n -> Gen.listOfLength n part) |> Gen.map Any
                Gen.map2
                    (fun part (text, least, most) -> Times(part, text, least, most))
                    part
                    (Gen.elements quantifiers)
            ]

    Gen.choose (1, 6) |> Gen.bind tree

/// Smaller trees: the parts of one.
let private shrink tree =
    match tree with
    | One _ -> Seq.empty
    | All parts
    | Any parts -> Seq.ofList parts
    | Times(part, _, _, _) -> Seq.singleton part

let patterns: Arbitrary<Tree> = Arb.fromGenShrink (trees, shrink)

/// A text that matches, of letters of the alphabet where the pattern leaves a choice.
let rec sample (random: Random) (tree: Tree) : string =
    match tree with
    | One set ->
        let fitting = alphabet |> List.filter (fun c -> (regex set).IsMatch(string c))
        string fitting[random.Next fitting.Length]
    | All parts -> parts |> List.map (sample random) |> String.concat ""
    | Any parts -> sample random parts[random.Next parts.Length]
    | Times(part, _, least, most) ->
        String.concat "" [ for _ in 1 .. random.Next(least, most + 1) -> sample random part ]

/// A random text over the alphabet.
let anyText (random: Random) = String [| for _ in 1 .. random.Next 6 -> alphabet[random.Next alphabet.Length] |]

/// A text with one letter changed, left out or put in.
let spoil (random: Random) (text: string) =
    let letter = string alphabet[random.Next alphabet.Length]
    let at = random.Next(text.Length + 1)

    match random.Next 3 with
    | 0 when at < text.Length -> text.Remove(at, 1)
    | 1 when at < text.Length -> text.Remove(at, 1).Insert(at, letter)
    | _ -> text.Insert(at, letter)

/// Every byte a token, and nothing else.
let bytes = Vocabulary.ofBytes [| for b in 0..255 -> [| byte b |] |]

/// Tokens as bytes, and which of them end a text.
type Words = {
    Bytes: byte[][]
    Vocabulary: Vocabulary
    Ends: int list
}

let private words ends (bytes: byte[][]) = {
    Bytes = bytes
    Vocabulary = Vocabulary.ofBytes bytes
    Ends = ends
}

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

/// What JSON and the alphabet are written with: ASCII, and a few characters of more bytes.
let private letters = [
    for c in alphabet do
        string c
    for c in ' ' .. '~' do
        string c
    "😀"
]

/// A character is a token; none ends a text.
let characters = letters |> List.distinct |> List.map utf8 |> Array.ofList |> words []

/// Every byte a token, some twice, an end token, one without bytes, and pieces of text cut anywhere, within characters too.
let pieces =
    let random = Random 5

    let text =
        utf8 (
            String.replicate 3 (String.concat "" letters)
            + "é漢😀漢é\"a\":{\"b\": [true,false,null],\"\\u00e9\",12.5e"
        )

    let cut _ =
        let start = random.Next(text.Length - 6)
        text[start .. start + random.Next 6]

    let single = Array.init 256 (fun b -> [| byte b |])
    let others = [| [||]; utf8 "<end>"; utf8 "aa"; utf8 "aa" |]
    Array.concat [ single; Array.init 300 cut; others ] |> words [ 557 ]

/// Some characters and some pieces of text, with which much cannot be spelt; an end token.
let scraps =
    [|
        "a"
        "b"
        "ab"
        "aab"
        "0"
        "07"
        "70"
        "\n"
        " a"
        "é"
        "é漢"
        "\"a"
        "\":"
        "\""
        "{"
        "}"
        "{\""
        "1"
        "12"
        "[1"
        "]"
        "-"
        "true"
        "<end>"
    |]
    |> Array.map utf8
    |> words [ 23 ]

/// The tokens that a warper leaves of equal logits.
let allowed (words: Words) (warp: Tensor -> Tensor) : int list =
    let count = words.Bytes.Length
    let warped = warp (Gpt.Tensors.ofFloats (Device.cpu ()) [ 1L; int64 count ] (Array.zeroCreate count))

    Gpt.Tensors.toFloats warped
    |> List.ofArray
    |> List.indexed
    |> List.filter (fun (_, x) -> x = 0f)
    |> List.map fst

/// A walk over tokens: which one of those allowed comes next is what `pick` says. It ends at the latest when `limit` tokens have
/// been taken and the text is complete.
let walk (words: Words) (limit: int) (pick: int list -> int) (constraint_: Constraint) : int list =
    let rec from taken state =
        let left = max 1 (limit - List.length taken)

        if
            Constraint.isFinishedWithin left constraint_ state
            || taken.Length >= limit && Constraint.isComplete constraint_ state
        then
            List.rev taken
        else
            let warp = Constraint.warpWithin left constraint_ [| state |]
            let token = pick (allowed words warp)
            from (token :: taken) (Constraint.advance constraint_ state token)

    from [] (Constraint.start constraint_)

/// The text of tokens; fails for bytes that are not UTF-8.
let spell (words: Words) (tokens: int list) : string =
    let strict = UTF8Encoding(false, true)

    tokens
    |> List.filter (fun id -> not (List.contains id words.Ends))
    |> List.map (fun id -> words.Bytes[id])
    |> Array.concat
    |> strict.GetString

/// Where a text leads byte by byte, if every byte is allowed.
let follow (constraint_: Constraint) (bytes: byte[]) (state: ConstraintState) : ConstraintState voption =
    bytes
    |> Array.fold
        (fun state b ->
            match state with
            | ValueSome state when Constraint.allows constraint_ state (int b) ->
                ValueSome(Constraint.advance constraint_ state (int b))
            | _ -> ValueNone)
        (ValueSome state)

/// Whether a text as a whole satisfies a constraint on single bytes.
let accepts (constraint_: Constraint) (text: string) : bool =
    match follow constraint_ (utf8 text) (Constraint.start constraint_) with
    | ValueSome state -> Constraint.isComplete constraint_ state
    | ValueNone -> false

let onBytes pattern = Constraint.regex bytes [] pattern |> get
