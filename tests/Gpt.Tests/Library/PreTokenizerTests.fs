/// The cutting of texts into words, held against GPT-2's regular expression.
module Gpt.Tests.PreTokenizerTests

open System
open System.Globalization
open System.Text
open System.Text.RegularExpressions
open Expecto
open Gpt
open Gpt.Tests.Law

let private rule = Regex @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

/// The lengths, in code points, of the words that the regular expression finds. It sees UTF-16, so each code point past U+FFFF
/// and each half of a pair is first replaced by one of the same class that has one unit.
let private ruleLengths (text: string) : int list =
    let standIn (rune: Rune) =
        if rune.IsBmp then
            rune.ToString()
        else
            match Rune.GetUnicodeCategory rune with
            | UnicodeCategory.UppercaseLetter
            | UnicodeCategory.LowercaseLetter
            | UnicodeCategory.TitlecaseLetter
            | UnicodeCategory.ModifierLetter
            | UnicodeCategory.OtherLetter -> "ж"
            | UnicodeCategory.DecimalDigitNumber
            | UnicodeCategory.LetterNumber
            | UnicodeCategory.OtherNumber -> "٣"
            | _ -> "☃"

    let flat = text.EnumerateRunes() |> Seq.map standIn |> String.concat ""
    [ for found in rule.Matches flat -> found.Length ]

let private lengths (text: string) =
    PreTokenizer.words text |> List.map (fun word -> Seq.length (word.EnumerateRunes()))

let private cut (text: string) (words: string list) =
    testCase $"{text.Length} characters, {words.Length} words: {List.head words}" (fun () ->
        Expect.equal (PreTokenizer.words text) words "words")

let tests =
    testList "PreTokenizer" [
        law 5000 "the words are those of the regular expression" Texts.texts (fun text ->
            Expect.equal (lengths text) (ruleLengths text) "lengths of the words")

        law 2000 "half of a surrogate pair counts as U+FFFD" Texts.units (fun text ->
            Expect.equal (lengths text) (ruleLengths text) "lengths of the words")

        law 2000 "the words together are the text" Texts.units (fun text ->
            Expect.equal (PreTokenizer.words text |> String.concat "") text "text")

        law 2000 "a border before blanks is a border of words" (both Texts.texts Texts.texts) (fun (first, second) ->
            // A text that ends in a blank reads on, and a text that begins with none may go on with the word before.
            let first, second = first.TrimEnd(), " " + second
            let apart = PreTokenizer.words first @ PreTokenizer.words second
            Expect.equal (PreTokenizer.words (first + second)) apart "words")

        testCase "every code point has the class that the regular expression gives it" (fun () ->
            for code in Seq.append [ 0..0xD7FF ] [ 0xE000..0xFFFF ] do
                let character = String(char code, 1)

                for before in [ "a"; "1"; "."; " " ] do
                    let text = before + character
                    Expect.equal (lengths text) (ruleLengths text) $"U+%04X{code} after \"{before}\"")

        cut "He's 30,  ok" [ "He"; "'s"; " 30"; ","; " "; " ok" ]
        cut "we'll've" [ "we"; "'ll"; "'ve" ]
        cut "IT'S" [ "IT"; "'"; "S" ]
        cut "a \n b" [ "a"; " \n"; " b" ]
        cut "a\n\n\nb" [ "a"; "\n\n"; "\n"; "b" ]
        cut "  " [ "  " ]
        cut " 's" [ " '"; "s" ]
        cut "x𝐀 𝟙2😀" [ "x𝐀"; " 𝟙2"; "😀" ]
        cut "a\u0085b\u001cc" [ "a"; "\u0085"; "b"; "\u001c"; "c" ]
    ]
