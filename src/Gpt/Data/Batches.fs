namespace Gpt

open System
open TorchSharp

/// Windows of tokens and, for each token, the one that follows it.
type Batch = {
    /// Token ids, int64 (B, T).
    Inputs: Tensor
    /// The ids one step later, int64 (B, T).
    Targets: Tensor
}

/// The tokens that windows are cut from, where they are cut. Dispose it to free what it has on a device.
[<RequireQualifiedAccess>]
type TokenSource =
    /// In managed memory.
    | Managed of int[]
    /// int64 (number of tokens), on the device where the windows are wanted.
    | OnDevice of Tensor

    interface IDisposable with
        member source.Dispose() =
            match source with
            | Managed _ -> ()
            | OnDevice tokens -> tokens.Dispose()

/// Batches are a function of a generator: the same generator cuts the same windows.
[<RequireQualifiedAccess>]
module Batches =

    /// The starts of `count` windows of `context` tokens and a follower, drawn evenly from `length` tokens.
    let private drawStarts (count: int) (context: int) (length: int64) (rng: Rng) : int64[] =
        let places = length - int64 context

        ((rng, []), seq { 1..count })
        ||> Seq.fold (fun (rng, starts) _ ->
            let struct (start, after) = Rng.below places rng
            after, start :: starts)
        |> snd
        |> List.rev
        |> List.toArray

    /// The starts of `count` windows of `context` tokens and a follower, drawn evenly from all of `tokens`.
    let starts (count: int) (context: int) (tokens: int[]) (rng: Rng) : int[] =
        drawStarts count context tokens.LongLength rng |> Array.map int

    /// The windows that begin at `starts`, on a device.
    let cut (device: torch.Device) (context: int) (tokens: int[]) (starts: int[]) : Batch =
        let shape = [ int64 starts.Length; int64 context ]

        let window (shift: int) =
            Array.init (starts.Length * context) (fun i -> int64 tokens[starts[i / context] + i % context + shift])
            |> Tensors.ofIdsAhead device shape

        {
            Inputs = window 0
            Targets = window 1
        }

    /// A batch of `size` windows drawn by a generator: `starts` then `cut`.
    let draw device (size: int) (context: int) (tokens: int[]) (rng: Rng) : Batch =
        starts size context tokens rng |> cut device context tokens

    /// How many tokens may lie on a device: 1 GB of them.
    let private most = 1 <<< 27

    /// The tokens as they are cut fastest for a device: in managed memory where that is the device's own, or where they are more
    /// than 2^27; else copied there once, so that a step sends the starts of its windows alone.
    let source (device: torch.Device) (tokens: int[]) : TokenSource =
        if Device.isCpu device || tokens.Length > most then
            TokenSource.Managed tokens
        else
            let ids = Tensors.ofIds device [ tokens.LongLength ] (Array.map int64 tokens)
            TokenSource.OnDevice(ids.DetachFromDisposeScope())

    /// The windows that begin at `starts`, cut where the tokens lie.
    let private cutThere (context: int) (tokens: Tensor) (starts: int64[]) : Batch =
        let size, length = starts.LongLength, int64 context
        let first = Tensors.ofIds tokens.device [ size; 1L ] starts
        let places = first.add (Tensors.range tokens.device 0L (length + 1L))
        let windows = tokens.index_select(0L, places.reshape -1L).view(size, length + 1L)

        {
            Inputs = windows.narrow (1L, 0L, length)
            Targets = windows.narrow (1L, 1L, length)
        }

    /// `draw` from a source: the same windows, whichever it is.
    let drawFrom device (size: int) (context: int) (source: TokenSource) (rng: Rng) : Batch =
        match source with
        | TokenSource.Managed tokens -> draw device size context tokens rng
        | TokenSource.OnDevice tokens -> drawStarts size context tokens.shape[0] rng |> cutThere context tokens

    /// A batch (B, T) in `count` equal parts (B / count, T), in order, which share its memory. Raises ArgumentOutOfRangeException
    /// for a `count` below 1 or one that does not divide B.
    let parts (count: int) (batch: Batch) : Batch list =
        let windows = batch.Inputs.shape[0]

        Argument.require
            (count >= 1 && windows % int64 count = 0L)
            (nameof count)
            count
            $"at least 1 and divide the {windows} windows of the batch"

        let size = windows / int64 count
        let part (index: int) (ids: Tensor) = ids.narrow (0L, int64 index * size, size)

        if count = 1 then
            [ batch ]
        else
            List.init count (fun index -> {
                Inputs = part index batch.Inputs
                Targets = part index batch.Targets
            })
