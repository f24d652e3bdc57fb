namespace Gpt.Cli

open System.CommandLine
open Gpt

/// `gpt attention`: what each token of a prompt looks at, in one head or in all.
[<RequireQualifiedAccess>]
module AttentionCommand =

    let private prompt = PromptOptions.create ()

    let private layer: Option<int> =
        Options.optional "--layer" "the layer to show, from 0; all unless given, in characters the last"

    let private head: Option<int> =
        Options.optional "--head" "the head to show, from 0; all unless given, in characters the first"

    let private svg = Pictures.svg ()

    let private within (option: Option<int>) (count: int) (parsed: ParseResult) : Result<int option, Problem> =
        match Options.given parsed option with
        | Some number when number < 0 || number >= count ->
            Error(Usage $"{option.Name} is {number}; the model has 0 to {count - 1}")
        | number -> Ok number

    /// The map as lines: each token, and a shade for each that it looks at.
    let private lines (tokens: string list) (map: AttentionMap) : string list =
        let labels = tokens |> List.map (Svg.token >> Svg.cut 12)
        let label = labels |> List.map String.length |> List.max
        let rows = TextChart.shades (max 8 (Screen.width () - label - 4)) map.Weights
        List.map2 (fun (name: string) (row: string) -> $"{name.PadLeft label} {row}".TrimEnd()) labels rows

    let private print (tokens: string list) (map: AttentionMap) : unit =
        printfn $"layer {map.Layer}, head {map.Head}: each row looks at the tokens from left to right\n"
        lines tokens map |> List.iter (printfn "%s")

    let private printJson (prompted: Prompted) (tokens: string list) (maps: AttentionMap list) : unit =
        let map (map: AttentionMap) =
            Json.object [
                "layer", Json.whole map.Layer
                "head", Json.whole map.Head
                "weights", map.Weights |> Json.list (Json.list Json.number)
            ]

        Json.print (
            Json.object [
                "prompt", Json.text prompted.Prompt
                "tokens", Json.list Json.text tokens
                "maps", Json.list map maps
            ]
        )

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            use! prompted = PromptOptions.read parsed prompt
            let config = prompted.Model.Config
            let! layer = within layer config.Layers parsed
            let! head = within head config.Heads parsed
            let weights = AttentionWeights.ofTokens prompted.Model prompted.Ids
            let isAsked number wanted = wanted |> Option.forall ((=) number)

            let maps = [
                for l in 0 .. config.Layers - 1 do
                    for h in 0 .. config.Heads - 1 do
                        if isAsked l layer && isAsked h head then
                            {
                                Layer = l
                                Head = h
                                Weights = weights[l][h]
                            }
            ]

            let tokens = [ for id in prompted.Ids -> Tokenizer.decode prompted.Tokenizer [ id ] ]
            do! Pictures.writeFor parsed svg (fun () -> AttentionMaps.svg prompted.Prompt tokens maps)

            if parsed.GetRequiredValue prompt.Json then
                printJson prompted tokens maps
            else
                // All maps would be pages of characters: the last layer's first head of those asked for stands for them.
                let last = maps |> List.map _.Layer |> List.max
                maps |> List.find (fun map -> map.Layer = last) |> print tokens

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "attention"
            "Show what each token of a prompt looks at."
            (PromptOptions.before prompt
             @ [ layer; head; svg ]
             // Chance decides nothing here.
             @ List.except [ prompt.Seed :> Option ] (PromptOptions.after prompt))
            run
