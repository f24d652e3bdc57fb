namespace Gpt

open System
open System.Buffers

/// What Penalties.dry does to a token that goes on with something said before.
type Dry = {
    /// What a repeat of the allowed length costs, at least 0; 0 turns the penalty off.
    Multiplier: float
    /// By how much each further token of the repeat multiplies that, at least 1.
    Base: float
    /// How many tokens in a row may come again for nothing to be taken off but from the one that follows, at least 1.
    AllowedLength: int
    /// Token sequences, none empty, over which no repeat reaches: line breaks, quotes, names of speakers. A breaker of one
    /// token is never punished itself.
    Breakers: int list list
    /// How many of the last tokens are looked at, at least 0; None for all.
    LastN: int option
}

/// DRY, "don't repeat yourself" (p-e-w 2024, as in llama.cpp and text-generation-webui): of a text that ends with n tokens
/// which stood in it before, the token that followed them there is the more unwelcome the larger n is.
[<RequireQualifiedAccess>]
module Dry =

    /// Multiplier 0.8, base 1.75, allowed length 2, no breakers, the whole text: what the author of DRY proposes. (llama.cpp
    /// has multiplier 0, which is off, and takes `"\n"`, `":"`, `"\""` and `"*"` for breakers.)
    let defaults: Dry = {
        Multiplier = 0.8
        Base = 1.75
        AllowedLength = 2
        Breakers = []
        LastN = None
    }

    /// Raises ArgumentOutOfRangeException for options outside their ranges.
    let internal require (options: Dry) : unit =
        let isFrom least x = x >= least && x < infinity
        Argument.require (isFrom 0.0 options.Multiplier) "Multiplier" options.Multiplier "at least 0 and finite"
        Argument.require (isFrom 1.0 options.Base) "Base" options.Base "at least 1 and finite"
        Argument.require (options.AllowedLength >= 1) "AllowedLength" options.AllowedLength "at least 1"
        let isEmpty = List.exists List.isEmpty options.Breakers
        Argument.require (not isEmpty) "Breakers" options.Breakers "sequences of at least one token each"

        Argument.require
            (Option.forall (fun n -> n >= 0) options.LastN)
            "LastN"
            (Option.defaultValue 0 options.LastN)
            "None or at least 0"

    /// How many tokens stand after the last breaker: no repeat is longer.
    let internal sinceBreaker (breakers: int[][]) (text: ReadOnlySpan<int>) : int =
        let mutable since = if breakers.Length = 0 then text.Length else 0
        let mutable searching = since < text.Length

        while searching do
            for breaker in breakers do
                if text.Slice(0, text.Length - since).EndsWith(ReadOnlySpan breaker) then
                    searching <- false

            if searching then
                since <- since + 1
                searching <- since < text.Length

        since

    /// For each k from 1 on, how many tokens before the last k equal the last tokens of the text: the Z function (Gusfield
    /// 1997) of the text read backwards, in linear time. `z` has the length of the text; its first cell is not written.
    let internal repeats (text: ReadOnlySpan<int>) (z: Span<int>) : unit =
        let last = text.Length - 1
        // The repeat that reaches farthest so far covers the places from `first` until before `stop`, read backwards.
        let mutable first = 0
        let mutable stop = 0

        for k in 1..last do
            let mutable length = if k < stop then min z[k - first] (stop - k) else 0

            if k + length >= stop then
                while k + length <= last && text[last - length] = text[last - k - length] do
                    length <- length + 1

                first <- k
                stop <- k + length

            z[k] <- length

    /// Writes what each token owes after a text: the longest repeat that it would go on with counts.
    let internal owed (options: Dry) (breakers: int[][]) (text: ReadOnlySpan<int>) (cells: Span<float32>) : unit =
        let window = options.LastN |> Option.fold min text.Length
        let text = text.Slice(text.Length - window)
        let limit = sinceBreaker breakers text

        if limit >= options.AllowedLength then
            // Beyond this power float32 ends.
            let most =
                if options.Base > 1.000001 then
                    log (float Single.MaxValue) / log options.Base
                else
                    infinity

            let z = ArrayPool.Shared.Rent window

            try
                repeats text (z.AsSpan(0, window))

                for k in 1 .. window - 1 do
                    let length = min z[k] limit

                    if length >= options.AllowedLength then
                        let power = min (float (length - options.AllowedLength)) (floor most)
                        let penalty = min (options.Multiplier * options.Base ** power) (float Single.MaxValue)
                        let token = text[window - k]
                        cells[token] <- max cells[token] (float32 penalty)
            finally
                ArrayPool.Shared.Return z

            for breaker in breakers do
                if breaker.Length = 1 then
                    Histories.requireToken "Breakers" cells.Length breaker[0]
                    cells[breaker[0]] <- 0.0f
