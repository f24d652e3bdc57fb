namespace Gpt

open System

/// How the next token is found: what is done to the logits, then how one is picked.
type Sampling = {
    /// From what stands before the token, made only when asked for, and the logits (1, V) to warped logits (1, V).
    Warp: Lazy<History> -> Tensor -> Tensor
    /// From a generator and warped logits (B, V) to ids (B) and the next generator.
    Pick: Rng -> Tensor -> struct (Tensor * Rng)
}

[<RequireQualifiedAccess>]
module Sampling =

    /// Always the most likely token.
    let greedy: Sampling = {
        Warp = fun _ -> id
        Pick = fun rng logits -> struct (Choose.greedy logits, rng)
    }

    /// A draw from the distribution that a warper leaves: `Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)`.
    let random (warp: Tensor -> Tensor) : Sampling = {
        Warp = fun _ -> warp
        Pick = Choose.sample
    }

    /// The same sampling behind a warper that looks at the text so far:
    /// `Sampling.greedy |> Sampling.after (Penalties.repetition 1.2)`. The history holds the prompt and what has been
    /// generated, at least the last context of it.
    let after (warp: History -> Tensor -> Tensor) (sampling: Sampling) : Sampling = {
        sampling with
            Warp = fun history -> warp (history.Force()) >> sampling.Warp history
    }

/// Text, one token at a time.
[<RequireQualifiedAccess>]
module Generate =

    let private requirePrompt (model: Model) (prompt: int[]) =
        if prompt.Length = 0 then
            invalidArg (nameof prompt) "The prompt is empty; it must hold at least one token."

        match prompt |> Array.tryFind (fun id -> id < 0 || id >= model.Config.VocabSize) with
        | Some id ->
            invalidArg (nameof prompt) $"The prompt holds token {id}; ids must be in 0 to {model.Config.VocabSize - 1}."
        | None -> ()

    let private lastOf (count: int) (ids: ResizeArray<int>) =
        ids.GetRange(max 0 (ids.Count - count), min count ids.Count)

    /// Feeds ids to the model and picks the token that follows. When the cache has no room for them, it starts again from
    /// the last half of a context: the work of one long step buys room for many short ones.
    let private next (sampling: Sampling) (model: Model) (rng: Rng) (cache: KvCache) (seen: ResizeArray<int>) fresh =
        let hasRoom = cache.Length + fresh <= model.Config.Context
        let cache = if hasRoom then cache else KvCache.clear cache
        let input = lastOf (if hasRoom then fresh else max 1 (model.Config.Context / 2)) seen

        Tensors.freeing (fun () ->
            Tensors.noGrad (fun () ->
                let ids = input |> Seq.map int64 |> Array.ofSeq
                let ids = Tensors.ofIds (Model.device model) [ 1L; ids.LongLength ] ids
                let logits, cache = Transformer.extend model cache ids
                let history = lazy [| ReadOnlyMemory(seen.ToArray()) |]
                let struct (picked, rng) = sampling.Pick rng (sampling.Warp history logits)
                struct (int (Array.head (Tensors.toIds picked)), cache, rng)))

    /// The tokens that follow a prompt, without end: the caller takes as many as are wanted. Lazy, and the same every time
    /// it is enumerated. A text longer than the context goes on from its last half.
    /// Raises ArgumentException, when enumerated, for an empty prompt or an id outside the vocabulary.
    let tokens (sampling: Sampling) (rng: Rng) (model: Model) (prompt: int[]) : int seq =
        seq {
            requirePrompt model prompt
            use buffers = KvCache.create 1 model
            let seen = ResizeArray(Array.skip (max 0 (prompt.Length - model.Config.Context)) prompt)
            let mutable cache, rng, fresh = buffers, rng, seen.Count

            while true do
                let struct (id, grown, after) = next sampling model rng cache seen fresh
                cache <- grown
                rng <- after
                fresh <- 1
                seen.Add id

                // No more than a context is ever looked back at.
                if seen.Count >= 2 * model.Config.Context then
                    seen.RemoveRange(0, seen.Count - model.Config.Context)

                yield id
        }

    /// A prompt as text, and the text of the `count` tokens that follow it. The error is the tokenizer's, when it cannot
    /// encode the prompt.
    let text
        sampling
        (rng: Rng)
        (count: int)
        (tokenizer: Tokenizer)
        (model: Model)
        (prompt: string)
        : Result<string, string> =
        if prompt = "" then
            Error "the prompt is empty; it must hold at least one character"
        else
            Tokenizer.encode tokenizer prompt
            |> Result.map (tokens sampling rng model >> Seq.truncate count >> Tokenizer.decode tokenizer)
