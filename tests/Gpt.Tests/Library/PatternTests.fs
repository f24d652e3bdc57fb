/// What patterns mean beyond what .NET agrees with, and what of them is refused.
module Gpt.Tests.PatternTests

open System
open Expecto
open Gpt
open Gpt.Tests.Patterns
open Gpt.Tests.Small

let private matches pattern (texts: string list) =
    testCase $"{pattern} matches as a whole" (fun () ->
        for text in texts do
            Expect.isTrue (accepts (onBytes pattern) text) text)

let private misses pattern (texts: string list) =
    testCase $"{pattern} does not match" (fun () ->
        for text in texts do
            Expect.isFalse (accepts (onBytes pattern) text) text)

let private meanings =
    testList "meanings" [
        matches "^a|b$" [ "a"; "b" ]
        misses "^a|b$" [ "ab"; "ac"; "" ]
        matches "\\$$" [ "$" ]
        misses "\\$$" [ ""; "\\" ]
        matches "[$^]$" [ "$"; "^" ]
        matches "[\\b\\f]" [ "\b"; "\012" ]
        misses "[\\b]" [ "b"; "\\" ]
        matches "" [ "" ]
        misses "" [ "a" ]
        matches "()|x" [ ""; "x" ]
        matches "." [ "😀"; "\u0000"; "\r"; "\u2028"; "漢" ]
        misses "." [ "\n"; "ab"; "" ]
        matches "[😀-😂]" [ "😀"; "😁"; "😂" ]
        misses "[😀-😂]" [ "😃"; "\U0001F5FF" ]
        matches "\\uD83D\\uDE00\\u00e9\\x41" [ "😀éA" ]
        matches "[^a]" [ "😀"; "\n"; "\U0010FFFF"; "\uD7FF"; "\uE000" ]
        matches "\\d\\w\\s" [ "0_\u000b" ]
        misses "\\d" [ "٣" ]
        misses "\\w" [ "é" ]
        misses "\\s" [ "\u00a0" ]
        matches "a{2,3}?b+?" [ "aab"; "aaabb" ]
        matches "\\/\\-\\{\\}}]" [ "/-{}}]" ]

        testCase "a character in UTF-8 is none of its overlong or surrogate forms" (fun () ->
            let constraint_ = onBytes "[\\u0000-\\uD7FF\\uE000-\\uFFFF]|[^\\u0000-\\uFFFF]"

            for wrong in
                [
                    [| 0xC0uy; 0x80uy |]
                    [| 0xE0uy; 0x9Fuy; 0xBFuy |]
                    [| 0xEDuy; 0xA0uy; 0x80uy |]
                    [| 0xF0uy; 0x8Fuy; 0xBFuy; 0xBFuy |]
                    [| 0xF4uy; 0x90uy; 0x80uy; 0x80uy |]
                    [| 0x80uy |]
                ] do
                Expect.equal (follow constraint_ wrong (Constraint.start constraint_)) ValueNone $"%A{wrong}")

        testCase "every character matches its own class and the complement of no other" (fun () ->
            for c in [ 0; 0x7F; 0x80; 0x7FF; 0x800; 0xD7FF; 0xE000; 0xFFFF; 0x10000; 0x10FFFF ] do
                let text = Text.Rune(c).ToString()
                Expect.isTrue (accepts (onBytes $"[{text}]") text) $"{c}"
                Expect.isFalse (accepts (onBytes $"[^{text}]|xx") text) $"not {c}")
    ]

let private refused (pattern: string) (sentence: string) =
    testCase $"{pattern} is refused" (fun () ->
        Expect.equal (Constraint.regex bytes [] pattern |> error) sentence "sentence")

let private unsupported pattern construct at =
    refused pattern $"the pattern has {construct} at position {at}, which is not supported"

let private wrong pattern at what = refused pattern $"the pattern is wrong at position {at}: {what}"

