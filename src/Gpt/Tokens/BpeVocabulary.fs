namespace Gpt

open System.Collections.Generic
open System.Text

/// A token that stands for a text of its own and is found in a text before that is cut into words. One that is special, such
/// as `<|endoftext|>`, is a sign for the model more than a text: reading and writing may treat it as none.
type AddedToken = {
    /// Its place in the vocabulary.
    Id: int
    /// What it is in a text, at least one character.
    Text: string
    /// Whether it is a sign for the model more than a text.
    IsSpecial: bool
}

/// What a byte-level BPE is made of, in the words of its files.
type BpeParts = {
    /// Each token as the files write it (`ByteAlphabet`), with its id.
    Vocabulary: (string * int)[]
    /// The halves of each merge, the merge of the lowest rank first.
    Pairs: struct (string * string)[]
    /// These may stand in the vocabulary too.
    Added: AddedToken[]
    /// Whether a word that is a token is taken whole, though the merges may not lead there (`ignore_merges` in the files).
    WholeWords: bool
}

/// The same in ids, checked.
type internal BpeVocabulary = {
    /// The names of the tokens in the order of their ids.
    Names: string[]
    Ids: Dictionary<string, int>
    /// The bytes of each token.
    Bytes: byte[][]
    /// Left half, right half and joined token of each merge.
    Pairs: struct (int * int * int)[]
}

[<RequireQualifiedAccess>]
module internal BpeVocabulary =

    /// An error of the first item that stands a second time.
    let private onceEach (items: 'a seq) (describe: 'a -> string) : Result<unit, string> =
        let seen = HashSet<'a>()

        match Seq.tryFind (seen.Add >> not) items with
        | Some item -> Error $"{describe item} stands twice"
        | None -> Ok()

    let private checkAdded (parts: BpeParts) : Result<unit, string> =
        let known = dict parts.Vocabulary

        let problem (added: AddedToken) =
            match known.TryGetValue added.Text with
            | _ when added.Text = "" -> Some $"the added token {added.Id} is empty"
            | true, id when id <> added.Id ->
                Some $"the added token \"{added.Text}\" has the id {added.Id}, in the vocabulary it has {id}"
            // Its name would stand for that byte and for the character.
            | _ when added.Text.Length = 1 && added.Text[0] > '~' && (ByteAlphabet.read added.Text).IsSome ->
                Some $"the added token \"{added.Text}\" is how vocabularies write a byte"
            | _ -> None

        match Array.tryPick problem parts.Added with
        | Some sentence -> Error sentence
        | None -> Ok()

    /// The vocabulary's tokens and the added ones that do not stand in it, in the order of their ids.
    let private namesById (parts: BpeParts) : Result<string[], string> =
        let known = HashSet(Seq.map fst parts.Vocabulary)
        let more = parts.Added |> Array.filter (fun added -> not (known.Contains added.Text))

        let byId =
            more
            |> Array.map (fun added -> added.Text, added.Id)
            |> Array.append parts.Vocabulary
            |> Array.sortBy snd

        match byId |> Array.indexed |> Array.tryFind (fun (place, (_, id)) -> id <> place) with
        | None -> Ok(Array.map fst byId)
        | Some(_, (name, id)) when id < 0 -> Error $"token \"{name}\" has the id {id}; ids begin at 0"
        | Some(place, (name, id)) when id < place ->
            Error $"id {id} stands for both \"{fst byId[place - 1]}\" and \"{name}\""
        | Some(place, _) ->
            Error $"no token has the id {place}; {byId.Length} tokens have the ids 0 to {byId.Length - 1}, each once"

    let private bytesOf (parts: BpeParts) (names: string[]) : Result<byte[][], string> =
        let added = HashSet(parts.Added |> Seq.map _.Text)

        let bytes (name: string) =
            if added.Contains name then
                Some(Encoding.UTF8.GetBytes name)
            else
                ByteAlphabet.read name

        let found = Array.map bytes names

        match Array.tryFindIndex Option.isNone found with
        | Some id -> Error $"token {id} is \"{names[id]}\", which holds a character that stands for no byte"
        | None -> Ok(Array.choose (fun bytes -> bytes) found)

    let private pairsOf (ids: Dictionary<string, int>) (pairs: struct (string * string)[]) =
        let idOf (name: string) = ids.GetValueOrDefault(name, -1)

        let joined =
            pairs |> Array.map (fun struct (left, right) -> struct (idOf left, idOf right, idOf (left + right)))

        match joined |> Array.tryFindIndex (fun struct (left, right, both) -> min left (min right both) < 0) with
        | None -> Ok joined
        | Some rank ->
            let struct (left, right) = pairs[rank]
            let unknown = [ left; right; left + right ] |> List.find (fun name -> idOf name < 0)
            Error $"merge {rank} joins \"{left}\" and \"{right}\", but \"{unknown}\" is not in the vocabulary"

    /// The parts in ids, or one sentence that says what is wrong with them: a token or a merge that stands twice, ids that are
    /// not 0 to the number of tokens - 1, a token that no bytes spell, a merge of or to a token that is not there.
    let ofParts (parts: BpeParts) : Result<BpeVocabulary, string> =
        onceEach (Seq.map fst parts.Vocabulary) (fun name -> $"token \"{name}\"")
        |> Result.bind (fun () -> onceEach (parts.Added |> Seq.map _.Text) (fun text -> $"the added token \"{text}\""))
        |> Result.bind (fun () ->
            onceEach parts.Pairs (fun struct (left, right) -> $"the merge of \"{left}\" and \"{right}\""))
        |> Result.bind (fun () -> checkAdded parts)
        |> Result.bind (fun () -> namesById parts)
        |> Result.bind (fun names ->
            bytesOf parts names
            |> Result.bind (fun bytes ->
                let ids = Dictionary(names |> Seq.mapi (fun id name -> KeyValuePair(name, id)))

                pairsOf ids parts.Pairs
                |> Result.map (fun pairs -> {
                    Names = names
                    Ids = ids
                    Bytes = bytes
                    Pairs = pairs
                })))
