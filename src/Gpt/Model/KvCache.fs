namespace Gpt

open System
open TorchSharp

/// The keys and values of the tokens a model has seen, so that the next token costs one token's work.
/// The buffers are made once and filled in place. Each row has a length of its own: row r holds its tokens in columns 0 to
/// `Lengths[r] - 1`, so a column is a position, and rows of different lengths need no padding before them.
type KvCache = {
    /// One tensor a layer, (B, H, capacity, D).
    Keys: Tensor[]
    /// One tensor a layer, (B, H, capacity, D).
    Values: Tensor[]
    /// How many columns of each row are filled, B numbers.
    Lengths: int[]
} with

    interface IDisposable with
        member cache.Dispose() =
            for buffer in Seq.append cache.Keys cache.Values do
                buffer.Dispose()

[<RequireQualifiedAccess>]
module KvCache =

    let private buffers layers (make: int -> Tensor) =
        Array.init layers (fun layer -> (make layer).DetachFromDisposeScope())

    /// An empty cache for `rows` sequences of up to `capacity` tokens each, 1 to the model's context.
    let create (rows: int) (capacity: int) (model: Model) : KvCache =
        let config = model.Config
        Argument.require (rows >= 1) (nameof rows) rows "at least 1"

        Argument.require
            (capacity >= 1 && capacity <= config.Context)
            (nameof capacity)
            capacity
            $"in 1 to the context, {config.Context}"

        let width = int64 (GptConfig.headDim config)
        let shape = [ int64 rows; int64 config.Heads; int64 capacity; width ]
        let empty _ = Tensors.zeros (Model.device model) shape

        {
            Keys = buffers config.Layers empty
            Values = buffers config.Layers empty
            Lengths = Array.zeroCreate rows
        }

    /// How many tokens a row has room for.
    let capacity (cache: KvCache) : int = int cache.Keys[0].shape[2]

    /// The longest row's length.
    let longest (cache: KvCache) : int = Array.max cache.Lengths

    /// Whether all rows are equally long.
    let isEven (cache: KvCache) : bool = Array.forall ((=) cache.Lengths[0]) cache.Lengths

    /// The cache with row `row` cut back to its first `length` tokens: the same buffers, to be filled again from there.
    let truncate (row: int) (length: int) (cache: KvCache) : KvCache = {
        cache with
            Lengths = Array.updateAt row (min length cache.Lengths[row]) cache.Lengths
    }

    /// The cache after `count` tokens have been written behind each row.
    let advance (count: int) (cache: KvCache) : KvCache = {
        cache with
            Lengths = cache.Lengths |> Array.map ((+) count)
    }

    /// A new cache with copies of the rows of these numbers, in this order; a row may be named more than once.
    let pick (rows: int[]) (cache: KvCache) : KvCache =
        Tensors.freeing (fun () ->
            let order = Tensors.ofIds cache.Keys[0].device [ rows.LongLength ] (Array.map int64 rows)

            let picked (buffers': Tensor[]) =
                buffers buffers'.Length (fun layer -> buffers'[layer].index_select(0L, order))

            {
                Keys = picked cache.Keys
                Values = picked cache.Values
                Lengths = rows |> Array.map (Array.get cache.Lengths)
            })

    /// Row r becomes what row `rows[r]` was, in place, for equally long rows that agree in their first `shared` columns.
    let reorder (shared: int) (rows: int[]) (cache: KvCache) : unit =
        let length = int64 cache.Lengths[0] - int64 shared

        if length > 0L && rows <> Array.init rows.Length id then
            Tensors.freeing (fun () ->
                let order = Tensors.ofIds cache.Keys[0].device [ rows.LongLength ] (Array.map int64 rows)

                for buffer in Seq.append cache.Keys cache.Values do
                    let own = buffer.narrow (2L, int64 shared, length)
                    own.copy_ (own.index_select (0L, order)) |> ignore)

    /// One row as a cache of its own that shares this one's memory; to be disposed like a cache.
    let row (row: int) (cache: KvCache) : KvCache =
        let view (all: Tensor[]) = buffers all.Length (fun layer -> all[layer].narrow(0L, int64 row, 1L))

        {
            Keys = view cache.Keys
            Values = view cache.Values
            Lengths = [| cache.Lengths[row] |]
        }

/// Where the new tokens of a pass go in a cache and what each of them may see: the same for every layer, so it is worked
/// out once. It belongs to the dispose scope of the pass.
type Placement = {
    /// The cache that they go to.
    Cache: KvCache
    /// T, the number of new tokens a row.
    Count: int
    /// For rows of different lengths, the columns of the new tokens, int64 (B, 1, T, 1).
    Columns: Tensor option
    /// For what neither the plain triangle nor seeing everything says: true at (…, i, j) where query i sees key j; (B, 1, T, S),
    /// or (1, 1, T, S) for equally long rows.
    Mask: Tensor option
}

[<RequireQualifiedAccess>]
module Placement =

    /// The positions of `count` new tokens behind each row, int64 (B, count), or (1, count) for equally long rows.
    let private positions (count: int) (cache: KvCache) : Tensor =
        let lengths =
            if KvCache.isEven cache then
                [| cache.Lengths[0] |]
            else
                cache.Lengths

        let ids = [|
            for length in lengths do
                for i in 0 .. count - 1 -> int64 (length + i)
        |]

        Tensors.ofIds cache.Keys[0].device [ lengths.LongLength; int64 count ] ids

    /// Plans a pass of `count` new tokens a row.
    let plan (count: int) (cache: KvCache) : Placement =
        let even = KvCache.isEven cache

        if even && (cache.Lengths[0] = 0 || count = 1) then
            {
                Cache = cache
                Count = count
                Columns = None
                Mask = None
            }
        else
            let positions = positions count cache
            let keys = Tensors.range cache.Keys[0].device 0L (int64 (KvCache.longest cache + count))

            {
                Cache = cache
                Count = count
                Columns =
                    if even then
                        None
                    else
                        Some(positions.unsqueeze(1L).unsqueeze -1L)
                Mask = Some(keys.le(positions.unsqueeze -1L).unsqueeze 1L)
            }

    /// The position embeddings (B or 1, T, C) of the new tokens, out of a table (context, C).
    let embed (table: Tensor) (placement: Placement) : Tensor =
        match placement.Columns with
        | None -> table.narrow(0L, int64 placement.Cache.Lengths[0], int64 placement.Count).unsqueeze 0L
        | Some columns ->
            table.index_select(0L, columns.reshape -1L).view(columns.shape[0], columns.shape[2], table.shape[1])

    let private write (buffer: Tensor) (placement: Placement) (added: Tensor) : Tensor =
        match placement.Columns with
        | None ->
            use room = buffer.narrow (2L, int64 placement.Cache.Lengths[0], added.shape[2])
            room.copy_ added |> ignore
        | Some columns -> buffer.scatter_ (2L, columns.expand added.shape, added) |> ignore

        buffer.narrow (2L, 0L, int64 (KvCache.longest placement.Cache + placement.Count))

    /// Writes the keys and values (B, H, T, D) of the new tokens into layer `layer` and gives all up to the longest row's end,
    /// (B, H, S, D); what lies past a row's own end the mask hides.
    let append (layer: int) (keys: Tensor) (values: Tensor) (placement: Placement) : struct (Tensor * Tensor) =
        let cache = placement.Cache
        struct (write cache.Keys[layer] placement keys, write cache.Values[layer] placement values)
