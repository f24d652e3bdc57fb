namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// `gpt eval`: the perplexity of a text under a model.
[<RequireQualifiedAccess>]
module EvalCommand =

    let private model = Options.model ()

    let private data: Option<string> = Options.optional "--data" "a text file" |> Options.notEmpty

    let private tokens: Option<string> =
        Options.optional "--tokens" "a file of token ids, with spaces, commas or lines between them, instead of --data"
        |> Options.notEmpty

    let private context: Option<int> =
        Options.optional "--context" "how many tokens the model sees at once; as many as it can unless given"

    let private stride: Option<int> =
        Options.optional
            "--stride"
            "how far the window moves; unless given, windows do not overlap and the first token of each is not scored"

    let private dtype = Options.dtype ()
    let private device = Options.device ()
    let private threads = Options.threads ()
    let private json = Options.json ()

    let private parseIds (path: string) (text: string) : Result<int[], Problem> =
        let parts =
            text.Split([| ' '; ','; '\n'; '\r'; '\t'; '['; ']' |], StringSplitOptions.RemoveEmptyEntries)

        match parts |> Array.tryFind (Int32.TryParse >> fst >> not) with
        | Some part -> Error(Failed $"{path}: \"{part}\" is no token id; ids are whole numbers")
        | None -> Ok(Array.map int parts)

    /// The model and the tokens to score; a tokenizer is needed for a text only.
    let private load weights device (folder: string) (parsed: ParseResult) : Result<Model * int[], Problem> =
        match Options.given parsed data, Options.given parsed tokens with
        | Some data, None ->
            result {
                let! text = Texts.ofFile data |> Problem.failed
                let! model, tokenizer = Checkpoint.loadAs weights device folder |> Problem.failed

                return!
                    match Tokenizer.encode tokenizer text with
                    | Ok ids -> Ok(model, ids)
                    | Error sentence ->
                        (model :> IDisposable).Dispose()
                        Error(Failed $"{data}: {sentence}")
            }
        | None, Some tokens ->
            result {
                let! text = Texts.ofFile tokens |> Problem.failed
                let! ids = parseIds tokens text
                let! model = Checkpoint.loadModelAs weights device folder |> Problem.failed
                return model, ids
            }
        | _ -> Error(Usage "give a text with --data or token ids with --tokens, one of the two")

    let private show (report: PerplexityReport) : unit =
        printfn "scored tokens  %s" (report.ScoredTokens.ToString "N0")
        printfn $"mean nll       %.6f{report.MeanNll} nats"
        printfn $"perplexity     %.4f{report.Perplexity}"

    let private showJson (report: PerplexityReport) : unit =
        Json.print (
            Json.object [
                "scoredTokens", Json.whole report.ScoredTokens
                "meanNll", Json.number report.MeanNll
                "perplexity", Json.number report.Perplexity
            ]
        )

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            do! Options.useThreads (Options.given parsed threads)
            let! device = Options.deviceOf parsed device
            let! weights = Options.weights parsed dtype
            let! folder = HubScreen.folder parsed model
            let! model, ids = load weights device folder parsed
            use model = model
            let context = Options.given parsed context |> Option.defaultValue model.Config.Context
            let stride = Options.given parsed stride |> Option.defaultValue context
            do! Perplexity.checkWindows context stride model |> Problem.usage
            do! Perplexity.checkText model ids |> Problem.failed
            let report = Perplexity.measure context stride model ids

            if parsed.GetRequiredValue json then
                showJson report
            else
                show report

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "eval"
            "Measure how well a model predicts a text: its perplexity."
            [ model; data; tokens; context; stride; dtype; device; threads; json ]
            run
