namespace Gpt.Cli

open System
open System.CommandLine
open System.Text.Json.Nodes
open Gpt

/// `gpt generate`: text from a checkpoint, token by token or by a beam search.
[<RequireQualifiedAccess>]
module GenerateCommand =

    let private isJson (parsed: ParseResult) = parsed.GetRequiredValue GenerateOptions.prompt.Json
    let private rng (parsed: ParseResult) = PromptOptions.rng parsed GenerateOptions.prompt

    let private reasonName (reason: FinishReason) =
        match reason with
        | Length -> "length"
        | EndToken -> "eos"
        | StopText
        | Complete -> "stop"

    let private sequence (tokens: int[]) (text: string) (finish: FinishReason) : JsonObject =
        let json = JsonObject()
        json["tokens"] <- Json.list Json.whole tokens
        json["text"] <- text
        json["finishReason"] <- reasonName finish
        json

    let private printSequences (sequences: JsonObject list) (facts: (string * JsonNode) list) : unit =
        let all = sequences |> Json.list (fun sequence -> sequence :> JsonNode)
        Json.print (Json.object (("sequences", all) :: facts))

    /// One text with what was asked about its tokens.
    let private withReports (parsed: ParseResult) (tokens: GeneratedToken list) : JsonObject =
        let completion = (Generate.collect tokens)[0]
        let json = sequence completion.Tokens completion.Text completion.Finish

        if (Options.given parsed GenerateOptions.logProbabilities).IsSome then
            let alternative (candidate: Candidate) =
                Json.object [
                    "token", Json.whole candidate.Id
                    "logProbability", Json.number candidate.LogProbability
                ]

            json["logProbabilities"] <- Json.list Json.number completion.LogProbabilities
            json["alternatives"] <- tokens |> Json.list (_.Alternatives >> Json.list alternative)

        json

    /// Tokens as they come: their text when a person reads, one object in the end when a program does.
    let private tell
        parsed
        (prompted: Prompted)
        (facts: unit -> (string * JsonNode) list)
        (tokens: GeneratedToken seq)
        : unit =
        if isJson parsed then
            let rows = tokens |> Seq.toList |> List.groupBy _.Row |> List.sortBy fst
            let sequences = rows |> List.map (snd >> withReports parsed)
            printSequences sequences (facts ())
        elif parsed.GetRequiredValue GenerateOptions.samples = 1 then
            Console.Out.Write prompted.Prompt

            try
                tokens |> Seq.iter (fun token -> Console.Out.Write token.Text)
            finally
                // What goes wrong on the way is said on a line of its own.
                Console.Out.WriteLine()
        else
            for number, completion in Seq.indexed (Generate.collect tokens) do
                let line = String('=', 40)
                printfn $"===== {number + 1} {line}\n{prompted.Prompt}{completion.Text}"

    /// The best text of a beam search, as far as all beams agree in it, and the rest at its end.
    let private streamBest parsed (prompted: Prompted) (options: BeamOptions) (stages: Stage list) : unit =
        let show (reader: TextStream) (id: int) =
            let struct (piece, _, next) = TextStream.push reader id
            printf "%s" piece
            next

        printf "%s" prompted.Prompt

        let reader =
            Beam.stream options stages (rng parsed) prompted.Model prompted.Ids
            |> Seq.fold show (TextStream.start prompted.Tokenizer [])

        printfn "%s" (TextStream.flush reader)

    let private search (parsed: ParseResult) (prompted: Prompted) (options: BeamOptions) (stages: Stage list) : unit =
        let text (hypothesis: Hypothesis) = Tokenizer.decodePlain prompted.Tokenizer hypothesis.Tokens
        let found () = Beam.search options stages (rng parsed) prompted.Model prompted.Ids

        if isJson parsed then
            let sequences =
                found ()
                |> List.map (fun hypothesis ->
                    let json = sequence hypothesis.Tokens (text hypothesis) hypothesis.Finish
                    json["score"] <- hypothesis.Score
                    json)

            printSequences sequences []
        elif options.Return = 1 then
            streamBest parsed prompted options stages
        else
            for hypothesis in found () do
                let line = String('=', 40)
                printfn $"===== score %.4f{hypothesis.Score} {line}\n{prompted.Prompt}{text hypothesis}"

    let private speculate (parsed: ParseResult) (prompted: Prompted) options sampling speculation : unit =
        let seen = ResizeArray<SpeculativeRound>()

        let tokens =
            Speculative.rounds speculation options sampling (rng parsed) prompted.Model prompted.Ids
            |> Seq.collect (fun round ->
                seen.Add round
                round.Tokens)

        let facts () : (string * JsonNode) list = [
            "acceptanceRate", JsonValue.Create(Speculative.acceptanceRate seen)
            "passes", JsonValue.Create seen.Count
        ]

        tell parsed prompted facts tokens

        if not (isJson parsed) then
            let share = 100.0 * Speculative.acceptanceRate seen
            let tokens = seen |> Seq.sumBy _.Tokens.Length
            Screen.note $"%.0f{share}%% of the guesses stand; {tokens} tokens in {seen.Count} passes"

    let private guessBy parsed (prompted: Prompted) options sampling (drafter: Drafter) : Result<unit, Problem> =
        result {
            let! guesses = Options.atLeastOne GenerateOptions.guesses parsed

            let! speculation =
                SpeculativeOptions.validate prompted.Model {
                    Drafter = drafter
                    DraftTokens = guesses
                }
                |> Problem.usage

            return speculate parsed prompted options sampling speculation
        }

    let private write (parsed: ParseResult) (prompted: Prompted) : Result<unit, Problem> =
        let given option = Options.given parsed option

        result {
            let! sampling = StrategyOptions.read parsed prompted.Tokenizer
            let! options = GenerateOptions.read parsed prompted

            match given GenerateOptions.beams, given GenerateOptions.draft, given GenerateOptions.lookup with
            | Some beams, _, _ ->
                let! options = GenerateOptions.beamOptions parsed prompted beams

                return!
                    try
                        Ok(search parsed prompted options sampling.Stages)
                    // Only the search can find out that the options leave no text at all.
                    with :? InvalidOperationException as e ->
                        Error(Usage e.Message)
            | _, Some _, _ ->
                let! folder = HubScreen.folder parsed GenerateOptions.draft

                let! draft =
                    Checkpoint.loadModelAs prompted.Model.WeightType (Model.device prompted.Model) folder
                    |> Problem.failed

                use draft = draft
                return! guessBy parsed prompted options sampling (DraftModel draft)
            | _, _, Some longest -> return! guessBy parsed prompted options sampling (PromptLookup longest)
            | _ ->
                let samples = parsed.GetRequiredValue GenerateOptions.samples

                return
                    (if samples = 1 then
                         Generate.stream options sampling (rng parsed) prompted.Model prompted.Ids
                     else
                         Generate.samples options sampling (rng parsed) samples prompted.Model prompted.Ids)
                    |> tell parsed prompted (fun () -> [])
        }

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            // What can be said without a model is said without one.
            do! GenerateOptions.requireConsistent parsed
            do! StrategyOptions.check parsed
            let! _ = Options.atLeastOne GenerateOptions.count parsed
            let! _ = Options.atLeastOne GenerateOptions.samples parsed
            let! _ = Options.upTo Options.mostBeams GenerateOptions.beams parsed
            let! _ = GenerateOptions.earlyStopping parsed
            use! prompted = PromptOptions.read parsed GenerateOptions.prompt
            let model = prompted.Model
            Options.sayEngine (Model.device model) (string model.WeightType)
            do! write parsed prompted
            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command = Options.command "generate" "Write text with a trained model." GenerateOptions.all run
