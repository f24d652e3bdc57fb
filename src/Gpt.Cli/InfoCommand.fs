namespace Gpt.Cli

open System
open System.CommandLine
open Gpt

/// `gpt info`: what a model is made of, from a checkpoint or from sizes.
[<RequireQualifiedAccess>]
module InfoCommand =

    let private sizes = SizeOptions.create "mini"

    let private model: Option<string> =
        Options.optional "--model" "checkpoint folder; the sizes are read from it"

    let private json = Options.json ()

    let private config (parsed: ParseResult) : Result<GptConfig, Problem> =
        match Options.given parsed model with
        | Some folder -> Checkpoint.loadConfig folder |> Problem.failed
        | None -> SizeOptions.read parsed sizes id

    let private activation (config: GptConfig) : string =
        match config.Activation with
        | Gelu -> "Gelu"
        | GeluTanh -> "GeluTanh"
        | Relu -> "Relu"

    let private print (config: GptConfig) : unit =
        printfn "engine      %s" Device.engine
        printfn "parameters  %s" ((Params.count config).ToString "N0")

        let sizes =
            $"vocab {config.VocabSize}, context {config.Context}, dim {config.Dim}, layers {config.Layers}, heads {config.Heads}"

        printfn $"sizes       {sizes}, feed-forward {config.FeedForward}"
        printfn $"dropout     %g{config.Dropout}"
        printfn "activation  %s\n" (activation config)

        for name, shape in Params.shapes config do
            printfn "%-26s %s" name (shape |> List.map string |> String.concat " x ")

    let private printJson (config: GptConfig) : unit =
        let tensor (name: string, shape: int64 list) =
            Json.object [ "name", Json.text name; "shape", Json.list Json.long shape ]

        Json.print (
            Json.object [
                "engine", Json.text Device.engine
                "parameters", Json.long (Params.count config)
                "vocab", Json.whole config.VocabSize
                "context", Json.whole config.Context
                "dim", Json.whole config.Dim
                "layers", Json.whole config.Layers
                "heads", Json.whole config.Heads
                "feedForward", Json.whole config.FeedForward
                "dropout", Json.number config.Dropout
                "activation", Json.text (activation config)
                "tensors", Json.list tensor (Params.shapes config)
            ]
        )

    let private run (parsed: ParseResult) : Result<int, Problem> =
        config parsed
        |> Result.map (fun config ->
            if parsed.GetRequiredValue json then
                printJson config
            else
                print config

            Problem.codes.Done)

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "info"
            "Show what a model is made of."
            (SizeOptions.all sizes @ [ sizes.Vocab; model; json ])
            run
