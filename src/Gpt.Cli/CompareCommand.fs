namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// One way to choose tokens, and what it wrote.
type private Compared = {
    Name: string
    Tokens: int[]
    /// The mean of ln p of its tokens under the model itself.
    MeanLogProbability: float
}

/// `gpt compare`: one prompt under several strategies with numbers about each text (the article's third challenge), and
/// several runs at a high and a low temperature (its first).
[<RequireQualifiedAccess>]
module CompareCommand =

    let private prompt = PromptOptions.create ()
    let private count = Options.withDefault "--max-new-tokens" "how many tokens each strategy writes" 100
    let private topK = Options.withDefault "--top-k" "k of the top-k strategy" 50
    let private topP = Options.withDefault "--top-p" "p of the top-p strategy" 0.9
    let private beams = Options.withDefault "--beams" "beams of the beam search" 5
    let private runs = Options.withDefault "--runs" "how many runs at each temperature" 5
    let private high = Options.withDefault "--high" "the high temperature" 0.9
    let private low = Options.withDefault "--low" "the low temperature" 0.1
    let private svg = Pictures.svg ()

    let private sampled (prompted: Prompted) (parsed: ParseResult) (count: int) (name: string) (sampling: Sampling) =
        let options = {
            GenerationOptions.defaults with
                MaxNewTokens = count
                EndTokens = Tokenizer.endOfText prompted.Tokenizer |> Option.toList
                LogProbabilities = Some 0
        }

        let rng = PromptOptions.rng parsed prompt |> Rng.splitNamed name

        let completion =
            (Generate.stream options sampling rng prompted.Model prompted.Ids |> Generate.collect)[0]

        {
            Name = name
            Tokens = completion.Tokens
            MeanLogProbability = Array.average completion.LogProbabilities
        }

    let private searched (prompted: Prompted) (beams: int) (count: int) : Compared =
        let options = {
            BeamOptions.defaults with
                Beams = beams
                MaxNewTokens = count
                EndTokens = Tokenizer.endOfText prompted.Tokenizer |> Option.toList
        }

        let best = Beam.search options [] (Rng.ofSeed 0UL) prompted.Model prompted.Ids |> List.head

        {
            Name = $"beam {beams}"
            Tokens = best.Tokens
            // With a length penalty of 1 the score is the mean.
            MeanLogProbability = best.Score
        }

    let private distinct size (compared: Compared) = TextMetrics.distinct size (List.ofArray compared.Tokens)
    let private repetition (compared: Compared) = TextMetrics.repetition 4 (List.ofArray compared.Tokens)

    /// The numbers as tables of bars.
    let private tables (strategies: Compared list) (temperatures: (float * Compared list) list) =
        let table rows columns = {
            Rows = rows
            Columns = columns
            Full = None
            Decimals = 3
        }

        let of' (number: Compared -> float) = List.map number strategies
        let tokens = temperatures |> List.map (snd >> List.map _.Tokens)

        [
            "numbers about each text",
            table (strategies |> List.map _.Name) [
                "mean log p", of' _.MeanLogProbability
                "distinct-1", of' (distinct 1)
                "distinct-2", of' (distinct 2)
                "distinct-3", of' (distinct 3)
                "repetition", of' repetition
            ]
            "how much the runs of one temperature differ",
            table (temperatures |> List.map (fun (temperature, _) -> $"temperature {temperature}")) [
                "different texts", tokens |> List.map (List.distinct >> List.length >> float)
                "mean difference", tokens |> List.map TextMetrics.meanDifference
            ]
        ]

    let private heading (title: string) = printfn "===== %s %s" title (String('=', max 0 (60 - title.Length)))

    let private print (prompted: Prompted) (strategies: Compared list) (temperatures: (float * Compared list) list) =
        let text (compared: Compared) = prompted.Prompt + Tokenizer.decode prompted.Tokenizer compared.Tokens

        for compared in strategies do
            heading compared.Name
            printfn "%s\n" (text compared)

        for temperature, runs in temperatures do
            for number, run in List.indexed runs do
                heading $"temperature {temperature}, run {number + 1}"
                printfn "%s\n" (text run)

        let width = strategies |> List.map _.Name.Length |> List.max |> max 12
        printfn "%s  mean log p  distinct-1  distinct-2  distinct-3  repetition" ("strategy".PadRight width)
        printfn "%s" (String('-', width + 60))

        for compared in strategies do
            let numbers = [
                compared.MeanLogProbability
                distinct 1 compared
                distinct 2 compared
                distinct 3 compared
                repetition compared
            ]

            let cells = numbers |> List.map (fun number -> $"  %10.3f{number}") |> String.concat ""
            printfn $"{compared.Name.PadRight width}{cells}"

        printfn "\n%s  runs  different texts  mean difference" ("temperature".PadRight width)
        printfn "%s" (String('-', width + 40))

        for temperature, runs in temperatures do
            let texts = runs |> List.map _.Tokens

            let name = (string temperature).PadRight width
            let different = texts |> List.distinct |> List.length
            printfn $"{name}  %4d{runs.Length}  %15d{different}  %15.3f{TextMetrics.meanDifference texts}"

        printfn "\nrepetition is the share of tokens in runs of four that stood there before; difference is the edit"
        printfn "distance of two texts divided by the length of the longer one."

    let private printJson
        (prompted: Prompted)
        (strategies: Compared list)
        (temperatures: (float * Compared list) list)
        =
        let text (compared: Compared) = Tokenizer.decode prompted.Tokenizer compared.Tokens

        let strategy (compared: Compared) =
            Json.object [
                "strategy", Json.text compared.Name
                "text", Json.text (text compared)
                "meanLogProbability", Json.number compared.MeanLogProbability
                "distinct1", Json.number (distinct 1 compared)
                "distinct2", Json.number (distinct 2 compared)
                "distinct3", Json.number (distinct 3 compared)
                "repetition", Json.number (repetition compared)
            ]

        let temperature (temperature: float, runs: Compared list) =
            let tokens = runs |> List.map _.Tokens

            Json.object [
                "temperature", Json.number temperature
                "texts", runs |> Json.list (text >> Json.text)
                "differentTexts", Json.whole (tokens |> List.distinct |> List.length)
                "meanDifference", Json.number (TextMetrics.meanDifference tokens)
            ]

        Json.print (
            Json.object [
                "prompt", Json.text prompted.Prompt
                "strategies", Json.list strategy strategies
                "temperatures", Json.list temperature temperatures
            ]
        )

    let private strategyOf (parsed: ParseResult) (processors: Processor list) : Result<Sampling, Problem> =
        Strategy.random processors |> Strategy.sampling Int32.MaxValue |> Options.asOption parsed

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! count = Options.atLeastOne count parsed
            let! _ = Options.upTo Options.mostBeams beams parsed
            let beams = parsed.GetRequiredValue beams
            let! runs = Options.atLeastOne runs parsed
            let k, p = parsed.GetRequiredValue topK, parsed.GetRequiredValue topP
            let! byTopK = strategyOf parsed [ TopK k ]
            let! byTopP = strategyOf parsed [ TopP p ]

            let! byTemperature =
                [ high; low ]
                |> List.map (fun option ->
                    let temperature = parsed.GetRequiredValue option

                    Strategy.random [ Temperature temperature ]
                    |> Strategy.sampling Int32.MaxValue
                    |> Result.mapError (fun sentence -> Usage $"{option.Name}: {sentence}")
                    |> Result.map (fun sampling -> temperature, sampling))
                |> Result.all

            use! prompted = PromptOptions.read parsed prompt
            let write = sampled prompted parsed count

            let strategies = [
                write "greedy" Sampling.greedy
                write $"top-k {k}" byTopK
                write $"top-p {p}" byTopP
                searched prompted beams count
            ]

            let temperatures =
                byTemperature
                |> List.map (fun (temperature, sampling) ->
                    temperature, [ for run in 1..runs -> write $"temperature {temperature}, run {run}" sampling ])

            do!
                Pictures.writeFor parsed svg (fun () ->
                    StrategyComparison.svg prompted.Prompt (tables strategies temperatures))

            if parsed.GetRequiredValue prompt.Json then
                printJson prompted strategies temperatures
            else
                print prompted strategies temperatures

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "compare"
            "Write from one prompt by several strategies and compare the texts."
            (PromptOptions.before prompt
             @ [ count; topK; topP; beams; runs; high; low; svg ]
             @ PromptOptions.after prompt)
            run
