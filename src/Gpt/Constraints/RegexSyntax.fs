namespace Gpt

open System

/// A pattern that has been read: its language, and what its ends say.
type internal Pattern = {
    Language: Language
    /// Whether it starts with ^ and whether it ends with $.
    Anchors: struct (bool * bool)
    /// Whether it is a choice at the top, outside all groups.
    HasAlternatives: bool
}

/// Regular expressions, as far as they are regular: characters, escapes, `.`, classes, groups, alternatives and quantifiers,
/// each with the meaning that ECMAScript gives it. \d, \w and \s are ASCII (\s is space, \t, \n, \v, \f, \r), and `.` is any
/// character but \n. A lazy quantifier says which match is looked for first, which makes no difference here, and is read as
/// the plain one. Anchors may stand at the ends only. Everything else is refused by name: look-around and back-references
/// because they are not regular, flags, named groups, \b and \p because nobody has needed them yet.
[<RequireQualifiedAccess>]
module internal RegexSyntax =

    /// Groups deeper than this are refused, long before the stack ends.
    let private deepest = 200

    /// The most that a quantifier may count to.
    let private mostRepeats = 100_000

    let private characterOf (character: int) = Text.Rune(character).ToString()

    /// One character of a class, and its code point unless it is an escape for many.
    let private classItem (reader: PatternReader) : struct (struct (int * int) list * int voption) =
        let at = reader.At

        match PatternReader.next "']'" reader with
        | c when c = int '\\' && PatternReader.skip "b" reader -> struct (CodePoints.one 8, ValueSome 8)
        | c when c = int '\\' ->
            match PatternReader.escape at reader with
            | [ struct (low, high) ] as set when low = high -> struct (set, ValueSome low)
            | set -> struct (set, ValueNone)
        | c when c = int '[' && PatternReader.sees ":" reader -> PatternReader.unsupported at "a POSIX class [:"
        | c -> struct (CodePoints.one c, ValueSome c)

    /// A character or a range of them.
    let private classRange (reader: PatternReader) : struct (int * int) list =
        let at = reader.At
        let struct (set, first) = classItem reader

        if not (PatternReader.sees "-" reader) || PatternReader.sees "-]" reader then
            set
        elif PatternReader.sees "-[" reader then
            PatternReader.unsupported reader.At "a class subtraction -["
        else
            PatternReader.skip "-" reader |> ignore

            match struct (first, classItem reader) with
            | struct (ValueSome low, struct (_, ValueSome high)) when low <= high ->
                if PatternReader.sees "-[" reader then
                    PatternReader.unsupported reader.At "a class subtraction -["

                // In a-c-e the second hyphen could be meant either way.
                if PatternReader.sees "-" reader && not (PatternReader.sees "-]" reader) then
                    PatternReader.wrong reader.At "a hyphen after a range; write \\- for the character"

                CodePoints.ofRanges [ struct (low, high) ]
            | struct (ValueSome low, struct (_, ValueSome high)) ->
                PatternReader.wrong at $"the range {characterOf low}-{characterOf high} is in reverse order"
            | _ -> PatternReader.wrong at "a range needs one character at each end; write \\- for the character"

    /// What stands after '['.
    let private characterClass (at: int) (reader: PatternReader) : struct (int * int) list =
        let isNegated = PatternReader.skip "^" reader

        if PatternReader.sees "]" reader then
            PatternReader.wrong at "a class is empty; write \\] for the character"

        let ranges = [
            while not (PatternReader.skip "]" reader) do
                yield! classRange reader
        ]

        let set = CodePoints.ofRanges ranges
        if isNegated then CodePoints.complement set else set

    /// What may stand after "(?" in other dialects.
    let private groupKinds = [
        "=", "a look-ahead (?="
        "!", "a negative look-ahead (?!"
        "<=", "a look-behind (?<="
        "<!", "a negative look-behind (?<!"
        "<", "a named group (?<"
        "P", "a named group (?P"
        "'", "a named group (?'"
        ">", "an atomic group (?>"
        "#", "a comment (?#"
        "(", "a condition (?("
    ]

    let private number (reader: PatternReader) : int voption =
        let at = reader.At

        let digits = [
            while not (PatternReader.atEnd reader)
                  && reader.Text[reader.At] < 128
                  && Char.IsAsciiDigit(char reader.Text[reader.At]) do
                PatternReader.next "a digit" reader - int '0'
        ]

        match digits |> List.fold (fun n digit -> min (10 * n + digit) (mostRepeats + 1)) 0 with
        | _ when digits.IsEmpty -> ValueNone
        | n when n > mostRepeats -> PatternReader.wrong at $"a quantifier counts to {mostRepeats} at most"
        | n -> ValueSome n

    /// What stands after '{'.
    let private counts (at: int) (reader: PatternReader) : struct (int * int voption) =
        let least = number reader
        let hasComma = PatternReader.skip "," reader
        let most = if hasComma then number reader else least

        match least, most with
        | ValueSome least, ValueSome most when least > most ->
            PatternReader.wrong at $"a quantifier wants at least {least} and at most {most}"
        | ValueSome least, _ when PatternReader.skip "}" reader -> struct (least, most)
        | _ -> PatternReader.wrong at "'{' starts none of {m}, {m,} and {m,n}; write \\{ for the character"

    /// The quantifier that stands next, if one does.
    let private quantifier (reader: PatternReader) : struct (int * int voption) voption =
        let at = reader.At

        if PatternReader.skip "*" reader then
            ValueSome(struct (0, ValueNone))
        elif PatternReader.skip "+" reader then
            ValueSome(struct (1, ValueNone))
        elif PatternReader.skip "?" reader then
            ValueSome(struct (0, ValueSome 1))
        elif PatternReader.skip "{" reader then
            ValueSome(counts at reader)
        else
            ValueNone

    /// A part with its quantifier.
    let private quantified (part: Language) (reader: PatternReader) : Language =
        match quantifier reader with
        | ValueNone -> part
        | ValueSome(struct (least, most)) ->
            if PatternReader.skip "?" reader |> not && PatternReader.sees "+" reader then
                PatternReader.unsupported reader.At "a possessive quantifier"

            let at = reader.At

            if (quantifier reader).IsSome then
                PatternReader.wrong at "a quantifier follows another; put a group around what the first repeats"

            Repeat(part, least, most)

    /// Whether a sequence ends here. The one anchor that may end it is the last character, outside all groups.
    let private isOver depth (reader: PatternReader) : bool =
        PatternReader.atEnd reader
        || PatternReader.sees "|" reader
        || PatternReader.sees ")" reader
        || depth = 0 && PatternReader.sees "$" reader && reader.At = reader.Text.Length - 1

    /// Alternatives up to the end of the pattern, or to the ')' that closes this group.
    let rec private alternatives encode depth (reader: PatternReader) : Language list = [
        sequence encode depth reader

        while PatternReader.skip "|" reader do
            sequence encode depth reader
    ]

    and private sequence encode depth (reader: PatternReader) : Language =
        Sequence [
            while not (isOver depth reader) do
                let part = atom encode depth reader
                quantified part reader
        ]

    and private atom encode depth (reader: PatternReader) : Language =
        let at = reader.At

        match PatternReader.next "a character" reader with
        | c when c >= 128 -> encode (CodePoints.one c)
        | c ->
            match char c with
            | '(' -> group encode (depth + 1) at reader
            | '[' -> encode (characterClass at reader)
            | '.' -> encode (CodePoints.complement (CodePoints.one (int '\n')))
            | '\\' -> encode (PatternReader.escape at reader)
            | '^'
            | '$' -> PatternReader.unsupported at $"an anchor {char c} inside"
            | '*'
            | '+'
            | '?' -> PatternReader.wrong at $"there is nothing before {char c} to repeat"
            | '{' -> PatternReader.wrong at "there is nothing before '{' to repeat; write \\{ for the character"
            | _ -> encode (CodePoints.one c)

    and private group encode depth at (reader: PatternReader) : Language =
        if depth > deepest then
            PatternReader.wrong at $"groups go deeper than {deepest}"

        if PatternReader.skip "?" reader && not (PatternReader.skip ":" reader) then
            match groupKinds |> List.tryFind (fun (start, _) -> PatternReader.sees start reader) with
            | Some(_, kind) -> PatternReader.unsupported at kind
            | None -> PatternReader.unsupported at "flags (?"

        let parts = alternatives encode depth reader

        if not (PatternReader.skip ")" reader) then
            PatternReader.wrong at "the group is not closed"

        Choice parts

    /// Reads a pattern. `encode` says how a character of a set is written. Raises Refusal with the construct and its position,
    /// in characters from 0.
    let read (encode: struct (int * int) list -> Language) (pattern: string) : Pattern =
        let reader = PatternReader.start pattern
        let startsAnchored = PatternReader.skip "^" reader
        let parts = alternatives encode 0 reader
        let endsAnchored = PatternReader.skip "$" reader

        if not (PatternReader.atEnd reader) then
            PatternReader.wrong reader.At "')' closes no group"

        {
            Language = Choice parts
            Anchors = struct (startsAnchored, endsAnchored)
            HasAlternatives = parts.Length > 1
        }
