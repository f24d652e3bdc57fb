namespace Gpt.Cli

open System.CommandLine
open Gpt

/// `gpt warpers`: the distribution of the next token before any warper and after each, in the order in which they are done.
[<RequireQualifiedAccess>]
module WarpersCommand =

    let private prompt = PromptOptions.create ()
    let private top = Options.withDefault "--top" "how many tokens to show" 10
    let private svg = Pictures.svg ()

    /// What is shown when nothing is asked for.
    let private usual = [ Temperature 0.8; TopK 40; TopP 0.9 ]

    /// A processor's name and its value, if it is one number.
    let private title (processor: Processor) : string =
        let name = Strategy.name processor

        match processor with
        | Temperature value
        | TopNSigma value
        | TopP value
        | MinP value
        | TopA value
        | TypicalP value
        | EpsilonCutoff value
        | EtaCutoff value
        | RepetitionPenalty value
        | PresencePenalty value
        | FrequencyPenalty value -> $"{name} {value}"
        | TopK value
        | NoRepeatNgram value -> $"{name} {value}"
        | _ -> name

    let private printJson (prompted: Prompted) (table: BarTable) : unit =
        let stage (name: string, probabilities: float list) =
            Json.object [ "name", Json.text name; "probabilities", Json.list Json.number probabilities ]

        Json.print (
            Json.object [
                "prompt", Json.text prompted.Prompt
                "tokens", Json.list Json.text table.Rows
                "stages", Json.list stage table.Columns
            ]
        )

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! top = Options.atLeastOne top parsed
            do! StrategyOptions.check parsed
            use! prompted = PromptOptions.read parsed prompt
            let! strategy = StrategyOptions.readStrategy usual parsed prompted.Tokenizer

            let! sampling =
                Strategy.sampling (Tokenizer.vocabSize prompted.Tokenizer) strategy |> Options.asOption parsed

            let names = "the model" :: List.map title strategy.Processors
            let text id = Tokenizer.decode prompted.Tokenizer [ id ]

            let table =
                Trace.distributions sampling (PromptOptions.rng parsed prompt) prompted.Model prompted.Ids
                |> List.zip names
                |> Distribution.table top text

            do! Pictures.writeFor parsed svg (fun () -> Distribution.svg prompted.Prompt table)

            if parsed.GetRequiredValue prompt.Json then
                printJson prompted table
            else
                printfn "after '%s'\n" (Svg.token prompted.Prompt)
                Pictures.barLines (Screen.width ()) table |> List.iter (printfn "%s")

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "warpers"
            "Show the next token's distribution before any warper and after each; temperature 0.8, top-k 40 and top-p 0.9 unless others or --greedy are given."
            (PromptOptions.before prompt
             @ [ top ]
             @ StrategyOptions.options
             @ [ svg ]
             @ PromptOptions.after prompt)
            run
