namespace Gpt.Cli

open System.CommandLine
open Gpt

/// `gpt steps`: generation step by step, as the article shows it: the best candidates with their probabilities, what was
/// picked, the text in the end.
[<RequireQualifiedAccess>]
module StepsCommand =

    let private prompt = PromptOptions.create ()
    let private steps = Options.withDefault "--steps" "how many tokens to write" 5
    let private top = Options.withDefault "--top" "how many candidates to show" 5
    let private sample = Options.flag "--sample" "draw tokens, where else the most likely one is taken"

    /// A token as it may stand in a line.
    let private show (tokenizer: Tokenizer) (id: int) =
        (Tokenizer.decode tokenizer [ id ]).Replace("\n", "\\n").Replace("\r", "\\r").Replace("\t", "\\t")

    let private print (prompted: Prompted) (tokens: GeneratedToken list) : unit =
        let show = show prompted.Tokenizer
        printfn $"Prompt tokens: {prompted.Ids.Length}\nPrompt: '{prompted.Prompt}'\n"

        for step, token in List.indexed tokens do
            printfn $"Step {step + 1} - Top {token.Alternatives.Length} candidates:"
            let width = token.Alternatives |> List.map (fun candidate -> (show candidate.Id).Length) |> List.max

            for candidate in token.Alternatives do
                let shown = $"'{show candidate.Id}'"
                printfn $"  {shown.PadRight(width + 2)} : %.4f{exp candidate.LogProbability}"

            let isListed = token.Alternatives |> List.exists (fun candidate -> candidate.Id = token.Id)

            let own =
                match token.LogProbability with
                | Some own when not isListed -> $" : %.4f{exp own}"
                | _ -> ""

            printfn "  -> Picked: '%s'%s\n" (show token.Id) own

        let text = tokens |> List.map _.Id |> Tokenizer.decode prompted.Tokenizer
        printfn "Final: '%s'" (prompted.Prompt + text)

    let private printJson (prompted: Prompted) (tokens: GeneratedToken list) : unit =
        let candidate (id: int) (probability: float) =
            Json.object [
                "token", Json.whole id
                "text", Json.text (Tokenizer.decode prompted.Tokenizer [ id ])
                "probability", Json.number probability
            ]

        let step (token: GeneratedToken) =
            let picked = token.LogProbability |> Option.map exp |> Option.defaultValue nan

            Json.object [
                "candidates", token.Alternatives |> Json.list (fun one -> candidate one.Id (exp one.LogProbability))
                "picked", candidate token.Id picked
            ]

        Json.print (
            Json.object [
                "prompt", Json.text prompted.Prompt
                "promptTokens", Json.list Json.whole prompted.Ids
                "steps", Json.list step tokens
                "final", Json.text (prompted.Prompt + (tokens |> List.map _.Id |> Tokenizer.decode prompted.Tokenizer))
            ]
        )

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! steps = Options.atLeastOne steps parsed
            let! top = Options.atLeastOne top parsed

            if not (parsed.GetRequiredValue sample) then
                do! Options.requireNone parsed "without --sample" [ prompt.Seed ]

            use! prompted = PromptOptions.read parsed prompt

            let options = {
                GenerationOptions.defaults with
                    MaxNewTokens = steps
                    EndTokens = Tokenizer.endOfText prompted.Tokenizer |> Option.toList
                    LogProbabilities = Some(min top prompted.Model.Config.VocabSize)
            }

            let sampling =
                if parsed.GetRequiredValue sample then
                    Sampling.random id
                else
                    Sampling.greedy

            let tokens =
                Generate.stream options sampling (PromptOptions.rng parsed prompt) prompted.Model prompted.Ids
                |> List.ofSeq

            if parsed.GetRequiredValue prompt.Json then
                printJson prompted tokens
            else
                print prompted tokens

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "steps"
            "Show generation step by step: candidates, probabilities, what was picked."
            (PromptOptions.before prompt @ [ steps; top; sample ] @ PromptOptions.after prompt)
            run
