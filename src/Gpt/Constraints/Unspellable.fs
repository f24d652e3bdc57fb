namespace Gpt

open System
open System.Collections.Generic
open System.Text

/// What to say of a pattern that no sequence of tokens satisfies: how far the tokens come, and what is missing there.
[<RequireQualifiedAccess>]
module internal Unspellable =

    /// Of the states that tokens lead to, the one with the fewest bytes to an end, and bytes that lead there.
    let private nearest (spelling: Spelling) : struct (int * byte list) =
        let spelt = Dictionary<int, byte list>()
        let pending = Queue<int> [ 0 ]
        spelt[0] <- []

        while pending.Count > 0 do
            let state = pending.Dequeue()

            Vocabulary.walk spelling.Vocabulary spelling.Automaton state (fun token target ->
                if not spelling.IsEnd[token] && not (spelt.ContainsKey target) then
                    spelt[target] <- List.append spelt[state] (List.ofArray spelling.Vocabulary.Spellings[token])
                    pending.Enqueue target)

        let toEnd = Automaton.bytesToEnd spelling.Automaton
        let best = spelt.Keys |> Seq.minBy (fun state -> toEnd[state])
        struct (best, spelt[best])

    let private show (b: int) =
        if b > 32 && b < 127 then string (char b)
        elif b = 32 then "a space"
        else $"byte 0x{b:X2}"

    /// Bytes as words: runs of three and more by their ends.
    let private list (bytes: int list) : string =
        let join runs b =
            match runs with
            | (first, last) :: others when b = last + 1 -> (first, b) :: others
            | _ -> (b, b) :: runs

        bytes
        |> List.fold join []
        |> List.rev
        |> List.collect (fun (first, last) ->
            if last - first < 2 then
                List.map show [ first..last ]
            else
                [ $"{show first} to {show last}" ])
        |> String.concat ", "

    /// One sentence that shows where the tokens of a vocabulary get stuck.
    let explain (spelling: Spelling) : string =
        let struct (state, before) = nearest spelling

        let starts =
            HashSet<int>(
                Seq.map
                    (fun token -> int (Array.head token))
                    (Seq.filter (Array.isEmpty >> not) spelling.Vocabulary.Spellings)
            )

        let wanted = Automaton.bytesFrom spelling.Automaton state
        let missing = wanted |> List.filter (starts.Contains >> not)

        let place =
            if before.IsEmpty then
                "at the start"
            else
                $"after \"{Encoding.UTF8.GetString(Array.ofList before)}\""

        if missing.IsEmpty then
            $"the vocabulary cannot spell it: {place} should come one of {list wanted}, but no token goes on from there to an end"
        else
            $"the vocabulary cannot spell it: {place} should come one of {list missing}, and no token starts with that"
