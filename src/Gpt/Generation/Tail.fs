namespace Gpt

open System

/// The end of a growing text: its last `keep` tokens at most, in one array made once, so that a text without end costs no
/// more memory than a short one.
type internal Tail(keep: int, text: int[]) =
    let ids = Array.zeroCreate<int>(2 * keep)
    let mutable count = min keep text.Length

    do text.AsSpan(text.Length - count).CopyTo(Span ids)

    /// The last tokens, oldest first. Valid until the next `Add`.
    member _.View: ReadOnlyMemory<int> =
        let shown = min keep count
        ReadOnlyMemory(ids, count - shown, shown)

    /// Takes the last tokens away; no more than `keep` at a time, or what is shown gets shorter than it should be.
    member _.Drop(tokens: int) : unit = count <- count - tokens

    /// Puts a token at the end.
    member _.Add(id: int) : unit =
        if count = ids.Length then
            ids.AsSpan(count - keep).CopyTo(Span ids)
            count <- keep

        ids[count] <- id
        count <- count + 1

    /// A tail of the same tokens that goes on by itself.
    member tail.Copy() : Tail = Tail(keep, tail.View.ToArray())
