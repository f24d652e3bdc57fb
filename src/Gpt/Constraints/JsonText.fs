namespace Gpt

open System
open System.Text.Json

/// The languages of JSON's values (RFC 8259), as compact text: the only spaces are one, at will, after each ':' and ','.
[<RequireQualifiedAccess>]
module internal JsonText =

    /// The most digits of a whole number or before a decimal point: what a double holds exactly.
    let private wholeDigits = 15

    /// The most digits after a decimal point.
    let private fractionDigits = 15

    /// The most digits of an exponent: too few for a number beyond what a double holds.
    let private exponentDigits = 2

    /// The greatest whole number that is written; the least is its negative.
    let greatest = pown 10L wholeDigits - 1L

    /// ',' with a space at will.
    let comma = Sequence [ Language.text ","; Language.optional (Language.text " ") ]

    let private colon = Sequence [ Language.text ":"; Language.optional (Language.text " ") ]

    // Strings

    /// One hexadecimal digit of a range, in either case.
    let private hexDigit (struct (low, high)) =
        Language.characters (
            CodePoints.ofRanges [
                for digit in low..high do
                    for text in [ $"{digit:x}"; $"{digit:X}" ] -> struct (int text[0], int text[0])
            ]
        )

    /// Four hexadecimal digits for a number of a range.
    let private fourHex (struct (low, high)) =
        let digits number = Digits.ofNumber 16L 4 (int64 number)

        Choice [
            for sequence in Digits.between (struct (0, 15)) (digits low) (digits high) ->
                Sequence(List.map hexDigit sequence)
        ]

    let private unicode range = Sequence [ Language.text "\\u"; fourHex range ]

    /// Characters beyond FFFF as pairs: a pair is a number of two digits to the base 1024.
    let private pairs (struct (low, high)) =
        let digits character = Digits.ofNumber 1024L 2 (int64 (character - 0x10000))

        let half first (struct (low, high)) = unicode (struct (first + low, first + high))

        Choice [
            for sequence in Digits.between (struct (0, 1023)) (digits low) (digits high) ->
                Sequence(List.map2 half [ 0xD800; 0xDC00 ] sequence)
        ]

    let private shortEscapes = [
        '"', "\\\""
        '\\', "\\\\"
        '/', "\\/"
        '\b', "\\b"
        '\f', "\\f"
        '\n', "\\n"
        '\r', "\\r"
        '\t', "\\t"
    ]

    /// What must not stand in a string as it is: control characters, the quote and the backslash.
    let private mustEscape =
        CodePoints.ofRanges [ struct (0, 31); struct (int '"', int '"'); struct (int '\\', int '\\') ]

    /// One character of a set, in every way that a string may hold it: as it is, by a short escape, by \uXXXX, or by a pair
    /// of these. Halves of pairs do not occur.
    let characters (set: struct (int * int) list) : Language =
        Choice [
            Language.characters (CodePoints.except mustEscape set)
            for character, escape in shortEscapes do
                if not (CodePoints.between (int character) (int character) set).IsEmpty then
                    Language.text escape
            for range in CodePoints.between 0 0xFFFF set do
                unicode range
            for range in CodePoints.between 0x10000 CodePoints.last set do
                pairs range
        ]

    /// Any character of a string.
    let anyCharacter = characters CodePoints.any

    /// What stands between quotes.
    let quoted (content: Language) : Language = Sequence [ Language.text "\""; content; Language.text "\"" ]

    /// One string, with no escape but where JSON asks for one.
    let literal (text: string) : Language =
        let escaped (c: char) =
            match shortEscapes |> List.tryFind (fun (character, _) -> character = c && c <> '/') with
            | Some(_, escape) -> escape
            | None when c < ' ' -> $"\\u{int c:x4}"
            | None -> string c

        quoted (Language.text (String.collect escaped text))

    // Numbers

    let private digit = Language.characters CodePoints.digits
    let private oneOf (characters: string) = Choice [ for c in characters -> Language.text (string c) ]

    /// The whole numbers from `low` to `high`, neither of them negative, without leading zeros.
    let private natural (low: int64) (high: int64) : Language =
        let between count least most =
            let digits = Digits.ofNumber 10L count
            let range (struct (low, high)) = Language.characters [ struct (int '0' + low, int '0' + high) ]

            [
                for sequence in Digits.between (struct (0, 9)) (digits least) (digits most) ->
                    Sequence(List.map range sequence)
            ]

        Choice [
            for count in 1..wholeDigits do
                let shortest = if count = 1 then 0L else pown 10L (count - 1)
                let longest = pown 10L count - 1L

                if max low shortest <= min high longest then
                    yield! between count (max low shortest) (min high longest)
        ]

    /// The whole numbers from `low` to `high`, both within plus and minus `greatest`.
    let integer (low: int64) (high: int64) : Language =
        Choice [
            if high >= 0L then
                natural (max 0L low) high
            if low < 0L then
                Sequence [ Language.text "-"; natural (max 1L (-high)) (-low) ]
        ]

    /// A number: up to 15 digits before a point and 15 after it, and an exponent of up to two digits.
    let number: Language =
        let digits least most = Language.repeat least most digit

        Sequence [
            Language.optional (Language.text "-")
            natural 0L greatest
            Language.optional (Sequence [ Language.text "."; digits 1 fractionDigits ])
            Language.optional (Sequence [ oneOf "eE"; Language.optional (oneOf "+-"); digits 1 exponentDigits ])
        ]

    // Values

    /// Values of a list, `least` to `most` of them.
    let array (least: int) (most: int voption) (item: Language) : Language =
        let more least most = Repeat(Sequence [ comma; item ], least, most)

        let items =
            match most with
            | ValueSome 0 -> Sequence []
            | _ ->
                let some =
                    Sequence [
                        item
                        more (max 0 (least - 1)) (most |> ValueOption.map (fun most -> most - 1))
                    ]

                if least = 0 then Language.optional some else some

        Sequence [ Language.text "["; items; Language.text "]" ]

    /// Members of an object in this order, each a name, its value, and whether it must be there.
    let object (members: (string * Language * bool) list) : Language =
        let members = [
            for name, value, isRequired in members -> struct (Sequence [ literal name; colon; value ], isRequired)
        ]

        let before (struct (member_, isRequired)) later =
            let part = Sequence [ comma; member_ ]
            Sequence [ (if isRequired then part else Language.optional part); later ]

        // What may come after each member: one language, whichever member came before.
        let later = List.scanBack before members (Sequence []) |> List.tail

        /// Which member comes first: any up to the first that must be there.
        let rec first members =
            match members with
            | [] -> [ Sequence [] ]
            | (struct (member_, isRequired), later) :: others ->
                Sequence [ member_; later ] :: (if isRequired then [] else first others)

        Sequence [ Language.text "{"; Choice(first (List.zip members later)); Language.text "}" ]

    /// One value, whatever it is, its members and items in their order.
    let rec value (json: JsonElement) : Language =
        match json.ValueKind with
        | JsonValueKind.Object ->
            object [
                for property in json.EnumerateObject() -> property.Name, value property.Value, true
            ]
        | JsonValueKind.Array ->
            let items = [ for item in json.EnumerateArray() -> value item ]
            let separated = items |> List.mapi (fun i item -> if i = 0 then item else Sequence [ comma; item ])
            Sequence [ Language.text "["; Sequence separated; Language.text "]" ]
        | JsonValueKind.String -> json.GetString() |> string |> literal
        | _ -> Language.text (json.GetRawText())
