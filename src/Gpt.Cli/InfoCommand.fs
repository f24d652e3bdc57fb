namespace Gpt.Cli

open System
open System.CommandLine
open System.Text.Json
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

    let private print (config: GptConfig) : unit =
        printfn "engine      %s" Device.engine
        printfn "parameters  %s" ((Params.count config).ToString "N0")

        printfn
            "sizes       vocab %d, context %d, dim %d, layers %d, heads %d, feed-forward %d"
            config.VocabSize
            config.Context
            config.Dim
            config.Layers
            config.Heads
            config.FeedForward

        printfn "dropout     %g" config.Dropout
        printfn "activation  %A\n" config.Activation

        for name, shape in Params.shapes config do
            printfn "%-26s %s" name (shape |> List.map string |> String.concat " x ")

    let private printJson (config: GptConfig) : unit =
        {|
            engine = Device.engine
            parameters = Params.count config
            vocab = config.VocabSize
            context = config.Context
            dim = config.Dim
            layers = config.Layers
            heads = config.Heads
            feedForward = config.FeedForward
            dropout = config.Dropout
            activation = string config.Activation
            tensors = Params.shapes config |> List.map (fun (name, shape) -> {| name = name; shape = shape |})
        |}
        |> JsonSerializer.Serialize
        |> printfn "%s"

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
