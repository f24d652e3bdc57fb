namespace Gpt

/// Windows of tokens and, for each token, the one that follows it.
type Batch = {
    /// Token ids, int64 (B, T).
    Inputs: Tensor
    /// The ids one step later, int64 (B, T).
    Targets: Tensor
}

/// Batches are a function of a generator: the same generator cuts the same windows.
[<RequireQualifiedAccess>]
module Batches =

    /// The starts of `count` windows of `context` tokens and a follower, drawn evenly from all of `tokens`.
    let starts (count: int) (context: int) (tokens: int[]) (rng: Rng) : int[] =
        let places = int64 (tokens.Length - context)

        ((rng, []), seq { 1..count })
        ||> Seq.fold (fun (rng, starts) _ ->
            let struct (start, after) = Rng.below places rng
            after, int start :: starts)
        |> snd
        |> List.rev
        |> List.toArray

    /// The windows that begin at `starts`, on a device.
    let cut (device: TorchSharp.torch.Device) (context: int) (tokens: int[]) (starts: int[]) : Batch =
        let shape = [ int64 starts.Length; int64 context ]

        let window (shift: int) =
            Array.init (starts.Length * context) (fun i -> int64 tokens[starts[i / context] + i % context + shift])
            |> Tensors.ofIds device shape

        {
            Inputs = window 0
            Targets = window 1
        }

    /// A batch of `size` windows drawn by a generator: `starts` then `cut`.
    let draw device (size: int) (context: int) (tokens: int[]) (rng: Rng) : Batch =
        starts size context tokens rng |> cut device context tokens
