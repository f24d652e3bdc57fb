namespace Gpt

open System.Collections.Generic

/// A state of a nondeterministic automaton over bytes.
[<RequireQualifiedAccess>]
type internal Node =
    /// The text may end here.
    | Accept
    /// Goes on from any of these states, without a byte.
    | Split of int list
    /// Goes on with a byte of a range, to the state that belongs to it.
    | Step of struct (int * int * int) list

/// States by number, and the one to start from.
type internal Nfa = { Nodes: Node[]; Start: int }

/// From a language to a nondeterministic automaton (Thompson 1968). Each part is built before the state that comes after it
/// is left: a part knows where it goes on, and equal ends are built once.
[<RequireQualifiedAccess>]
module internal Nfa =

    /// The most states an automaton may have before it is made deterministic.
    let stateLimit = 400_000

    /// What is built so far.
    type private Builder = {
        Nodes: List<Node>
        /// The state of a part that goes on at a state: what is shared is built once for each way it goes on.
        Known: Dictionary<struct (Language * int), int>
    }

    let private isFull (builder: Builder) = builder.Nodes.Count >= stateLimit

    let private add (builder: Builder) (node: Node) : int =
        builder.Nodes.Add node
        builder.Nodes.Count - 1

    /// The state from which one of the byte sequences leads to `next`. Sequences that end alike share their ends.
    let private bytes (builder: Builder) (sequences: struct (int * int) list list) (next: int) : int =
        let ends = Dictionary<struct (int * int * int), int>()

        let stateBefore (struct (low, high)) next =
            let step = struct (low, high, next)

            match ends.TryGetValue step with
            | true, state -> state
            | _ ->
                let state = add builder (Node.Step [ step ])
                ends[step] <- state
                state

        let steps = [
            for sequence in sequences do
                match sequence with
                | struct (low, high) :: rest -> struct (low, high, List.foldBack stateBefore rest next)
                | [] -> ()
        ]

        let step = add builder (Node.Step steps)

        if sequences |> List.exists List.isEmpty then
            add builder (Node.Split [ step; next ])
        else
            step

    /// The state from which a part leads to `next`. Once there are too many states nothing is added any more.
    let rec private state (builder: Builder) (language: Language) (next: int) : int =
        let key = struct (language, next)

        match builder.Known.TryGetValue key with
        | true, state -> state
        | _ when isFull builder -> next
        | _ ->
            let made =
                match language with
                | Bytes sequences -> bytes builder sequences next
                | Sequence parts -> List.foldBack (state builder) parts next
                | Choice [ part ] -> state builder part next
                | Choice parts -> add builder (Node.Split [ for part in parts -> state builder part next ])
                | Repeat(part, least, most) -> repeat builder part least most next

            builder.Known[key] <- made
            made

    and private repeat builder part least most next =
        let times count make next =
            let mutable state, done_ = next, 0

            while done_ < count && not (isFull builder) do
                state <- make state
                done_ <- done_ + 1

            state

        let after =
            match most with
            | ValueSome most ->
                // Whoever leaves one optional part out leaves out those after it, and goes straight to the end.
                times (most - least) (fun later -> add builder (Node.Split [ state builder part later; next ])) next
            | ValueNone ->
                let loop = add builder (Node.Split [])
                builder.Nodes[loop] <- Node.Split [ state builder part loop; next ]
                loop

        times least (state builder part) after

    /// The automaton of a language. Raises Refusal when it has more than `stateLimit` states.
    let ofLanguage (language: Language) : Nfa =
        let builder = {
            Nodes = List()
            Known = Dictionary HashIdentity.Structural
        }

        let start = state builder language (add builder Node.Accept)

        if isFull builder then
            raise (
                Refusal
                    $"the automaton has more than {stateLimit} states before it is deterministic; ask for fewer repetitions"
            )

        {
            Nodes = builder.Nodes.ToArray()
            Start = start
        }