let private refusals =
    testList "refusals" [
        unsupported "a(?=b)" "a look-ahead (?=" 1
        unsupported "a(?!b)" "a negative look-ahead (?!" 1
        unsupported "(?<=a)b" "a look-behind (?<=" 0
        unsupported "(?<!a)b" "a negative look-behind (?<!" 0
        unsupported "é😀(?<n>a)" "a named group (?<" 2
        unsupported "(?P<n>a)" "a named group (?P" 0
        unsupported "(?'n'a)" "a named group (?'" 0
        unsupported "(?>a)" "an atomic group (?>" 0
        unsupported "(?#a)" "a comment (?#" 0
        unsupported "(?(a)b)" "a condition (?(" 0
        unsupported "(?i)a" "flags (?" 0
        unsupported "(a)\\1" "a back-reference or octal escape \\1" 3
        unsupported "\\k<n>" "a back-reference \\k" 0
        unsupported "\\0" "a back-reference or octal escape \\0" 0
        unsupported "a\\b" "a word boundary \\b" 1
        unsupported "\\B" "a word boundary \\B" 0
        unsupported "\\Aa" "an anchor \\A" 0
        unsupported "a\\z" "an anchor \\z" 1
        unsupported "\\p{L}" "a Unicode category \\p" 0
        unsupported "[\\P{L}]" "a Unicode category \\P" 1
        unsupported "\\e" "an escape \\e" 0
        unsupported "a^b" "an anchor ^ inside" 1
        unsupported "a$b" "an anchor $ inside" 1
        unsupported "(^a)" "an anchor ^ inside" 1
        unsupported "(a$)" "an anchor $ inside" 2
        unsupported "a++" "a possessive quantifier" 2
        unsupported "[[:alpha:]]" "a POSIX class [:" 1
        unsupported "[a-z-[b]]" "a class subtraction -[" 4
        wrong "a**" 2 "a quantifier follows another; put a group around what the first repeats"
        wrong "a{2}{3}" 4 "a quantifier follows another; put a group around what the first repeats"
        wrong "*a" 0 "there is nothing before * to repeat"
        wrong "^*" 1 "there is nothing before * to repeat"
        wrong "{2}" 0 "there is nothing before '{' to repeat; write \\{ for the character"
        wrong "a{x}" 1 "'{' starts none of {m}, {m,} and {m,n}; write \\{ for the character"
        wrong "a{3,2}" 1 "a quantifier wants at least 3 and at most 2"
        wrong "a{99999999999}" 2 "a quantifier counts to 100000 at most"
        wrong "(a" 0 "the group is not closed"
        wrong "a)" 1 "')' closes no group"
        wrong "[a" 2 "it ends where ']' should be"
        wrong "[]" 0 "a class is empty; write \\] for the character"
        wrong "[z-a]" 1 "the range z-a is in reverse order"
        wrong "[a-\\d]" 1 "a range needs one character at each end; write \\- for the character"
        wrong "[a-c-e]" 4 "a hyphen after a range; write \\- for the character"
        wrong "a\\" 2 "it ends where a character after the backslash should be"
        wrong "\\u12" 4 "it ends where 4 hexadecimal digits should be"
        wrong "\\xg0" 2 "2 hexadecimal digits should be here"
        wrong "\\uD800" 0 "\\u names half of a surrogate pair"
        wrong (String.replicate 201 "(" + String.replicate 201 ")") 200 "groups go deeper than 200"

        testCase "half of a surrogate pair is refused" (fun () ->
            Expect.equal
                (Constraint.regex bytes [] (string (char 0xD800)) |> error)
                "the pattern holds half of a surrogate pair, which is no character"
                "sentence")

        refused "[^\\s\\S]" "no text at all satisfies it"
    ]

let private limits =
    testList "limits" [
        testCase "too many states before it is deterministic" (fun () ->
            let sentence = Constraint.regex bytes [] "(?:(?:a{1000}){1000}){1000}" |> error
            Expect.stringContains sentence "more than 400000 states" "the limit")

        testCase "too many states afterwards" (fun () ->
            let sentence = Constraint.regex bytes [] "(?:a|b)*a(?:a|b){30}" |> error
            Expect.stringContains sentence "more than 100000 states" "the limit")

        testCase "as many alternatives as a pattern has, in the stack of a thread" (fun () ->
            let constraint_ = onBytes (String.replicate 100_000 "a|" + "b")
            Expect.isTrue (accepts constraint_ "b") "the last"
            Expect.isFalse (accepts constraint_ "c") "another")

        testCase "long counts fit" (fun () ->
            let constraint_ = onBytes "(?:ab){2000}"
            Expect.isTrue (accepts constraint_ (String.replicate 2000 "ab")) "2000 times"
            Expect.isFalse (accepts constraint_ (String.replicate 1999 "ab")) "1999 times")
    ]

let private unspellable pattern sentence =
    testCase $"{pattern} cannot be spelt" (fun () ->
        let message = Constraint.regex scraps.Vocabulary scraps.Ends pattern |> error
        Expect.equal message ("the vocabulary cannot spell it: " + sentence) "sentence")

let private vocabularies =
    testList "vocabularies" [
        unspellable "[4-6x]" "at the start should come one of 4 to 6, x, and no token starts with that"
        unspellable "ab\\d?z" "after \"ab\" should come one of 2 to 6, 8, 9, z, and no token starts with that"
        unspellable "77" "at the start should come one of 7, but no token goes on from there to an end"
        unspellable "éü" "after \"é\" should come one of byte 0xC3, but no token goes on from there to an end"

        testCase "what leads nowhere is ruled out beforehand" (fun () ->
            // 0, 07 and 70 are tokens, 7 is none: after 0 no 7 can come.
            let constraint_ = Constraint.regex scraps.Vocabulary scraps.Ends "07|0[89]" |> get
            let first = allowed scraps (Constraint.warp constraint_ [| Constraint.start constraint_ |])
            Expect.equal first [ 5 ] "07 only")

        testCase "a tokenizer's vocabulary" (fun () ->
            let tokenizer = CharTokenizer.ofText "né 12" |> Characters
            let vocabulary = Vocabulary.ofTokenizer tokenizer
            Expect.equal (Vocabulary.size vocabulary) 5 "size"
            let constraint_ = Constraint.regex vocabulary [] "né\\d+" |> get
            let ids = Tokenizer.encode tokenizer "né21" |> get
            let state = ids |> Array.fold (Constraint.advance constraint_) (Constraint.start constraint_)
            Expect.isTrue (Constraint.isComplete constraint_ state) "complete"
            Expect.isFalse (Constraint.isFinished constraint_ state) "more digits may come"
            Expect.stringContains (Constraint.regex vocabulary [] "x" |> error) "no token starts with that" "x")

        testCase "the bytes are the vocabulary's own" (fun () ->
            let tokens = [| [| byte 'a' |] |]
            let constraint_ = Constraint.regex (Vocabulary.ofBytes tokens) [] "a" |> get
            tokens[0][0] <- byte 'b'
            Expect.isTrue (Constraint.allows constraint_ (Constraint.start constraint_) 0) "a as before")
    ]

let tests = testList "patterns" [ meanings; refusals; limits; vocabularies ]
