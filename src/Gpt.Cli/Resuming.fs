namespace Gpt.Cli

open System.CommandLine
open Gpt

/// A training run that was saved, and is gone on with by its own options.
type Resuming = {
    Folder: string
    Tokenizer: Tokenizer
    /// The sizes of its model.
    Config: GptConfig
    Run: SavedRun
}

/// The options of `gpt train` that save a run and go on with it, and what they refuse.
[<RequireQualifiedAccess>]
module Resuming =

    /// Where the run is.
    let resume: Option<string> =
        Options.optional
            "--resume"
            "a folder that --save-every has left: go on with its run, which has its own options, on the same --data"
        |> Options.notEmpty

    /// After how many steps each a run is saved.
    let saveEvery: Option<int> =
        Options.optional
            "--save-every"
            "steps between saves of the whole run, for --resume, which Ctrl-C and the end save too; unless given the model alone is saved, and a resumed run at each evaluation"

    /// An option that says otherwise than the run: its name, and what the run has.
    let claim (parsed: ParseResult) (option: Option<'a>) (saved: 'a) : (string * string) option =
        match Options.given parsed option with
        | Some value when value <> saved ->
            let own =
                match box saved with
                | :? bool as isOn -> if isOn then option.Name else $"no {option.Name}"
                | _ -> $"{option.Name} {saved}"

            Some(option.Name, own)
        | _ -> None

    /// The options of the sizes that say otherwise than a run of windows of so many tokens.
    let claimSizes (parsed: ParseResult) (sizes: SizeOptions) (config: GptConfig) (window: int) =
        let isSame (asked: GptConfig) =
            (asked.Layers, asked.Dim, asked.Heads) = (config.Layers, config.Dim, config.Heads)

        let preset =
            match Options.given parsed sizes.Preset, SizeOptions.read parsed sizes id with
            | Some _, Ok asked when isSame asked -> None
            | Some _, _ ->
                Some(sizes.Preset.Name, $"{config.Layers} layers of width {config.Dim} with {config.Heads} heads")
            | None, _ -> None

        [
            preset
            claim parsed sizes.Dim config.Dim
            claim parsed sizes.Heads config.Heads
            claim parsed sizes.Layers config.Layers
            claim parsed sizes.Context window
            claim parsed sizes.Dropout config.Dropout
        ]

    /// The options of the learning rate, highest, at the end and the steps until the highest, that say otherwise than a schedule.
    let claimSchedule (parsed: ParseResult) rate minimum warmup (schedule: Schedule) =
        let highest, last, rising =
            match schedule with
            | Constant rate -> rate, rate, 0
            | Cosine(rate, minimum, _) -> rate, minimum, 0
            | WarmupCosine(rate, minimum, warmup, _) -> rate, minimum, warmup

        [
            claim parsed rate highest
            claim parsed minimum last
            claim parsed warmup rising
        ]

    /// Refuses options that say otherwise than the run, all of them in one sentence.
    let refuse (folder: string) (claims: (string * string) option list) : Result<unit, Problem> =
        match List.choose id claims with
        | [] -> Ok()
        | claims ->
            let verb = if claims.Length = 1 then "contradicts" else "contradict"
            let names = claims |> List.map fst |> String.concat ", "
            let own = claims |> List.map snd |> String.concat ", "
            Error(Usage $"{names} {verb} the run in {folder}, which has {own}")

    let private load (folder: string) : Result<Resuming, Problem> =
        result {
            let! config, run = TrainingCheckpoint.loadRun folder |> Problem.failed

            if run.Step = run.Options.Steps then
                return!
                    Error(
                        Failed
                            $"the run in {folder} has made all its {run.Step} steps; `gpt train --from {folder}` trains its model further"
                    )
            else
                let! tokenizer = TokenizerFiles.read folder |> Problem.failed

                return {
                    Folder = folder
                    Tokenizer = tokenizer
                    Config = config
                    Run = run
                }
        }

    /// The run that --resume asks for, if it is given. The weights are not read yet.
    let read (parsed: ParseResult) : Result<Resuming option, Problem> =
        let another = FineTuning.options |> List.tryFind (parsed.GetResult >> isNull >> not)

        match Options.given parsed resume, another with
        | None, _ -> Ok None
        | Some _, Some option -> Error(Usage $"{option.Name} contradicts --resume: the run goes on with its own model")
        | Some folder, None -> load folder |> Result.map Some

    /// After how many steps each the run is saved, if it is.
    let saves
        (parsed: ParseResult)
        (from: FineTuning option)
        (resuming: Resuming option)
        : Result<int option, Problem> =
        match Options.given parsed saveEvery with
        | Some count when count < 1 -> Error(Usage $"{saveEvery.Name} is {count}; it must be at least 1")
        | Some _ when from |> Option.bind _.Lora |> Option.isSome ->
            Error(
                Usage $"{saveEvery.Name} contradicts --lora-rank: a run of adapters cannot be saved to be gone on with"
            )
        | Some count -> Ok(Some count)
        | None -> resuming |> Option.map _.Run.Options.EvaluateEvery |> Ok

    /// The corpus, if a run that is gone on with began with the same.
    let checkText
        (name: string)
        (resuming: Resuming option)
        (corpus: Result<Corpus, string>)
        : Result<Corpus, Problem> =
        match resuming with
        | None -> corpus |> Result.mapError (fun sentence -> Failed $"{name}: {sentence}")
        | Some resuming ->
            corpus
            |> Result.bind (fun corpus ->
                TrainingCheckpoint.checkCorpus corpus resuming.Run |> Result.map (fun () -> corpus))
            |> Result.mapError (fun sentence -> Usage $"--data is {name}: {sentence}")
