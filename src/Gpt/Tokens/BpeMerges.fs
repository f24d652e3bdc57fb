namespace Gpt

open System
open System.Buffers
open System.Collections.Generic

/// Which neighbouring tokens become one. Of all neighbours in a word that have a merge, the one of the lowest rank is merged
/// first, of equal ones the leftmost, until none is left. (Sennrich et al. 2016, section 3.2; GPT-2's encoder.)
/// "lower" with the merges l o, e r, lo w, low er: lo w e r, lo w er, low er, lower.
type BpeMerges = private {
    /// From a pair of tokens to the rank (upper half) and the token that they become (lower half).
    Table: Dictionary<uint64, int64>
}

[<RequireQualifiedAccess>]
module BpeMerges =

    /// A pair as one number. The factor is odd, so pairs stay different; it spreads them over the table's buckets.
    let private key (left: int) (right: int) : uint64 =
        (uint64 (uint32 left) <<< 32 ||| uint64 (uint32 right)) * 0x9E3779B97F4A7C15UL

    /// The table of merges (left, right, what they become) in the order of their ranks; a pair that stands twice has the
    /// later rank.
    let create (merges: struct (int * int * int) seq) : BpeMerges =
        let table = Dictionary<uint64, int64>()

        merges
        |> Seq.iteri (fun rank struct (left, right, id) -> table[key left right] <- int64 rank <<< 32 ||| int64 id)

        { Table = table }

    /// What a pair without a merge has for rank and token: later than all.
    [<Literal>]
    let private NoMerge = Int64.MaxValue

    let private find (merges: BpeMerges) (left: int) (right: int) : int64 =
        match merges.Table.TryGetValue(key left right) with
        | true, found -> found
        | _ -> NoMerge

    /// Merges the first `count` tokens in place by looking through all neighbours for the next merge: best for short words,
    /// quadratic for long ones. Gives the number of tokens left and the number of neighbours looked at.
    let applyByScan (merges: BpeMerges) (tokens: int[]) (count: int) : struct (int * int64) =
        let found = ArrayPool<int64>.Shared.Rent count

        for i in 0 .. count - 2 do
            found[i] <- find merges tokens[i] tokens[i + 1]

        let mutable left = count
        let mutable steps = 0L
        let mutable searching = count > 1

        while searching do
            let mutable best = 0

            for i in 1 .. left - 2 do
                if found[i] < found[best] then
                    best <- i

            steps <- steps + int64 (left - 1)

            if found[best] = NoMerge then
                searching <- false
            else
                tokens[best] <- int found[best]
                left <- left - 1
                Array.Copy(tokens, best + 2, tokens, best + 1, left - best - 1)
                Array.Copy(found, best + 1, found, best, left - best - 1)

                if best + 1 < left then
                    found[best] <- find merges tokens[best] tokens[best + 1]

                if best > 0 then
                    found[best - 1] <- find merges tokens[best - 1] tokens[best]

                searching <- left > 1

        ArrayPool<int64>.Shared.Return found
        struct (left, steps)

    /// The same with a heap of the merges that wait and a list that links the tokens left: n log n steps for n tokens.
    /// Gives the number of tokens left and the number of merges that went into the heap and out of it again.
    let applyByHeap (merges: BpeMerges) (tokens: int[]) (count: int) : struct (int * int64) =
        // Each token stays where its first byte was; places inside it are skipped by `following` and `preceding`.
        let following = ArrayPool<int>.Shared.Rent count
        let preceding = ArrayPool<int>.Shared.Rent count
        let found = ArrayPool<int64>.Shared.Rent count
        // Rank first, then place: a rank stands in the upper half of what was found.
        let waiting = PriorityQueue<struct (int * int64), struct (int * int)>(count)
        let mutable steps = 0L

        let look place =
            let next = following[place]

            found[place] <-
                if next < count then
                    find merges tokens[place] tokens[next]
                else
                    NoMerge

            if found[place] <> NoMerge then
                waiting.Enqueue(struct (place, found[place]), struct (int (found[place] >>> 32), place))

        for place in 0 .. count - 1 do
            following[place] <- place + 1
            preceding[place] <- place - 1

        for place in 0 .. count - 1 do
            look place

        while waiting.Count > 0 do
            let struct (place, what) = waiting.Dequeue()
            steps <- steps + 2L

            // Otherwise one of the two was merged with another neighbour in the meantime.
            if found[place] = what then
                let swallowed = following[place]
                let next = following[swallowed]
                tokens[place] <- int what
                found[swallowed] <- NoMerge
                following[place] <- next

                if next < count then
                    preceding[next] <- place

                look place

                if preceding[place] >= 0 then
                    look preceding[place]

        let mutable left = 0
        let mutable place = 0

        while place < count do
            tokens[left] <- tokens[place]
            left <- left + 1
            place <- following[place]

        ArrayPool<int>.Shared.Return following
        ArrayPool<int>.Shared.Return preceding
        ArrayPool<int64>.Shared.Return found
        struct (left, steps)

    /// Up to here looking through all neighbours costs less than a heap.
    [<Literal>]
    let private Short = 48

    /// Merges the first `count` tokens in place, all that can be merged. Gives the number of tokens left and of steps taken,
    /// at most in proportion to n log n for n tokens.
    let apply (merges: BpeMerges) (tokens: int[]) (count: int) : struct (int * int64) =
        if count <= Short then
            applyByScan merges tokens count
        else
            applyByHeap merges tokens count
