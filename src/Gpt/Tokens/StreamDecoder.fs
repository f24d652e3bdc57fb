namespace Gpt

open System
open System.Buffers
open System.Text

/// Text from tokens as they come, for showing a text while it is generated. A token may end inside a character; such a
/// character is held back until its last byte is there. All texts of `push` and that of `flush`, one after the other, are
/// what `Tokenizer.decode` gives for all tokens, whatever they are. A value: the same state can be pushed to twice.
[<Struct; NoComparison; NoEquality>]
type StreamDecoder = private {
    Tokenizer: Tokenizer
    /// The beginning of a character, at most three bytes, never written to.
    Held: byte[]
}

[<RequireQualifiedAccess>]
module StreamDecoder =

    /// Before the first token.
    let start (tokenizer: Tokenizer) : StreamDecoder = { Tokenizer = tokenizer; Held = [||] }

    /// How many of the last bytes begin a character and do not end it: 0 to 3.
    let private unfinished (bytes: byte[]) : int =
        let beginsCharacter count =
            let mutable rune = Rune()
            let mutable consumed = 0
            let tail = ReadOnlySpan(bytes, bytes.Length - count, count)
            Rune.DecodeFromUtf8(tail, &rune, &consumed) = OperationStatus.NeedMoreData

        // A byte that goes on a character begins none, so at most one count fits.
        [ 1 .. min 3 bytes.Length ] |> List.tryFind beginsCharacter |> Option.defaultValue 0

    /// The text that is complete once this token has come, and the state after it.
    /// Raises ArgumentOutOfRangeException for an id outside the vocabulary.
    let push (state: StreamDecoder) (token: int) : struct (string * StreamDecoder) =
        let bytes = Array.append state.Held (Tokenizer.bytes state.Tokenizer token)
        let complete = bytes.Length - unfinished bytes
        struct (Encoding.UTF8.GetString(bytes, 0, complete), { state with Held = bytes[complete..] })

    /// What was held back at the end of the tokens: nothing, or U+FFFD for a character that was not finished.
    let flush (state: StreamDecoder) : string = Encoding.UTF8.GetString state.Held
