namespace Gpt

open System
open System.Collections.Generic
open System.Threading

/// How far the states of an automaton are from an end, in tokens. What cannot be, or was never reached, is Int32.MaxValue.
type internal Distances = {
    /// The least number of tokens from a state to an accepting one.
    ToEnd: int[]
    /// The least and the greatest `ToEnd` among the states that one token leads to.
    Nearest: int[]
    Farthest: int[]
}

/// An automaton over the tokens of a vocabulary: a state is the same as before, a step is a whole token.
type internal Spelling = {
    Automaton: Automaton
    Vocabulary: Vocabulary
    /// The tokens that end a text, and whether a token is one of them. They are no part of the text.
    Ends: int list
    IsEnd: bool[]
    /// Whether every byte that the automaton can take is a token. Then whatever bytes can do, tokens can.
    IsComplete: bool
    Distances: Lazy<Distances>
    /// For each state the tokens that are allowed there, one bit each, from when they were first asked for. Two threads may
    /// both make one; both make the same.
    Allowed: (byte[] | null)[]
}

/// Automata meet vocabularies: which tokens are allowed in a state (Willard and Louf 2023, but by a walk over the tree of
/// tokens, and only for states that are visited).
[<RequireQualifiedAccess>]
module internal Spelling =

    /// The states that can be reached by tokens, each with the distinct states that one more token leads to.
    let private explore vocabulary (automaton: Automaton) (isEnd: bool[]) : int[][] =
        let successors = Array.create automaton.Accepting.Length Array.empty
        let seen = Array.create automaton.Accepting.Length false
        // Which state each state was last seen to follow.
        let follows = Array.create automaton.Accepting.Length -1
        let pending = Queue<int> [ 0 ]
        seen[0] <- true

        while pending.Count > 0 do
            let state = pending.Dequeue()
            let found = List<int>()

            Vocabulary.walk vocabulary automaton state (fun token target ->
                if follows[target] <> state && not isEnd[token] then
                    follows[target] <- state
                    found.Add target)

            successors[state] <- found.ToArray()

            for target in found do
                if not seen[target] then
                    seen[target] <- true
                    pending.Enqueue target

        successors

    /// From accepting states back, one token at a time.
    let private distances (automaton: Automaton) (successors: int[][]) : Distances =
        let count = automaton.Accepting.Length
        let before = Array.init count (fun _ -> List<int>())

        successors
        |> Array.iteri (fun state targets ->
            for target in targets do
                before[target].Add state)

        let toEnd = Automaton.stepsToEnd automaton.Accepting before

        let over pick (targets: int[]) =
            targets
            |> Array.map (fun target -> toEnd[target])
            |> Array.filter (fun distance -> distance < Int32.MaxValue)
            |> fun known -> if known.Length = 0 then Int32.MaxValue else pick known

        {
            ToEnd = toEnd
            Nearest = successors |> Array.map (over Array.min)
            Farthest = successors |> Array.map (over Array.max)
        }

    /// Joins an automaton to a vocabulary. `ends` are ids of the vocabulary.
    let create (vocabulary: Vocabulary) (ends: int list) (automaton: Automaton) : Spelling =
        let isEnd = Array.create vocabulary.Spellings.Length false
        ends |> List.iter (fun id -> isEnd[id] <- true)
        let isToken = Array.create 256 false

        vocabulary.Spellings
        |> Array.iteri (fun id token ->
            if token.Length = 1 && not isEnd[id] then
                isToken[int token[0]] <- true)

        let leadsOn = Array.create automaton.Width false

        automaton.Next
        |> Array.iteri (fun i target ->
            if target >= 0 then
                leadsOn[i % automaton.Width] <- true)

        {
            Automaton = automaton
            Vocabulary = vocabulary
            Ends = List.distinct ends
            IsEnd = isEnd
            IsComplete = Seq.forall (fun b -> isToken[b] || not leadsOn[int automaton.Classes[b]]) (seq { 0..255 })
            Distances = lazy (distances automaton (explore vocabulary automaton isEnd))
            Allowed = Array.zeroCreate automaton.Accepting.Length
        }

    /// Whether the text can still be brought to an end after a token led to this state.
    let canEnd (spelling: Spelling) (state: int) : bool =
        spelling.IsComplete || spelling.Distances.Value.ToEnd[state] < Int32.MaxValue

    /// The state that a token leads to, or -1 when the token is not allowed.
    let step (spelling: Spelling) (state: int) (token: int) : int =
        let bytes = spelling.Vocabulary.Spellings[token]

        if bytes.Length = 0 || spelling.IsEnd[token] then
            -1
        else
            let mutable target, read = state, 0

            while target >= 0 && read < bytes.Length do
                target <- Automaton.step spelling.Automaton target bytes[read]
                read <- read + 1

            if target >= 0 && canEnd spelling target then target else -1

    let private bitsOf (spelling: Spelling) (state: int) (isRight: int -> bool) : byte[] =
        let bits = Array.zeroCreate<byte>((spelling.Vocabulary.Spellings.Length + 7) / 8)

        Vocabulary.walk spelling.Vocabulary spelling.Automaton state (fun token target ->
            if not spelling.IsEnd[token] && isRight target then
                bits[token / 8] <- bits[token / 8] ||| (1uy <<< token % 8))

        if spelling.Automaton.Accepting[state] then
            for token in spelling.Ends do
                bits[token / 8] <- bits[token / 8] ||| (1uy <<< token % 8)

        bits

    /// The tokens that are allowed in a state, bit `token % 8` of byte `token / 8`.
    let allowed (spelling: Spelling) (state: int) : byte[] =
        match Volatile.Read &spelling.Allowed[state] with
        | null ->
            let bits = bitsOf spelling state (canEnd spelling)
            Volatile.Write(&spelling.Allowed[state], bits)
            bits
        | bits -> bits

    /// The same, of tokens that leave a way to an end within `left` tokens, themselves included. Where it is too late for
    /// that, those that leave the shortest way.
    let allowedWithin (spelling: Spelling) (left: int) (state: int) : byte[] =
        let distances = spelling.Distances.Value
        let after = max left distances.ToEnd[state] - 1

        if distances.Farthest[state] <= after || distances.Farthest[state] = Int32.MaxValue then
            allowed spelling state
        else
            bitsOf spelling state (fun target -> distances.ToEnd[target] <= after)

    /// Whether the text may end here and no token may follow.
    let isOver (spelling: Spelling) (state: int) : bool =
        let { Next = next; Width = width } = spelling.Automaton
        let leadsNowhere () = next.AsSpan(state * width, width).IndexOfAnyExcept -1 < 0

        spelling.Automaton.Accepting[state]
        && (leadsNowhere ()
            || not spelling.IsComplete && spelling.Distances.Value.Nearest[state] = Int32.MaxValue)

    /// Whether the text may end here and no token may follow that leaves a way to an end within `left` tokens.
    let isOverWithin (spelling: Spelling) (left: int) (state: int) : bool =
        spelling.Automaton.Accepting[state] && spelling.Distances.Value.Nearest[state] >= left
