namespace Gpt.Cli

open System.CommandLine
open Gpt

/// The options of `gpt generate` beside those of `StrategyOptions`, and what they ask for.
[<RequireQualifiedAccess>]
module GenerateOptions =

    let prompt = PromptOptions.create ()
    let count = Options.withDefault "--max-new-tokens" "how many tokens to write at most" 300

    let private least =
        Options.withDefault "--min-new-tokens" "how many tokens to write before an end token" 0

    let samples = Options.withDefault "--samples" "how many texts to write" 1

    let private eos: Option<string> =
        Options.optional "--eos" "the token id that ends a text, or none; the tokenizer's <|endoftext|> unless given"

    let private stops: Option<string[]> =
        Options.optional "--stop" "a text that ends the text, not shown; may be given several times"

    let logProbabilities: Option<int> =
        Options.optional "--log-probs" "with --json: log-probabilities of the tokens and of so many alternatives"

    let private guidance: Option<float> =
        Options.optional "--guidance-scale" "above 1, follow the prompt more than --negative-prompt"

    let private negative: Option<string> =
        Options.optional "--negative-prompt" "what to lead away from; the prompt's last token unless given"

    let beams: Option<int> = Options.optional "--beams" "beam search with so many beams"

    let private lengthPenalty: Option<float> =
        Options.optional "--length-penalty" "beam search: above 0 favours long texts; 1 unless given"

    let private early: Option<string> =
        Options.optional "--early-stopping" "beam search: true, false or never; false unless given"

    let returned: Option<int> =
        Options.optional "--return" "beam search: how many texts to return; 1 unless given"

    let private groups: Option<int> =
        Options.optional "--beam-groups" "beam search: groups that search apart; 1 unless given"

    let private diversity: Option<float> =
        Options.optional "--diversity-penalty" "beam search: what groups lose for saying the same; 0 unless given"

    let private beamSample = Options.flag "--beam-sample" "beam search: draw continuations"

    let draft: Option<string> =
        Options.optional "--draft" "checkpoint folder of a smaller model that guesses tokens"
        |> Options.notEmpty

    let lookup: Option<int> =
        Options.optional "--lookup" "guess tokens by what followed the last N tokens before"

    let guesses = Options.withDefault "--draft-tokens" "how many tokens to guess at a time" 4

    let private beamOnly: Option list = [ lengthPenalty; early; returned; groups; diversity; beamSample ]

    /// Refuses options that contradict each other or would do nothing.
    let requireConsistent (parsed: ParseResult) : Result<unit, Problem> =
        let given (option: Option) = (Options.firstGiven parsed [ option ]).IsSome

        result {
            if given beams then
                do!
                    Options.requireNone parsed "with --beams" [
                        samples
                        draft
                        lookup
                        guidance
                        stops
                        logProbabilities
                    ]
            else
                do! Options.requireNone parsed "without --beams" beamOnly

            if given draft && given lookup then
                do! Error(Usage "--draft and --lookup are both given; one of them is right")

            if given draft || given lookup then
                do! Options.requireNone parsed "with --draft or --lookup" [ samples; guidance ]
            else
                do! Options.requireNone parsed "without --draft or --lookup" [ guesses ]

            if not (given guidance) then
                do! Options.requireNone parsed "without --guidance-scale" [ negative ]

            if not (parsed.GetRequiredValue prompt.Json) then
                do! Options.requireNone parsed "without --json" [ logProbabilities ]

            // Chance decides nothing there, unless XTC tosses its coins.
            if not (given StrategyOptions.xtc) then
                if parsed.GetRequiredValue StrategyOptions.greedy then
                    do! Options.requireNone parsed "with --greedy" [ prompt.Seed ]
                elif given beams && not (parsed.GetRequiredValue beamSample) then
                    do! Options.requireNone parsed "with --beams without --beam-sample" [ prompt.Seed ]
        }

    let private endTokens (parsed: ParseResult) (tokenizer: Tokenizer) : Result<int list, Problem> =
        match Options.given parsed eos with
        | None -> Ok(Tokenizer.endOfText tokenizer |> Option.toList)
        | Some "none" -> Ok []
        | Some text -> StrategyOptions.ids eos text

    let private guidanceOf (parsed: ParseResult) (prompted: Prompted) : Result<Guidance option, Problem> =
        match Options.given parsed guidance, Options.given parsed negative with
        | None, _ -> Ok None
        | Some scale, None ->
            Ok(
                Some {
                    Scale = scale
                    Prompt = [| Array.last prompted.Ids |]
                }
            )
        | Some scale, Some text ->
            Tokenizer.encode prompted.Tokenizer text
            |> Result.mapError (fun sentence -> Usage $"--negative-prompt: {sentence}")
            |> Result.map (fun ids -> Some { Scale = scale; Prompt = ids })

    /// When texts end and what is told about them.
    let read (parsed: ParseResult) (prompted: Prompted) : Result<GenerationOptions, Problem> =
        result {
            let! ends = endTokens parsed prompted.Tokenizer
            let! guidance = guidanceOf parsed prompted
            let stops = Options.given parsed stops |> Option.map List.ofArray |> Option.defaultValue []

            if List.contains "" stops then
                do! Error(Usage "--stop is empty; it must hold at least one character")

            return!
                {
                    MaxNewTokens = parsed.GetRequiredValue count
                    MinNewTokens = parsed.GetRequiredValue least
                    EndTokens = ends
                    Reader = Some(TextStream.start prompted.Tokenizer stops)
                    LogProbabilities = Options.given parsed logProbabilities
                    Guidance = guidance
                    Block = None
                }
                |> GenerationOptions.validate prompted.Model.Config.VocabSize
                |> Problem.usage
        }

    /// What `--early-stopping` says.
    let earlyStopping (parsed: ParseResult) : Result<EarlyStopping, Problem> =
        match Options.given parsed early with
        | Some "true" -> Ok AtOnce
        | None
        | Some "false" -> Ok WhenUnlikely
        | Some "never" -> Ok WhenImpossible
        | Some word -> Error(Usage $"--early-stopping is {word}; expected true, false or never")

    /// How the beam search goes.
    let beamOptions (parsed: ParseResult) (prompted: Prompted) (beams: int) : Result<BeamOptions, Problem> =
        let given option fallback = Options.given parsed option |> Option.defaultValue fallback

        result {
            let! early = earlyStopping parsed
            let! ends = endTokens parsed prompted.Tokenizer

            return!
                {
                    Beams = beams
                    LengthPenalty = given lengthPenalty 1.0
                    EarlyStopping = early
                    MaxNewTokens = parsed.GetRequiredValue count
                    MinNewTokens = parsed.GetRequiredValue least
                    EndTokens = ends
                    Return = given returned 1
                    Groups = given groups 1
                    DiversityPenalty = given diversity 0.0
                    Sample = parsed.GetRequiredValue beamSample
                }
                |> BeamOptions.validate prompted.Model.Config.VocabSize
                |> Problem.usage
        }

    /// All options in the order of the help.
    let all: Option list =
        (PromptOptions.before prompt
         @ [ count; least ]
         @ StrategyOptions.options
         @ [ eos; stops; samples; logProbabilities; guidance; negative; beams ]
         @ beamOnly
         @ [ draft; lookup; guesses ]
         @ PromptOptions.after prompt)
