namespace Gpt

open System
open TorchSharp

/// The keys and values of the tokens a model has seen, so that the next token costs one token's work.
/// The buffers are made once, for a whole context, and filled in place; `Length` says how far.
type KvCache = {
    /// One tensor a layer, (B, H, context, D).
    Keys: Tensor[]
    /// One tensor a layer, (B, H, context, D).
    Values: Tensor[]
    /// How many positions are filled.
    Length: int
} with

    interface IDisposable with
        member cache.Dispose() =
            for buffer in Seq.append cache.Keys cache.Values do
                buffer.Dispose()

[<RequireQualifiedAccess>]
module KvCache =

    /// An empty cache for `batch` sequences.
    let create (batch: int) (model: Model) : KvCache =
        let config = model.Config

        let buffers () =
            Array.init config.Layers (fun _ ->
                let shape = [
                    int64 batch
                    int64 config.Heads
                    int64 config.Context
                    int64 (GptConfig.headDim config)
                ]

                (Tensors.zeros (Model.device model) shape).DetachFromDisposeScope())

        {
            Keys = buffers ()
            Values = buffers ()
            Length = 0
        }

    /// The cache with nothing in it: the same buffers, to be filled again.
    let clear (cache: KvCache) : KvCache = { cache with Length = 0 }

    let private appendTo (buffer: Tensor) (length: int) (added: Tensor) =
        use room = buffer.narrow (2L, int64 length, added.shape[2])
        room.copy_ added |> ignore
        buffer.narrow (2L, 0L, int64 length + added.shape[2])

    /// Writes the keys and values (B, H, T, D) of new tokens behind those of layer `layer`, and gives all of them,
    /// (B, H, Length + T, D). `Length` itself moves on once for all layers: see `advance`.
    let append (layer: int) (keys: Tensor) (values: Tensor) (cache: KvCache) : struct (Tensor * Tensor) =
        struct (appendTo cache.Keys[layer] cache.Length keys, appendTo cache.Values[layer] cache.Length values)

    /// The cache after `count` tokens have been appended in every layer.
    let advance (count: int) (cache: KvCache) : KvCache = {
        cache with
            Length = cache.Length + count
    }
