namespace Gpt.Cli

open System.CommandLine
open Gpt

/// A model with its tokenizer and a prompt for it.
type Prompted = {
    Model: Model
    Tokenizer: Tokenizer
    /// The prompt as text.
    Prompt: string
    Ids: int[]
} with

    interface System.IDisposable with
        member prompted.Dispose() = (prompted.Model :> System.IDisposable).Dispose()

/// The options of commands that go on from a prompt.
type PromptOptions = {
    Folder: Option<string>
    Text: Option<string>
    Tokens: Option<string>
    Dtype: Option<string>
    Device: Option<string>
    Threads: Option<int>
    Seed: Option<int64>
    Json: Option<bool>
}

[<RequireQualifiedAccess>]
module PromptOptions =

    let create () : PromptOptions = {
        Folder = Options.model ()
        Text = Options.withDefault "--prompt" "how the text begins" "HAMLET:"
        Tokens = Options.optional "--prompt-tokens" "how the text begins, as token ids separated by commas"
        Dtype = Options.dtype ()
        Device = Options.device ()
        Threads = Options.threads ()
        Seed = Options.seed ()
        Json = Options.json ()
    }

    /// The options in the order of the help: those before a command's own, and those after them.
    let before (options: PromptOptions) : Option list = [ options.Folder; options.Text; options.Tokens ]

    let after (options: PromptOptions) : Option list = [
        options.Seed
        options.Dtype
        options.Device
        options.Threads
        options.Json
    ]

    let rng (parsed: ParseResult) (options: PromptOptions) : Rng =
        Rng.ofSeed (uint64 (parsed.GetRequiredValue options.Seed))

    let private idsOf (parsed: ParseResult) (options: PromptOptions) (model: Model) (tokenizer: Tokenizer) =
        match Options.given parsed options.Tokens, Options.given parsed options.Text with
        | Some _, Some _ -> Error(Usage "--prompt and --prompt-tokens are both given; one of them is right")
        | Some text, None ->
            result {
                let! ids = StrategyOptions.ids options.Tokens text

                match ids |> List.tryFind (fun id -> id < 0 || id >= model.Config.VocabSize) with
                | Some id ->
                    return! Error(Usage $"--prompt-tokens holds {id}; ids must be in 0 to {model.Config.VocabSize - 1}")
                | None -> return Tokenizer.decode tokenizer ids, Array.ofList ids
            }
        | None, _ ->
            let text = parsed.GetRequiredValue options.Text

            if text = "" then
                Error(Usage "--prompt is empty; it must hold at least one character")
            else
                Tokenizer.encode tokenizer text
                |> Result.mapError (fun sentence -> Usage $"--prompt: {sentence}")
                |> Result.map (fun ids -> text, ids)

    /// Loads what was asked for.
    let read (parsed: ParseResult) (options: PromptOptions) : Result<Prompted, Problem> =
        result {
            do! Options.useThreads (Options.given parsed options.Threads)
            let! device = Options.deviceOf parsed options.Device
            let! weights = Options.weights parsed options.Dtype
            let! folder = HubScreen.folder parsed options.Folder
            let! model, tokenizer = Checkpoint.loadAs weights device folder |> Problem.failed

            match idsOf parsed options model tokenizer with
            | Ok(_, ids) when ids.Length > model.Config.Context ->
                (model :> System.IDisposable).Dispose()

                return!
                    Error(
                        Usage
                            $"--prompt has {ids.Length} tokens; it must have at most {model.Config.Context}, the model's context"
                    )
            | Ok(text, ids) ->
                return {
                    Model = model
                    Tokenizer = tokenizer
                    Prompt = text
                    Ids = ids
                }
            | Error problem ->
                (model :> System.IDisposable).Dispose()
                return! Error problem
        }
