namespace Gpt

open System.Text

/// Why a pattern or a schema cannot be used, in one sentence. Compilers raise it from whatever depth they have reached;
/// `Constraint` catches it and hands on the sentence.
exception internal Refusal of string

/// A regular language over bytes: what patterns and schemas are compiled to, and automata are made from.
/// Parts may be shared; they are told apart by what they are, not by what they hold.
[<ReferenceEquality>]
type internal Language =
    /// One of several sequences, each a range of bytes for every byte.
    | Bytes of struct (int * int) list list
    /// One part after the other; no parts: the empty text.
    | Sequence of Language list
    /// Any one of these; none of them: no text at all.
    | Choice of Language list
    /// A part at least `least` times over, and at most `most` times when there is a bound.
    | Repeat of Language * least: int * most: int voption

[<RequireQualifiedAccess>]
module internal Language =

    /// One text, in UTF-8.
    let text (characters: string) : Language =
        Bytes [ [ for b in Encoding.UTF8.GetBytes characters -> struct (int b, int b) ] ]

    /// The ranges of code points whose UTF-8 is equally long.
    let private lengths = [
        struct (0, 0x7F)
        struct (0x80, 0x7FF)
        struct (0x800, 0xFFFF)
        struct (0x10000, CodePoints.last)
    ]

    /// The bytes of a character in UTF-8.
    let private utf8Of (character: int) = [ for b in Encoding.UTF8.GetBytes(Rune(character).ToString()) -> int b ]

    /// One character of a set, in UTF-8. Bytes are digits: of equally long characters, the one with the higher code point has
    /// the higher bytes, and every byte but the first goes from 80 to BF.
    let characters (set: struct (int * int) list) : Language =
        Bytes [
            for struct (least, most) in lengths do
                for struct (low, high) in CodePoints.between least most set do
                    yield! Digits.between (struct (0x80, 0xBF)) (utf8Of low) (utf8Of high)
        ]

    /// A part or nothing.
    let optional (part: Language) : Language = Repeat(part, 0, ValueSome 1)

    /// A part `least` to `most` times.
    let repeat (least: int) (most: int) (part: Language) : Language = Repeat(part, least, ValueSome most)
