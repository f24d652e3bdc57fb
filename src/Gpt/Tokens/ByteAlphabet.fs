namespace Gpt

open System

/// How GPT-2's files write bytes as characters: printable bytes of Latin-1 as themselves, the 68 others as U+0100, U+0101
/// and so on in their order, so that a token is a word without blanks or control characters. A space is Ġ, a line feed Ċ.
[<RequireQualifiedAccess>]
module ByteAlphabet =

    let private isPrintable (value: int) =
        value >= int '!' && value <= int '~' || value >= 0xA1 && value <= 0xFF && value <> 0xAD

    /// The character of each byte.
    let private characters: char[] =
        let hidden = [| 0..255 |] |> Array.filter (isPrintable >> not)

        Array.init 256 (fun value ->
            if isPrintable value then
                char value
            else
                char (256 + Array.IndexOf(hidden, value)))

    /// The byte of each character below U+0144; -1 where there is none.
    let private bytes: int[] = Array.init 324 (fun code -> Array.IndexOf(characters, char code))

    /// The 256 bytes in the order of their characters: GPT-2's ids 0 to 255, and those of a vocabulary that is trained.
    let order: byte list = [ 0..255 ] |> List.sortBy (fun value -> characters[value]) |> List.map byte

    /// Bytes as files write them.
    let write (token: ReadOnlySpan<byte>) : string =
        let written = Array.zeroCreate<char> token.Length

        for i in 0 .. token.Length - 1 do
            written[i] <- characters[int token[i]]

        String written

    /// The bytes that a file's word stands for; none if it holds a character that stands for no byte.
    let read (word: string) : byte[] option =
        let found = word |> Seq.map (fun c -> if int c < bytes.Length then bytes[int c] else -1) |> Seq.toArray

        if Array.contains -1 found then
            None
        else
            Some(Array.map byte found)
