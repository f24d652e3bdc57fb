namespace Gpt

open System

/// A model and its tokenizer, ready to continue texts.
type TextPipeline = {
    /// What continues texts; freed with the pipeline.
    Model: Model
    /// The model's own.
    Tokenizer: Tokenizer
} with

    interface IDisposable with
        member pipeline.Dispose() = (pipeline.Model :> IDisposable).Dispose()

/// Texts in, texts out: the article's `pipeline('text-generation', model='gpt2')`.
///
///     let generator = TextGeneration.pipeline "gpt2" |> Result.defaultWith failwith
///     TextGeneration.continueText (Strategy.random [ Temperature 0.9; TopK 50 ]) 50 (Rng.ofSeed 1UL) generator "Once upon"
[<RequireQualifiedAccess>]
module TextGeneration =

    /// The pipeline of a model by name: a folder, or a repository of the Hugging Face Hub, on the best device there is.
    /// The error is one sentence.
    let pipeline (name: string) : Result<TextPipeline, string> =
        HuggingFace.load name
        |> Result.map (fun (model, tokenizer) -> { Model = model; Tokenizer = tokenizer })

    /// A prompt with up to `maxNewTokens` tokens behind it, until the tokenizer's end of text. The error is one sentence: what in
    /// the prompt cannot be encoded or read, or what in the strategy or the number cannot be.
    let continueText
        (strategy: Strategy)
        (maxNewTokens: int)
        (rng: Rng)
        (pipeline: TextPipeline)
        (prompt: string)
        : Result<string, string> =
        let vocab = pipeline.Model.Config.VocabSize

        let options =
            GenerationOptions.validate vocab {
                GenerationOptions.defaults with
                    MaxNewTokens = maxNewTokens
                    EndTokens = Tokenizer.endOfText pipeline.Tokenizer |> Option.toList
                    Reader = Some(TextStream.start pipeline.Tokenizer [])
            }

        match options, Strategy.sampling vocab strategy, Tokenizer.encode pipeline.Tokenizer prompt with
        | Error sentence, _, _
        | _, Error sentence, _
        | _, _, Error sentence -> Error sentence
        | Ok options, Ok sampling, Ok ids ->
            try
                let tokens = Generate.stream options sampling rng pipeline.Model ids
                Ok(prompt + (tokens |> Seq.map _.Text |> String.concat ""))
            with :? ArgumentException as e ->
                Error(e.Message.Split(" (Parameter", StringSplitOptions.None)[0])
