namespace Gpt

open System
open System.Collections.Generic

/// A deterministic automaton over bytes. State 0 is the start, and from every state the text can be brought to an end.
type internal Automaton = {
    /// The class of each byte: bytes of a class lead from every state to the same place.
    Classes: byte[]
    /// The number of classes.
    Width: int
    /// The state that a class of bytes leads to, state after state; -1 where it leads nowhere.
    Next: int[]
    /// Whether the text may end in a state.
    Accepting: bool[]
}

/// From a nondeterministic automaton to a deterministic one by sets of states (Rabin and Scott 1959).
[<RequireQualifiedAccess>]
module internal Automaton =

    /// The most states an automaton may have.
    let stateLimit = 100_000

    /// The most members that the sets of states may have together: what bounds the time it takes.
    let memberLimit = 10_000_000

    /// The state that a byte leads to, or -1.
    let step (automaton: Automaton) (state: int) (next: byte) : int =
        automaton.Next[state * automaton.Width + int automaton.Classes[int next]]

    /// The bytes that lead on from a state.
    let bytesFrom (automaton: Automaton) (state: int) : int list = [
        for b in 0..255 do
            if step automaton state (byte b) >= 0 then
                b
    ]

    /// Bytes that no step tells apart are one class. Gives the class of each byte and a byte of each class.
    let private classify (nfa: Nfa) : struct (byte[] * int[]) =
        let starts = Array.create 257 false
        starts[0] <- true

        for node in nfa.Nodes do
            match node with
            | Node.Step steps ->
                for struct (low, high, _) in steps do
                    starts[low] <- true
                    starts[high + 1] <- true
            | _ -> ()

        let first = [|
            for b in 0..255 do
                if starts[b] then
                    b
        |]

        let classes = Array.scan (fun number isStart -> if isStart then number + 1 else number) -1 starts[..255]
        struct (classes |> Array.skip 1 |> Array.map byte, first)

    /// Sets of states as sorted arrays, compared by what they hold.
    let private sameMembers = {
        new IEqualityComparer<int[]> with
            member _.Equals(a, b) = a.AsSpan().SequenceEqual(ReadOnlySpan b)

            member _.GetHashCode set =
                let mutable hash = HashCode()
                hash.AddBytes(Runtime.InteropServices.MemoryMarshal.AsBytes(ReadOnlySpan set))
                hash.ToHashCode()
    }

    /// What can be reached from `states` without a byte: of it, the states that take bytes or accept, sorted.
    let private closure (nfa: Nfa) (visited: int[]) (mark: int) (states: List<int>) : int[] =
        let pending = Stack<int> states
        let members = List<int>()

        while pending.Count > 0 do
            let state = pending.Pop()

            if visited[state] <> mark then
                visited[state] <- mark

                match nfa.Nodes[state] with
                | Node.Split targets -> targets |> List.iter pending.Push
                | Node.Accept
                | Node.Step _ -> members.Add state

        members.Sort()
        members.ToArray()

    let private span (list: List<int>) : Span<int> = Runtime.InteropServices.CollectionsMarshal.AsSpan list

    /// Where each class of bytes leads from a set of states, before closure.
    let private moves (nfa: Nfa) (classes: byte[]) (targets: List<int>[]) (set: int[]) : unit =
        for list in targets do
            list.Clear()

        for state in set do
            match nfa.Nodes[state] with
            | Node.Step steps ->
                for struct (low, high, target) in steps do
                    for c in int classes[low] .. int classes[high] do
                        targets[c].Add target
            | _ -> ()

    /// The sets that can be reached, and what leads from one to another.
    let private determinize (nfa: Nfa) : Automaton =
        let struct (classes, first) = classify nfa
        let width = first.Length
        let visited = Array.create nfa.Nodes.Length -1
        let sets, numbers, next = List<int[]>(), Dictionary<int[], int> sameMembers, List<int>()
        let targets = Array.init width (fun _ -> List<int>())
        // The number of the set that one state alone leads to, which is the common case, once it is known.
        let numberOfOne = Array.create nfa.Nodes.Length -1
        let mutable marks, members = 0, 0

        let numberOfMany (states: List<int>) : int =
            let set = closure nfa visited marks states
            marks <- marks + 1

            match numbers.TryGetValue set with
            | true, number -> number
            | _ ->
                members <- members + set.Length

                if sets.Count = stateLimit || members > memberLimit then
                    raise (
                        Refusal
                            $"the automaton has more than {stateLimit} states, or {memberLimit} members in its sets of states; ask for fewer repetitions or fewer things at once"
                    )

                numbers[set] <- sets.Count
                sets.Add set
                sets.Count - 1

        let numberOf (states: List<int>) : int =
            if states.Count = 0 then
                -1
            elif states.Count > 1 then
                numberOfMany states
            else
                if numberOfOne[states[0]] < 0 then
                    numberOfOne[states[0]] <- numberOfMany states

                numberOfOne[states[0]]

        numberOf (List [ nfa.Start ]) |> ignore
        let mutable done_ = 0

        while done_ < sets.Count do
            moves nfa classes targets sets[done_]

            for c in 0 .. width - 1 do
                // Neighbouring classes often lead to the same place.
                let isAsBefore = c > 0 && span(targets[c]).SequenceEqual(Span.op_Implicit (span targets[c - 1]))

                next.Add(
                    if isAsBefore then
                        next[next.Count - 1]
                    else
                        numberOf targets[c]
                )

            done_ <- done_ + 1

        let isAccepting set = set |> Array.exists (fun state -> nfa.Nodes[state].IsAccept)

        {
            Classes = classes
            Width = width
            Next = next.ToArray()
            Accepting = sets |> Seq.map isAccepting |> Array.ofSeq
        }

    /// The least number of steps from each state to an accepting one, given which states lead to each; Int32.MaxValue where
    /// none does. The search goes against the direction of the steps.
    let stepsToEnd (accepting: bool[]) (before: List<int>[]) : int[] =
        let toEnd = accepting |> Array.map (fun isEnd -> if isEnd then 0 else Int32.MaxValue)
        let pending = Queue<int>(Seq.filter (fun state -> toEnd[state] = 0) (seq { 0 .. toEnd.Length - 1 }))

        while pending.Count > 0 do
            let target = pending.Dequeue()

            for state in before[target] do
                if toEnd[state] = Int32.MaxValue then
                    toEnd[state] <- toEnd[target] + 1
                    pending.Enqueue state

        toEnd

    /// The least number of bytes from each state to an accepting one, by steps against their direction; Int32.MaxValue where no
    /// bytes lead there.
    let bytesToEnd (automaton: Automaton) : int[] =
        let before = Array.init automaton.Accepting.Length (fun _ -> List<int>())

        automaton.Next
        |> Array.iteri (fun i target ->
            if target >= 0 then
                before[target].Add(i / automaton.Width))

        stepsToEnd automaton.Accepting before

    /// The automaton of a language. Raises Refusal when it is too large, or when no text belongs to the language.
    let ofLanguage (language: Language) : Automaton =
        let automaton = determinize (Nfa.ofLanguage language)
        let toEnd = bytesToEnd automaton
        let leadsToEnd state = state >= 0 && toEnd[state] < Int32.MaxValue

        if not (leadsToEnd 0) then
            raise (Refusal "no text at all satisfies it")

        {
            automaton with
                Next = automaton.Next |> Array.map (fun state -> if leadsToEnd state then state else -1)
        }
