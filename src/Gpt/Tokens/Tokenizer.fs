namespace Gpt

/// How text becomes tokens and back.
type Tokenizer = Characters of CharTokenizer

[<RequireQualifiedAccess>]
module Tokenizer =

    /// V, the number of different tokens.
    let vocabSize (Characters tokenizer) : int = CharTokenizer.vocabSize tokenizer

    /// The token ids of a text, or a sentence that says what in it cannot be encoded.
    let encode (Characters tokenizer) (text: string) : Result<int[], string> = CharTokenizer.encode tokenizer text

    /// The text of token ids. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let decode (Characters tokenizer) (ids: int seq) : string = CharTokenizer.decode tokenizer ids

    /// The bytes that a token stands for, in UTF-8. A token need not be whole characters: the bytes of a text are those of
    /// its tokens one after the other. Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let bytes (Characters tokenizer) (id: int) : byte[] =
        System.Text.Encoding.UTF8.GetBytes(CharTokenizer.decode tokenizer [ id ])
