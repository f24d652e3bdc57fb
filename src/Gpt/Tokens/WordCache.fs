namespace Gpt

open System

/// A word and its tokens; never changed once made.
type internal CachedWord = { Word: string; Tokens: int[] }

/// The tokens of words that were met before: most words of a text are. A word has one slot, which the next word with the
/// same slot takes over, so the cache never grows; what is lost is found by merging again. Any number of threads may use it
/// at once without a lock, for a slot is one reference to something that never changes.
type internal WordCache = private {
    Slots: CachedWord[]
    /// How far a hash is shifted down to be a slot.
    Shift: int
}

[<RequireQualifiedAccess>]
module internal WordCache =

    /// Longer words are rare and their merging is worth no slot.
    [<Literal>]
    let LongestWord = 48

    /// No word is empty, so this is found for none.
    let private nothing = { Word = ""; Tokens = [||] }

    /// A cache of two to the power of `bits` words.
    let create (bits: int) : WordCache = {
        Slots = Array.create (1 <<< bits) nothing
        Shift = 64 - bits
    }

    /// Fowler, Noll and Vo's hash, a UTF-16 unit at a time; its upper bits are the best mixed.
    let slot (cache: WordCache) (word: ReadOnlySpan<char>) : int =
        let mutable hash = 14695981039346656037UL

        for i in 0 .. word.Length - 1 do
            hash <- (hash ^^^ uint64 word[i]) * 1099511628211UL

        // The last characters have not reached the upper bits yet.
        int ((hash * 0x9E3779B97F4A7C15UL) >>> cache.Shift)

    /// The tokens of a word if its slot holds them, else an empty array.
    let find (cache: WordCache) (slot: int) (word: ReadOnlySpan<char>) : int[] =
        let entry = cache.Slots[slot]

        if word.SequenceEqual(entry.Word.AsSpan()) then
            entry.Tokens
        else
            nothing.Tokens

    /// Puts a word and its tokens into the word's slot.
    let keep (cache: WordCache) (slot: int) (word: string) (tokens: int[]) : unit =
        cache.Slots[slot] <- { Word = word; Tokens = tokens }
