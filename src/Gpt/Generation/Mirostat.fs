namespace Gpt

open System
open TorchSharp

/// What Mirostat aims at.
type Mirostat = {
    /// The surprise, in bits a token, that the text shall have in the mean, at least 0.
    Tau: float
    /// How fast the bound follows, at least 0: the part of each error that it makes up for.
    Eta: float
}

/// Mirostat 2 (Basu et al. 2021, as in llama.cpp): a bound on the surprise of the next token, mu, one number a row, that falls
/// when the text surprises more than was asked for and rises when it surprises less. A step is
///
///     let warped = Mirostat.warp mu logits
///     let struct (ids, rng) = Choose.sample rng warped
///     let mu = Mirostat.observe options mu warped ids
///
/// Nothing is remembered: mu goes in and comes out. Each function raises ArgumentException for numbers that do not fit the
/// rows of the logits.
[<RequireQualifiedAccess>]
module Mirostat =

    /// Bits in a nat.
    let private bits = 1.0 / log 2.0

    /// Tau 5, eta 0.1: llama.cpp's.
    let defaults: Mirostat = { Tau = 5.0; Eta = 0.1 }

    let private require (options: Mirostat) : unit =
        let isSize x = x >= 0.0 && x < infinity
        Argument.require (isSize options.Tau) "Tau" options.Tau "at least 0 and finite"
        Argument.require (isSize options.Eta) "Eta" options.Eta "at least 0 and finite"

    let private requireRows (name: string) (count: int64) (logits: Tensor) : unit =
        if count <> logits.shape[0] then
            invalidArg name $"{name} has {count} numbers, the logits have {logits.shape[0]} rows"

    /// The bound before the first token of each of `rows` texts: twice tau.
    let start (options: Mirostat) (rows: int) : float[] =
        require options
        Argument.require (rows >= 1) (nameof rows) rows "at least 1"
        Array.create rows (2.0 * options.Tau)

    /// Rules out the tokens of each row whose surprise -log2 p exceeds the row's `mu`; where that are all, the best stays, of
    /// equal ones the lowest id.
    let warp (mu: float[]) : Tensor -> Tensor =
        Argument.require (not (Array.exists Double.IsNaN mu)) (nameof mu) nan "numbers"

        fun logits ->
            requireRows (nameof mu) mu.LongLength logits

            Tensors.scoped (fun () ->
                let bounds = mu |> Array.map (fun bound -> float32 (-bound / bits))
                let bounds = Tensors.ofFloats logits.device [ mu.LongLength; 1L ] bounds
                let tooFar = torch.nn.functional.log_softmax(logits, -1L).lt bounds
                let ids = Tensors.range logits.device 0L logits.shape[1]
                let notBest = ids.ne (logits.argmax (1L, true))
                logits.masked_fill (tooFar.logical_and notBest, Tensors.scalar -infinity))

    /// The bound for the next token of each row: mu - eta * (surprise - tau), the surprise being that of the picked `ids`,
    /// int64 (B), under the distribution from which they were picked: what `warp` left, normalized again.
    /// Raises ArgumentException for an id that `warp` ruled out.
    let observe (options: Mirostat) (mu: float[]) (warped: Tensor) (ids: Tensor) : float[] =
        require options
        requireRows (nameof mu) mu.LongLength warped
        requireRows (nameof ids) (ids.numel ()) warped

        Tensors.freeing (fun () ->
            let logs = torch.nn.functional.log_softmax (warped, -1L)
            let picked = logs.gather (1L, ids.unsqueeze 1L) |> Tensors.toFloats

            Array.map2
                (fun bound (log: float32) ->
                    if not (Single.IsFinite log) then
                        invalidArg (nameof ids) $"{nameof ids} holds a token that was ruled out or cannot be weighed"

                    bound - options.Eta * (-(float log) * bits - options.Tau))
                mu
                picked)
