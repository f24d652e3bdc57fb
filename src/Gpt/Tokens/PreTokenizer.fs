namespace Gpt

open System
open System.Globalization

/// How GPT-2 cuts a text into words before it merges bytes: merges never cross the border of a word. The rule is a regular
/// expression,
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// written out here as a scanner that takes the alternatives in their order, looks at a character at most twice and never
/// goes back further than one. "He's 30,  ok" becomes "He", "'s", " 30", ",", " ", " ok": of several blanks the last goes
/// with the word that follows. Classes are those of code points, so letters past U+FFFF are letters, which a regular
/// expression over UTF-16 does not see; half of a surrogate pair counts as U+FFFD, which is no letter, number or blank.
[<RequireQualifiedAccess>]
module PreTokenizer =

    /// What the rule tells apart.
    type private Class =
        | Letter = 0
        | Number = 1
        | Blank = 2
        | Other = 3

    let private ofAscii (character: char) : Class =
        let code = int character

        if uint32 ((code ||| 0x20) - int 'a') < 26u then
            Class.Letter
        elif uint32 (code - int '0') < 10u then
            Class.Number
        // Tab, line feed, vertical tab, form feed, carriage return, space.
        elif code = 32 || uint32 (code - 9) < 5u then
            Class.Blank
        else
            Class.Other

    let private ofCategory (category: UnicodeCategory) : Class =
        match category with
        | UnicodeCategory.UppercaseLetter
        | UnicodeCategory.LowercaseLetter
        | UnicodeCategory.TitlecaseLetter
        | UnicodeCategory.ModifierLetter
        | UnicodeCategory.OtherLetter -> Class.Letter
        | UnicodeCategory.DecimalDigitNumber
        | UnicodeCategory.LetterNumber
        | UnicodeCategory.OtherNumber -> Class.Number
        | UnicodeCategory.SpaceSeparator
        | UnicodeCategory.LineSeparator
        | UnicodeCategory.ParagraphSeparator -> Class.Blank
        | _ -> Class.Other

    /// The class of the code point at a place, and how many UTF-16 units it has.
    let private classAt (text: ReadOnlySpan<char>) (place: int) : struct (Class * int) =
        let character = text[place]

        if Char.IsAscii character then
            ofAscii character, 1
        elif Char.IsHighSurrogate character && place + 1 < text.Length && Char.IsLowSurrogate text[place + 1] then
            let code = Char.ConvertToUtf32(character, text[place + 1])
            ofCategory (CharUnicodeInfo.GetUnicodeCategory code), 2
        // The one blank that is a control character and not ASCII: next line.
        elif character = '\u0085' then
            Class.Blank, 1
        else
            ofCategory (CharUnicodeInfo.GetUnicodeCategory character), 1

    /// Where the run of one class that goes on at a place ends.
    let private runEnd (wanted: Class) (text: ReadOnlySpan<char>) (place: int) : int =
        let mutable stop = place
        let mutable inside = true

        while inside && stop < text.Length do
            let struct (found, width) = classAt text stop

            if found = wanted then
                stop <- stop + width
            else
                inside <- false

        stop

    /// The length of 's 't 're 've 'm 'll 'd after an apostrophe, the apostrophe included; 0 for anything else.
    let private contraction (text: ReadOnlySpan<char>) (place: int) : int =
        let first = if place + 1 < text.Length then text[place + 1] else ' '
        let second = if place + 2 < text.Length then text[place + 2] else ' '

        match first, second with
        | ('s' | 't' | 'm' | 'd'), _ -> 2
        | 'r', 'e'
        | 'v', 'e'
        | 'l', 'l' -> 3
        | _ -> 0

    /// Blanks: all of them at the end of the text, all but the last before something else, a single one always.
    let private blanksEnd (text: ReadOnlySpan<char>) (place: int) : int =
        let stop = runEnd Class.Blank text place

        if stop = text.Length || stop = place + 1 then
            stop
        else
            stop - 1

    /// Where the word that begins at a place of a text ends: above `place`, at most the text's length. `place` must be in
    /// 0 to the length - 1, at the beginning of the text or where another word ended.
    let wordEnd (text: ReadOnlySpan<char>) (place: int) : int =
        let short = if text[place] = '\'' then contraction text place else 0

        if short > 0 then
            place + short
        else
            // One space goes with what follows it.
            let first =
                if text[place] = ' ' && place + 1 < text.Length then
                    place + 1
                else
                    place

            match classAt text first with
            | struct (Class.Blank, _) -> blanksEnd text place
            | struct (found, width) -> runEnd found text (first + width)

    /// The words of a text, in order; together they are the text.
    let words (text: string) : string list =
        let rec from place words =
            if place = text.Length then
                List.rev words
            else
                let stop = wordEnd (text.AsSpan()) place
                from stop (text.Substring(place, stop - place) :: words)

        from 0 []
