namespace Gpt

open System
open System.Buffers
open System.Collections.Generic
open System.Numerics
open System.Runtime.InteropServices
open System.Text

/// Added tokens, and how to find the first of them in a text.
type internal AddedSearch = {
    /// The longest first: of two that begin at the same place the longer one is meant.
    Tokens: AddedToken[]
    Values: SearchValues<string>
}

/// GPT-2's tokenizer, byte-level BPE: a text is cut at added tokens, what is between them into words (`PreTokenizer`), and the
/// UTF-8 bytes of each word are merged (`BpeMerges`). Every byte is a token, so that nothing is unknown. Half of a surrogate
/// pair, which UTF-8 cannot say, is encoded as U+FFFD. Any number of threads may use one tokenizer at once.
[<ReferenceEquality>]
type BpeTokenizer = private {
    Parts: BpeParts
    Names: string[]
    /// The bytes of all tokens one after the other; those of token `i` are from `Starts[i]` to `Starts[i + 1]`.
    Bytes: byte[]
    Starts: int[]
    Merges: BpeMerges
    /// The token of each byte; -1 for a byte that the vocabulary lacks.
    OfByte: int[]
    Special: HashSet<int>
    Added: AddedSearch
    /// Those that are not special.
    AddedPlain: AddedSearch
    /// The tokens that words are looked for in before they are merged; empty for GPT-2.
    Whole: Dictionary<string, int>
    Cache: WordCache
}

