namespace Gpt

open System.Collections.Generic
open System.Text

/// One token a character, as in the article: ids are positions in the sorted list of the characters of a text.
/// A character is a Unicode scalar value, so an emoji is one token, not two halves.
type CharTokenizer = private {
    Alphabet: Rune[]
    Ids: Dictionary<Rune, int>
}

[<RequireQualifiedAccess>]
module CharTokenizer =

    let private ofSorted (alphabet: Rune[]) =
        let ids = Dictionary<Rune, int> alphabet.Length
        alphabet |> Array.iteri (fun id rune -> ids[rune] <- id)
        { Alphabet = alphabet; Ids = ids }

    /// The tokenizer of the distinct characters of a text, in code point order.
    let ofText (text: string) : CharTokenizer =
        let seen = HashSet<Rune>()

        for rune in text.EnumerateRunes() do
            seen.Add rune |> ignore

        seen |> Seq.sort |> Seq.toArray |> ofSorted

    /// The tokenizer whose token `i` is `alphabet[i]`. An error when an entry is not one character, or stands twice.
    let ofAlphabet (alphabet: string list) : Result<CharTokenizer, string> =
        let isOneRune (entry: string) = Seq.length (entry.EnumerateRunes()) = 1

        match List.tryFindIndex (isOneRune >> not) alphabet with
        | Some id -> Error $"token {id} is \"{alphabet[id]}\"; a character-level vocabulary has one character a token"
        | None ->
            match alphabet |> List.countBy id |> List.tryFind (fun (_, count) -> count > 1) with
            | Some(entry, count) ->
                Error $"character \"{entry}\" stands {count} times in the vocabulary; once would be right"
            | None ->
                alphabet
                |> List.map (fun entry -> Seq.head (entry.EnumerateRunes()))
                |> List.toArray
                |> ofSorted
                |> Ok

    /// The characters in order of their ids.
    let alphabet (tokenizer: CharTokenizer) : string list = tokenizer.Alphabet |> Seq.map string |> List.ofSeq

    /// The number of characters.
    let vocabSize (tokenizer: CharTokenizer) : int = tokenizer.Alphabet.Length

    let private show (rune: Rune) =
        if Rune.IsControl rune then
            $"U+%04X{rune.Value}"
        else
            $"'{rune}' (U+%04X{rune.Value})"

    /// The ids of a text's characters. The error names the first character that the vocabulary lacks and its position.
    let encode (tokenizer: CharTokenizer) (text: string) : Result<int[], string> =
        let ids = List<int> text.Length
        let mutable runes = text.EnumerateRunes()
        let mutable missing = ValueNone

        while missing.IsNone && runes.MoveNext() do
            match tokenizer.Ids.TryGetValue runes.Current with
            | true, id -> ids.Add id
            | _ -> missing <- ValueSome runes.Current

        match missing with
        | ValueNone -> Ok(ids.ToArray())
        | ValueSome rune ->
            let known = alphabet tokenizer |> String.concat "" |> (fun all -> all.Replace("\n", "\\n"))

            Error
                $"character {show rune} at position {ids.Count} is not in the vocabulary; its {vocabSize tokenizer} characters are {known}"

    /// The text of ids. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let decode (tokenizer: CharTokenizer) (ids: int seq) : string =
        let text = StringBuilder()

        for id in ids do
            if id < 0 || id >= tokenizer.Alphabet.Length then
                let size = tokenizer.Alphabet.Length
                raise (System.ArgumentOutOfRangeException(nameof ids, id, $"A token id must be in 0 to {size - 1}."))

            text.Append(tokenizer.Alphabet[id].ToString()) |> ignore

        text.ToString()
