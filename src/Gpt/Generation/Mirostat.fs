namespace Gpt

open System

/// Mirostat 2 (Basu et al. 2021; defaults of llama.cpp): cuts off what is too surprising, and moves the cut so that the mean
/// surprise of what is said comes to a wanted value. The cut is a state for each row, passed in and handed back.
type MirostatOptions = {
    /// The wanted surprise in bits. Positive and finite.
    Tau: float
    /// How fast the cut follows. Positive and finite.
    Eta: float
}

[<RequireQualifiedAccess>]
module MirostatOptions =

    /// llama.cpp's: tau 5, eta 0.1.
    let defaults: MirostatOptions = { Tau = 5.0; Eta = 0.1 }

[<RequireQualifiedAccess>]
module Mirostat =

    let private require (options: MirostatOptions) : unit =
        let isRight x = x > 0.0 && x < infinity
        Argument.require (isRight options.Tau) "tau" options.Tau "positive and finite"
        Argument.require (isRight options.Eta) "eta" options.Eta "positive and finite"

    /// The cut in bits at the beginning of a text: twice the wanted surprise.
    let start (options: MirostatOptions) : float =
        require options
        2.0 * options.Tau

    /// Surprise -log2 p of every token, (B, V).
    let private surprise (logits: Tensor) : Tensor =
        TorchSharp.torch.nn.functional.log_softmax(logits, -1L).mul(Tensors.scalar (-1.0 / log 2.0))

    /// Rules out tokens whose surprise in bits is above the row's cut, never the most likely one and its ties.
    let warp (cuts: float[]) : Tensor -> Tensor =
        fun logits ->
            Tensors.scoped (fun () ->
                let surprise = surprise logits
                let cuts = cuts |> Array.map float32 |> Tensors.ofFloats logits.device [ cuts.LongLength; 1L ]
                let struct (best, _) = logits.max (1L, keepdim = true)
                let tooSurprising = (surprise.gt cuts).logical_and(logits.lt best)
                logits.masked_fill (tooSurprising, Tensors.scalar -infinity))

    /// The cuts after each row took a token out of the logits (B, V) that `warp`, and whatever came after it, left: each moves
    /// against what the token's surprise in that distribution was too much.
    let observe (options: MirostatOptions) (cuts: float[]) (warped: Tensor) (ids: int[]) : float[] =
        Tensors.freeing (fun () ->
            let places = Tensors.ofIds warped.device [ ids.LongLength; 1L ] (Array.map int64 ids)
            let surprises = (surprise warped).gather(1L, places) |> Tensors.toFloats
            Array.map2 (fun cut (bits: float32) -> cut - options.Eta * (float bits - options.Tau)) cuts surprises)
