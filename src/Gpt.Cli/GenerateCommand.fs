namespace Gpt.Cli

open System
open System.CommandLine
open System.Text.Json
open Gpt

/// `gpt generate`: text from a checkpoint.
[<RequireQualifiedAccess>]
module GenerateCommand =

    let private model = Options.withDefault "--model" "checkpoint folder" Options.checkpointFolder
    let private prompt = Options.withDefault "--prompt" "how the text begins" "HAMLET:"
    let private count = Options.withDefault "--max-new-tokens" "how many tokens to write" 300
    let private greedy = Options.flag "--greedy" "always take the most likely token"

    let private temperature: Option<float> =
        Options.optional "--temperature" "below 1 safer, above 1 wilder; 1 unless given"

    let private topK: Option<int> =
        Options.optional "--top-k" "choose among the k most likely tokens; all unless given"

    let private topP: Option<float> =
        Options.optional "--top-p" "choose among the most likely tokens that make up this share; 1 unless given"

    let private seed = Options.seed ()
    let private device = Options.device ()
    let private threads = Options.threads ()
    let private json = Options.json ()

    /// A warper made from an option's value; what the warper refuses is a usage error that names the option.
    let private warper (parsed: ParseResult) (option: Option<'a>) (make: 'a -> Tensor -> Tensor) =
        match Options.given parsed option with
        | None -> Ok id
        | Some value ->
            try
                Ok(make value)
            with :? ArgumentOutOfRangeException as e ->
                let sentence = e.Message.Split('(') |> Array.head
                Error(Usage $"{option.Name}: {sentence.Trim()}")

    let private sampling (parsed: ParseResult) : Result<Sampling, Problem> =
        result {
            let! temperature = warper parsed temperature Warpers.temperature
            let! topK = warper parsed topK Warpers.topK
            let! topP = warper parsed topP Warpers.topP

            return
                if parsed.GetRequiredValue greedy then
                    Sampling.greedy
                else
                    Sampling.random (temperature >> topK >> topP)
        }

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            do! Options.useThreads (Options.given parsed threads)
            let! device = Device.parse (parsed.GetRequiredValue device) |> Problem.usage
            let! sampling = sampling parsed
            let count, prompt = parsed.GetRequiredValue count, parsed.GetRequiredValue prompt

            if count < 1 then
                do! Error(Usage $"--max-new-tokens is {count}; it must be at least 1")

            if prompt = "" then
                do! Error(Usage "--prompt is empty; it must hold at least one character")

            let! model, tokenizer = Checkpoint.load device (parsed.GetRequiredValue model) |> Problem.failed
            use model = model
            let! ids = Tokenizer.encode tokenizer prompt |> Result.mapError (fun e -> Usage $"--prompt: {e}")
            let rng = Rng.ofSeed (uint64 (parsed.GetRequiredValue seed))
            let fresh = Generate.tokens sampling rng model ids |> Seq.truncate count

            if parsed.GetRequiredValue json then
                let tokens = Array.ofSeq fresh

                let sequence = {|
                    tokens = tokens
                    text = Tokenizer.decode tokenizer tokens
                    finishReason = "length"
                |}

                printfn "%s" (JsonSerializer.Serialize {| sequences = [ sequence ] |})
            else
                printf "%s" prompt
                fresh |> Seq.iter (fun id -> printf "%s" (Tokenizer.decode tokenizer [ id ]))
                printfn ""

            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        Options.command
            "generate"
            "Write text with a trained model."
            ([
                model
                prompt
                count
                greedy
                temperature
                topK
                topP
                seed
                device
                threads
                json
            ])
            run