[<RequireQualifiedAccess>]
module BpeTokenizer =

    /// The token between documents in GPT-2's training texts.
    [<Literal>]
    let EndOfText = "<|endoftext|>"

    let private search (added: AddedToken seq) : AddedSearch =
        let tokens = added |> Seq.sortByDescending _.Text.Length |> Seq.toArray
        let texts = tokens |> Array.map _.Text

        {
            Tokens = tokens
            Values = SearchValues.Create(ReadOnlySpan texts, StringComparison.Ordinal)
        }

    /// The tokenizer of these parts, or one sentence that says what is wrong with them: a token or a merge that stands twice,
    /// ids that are not 0 to the number of tokens - 1, a token that no bytes spell, a merge of or to a token that is not there.
    let create (parts: BpeParts) : Result<BpeTokenizer, string> =
        let assemble (vocabulary: BpeVocabulary) =
            let ofByte = Array.create 256 -1

            for value in 0..255 do
                match vocabulary.Ids.TryGetValue(ByteAlphabet.write (ReadOnlySpan [| byte value |])) with
                | true, id -> ofByte[value] <- id
                | _ -> ()

            {
                Parts = parts
                Names = vocabulary.Names
                Bytes = Array.concat vocabulary.Bytes
                Starts = vocabulary.Bytes |> Array.scan (fun start token -> start + token.Length) 0
                Merges = BpeMerges.create vocabulary.Pairs
                OfByte = ofByte
                Special = HashSet(parts.Added |> Seq.filter _.IsSpecial |> Seq.map _.Id)
                Added = search parts.Added
                AddedPlain = search (parts.Added |> Seq.filter (_.IsSpecial >> not))
                Whole = if parts.WholeWords then vocabulary.Ids else Dictionary()
                // About as many slots as tokens, for most words are tokens: 1,024 to 65,536.
                Cache = WordCache.create (BitOperations.Log2(uint32 vocabulary.Names.Length) + 1 |> max 10 |> min 16)
            }

        BpeVocabulary.ofParts parts |> Result.map assemble

    /// What the tokenizer was made of.
    let parts (tokenizer: BpeTokenizer) : BpeParts = tokenizer.Parts

    /// What files call each token, in the order of the ids.
    let names (tokenizer: BpeTokenizer) : string list = List.ofArray tokenizer.Names

    /// The number of tokens.
    let vocabSize (tokenizer: BpeTokenizer) : int = tokenizer.Names.Length

    /// Whether an id is that of a special token.
    let isSpecial (tokenizer: BpeTokenizer) (id: int) : bool = tokenizer.Special.Contains id

    /// The id of `<|endoftext|>`, if it is one of the added tokens.
    let endOfText (tokenizer: BpeTokenizer) : int option =
        tokenizer.Added.Tokens |> Array.tryFind (fun token -> token.Text = EndOfText) |> Option.map _.Id

    /// What one call of `encode` works with.
    type private Writer = {
        Tokens: List<int>
        /// For a word that the cache lacks: its bytes, and the tokens that they become.
        mutable Bytes: byte[]
        mutable Merged: int[]
        /// What the first byte that the vocabulary lacks is, and where.
        mutable Missing: string option
    }

    /// The tokens of a word, merged in the writer's buffer. Gives their number.
    let private merge (tokenizer: BpeTokenizer) (writer: Writer) (word: ReadOnlySpan<char>) : int =
        let most = Encoding.UTF8.GetMaxByteCount word.Length

        if writer.Bytes.Length < most then
            writer.Bytes <- Array.zeroCreate most
            writer.Merged <- Array.zeroCreate most

        let length = Encoding.UTF8.GetBytes(word, writer.Bytes.AsSpan())

        for i in 0 .. length - 1 do
            let id = tokenizer.OfByte[int writer.Bytes[i]]
            writer.Merged[i] <- id

            if id < 0 && writer.Missing.IsNone then
                writer.Missing <- Some $"byte 0x%02X{writer.Bytes[i]} of \"{word.ToString()}\" is not in the vocabulary"

        let whole =
            if tokenizer.Whole.Count = 0 then
                -1
            else
                tokenizer.Whole.GetValueOrDefault(ByteAlphabet.write (ReadOnlySpan(writer.Bytes, 0, length)), -1)

        if whole >= 0 then
            writer.Merged[0] <- whole
            1
        else
            let struct (count, _) = BpeMerges.apply tokenizer.Merges writer.Merged length
            count

    let private addWord (tokenizer: BpeTokenizer) (writer: Writer) (word: ReadOnlySpan<char>) : unit =
        if word.Length > WordCache.LongestWord then
            let count = merge tokenizer writer word
            CollectionExtensions.AddRange(writer.Tokens, ReadOnlySpan(writer.Merged, 0, count))
        else
            let slot = WordCache.slot tokenizer.Cache word
            let known = WordCache.find tokenizer.Cache slot word

            if known.Length = 1 then
                writer.Tokens.Add known[0]
            elif known.Length > 1 then
                CollectionExtensions.AddRange(writer.Tokens, ReadOnlySpan known)
            else
                let count = merge tokenizer writer word
                let tokens = writer.Merged.AsSpan(0, count).ToArray()

                if writer.Missing.IsNone then
                    WordCache.keep tokenizer.Cache slot (word.ToString()) tokens

                writer.Tokens.AddRange tokens

    let private addWords (tokenizer: BpeTokenizer) (writer: Writer) (text: ReadOnlySpan<char>) : unit =
        let mutable place = 0

        while place < text.Length do
            let stop = PreTokenizer.wordEnd text place
            addWord tokenizer writer (text.Slice(place, stop - place))
            place <- stop

    let private encodeWith (added: AddedSearch) (tokenizer: BpeTokenizer) (text: string) : Result<int[], string> =
        let writer = {
            Tokens = List(text.Length / 3)
            Bytes = [||]
            Merged = [||]
            Missing = None
        }

        let mutable place = 0

        while place < text.Length do
            let rest = text.AsSpan place

            match rest.IndexOfAny added.Values with
            | -1 ->
                addWords tokenizer writer rest
                place <- text.Length
            | before ->
                addWords tokenizer writer (rest.Slice(0, before))
                let start = place + before

                let token =
                    added.Tokens
                    |> Array.find (fun token -> text.AsSpan(start).StartsWith(token.Text, StringComparison.Ordinal))

                writer.Tokens.Add token.Id
                place <- start + token.Text.Length

        match writer.Missing with
        | Some sentence -> Error sentence
        | None -> Ok(writer.Tokens.ToArray())

    /// The tokens of a text; the text of an added token becomes that token. An error only when the vocabulary lacks a byte.
    let encode (tokenizer: BpeTokenizer) (text: string) : Result<int[], string> =
        encodeWith tokenizer.Added tokenizer text

    /// The same with the text of special tokens as ordinary text: for what others have written.
    let encodePlain (tokenizer: BpeTokenizer) (text: string) : Result<int[], string> =
        encodeWith tokenizer.AddedPlain tokenizer text

    let private requireId (tokenizer: BpeTokenizer) (id: int) : unit =
        if uint32 id >= uint32 tokenizer.Names.Length then
            let size = tokenizer.Names.Length
            raise (ArgumentOutOfRangeException(nameof id, id, $"A token id must be in 0 to {size - 1}."))

    /// The bytes of a token. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let bytes (tokenizer: BpeTokenizer) (id: int) : byte[] =
        requireId tokenizer id
        tokenizer.Bytes[tokenizer.Starts[id] .. tokenizer.Starts[id + 1] - 1]

    /// The text of any tokens: their bytes one after the other, read as UTF-8 with U+FFFD for each part that is none (as long
    /// a part as could begin a character, as Unicode recommends). Raises ArgumentOutOfRangeException for an id outside
    /// the vocabulary.
    let decode (tokenizer: BpeTokenizer) (ids: int seq) : string =
        let ids =
            match ids with
            | :? (int[]) as ids -> ids
            | _ -> Seq.toArray ids

        let starts = tokenizer.Starts
        let mutable length = 0

        for id in ids do
            requireId tokenizer id
            length <- Checked.(+) length (starts[id + 1] - starts[id])

        let buffer = ArrayPool<byte>.Shared.Rent length
        let mutable place = 0

        for id in ids do
            let token = ReadOnlySpan(tokenizer.Bytes, starts[id], starts[id + 1] - starts[id])
            token.CopyTo(buffer.AsSpan place)
            place <- place + token.Length

        let text = Encoding.UTF8.GetString(buffer, 0, length)
        ArrayPool<byte>.Shared.Return buffer
        text
