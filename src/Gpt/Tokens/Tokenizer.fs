namespace Gpt

open System.Text

/// How text becomes tokens and back.
type Tokenizer =
    /// Each character is a token: the article's.
    | Characters of CharTokenizer
    /// Byte-level byte-pair encoding: GPT-2's.
    | Bpe of BpeTokenizer

[<RequireQualifiedAccess>]
module Tokenizer =

    /// V, the number of different tokens.
    let vocabSize (tokenizer: Tokenizer) : int =
        match tokenizer with
        | Characters tokenizer -> CharTokenizer.vocabSize tokenizer
        | Bpe tokenizer -> BpeTokenizer.vocabSize tokenizer

    /// The token ids of a text, or a sentence that says what in it cannot be encoded. The text of an added token, such as
    /// `<|endoftext|>`, becomes that token.
    let encode (tokenizer: Tokenizer) (text: string) : Result<int[], string> =
        match tokenizer with
        | Characters tokenizer -> CharTokenizer.encode tokenizer text
        | Bpe tokenizer -> BpeTokenizer.encode tokenizer text

    /// The same with the text of special tokens as ordinary text: nobody can write the end of a document into a prompt.
    let encodePlain (tokenizer: Tokenizer) (text: string) : Result<int[], string> =
        match tokenizer with
        | Characters tokenizer -> CharTokenizer.encode tokenizer text
        | Bpe tokenizer -> BpeTokenizer.encodePlain tokenizer text

    /// The text of token ids, with U+FFFD for bytes that are no UTF-8. Raises ArgumentOutOfRangeException for an id outside
    /// the vocabulary.
    let decode (tokenizer: Tokenizer) (ids: int seq) : string =
        match tokenizer with
        | Characters tokenizer -> CharTokenizer.decode tokenizer ids
        | Bpe tokenizer -> BpeTokenizer.decode tokenizer ids

    /// Whether an id is that of a special token, such as `<|endoftext|>`; a character is none.
    let isSpecial (tokenizer: Tokenizer) (id: int) : bool =
        match tokenizer with
        | Characters _ -> false
        | Bpe tokenizer -> BpeTokenizer.isSpecial tokenizer id

    /// `decode` without the special tokens.
    let decodePlain (tokenizer: Tokenizer) (ids: int seq) : string =
        ids |> Seq.filter (isSpecial tokenizer >> not) |> decode tokenizer

    /// The token that ends a document, `<|endoftext|>`, if the vocabulary has it.
    let endOfText (tokenizer: Tokenizer) : int option =
        match tokenizer with
        | Characters _ -> None
        | Bpe tokenizer -> BpeTokenizer.endOfText tokenizer

    /// The bytes that a token stands for, in UTF-8. A token need not be whole characters: the bytes of a text are those of
    /// its tokens one after the other. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let bytes (tokenizer: Tokenizer) (id: int) : byte[] =
        match tokenizer with
        | Characters tokenizer -> Encoding.UTF8.GetBytes(CharTokenizer.decode tokenizer [ id ])
        | Bpe tokenizer -> BpeTokenizer.bytes tokenizer id
