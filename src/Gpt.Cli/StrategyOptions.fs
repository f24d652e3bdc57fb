namespace Gpt.Cli

open System
open System.CommandLine
open System.Globalization
open System.IO
open Gpt

/// How tokens are chosen, as options of the commands that write text.
[<RequireQualifiedAccess>]
module StrategyOptions =

    let private number (name: string) (description: string) : Option<float> = Options.optional name description
    let private count (name: string) (description: string) : Option<int> = Options.optional name description
    let private words (name: string) (description: string) : Option<string> = Options.optional name description

    let greedy = Options.flag "--greedy" "always take the most likely token"
    let private temperature = number "--temperature" "below 1 safer, above 1 wilder; 1 unless given"

    let private dynamicTemperature =
        words "--dynamic-temperature" "LOW,HIGH[,EXPONENT]: the temperature rises with the entropy"

    let private topK = count "--top-k" "choose among the k most likely tokens; all unless given"

    let private topP =
        number "--top-p" "choose among the most likely tokens that make up this share; 1 unless given"

    let private minP =
        number "--min-p" "choose among tokens this many times as likely as the best; 0 unless given"

    let private topA =
        number "--top-a" "choose among tokens this many times as likely as the best squared; 0 unless given"

    let private typical =
        number "--typical-p" "choose among the most typical tokens that make up this share; 1 unless given"

    let private epsilon = number "--epsilon-cutoff" "rule out less likely tokens; 0 unless given"

    let private eta =
        number "--eta-cutoff" "rule out less likely tokens where the choice is wide; 0 unless given"

    let private sigma =
        number "--top-n-sigma" "choose among logits within n deviations of the best; all unless given"

    let xtc =
        words "--xtc" "PROBABILITY[,THRESHOLD]: now and then leave the most likely tokens out; off unless given"

    let private mirostat =
        words "--mirostat" "TAU[,ETA]: hold the surprise at TAU bits (Mirostat 2); off unless given"

    let private repetition =
        number "--repetition-penalty" "above 1, what was said becomes less likely; 1 unless given"

    let private presence =
        number "--presence-penalty" "taken off the logit of what was said; 0 unless given"

    let private frequency =
        number "--frequency-penalty" "the same for each time it was said; 0 unless given"

    let private window =
        count "--penalty-last-n" "how many of the last tokens these penalties look at; all unless given"

    let private ngram =
        count "--no-repeat-ngram" "never say so many tokens in a row twice; off unless given"

    let private dry =
        words "--dry" "MULTIPLIER[,BASE[,ALLOWED]]: what would go on a repetition becomes less likely; off unless given"

    let private bias = words "--logit-bias" "ID:BIAS[,ID:BIAS …]: added to the logits of tokens"
    let private banned = words "--suppress-tokens" "ID[,ID …]: tokens that never come"
    let private regex = words "--regex" "write what this regular expression matches as a whole"

    let private schema =
        words "--json-schema" "write JSON that this schema describes; a file, or the schema itself"
        |> Options.notEmpty

    let private order =
        Options.withDefault
            "--order"
            "in which the above are done: huggingface (temperature first), llamacpp (temperature last), or names separated by commas"
            "huggingface"

    /// The options in the order of the help.
    let options: Option list = [
        greedy
        temperature
        dynamicTemperature
        topK
        topP
        minP
        topA
        typical
        epsilon
        eta
        sigma
        xtc
        mirostat
        repetition
        presence
        frequency
        window
        ngram
        dry
        bias
        banned
        regex
        schema
        order
    ]

    let private parseNumber (option: Option) (word: string) : Result<float, Problem> =
        match Options.parseNumber word with
        | Some value -> Ok value
        | None -> Error(Usage $"{option.Name}: \"{word}\" is not a number")

    /// The numbers of a list separated by commas, as many as `least` to `most`.
    let private numbers (option: Option) least most (text: string) : Result<float list, Problem> =
        let parts = text.Split(',', StringSplitOptions.TrimEntries) |> List.ofArray

        if parts.Length < least || parts.Length > most then
            Error(Usage $"{option.Name} has {parts.Length} numbers; expected {least} to {most}, separated by commas")
        else
            Result.all (parts |> List.map (parseNumber option))

    /// Token ids separated by commas.
    let ids (option: Option<string>) (text: string) : Result<int list, Problem> =
        text.Split(',', StringSplitOptions.TrimEntries)
        |> List.ofArray
        |> List.map (fun word ->
            match Int32.TryParse(word, NumberStyles.Integer, CultureInfo.InvariantCulture) with
            | true, id -> Ok id
            | _ -> Error(Usage $"{option.Name}: \"{word}\" is not a token id"))
        |> Result.all

    let private biases (text: string) : Result<(int * float) list, Problem> =
        text.Split(',', StringSplitOptions.TrimEntries)
        |> List.ofArray
        |> List.map (fun word ->
            match word.Split ':' with
            | [| id; value |] ->
                result {
                    let! id = ids bias id
                    let! value = parseNumber bias value
                    return id.Head, value
                }
            | _ -> Error(Usage $"{bias.Name}: \"{word}\" is not ID:BIAS"))
        |> Result.all

    /// What the tokenizer's texts allow: compiled only when asked for.
    let private constrained (parsed: ParseResult) (tokenizer: Tokenizer) : Result<Processor list, Problem> =
        let compile (option: Option<string>) make =
            match Options.given parsed option with
            | None -> Ok []
            | Some text ->
                make text
                |> Result.mapError (fun sentence -> Usage $"{option.Name}: {sentence}")
                |> Result.map (fun c -> [ Constrained c ])

        let vocabulary = Vocabulary.ofTokenizer tokenizer
        let ends = Tokenizer.endOfText tokenizer |> Option.toList

        let readSchema (text: string) =
            if text.TrimStart().StartsWith '{' then
                Ok text
            else
                try
                    Ok(File.ReadAllText text)
                with
                | :? IOException
                | :? UnauthorizedAccessException as e -> Error e.Message

        result {
            let! byRegex = compile regex (Constraint.regex vocabulary ends)
            let! bySchema = compile schema (readSchema >> Result.bind (Constraint.jsonSchema vocabulary ends))
            return byRegex @ bySchema
        }

    /// Processors that are made from one option each.
    let private plain (parsed: ParseResult) : Result<Processor list, Problem> =
        let processor (option: Option<'a>) (make: 'a -> Result<Processor, Problem>) =
            match Options.given parsed option with
            | None -> Ok []
            | Some value -> make value |> Result.map List.singleton

        let simple option (make: 'a -> Processor) = processor option (make >> Ok)

        let list (option: Option<string>) least most (make: float list -> Processor) =
            processor option (numbers option least most >> Result.map make)

        let at place fallback values = values |> List.tryItem place |> Option.defaultValue fallback

        [
            processor bias (biases >> Result.map LogitBias)
            processor banned (ids banned >> Result.map BannedTokens)
            simple repetition RepetitionPenalty
            simple presence PresencePenalty
            simple frequency FrequencyPenalty
            simple ngram NoRepeatNgram
            list dry 1 3 (fun values ->
                Dry {
                    Dry.defaults with
                        Multiplier = values.Head
                        Base = at 1 Dry.defaults.Base values
                        AllowedLength = int (at 2 (float Dry.defaults.AllowedLength) values)
                })
            simple temperature Temperature
            list dynamicTemperature 2 3 (fun values -> DynamicTemperature(values[0], values[1], at 2 1.0 values))
            simple topK TopK
            simple topP TopP
            simple minP MinP
            simple topA TopA
            simple typical TypicalP
            simple epsilon EpsilonCutoff
            simple eta EtaCutoff
            simple sigma TopNSigma
            list xtc 1 2 (fun values -> Xtc(values.Head, at 1 0.1 values))
            list mirostat 1 2 (fun values ->
                Mirostat {
                    Mirostat.defaults with
                        Tau = values.Head
                        Eta = at 1 Mirostat.defaults.Eta values
                })
        ]
        |> Result.all
        |> Result.map List.concat

    let private orderOf (parsed: ParseResult) : Result<string list, Problem> =
        match parsed.GetRequiredValue order with
        | "huggingface" -> Ok Strategy.huggingFaceOrder
        | "llamacpp" -> Ok Strategy.llamaCppOrder
        | text ->
            let known = Strategy.huggingFaceOrder
            let names = text.Split(',', StringSplitOptions.TrimEntries) |> List.ofArray

            match List.except known names with
            | [] -> Ok names
            | word :: _ ->
                let list = String.concat ", " known
                Error(Usage $"--order holds \"{word}\"; expected huggingface, llamacpp, or names of {list}")

    let private strategy (parsed: ParseResult) (processors: Processor list) : Result<Strategy, Problem> =
        result {
            let! order = orderOf parsed

            return!
                {
                    Processors = processors
                    PenaltyWindow = Options.given parsed window
                    Pick = (if parsed.GetRequiredValue greedy then Best else Draw)
                }
                |> Strategy.inOrder order
                |> Problem.usage
        }

    /// Finds out what is wrong with the options before a model is loaded.
    let check (parsed: ParseResult) : Result<unit, Problem> =
        result {
            let! processors = plain parsed
            let! strategy = strategy parsed processors

            let! _ = Strategy.sampling Int32.MaxValue strategy |> Options.asOption parsed
            return ()
        }

    /// What was asked for, for a tokenizer, as data; `usual` where no processor is and the choice is not greedy.
    let readStrategy (usual: Processor list) (parsed: ParseResult) (tokenizer: Tokenizer) : Result<Strategy, Problem> =
        result {
            let! processors = plain parsed
            let! constrained = constrained parsed tokenizer

            return!
                match constrained @ processors with
                | [] when parsed.GetRequiredValue greedy -> strategy parsed []
                | [] -> strategy parsed usual
                | asked -> strategy parsed asked
        }

    /// What was asked for, for a tokenizer.
    let read (parsed: ParseResult) (tokenizer: Tokenizer) : Result<Sampling, Problem> =
        result {
            let! strategy = readStrategy [] parsed tokenizer

            return! Strategy.sampling (Tokenizer.vocabSize tokenizer) strategy |> Options.asOption parsed
        }
