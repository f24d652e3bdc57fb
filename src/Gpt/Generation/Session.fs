namespace Gpt

open System

/// A conversation with a model: it remembers what has been read, so that a prompt which goes on from the text before it costs
/// only what is new. The tokens are those that `Generate.stream` gives for the same prompt, up to rounding: what was read in
/// other pieces can differ in its last bits, and where two tokens are that near to each other, the other one can come. Not for
/// several threads at once. Dispose it to free its memory.
type Session(model: Model) =
    let mutable decoder: Decoder option = None

    let decoderFor (prompt: int[]) : Decoder =
        match decoder with
        | Some known ->
            known.Restart prompt
            known
        | None ->
            let fresh = Decoder.Start(model, [| prompt |], model.Config.Context)
            decoder <- Some fresh
            fresh

    /// How many tokens of the last text have been read and need not be read again.
    member _.Remembered: int = decoder |> Option.map _.Remembered |> Option.defaultValue 0

    /// Continues a prompt, as `Generate.stream` does. A stream that the caller leaves early is no harm; one that is still
    /// enumerated when another begins is.
    /// Raises ArgumentException for options that cannot be met, a prompt that `Generate.stream` would refuse.
    member _.Stream(options: GenerationOptions, sampling: Sampling, rng: Rng, prompt: int[]) : GeneratedToken seq =
        let options = Generate.require options model [| prompt |]
        seq { yield! Generate.run options sampling [| rng |] (decoderFor prompt) }

    interface IDisposable with
        member _.Dispose() = decoder |> Option.iter (fun decoder -> (decoder :> IDisposable).Dispose())
