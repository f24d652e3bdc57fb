namespace Gpt

open System

/// Texts that grow side by side, a row each, with the cache that makes the next token cheap. It is changed in place: it is what
/// the loops of generation are made of, and they alone hold it.
/// What is new in a row is read alone, all but its last token; the last tokens of all rows are read together. So a row
/// comes to the same logits whatever stands beside it.
/// A row that has filled the context starts again from its last half: those tokens are read anew, from position 0, which
/// costs one long step for every half a context. When a row does so hangs on its own length alone.
type Decoder private (model: Model, texts: Tail[], cache: KvCache) =
    let mutable texts = texts
    let mutable cache = cache
    /// How many tokens at the end of each row are not in the cache yet; below 0, how many at the end of its cache are not in its
    /// text.
    let mutable pending = texts |> Array.map _.View.Length
    /// In how many of its first columns every row of the cache is the same.
    let mutable shared = 0
    /// Whether the first column of the one row there is holds the first token of its text.
    let mutable fromStart = true

    let identity (rows: int[]) = rows.Length = texts.Length && Array.forall2 (=) rows (Array.init rows.Length id)

    /// The last tokens of a row as int64.
    let lastIds (row: int) (count: int) (from: int) : int64[] =
        let text = texts[row].View
        text.Slice(text.Length - from, count).ToArray() |> Array.map int64

    /// Reads `ids` behind one row of the cache; their logits are nobody's concern.
    let readAlone (row: int) (ids: int64[]) : unit =
        Tensors.freeing (fun () ->
            use view = KvCache.row row cache
            let ids = Tensors.ofIds (Model.device model) [ 1L; ids.LongLength ] ids
            let _, grown = Transformer.extend model view ids

            cache <- {
                cache with
                    Lengths = Array.updateAt row grown.Lengths[0] cache.Lengths
            })

    /// Leaves one token of a row to be read.
    let readAhead (row: int) : unit =
        if cache.Lengths[row] + pending[row] > model.Config.Context then
            cache <- KvCache.truncate row 0 cache
            pending[row] <- max 1 (model.Config.Context / 2)
            shared <- 0
            fromStart <- false

        if pending[row] > 1 then
            readAlone row (lastIds row (pending[row] - 1) pending[row])
            pending[row] <- 1

    /// Raises ArgumentException for no prompts, an empty one, one longer than the context, or an id outside the vocabulary.
    static member internal Require(model: Model, prompts: int[][]) : unit =
        let context, last = model.Config.Context, model.Config.VocabSize - 1

        if prompts.Length = 0 then
            invalidArg (nameof prompts) "There are no prompts; at least one is needed."

        for prompt in prompts do
            if prompt.Length = 0 then
                invalidArg (nameof prompts) "The prompt is empty; it must hold at least one token."

            if prompt.Length > context then
                invalidArg
                    (nameof prompts)
                    $"The prompt has {prompt.Length} tokens; it must have at most {context}, the model's context."

            match prompt |> Array.tryFind (fun id -> id < 0 || id > last) with
            | Some id -> invalidArg (nameof prompts) $"The prompt holds token {id}; ids must be in 0 to {last}."
            | None -> ()

    /// Texts that begin with these prompts, each to be continued by up to `room` tokens.
    /// Raises ArgumentException for no prompts, an empty one, one longer than the context, or an id outside the vocabulary.
    static member Start(model: Model, prompts: int[][], room: int) : Decoder =
        Decoder.Require(model, prompts)
        let context = model.Config.Context
        let longest = prompts |> Array.map _.Length |> Array.max
        let capacity = int (min (int64 context) (int64 longest + int64 room))
        let texts = prompts |> Array.map (fun prompt -> Tail(context, prompt))
        new Decoder(model, texts, KvCache.create prompts.Length capacity model)

    /// The model that reads the texts.
    member _.Model: Model = model

    /// The text of each row, at most its last context. Valid until the next `Add`.
    member _.Texts: History = texts |> Array.map _.View

    /// Reads what is new, but for each row's last token.
    member _.Read() : unit =
        for row in 0 .. texts.Length - 1 do
            readAhead row

    /// Reads what is new and gives the logits (B, V) of the token that comes next in each row, to the caller's scope.
    member decoder.Next() : Tensor =
        decoder.Read()
        let ids = Array.init texts.Length (fun row -> (lastIds row 1 1)[0])
        use ids = Tensors.ofIds (Model.device model) [ ids.LongLength; 1L ] ids
        let logits, grown = Transformer.extend model cache ids
        cache <- grown
        pending <- Array.zeroCreate texts.Length
        logits

    /// How many tokens can be read behind each row before one has to start again, the first by `Next` and the rest by `NextAfter`.
    member _.Room: int =
        let filled (length: int) (pending: int) = length + max pending 1
        KvCache.capacity cache + 1 - Array.max (Array.map2 filled cache.Lengths pending)

    /// `Next`, when what is new in each row is one token, int64 (B, 1), that the device alone knows yet; when it is known, `Add`
    /// puts it into the texts, which lag behind until then.
    member _.NextAfter(ids: Tensor) : Tensor =
        let logits, grown = Transformer.extend model cache ids
        cache <- grown
        pending <- pending |> Array.map (fun count -> count - 1)
        logits

    /// Forgets what has been read beyond the texts, and of each text the last `unread` tokens.
    member _.Unread(unread: int) : unit =
        for row in 0 .. texts.Length - 1 do
            if pending[row] < unread then
                cache <- KvCache.truncate row (cache.Lengths[row] - (unread - pending[row])) cache
                pending[row] <- unread

    /// Puts one more token behind each row.
    member _.Add(ids: int[]) : unit =
        for row in 0 .. texts.Length - 1 do
            texts[row].Add ids[row]
            pending[row] <- pending[row] + 1

    /// Reads what is new in the one row there is, and behind it tokens that may come to stand there, as many as fit into the
    /// context at most. Gives the logits of what comes after the text (row 0) and after each of those tokens, (1 + N, V),
    /// N the number read, to the caller's scope.
    member decoder.Ahead(draft: int[]) : Tensor =
        decoder.Read()
        let room = model.Config.Context - cache.Lengths[0] - 1
        let draft = Array.truncate room draft
        let ids = Array.append (lastIds 0 1 1) (Array.map int64 draft)
        use ids = Tensors.ofIds (Model.device model) [ 1L; ids.LongLength ] ids
        let logits, grown = Transformer.extendAll model cache ids
        use logits = logits
        cache <- grown
        pending <- [| -draft.Length |]
        logits.select (0L, 0L)

    /// Takes the last `count` tokens of the one row there is back, at most half a context of them.
    member _.Rewind(count: int) : unit =
        texts[0].Drop count
        let unread = min count pending[0]
        pending[0] <- pending[0] - unread
        cache <- KvCache.truncate 0 (cache.Lengths[0] - (count - unread)) cache

    /// How many tokens of row 0 have been read and are remembered.
    member _.Remembered: int = cache.Lengths[0]

    /// Begins another text, no longer than the context, in the one row there is. What it has in common with the beginning of
    /// the text before it is not read again, unless that one has outgrown the context. The decoder must have room for a
    /// whole context.
    member _.Restart(prompt: int[]) : unit =
        let context = model.Config.Context
        let fits = fromStart && cache.Lengths[0] + pending[0] <= context

        let common =
            if fits then
                texts[0].View.Span.CommonPrefixLength(ReadOnlySpan prompt)
            else
                0
        // One token at least has to be read: its logits are the next thing asked for.
        let kept = min common (min cache.Lengths[0] (prompt.Length - 1))
        cache <- KvCache.truncate 0 kept cache
        texts <- [| Tail(context, prompt) |]
        pending <- [| prompt.Length - kept |]
        fromStart <- true

    /// Row i becomes what row `rows[i]` was: rows may be dropped, moved and doubled.
    member _.Keep(rows: int[]) : unit =
        if not (identity rows) then
            if texts.Length = 1 then
                shared <- cache.Lengths[0]

            if rows.Length = texts.Length && KvCache.isEven cache then
                KvCache.reorder shared rows cache
            else
                let kept = KvCache.pick rows cache
                (cache :> IDisposable).Dispose()
                cache <- kept

            texts <- rows |> Array.map (fun row -> texts[row].Copy())
            pending <- rows |> Array.map (Array.get pending)

    interface IDisposable with
        member _.Dispose() = (cache :> IDisposable).Dispose()
