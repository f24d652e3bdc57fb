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

    let private minP: Option<float> =
        Options.optional "--min-p" "choose among tokens this many times as likely as the best; 0 unless given"

    let private typical: Option<float> =
        Options.optional "--typical-p" "choose among the most typical tokens that make up this share; 1 unless given"

    let private epsilon: Option<float> =
        Options.optional "--epsilon-cutoff" "rule out less likely tokens; 0 unless given"

    let private eta: Option<float> =
        Options.optional "--eta-cutoff" "rule out less likely tokens where the choice is wide; 0 unless given"

    let private sigma: Option<float> =
        Options.optional "--top-n-sigma" "choose among logits within n deviations of the best; all unless given"

    let private repetition: Option<float> =
        Options.optional "--repetition-penalty" "above 1, what was said becomes less likely; 1 unless given"

    let private presence: Option<float> =
        Options.optional "--presence-penalty" "taken off the logit of what was said; 0 unless given"

    let private frequency: Option<float> =
        Options.optional "--frequency-penalty" "the same for each time it was said; 0 unless given"

    let private ngram: Option<int> =
        Options.optional "--no-repeat-ngram" "never say so many tokens in a row twice; off unless given"

    let private seed = Options.seed ()
    let private device = Options.device ()
    let private threads = Options.threads ()
    let private json = Options.json ()

    /// A warper made from an option's value; what the warper refuses is a usage error that names the option.
    let private warper (parsed: ParseResult) (option: Option<'a>) (make: 'a -> History -> Tensor -> Tensor) =
        match Options.given parsed option with
        | None -> Ok(fun _ -> id)
        | Some value ->
            try
                // The arguments are looked at before the history: an empty one finds out what is wrong with them.
                make value [||] |> ignore
                Ok(make value)
            with :? ArgumentOutOfRangeException as e ->
                let sentence = e.Message.Split('(') |> Array.head
                Error(Usage $"{option.Name}: {sentence.Trim()}")

    /// Everything that was asked for, in the order in which transformers applies it.
    let private sampling (parsed: ParseResult) : Result<Sampling, Problem> =
        let plain option (make: 'a -> Tensor -> Tensor) =
            warper parsed option (fun value -> let warp = make value in fun _ -> warp)

        let warpers = [
            warper parsed repetition Penalties.repetition
            warper parsed presence (fun presence -> Penalties.presenceAndFrequency presence 0.0)
            warper parsed frequency (fun frequency -> Penalties.presenceAndFrequency 0.0 frequency)
            warper parsed ngram Penalties.noRepeatNgram
            plain temperature Warpers.temperature
            plain topK Warpers.topK
            plain topP Warpers.topP
            plain minP Warpers.minP
            plain typical Warpers.typical
            plain epsilon Warpers.epsilonCutoff
            plain eta Warpers.etaCutoff
            plain sigma Warpers.topNSigma
        ]

        let join (chain: Result<History -> Tensor -> Tensor, Problem>) warper =
            Result.bind (fun chain -> Result.map (fun warp history -> chain history >> warp history) warper) chain

        List.fold join (Ok(fun _ -> id)) warpers
        |> Result.map (fun chain ->
            let picked =
                if parsed.GetRequiredValue greedy then
                    Sampling.greedy
                else
                    Sampling.random id

            Sampling.after chain picked)

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
                minP
                typical
                epsilon
                eta
                sigma
                repetition
                presence
                frequency
                ngram
                seed
                device
                threads
                json
            ])
            run
