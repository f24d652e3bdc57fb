namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// `gpt temperature`: what temperature does to a distribution; the article's table with right numbers, and its bar chart.
[<RequireQualifiedAccess>]
module TemperatureCommand =

    let private logits =
        Options.withDefault "--logits" "logits, separated by commas, of tokens A, B, C …" "3,1.5,0.8,0.3,-0.5"

    let private temperatures =
        Options.withDefault "--temperatures" "temperatures, separated by commas" "0.1,0.5,1,1.5,2"

    let private svg = Pictures.svg ()
    let private json = Options.json ()

    let private numbers (parsed: ParseResult) (option: Option<string>) : Result<float list, Problem> =
        let text = parsed.GetRequiredValue option
        let words = text.Split(',', StringSplitOptions.TrimEntries) |> List.ofArray

        let read (word: string) = Options.parseNumber word |> Option.filter Double.IsFinite

        match words |> List.tryFind (read >> Option.isNone) with
        | Some word -> Error(Usage $"{option.Name} holds \"{word}\"; expected numbers separated by commas")
        | None -> Ok(List.choose read words)

    let private name (token: int) = string (char (int 'A' + token))

    let private shares (logits: float list) (temperature: float) : float list =
        Tensors.freeing (fun () ->
            let row =
                logits
                |> List.map float32
                |> Array.ofList
                |> Tensors.ofFloats (Device.cpu ()) [ 1L; int64 logits.Length ]

            (Warpers.temperature temperature row).softmax -1L
            |> Tensors.toFloats
            |> Array.map float
            |> List.ofArray)

    /// The article's table.
    let private table (rows: (float * float list) list) : string =
        let heads = rows |> List.head |> snd |> List.mapi (fun token _ -> sprintf "%-10s" $"P({name token})")

        [
            "Temp     " + String.concat "" heads |> _.TrimEnd()
            String('-', 9 + 10 * heads.Length - 4)
            for temperature, shares in rows do
                let cells = shares |> List.map (fun share -> $"%-10.4f{share}") |> String.concat ""
                (sprintf "%-9s" (string temperature) + cells).TrimEnd()
        ]
        |> String.concat "\n"

    /// One bar a token and temperature, 40 characters for a probability of 1.
    let private chart (rows: (float * float list) list) : string =
        [
            for temperature, shares in rows do
                $"temp={temperature}"

                for token, share in List.indexed shares do
                    $"  {name token} %-40s{TextChart.bar 40 share} %.2f{share}"

                ""
        ]
        |> String.concat "\n"

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let! logits = numbers parsed logits
            let! temperatures = numbers parsed temperatures

            if logits.Length > 26 then
                do! Error(Usage $"--logits holds {logits.Length} numbers; at most 26 have a letter")

            match temperatures |> List.tryFind (fun temperature -> temperature <= 0.0) with
            | Some wrong -> do! Error(Usage $"--temperatures holds {wrong}; a temperature must be positive")
            | None -> ()

            let rows = temperatures |> List.map (fun temperature -> temperature, shares logits temperature)

            let names = List.mapi (fun token _ -> name token) logits
            do! Pictures.writeFor parsed svg (fun () -> TemperaturePlot.svg names rows)

            if parsed.GetRequiredValue json then
                let row (temperature: float, shares: float list) =
                    Json.object [
                        "temperature", Json.number temperature
                        "probabilities", Json.list Json.number shares
                    ]

                Json.print (Json.list row rows)
            else
                printfn "%s\n\n%s" (table rows) (chart rows)

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "temperature"
            "Show what temperature does to a distribution."
            [ logits; temperatures; svg; json ]
            run
