namespace Gpt

open System

/// What each stage of a choice makes of the next token's distribution.
[<RequireQualifiedAccess>]
module Trace =

    let private probabilities (logits: Tensor) : float[] = logits.softmax -1L |> Tensors.toFloats |> Array.map float

    /// The probabilities of the token that comes after `ids`, before any stage and after each: one more list of V numbers than
    /// the sampling has stages. Raises ArgumentOutOfRangeException unless there are 1 to the context of ids.
    let distributions (sampling: Sampling) (rng: Rng) (model: Model) (ids: int[]) : float[] list =
        let context = model.Config.Context

        Argument.require
            (ids.Length >= 1 && ids.Length <= context)
            "the number of ids"
            ids.Length
            $"1 to the context, {context}"

        Tensors.noGrad (fun () ->
            Tensors.freeing (fun () ->
                let input = Tensors.ofIds (Model.device model) [ 1L; ids.LongLength ] (Array.map int64 ids)
                let logits = (Transformer.forward Eval model input).select(1L, ids.LongLength - 1L)

                let turn = {
                    Texts = [| ReadOnlyMemory ids |]
                    Moment = {
                        Produced = 0
                        Left = Int32.MaxValue
                        Rngs = [| rng |]
                    }
                }

                (logits, sampling.Stages)
                ||> List.scan (fun logits stage -> Stage.apply turn stage logits)
                |> List.map probabilities))
