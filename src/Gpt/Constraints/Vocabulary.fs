namespace Gpt

open System
open System.Collections.Generic

/// The tokens of a model as bytes, laid out as a tree in which tokens that begin alike share their beginnings. Made once,
/// shared by any number of constraints and threads.
type Vocabulary = internal {
    /// The bytes of each token.
    Spellings: byte[][]
    /// The tree's nodes, each before those below it: the last byte of a node, the number of its bytes, and the first node
    /// that is not below it.
    Last: byte[]
    Depth: int[]
    After: int[]
    /// Tokens in the order of their nodes, and where those of a node begin; one more entry ends the last.
    Ordered: int[]
    First: int[]
    /// The number of bytes of the longest token.
    Longest: int
}

[<RequireQualifiedAccess>]
module Vocabulary =

    /// How many bytes two tokens have in common at their beginning.
    let private shared (a: byte[]) (b: byte[]) = a.AsSpan().CommonPrefixLength(ReadOnlySpan b)

    /// The vocabulary whose token `i` stands for the bytes `tokens[i]`. Several tokens may stand for the same bytes. A token
    /// without bytes is never allowed: that is how special tokens, which are no text, are given.
    let ofBytes (tokens: byte[][]) : Vocabulary =
        let tokens = tokens |> Array.map Array.copy

        let ordered = [|
            for id in 0 .. tokens.Length - 1 do
                if tokens[id].Length > 0 then
                    id
        |]

        Array.Sort(
            ordered,
            Comparison(fun a b ->
                match tokens[a].AsSpan().SequenceCompareTo(ReadOnlySpan tokens[b]) with
                | 0 -> compare a b
                | order -> order)
        )

        let last, depth, after, first = List<byte>(), List<int>(), List<int>(), List<int>()
        let opened = Stack<int>()

        let close (length: int) =
            while opened.Count > length do
                after[opened.Pop()] <- last.Count

        let mutable previous = Array.empty

        for place in 0 .. ordered.Length - 1 do
            let token = tokens[ordered[place]]
            close (shared previous token)

            for length in opened.Count + 1 .. token.Length do
                opened.Push last.Count
                last.Add token[length - 1]
                depth.Add length
                after.Add 0
                first.Add place

            previous <- token

        close 0
        first.Add ordered.Length

        {
            Spellings = tokens
            Last = last.ToArray()
            Depth = depth.ToArray()
            After = after.ToArray()
            Ordered = ordered
            First = first.ToArray()
            Longest = Seq.fold max 0 depth
        }

    /// The vocabulary of a tokenizer. Its special tokens are no text: they spell nothing.
    let ofTokenizer (tokenizer: Tokenizer) : Vocabulary =
        let spelt id =
            if Tokenizer.isSpecial tokenizer id then
                [||]
            else
                Tokenizer.bytes tokenizer id

        Array.init (Tokenizer.vocabSize tokenizer) spelt |> ofBytes

    /// V, the number of tokens.
    let size (vocabulary: Vocabulary) : int = vocabulary.Spellings.Length

    /// Calls `visit token target` for every token that the automaton can take from a state, in no particular order of ids.
    /// What begins with bytes that lead nowhere is passed over at once.
    let inline internal walk
        (vocabulary: Vocabulary)
        (automaton: Automaton)
        (state: int)
        ([<InlineIfLambda>] visit: int -> int -> unit)
        : unit =
        let {
                Last = last
                Depth = depth
                After = after
                Ordered = ordered
                First = first
            } =
            vocabulary

        let {
                Classes = classes
                Next = next
                Width = width
            } =
            automaton
        // The state after each number of bytes of the node at hand.
        let states = Array.create (vocabulary.Longest + 1) state
        let mutable node = 0

        while node < last.Length do
            let target = next[states[depth[node] - 1] * width + int classes[int last[node]]]

            if target < 0 then
                node <- after[node]
            else
                states[depth[node]] <- target

                for place in first[node] .. first[node + 1] - 1 do
                    visit ordered[place] target

                node <- node + 1
