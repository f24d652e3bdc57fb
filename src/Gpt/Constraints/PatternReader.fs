namespace Gpt

open System
open System.Text

/// A pattern as code points, and how far it has been read: the one thing about reading that changes.
type internal PatternReader = { Text: int[]; mutable At: int }

/// The characters of patterns: what is read one by one, and what a backslash makes of the next.
[<RequireQualifiedAccess>]
module internal PatternReader =

    /// A reader at the start of a pattern.
    let start (pattern: string) : PatternReader =
        let runes = [| for rune in pattern.EnumerateRunes() -> rune |]

        // A half comes out as another character, the one that stands for what cannot be read.
        if String.Join("", runes) <> pattern then
            raise (Refusal "the pattern holds half of a surrogate pair, which is no character")

        {
            Text = runes |> Array.map _.Value
            At = 0
        }

    /// The sentence for a construct that other dialects have, and this one leaves out.
    let unsupported (at: int) (construct: string) : 'a =
        raise (Refusal $"the pattern has {construct} at position {at}, which is not supported")

    /// The sentence for what no dialect allows.
    let wrong (at: int) (what: string) : 'a = raise (Refusal $"the pattern is wrong at position {at}: {what}")

    /// Whether `text` stands next.
    let sees (text: string) (reader: PatternReader) : bool =
        let characters = [| for c in text -> int c |]
        reader.Text.AsSpan(reader.At).StartsWith(ReadOnlySpan characters)

    /// Whether everything has been read.
    let atEnd (reader: PatternReader) : bool = reader.At = reader.Text.Length

    /// Reads past `text` if it stands next, and says whether it did.
    let skip (text: string) (reader: PatternReader) : bool =
        let isThere = sees text reader

        if isThere then
            reader.At <- reader.At + text.Length

        isThere

    /// The next character; `what` says what should be there if nothing is.
    let next (what: string) (reader: PatternReader) : int =
        if atEnd reader then
            wrong reader.At $"it ends where {what} should be"

        reader.At <- reader.At + 1
        reader.Text[reader.At - 1]

    let private hex (count: int) (reader: PatternReader) : int =
        let at = reader.At
        let digits = [ for _ in 1..count -> next $"{count} hexadecimal digits" reader ]

        if digits |> List.forall (fun c -> c < 128 && Char.IsAsciiHexDigit(char c)) then
            digits |> List.fold (fun number c -> 16 * number + Convert.ToInt32(string (char c), 16)) 0
        else
            wrong at $"{count} hexadecimal digits should be here"

    /// What follows \u: four digits, or two times four for a character that UTF-16 writes as a pair.
    let private unicode (at: int) (reader: PatternReader) : int =
        match hex 4 reader with
        | high when high >= 0xD800 && high < 0xDC00 && skip "\\u" reader ->
            match hex 4 reader with
            | low when low >= 0xDC00 && low < 0xE000 -> Rune(char high, char low).Value
            | _ -> wrong at "\\u names half of a surrogate pair"
        | half when half >= 0xD800 && half < 0xE000 -> wrong at "\\u names half of a surrogate pair"
        | character -> character

    /// What a backslash that stood at `at` means with what comes after it: a set of characters.
    let escape (at: int) (reader: PatternReader) : struct (int * int) list =
        match next "a character after the backslash" reader with
        | c when c >= 128 -> CodePoints.one c
        | c ->
            match char c with
            | 'd' -> CodePoints.digits
            | 'D' -> CodePoints.complement CodePoints.digits
            | 'w' -> CodePoints.word
            | 'W' -> CodePoints.complement CodePoints.word
            | 's' -> CodePoints.space
            | 'S' -> CodePoints.complement CodePoints.space
            | 't' -> CodePoints.one 9
            | 'n' -> CodePoints.one 10
            | 'v' -> CodePoints.one 11
            | 'f' -> CodePoints.one 12
            | 'r' -> CodePoints.one 13
            | 'x' -> CodePoints.one (hex 2 reader)
            | 'u' -> CodePoints.one (unicode at reader)
            | 'b'
            | 'B' -> unsupported at $"a word boundary \\{char c}"
            | 'A'
            | 'Z'
            | 'z'
            | 'G' -> unsupported at $"an anchor \\{char c}"
            | 'p'
            | 'P' -> unsupported at $"a Unicode category \\{char c}"
            | 'k' -> unsupported at "a back-reference \\k"
            | digit when Char.IsAsciiDigit digit -> unsupported at $"a back-reference or octal escape \\{digit}"
            | letter when Char.IsAsciiLetter letter -> unsupported at $"an escape \\{letter}"
            | _ -> CodePoints.one c
