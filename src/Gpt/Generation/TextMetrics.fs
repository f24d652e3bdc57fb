namespace Gpt

open System

/// Numbers about generated texts, over tokens of any kind: how varied a text is, how much it repeats itself, how much two texts
/// differ.
[<RequireQualifiedAccess>]
module TextMetrics =

    /// Distinct-n (Li et al. 2016): the number of different runs of `size` tokens divided by the number of all, in 0 to 1; 1 for a
    /// text shorter than a run. `size` must be at least 1.
    let distinct (size: int) (tokens: 'a list) : float when 'a: equality =
        Argument.require (size >= 1) (nameof size) size "at least 1"

        match List.windowed size tokens with
        | [] -> 1.0
        | runs -> float (runs |> List.distinct |> List.length) / float runs.Length

    /// The share of tokens that stand in a run of `size` tokens which has stood in the text before, in 0 to 1. `size` must be at
    /// least 1.
    let repetition (size: int) (tokens: 'a list) : float when 'a: equality =
        Argument.require (size >= 1) (nameof size) size "at least 1"
        let seen = Collections.Generic.HashSet<'a list>()

        // Where a repeated run ends: its last `size` tokens are repeated ones.
        let repeated =
            tokens
            |> List.windowed size
            |> List.indexed
            |> List.filter (fun (_, run) -> not (seen.Add run))
            |> List.collect (fun (start, _) -> [ start .. start + size - 1 ])
            |> List.distinct

        if tokens.IsEmpty then
            0.0
        else
            float repeated.Length / float tokens.Length

    /// The least number of insertions, deletions and replacements that turn one text into the other (Levenshtein 1966)
    /// divided by the longer one's length, in 0 (the same) to 1 (nothing in common); 0 for two empty texts.
    let difference (first: 'a[]) (second: 'a[]) : float when 'a: equality =
        let next (above: int[]) (row: int) =
            let line = Array.zeroCreate above.Length
            line[0] <- row + 1

            for column in 1 .. second.Length do
                let replaced = above[column - 1] + Convert.ToInt32(first[row] <> second[column - 1])
                line[column] <- min replaced (1 + min above[column] line[column - 1])

            line

        match max first.Length second.Length with
        | 0 -> 0.0
        | longest ->
            let steps = ([| 0 .. second.Length |], [ 0 .. first.Length - 1 ]) ||> List.fold next
            float (Array.last steps) / float longest

    /// The mean difference of all pairs of texts; 0 for fewer than two.
    let meanDifference (texts: 'a[] list) : float when 'a: equality =
        let pairs = List.allPairs (List.indexed texts) (List.indexed texts)

        match
            [
                for (i, a), (j, b) in pairs do
                    if i < j then
                        difference a b
            ]
        with
        | [] -> 0.0
        | differences -> List.average differences
