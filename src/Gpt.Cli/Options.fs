namespace Gpt.Cli

open System
open System.CommandLine
open System.CommandLine.Parsing
open System.Globalization
open System.IO
open System.Runtime.InteropServices
open Gpt

/// The options that several commands share, each made once a command.
[<RequireQualifiedAccess>]
module Options =

    /// A number with a decimal point, wherever the user lives; a comma, which may be meant for one, is not skipped.
    let parseNumber (word: string) : float option =
        match Double.TryParse(word, NumberStyles.Float, CultureInfo.InvariantCulture) with
        | true, value -> Some value
        | _ -> None

    /// The parser's own reading of numbers skips commas. `Mistakes` says what is wrong with the word.
    let private readNumber (result: ArgumentResult) : float =
        match result.Tokens |> Seq.tryHead |> Option.bind (fun token -> parseNumber token.Value) with
        | Some value -> value
        | None ->
            result.AddError "not a number"
            nan

    let private readingNumbers (option: Option<'a>) : Option<'a> =
        match box option with
        | :? Option<float> as number -> number.CustomParser <- Func<ArgumentResult, float> readNumber
        | _ -> ()

        option

    /// An option with a default, which the help shows.
    let withDefault (name: string) (description: string) (value: 'a) : Option<'a> =
        Option<'a>(name, Description = description, DefaultValueFactory = (fun _ -> value))
        |> readingNumbers

    /// An option that may be left out.
    let optional (name: string) (description: string) : Option<'a> =
        Option<'a>(name, Description = description) |> readingNumbers

    /// The same option, refused where it is empty, as a path is that a shell takes from a variable without a value.
    let notEmpty (option: Option<string>) : Option<string> =
        option.Validators.Add(fun result ->
            if result.Tokens |> Seq.exists (fun token -> token.Value = "") then
                result.AddError "empty")

        option

    /// A switch: there or not.
    let flag (name: string) (description: string) : Option<bool> = Option<bool>(name, Description = description)

    /// Runs a command's work and turns what went wrong into one line on standard error and an exit code.
    let private carryOut (work: ParseResult -> Result<int, Problem>) (parsed: ParseResult) : int =
        let report (sentence: string) (code: int) =
            Screen.note $"gpt: {sentence}"
            code

        try
            match work parsed with
            | Ok code -> code
            | Error(Usage sentence) -> report sentence Problem.codes.Usage
            | Error(Failed sentence) -> report sentence Problem.codes.Failed
        with
        | :? IOException
        | :? UnauthorizedAccessException
        | :? OutOfMemoryException as e -> report e.Message Problem.codes.Failed
        // TorchSharp's first call, when its native library cannot be loaded; its own message is a page of what it tried.
        | :? TypeInitializationException ->
            report $"{Device.engine} cannot be loaded; `gpt doctor` says what is missing" Problem.codes.Failed
        // What options ask for together and a model cannot do, such as to choose where every token is ruled out: the arguments
        // were wrong, though only the library could tell. .NET adds the name of its parameter.
        | :? ArgumentException as e ->
            report (e.Message.Split([| " (Parameter"; "\n" |], StringSplitOptions.None)[0]) Problem.codes.Usage
        // What libtorch throws: the first line says what, the others where in its sources.
        | :? ExternalException as e -> report (e.Message.Split('\n')[0]) Problem.codes.Failed

    /// A command with its options and its work.
    let command name description (options: Option list) (work: ParseResult -> Result<int, Problem>) : Command =
        let command = Command(name, description)
        options |> List.iter command.Options.Add
        command.SetAction(carryOut work: ParseResult -> int)
        command

    /// What was given for an option, if it was given.
    let given (parsed: ParseResult) (option: Option<'a>) : 'a option =
        match parsed.GetResult option with
        | null -> None
        | found when found.Implicit -> None
        | _ -> Some(parsed.GetRequiredValue option)

    /// The first of the options that is given.
    let firstGiven (parsed: ParseResult) (options: Option list) : Option option =
        options
        |> List.tryFind (fun option ->
            match parsed.GetResult option with
            | null -> false
            | found -> not found.Implicit)

    /// Refuses options that would do nothing, for a reason such as "without --json".
    let requireNone (parsed: ParseResult) (reason: string) (options: Option list) : Result<unit, Problem> =
        match firstGiven parsed options with
        | Some option -> Error(Usage $"{option.Name} does nothing {reason}; leave it out")
        | None -> Ok()

    /// The value of an option that must be at least 1.
    let atLeastOne (option: Option<int>) (parsed: ParseResult) : Result<int, Problem> =
        match parsed.GetRequiredValue option with
        | count when count >= 1 -> Ok count
        | count -> Error(Usage $"{option.Name} is {count}; it must be at least 1")

    /// The value of an option that must be in 1 to `most`, if it is given.
    let upTo (most: int) (option: Option<int>) (parsed: ParseResult) : Result<int option, Problem> =
        match given parsed option with
        | Some count when count < 1 || count > most ->
            Error(Usage $"{option.Name} is {count}; it must be in 1 to {most:N0}")
        | count -> Ok count

    /// Each beam is a text of its own, with its own memory: nobody searches with more.
    let mostBeams = 1000

    let device () = withDefault "--device" "where to compute: auto, cpu, cuda or cuda:N" "auto"

    let dtype () = withDefault "--dtype" "what the weights are kept in: float32, bfloat16 or int8" "float32"

    /// Says once where a command computes, by what and in what.
    let sayEngine (device: TorchSharp.torch.Device) (precision: string) : unit =
        Screen.note $"engine      {Device.engine} on {device}, {precision}"

    /// A sentence of the library that begins with a setting, as many do, begins with the name of its option where there is one.
    let asOption (parsed: ParseResult) (result: Result<'a, string>) : Result<'a, Problem> =
        let named (sentence: string) =
            let name = "--" + sentence.Split(' ', ':')[0]

            if parsed.CommandResult.Command.Options |> Seq.exists (fun option -> option.Name = name) then
                "--" + sentence
            else
                sentence

        result |> Result.mapError (named >> Usage)

    /// The device of a name. It may be the first that is asked of TorchSharp, whose own words are not for standard output.
    let deviceCalled (name: string) : Result<TorchSharp.torch.Device, string> =
        Screen.silently (fun () -> Device.parse name)

    /// What `device` says.
    let deviceOf (parsed: ParseResult) (option: Option<string>) : Result<TorchSharp.torch.Device, Problem> =
        deviceCalled (parsed.GetRequiredValue option) |> asOption parsed

    /// What `dtype` says.
    let weights (parsed: ParseResult) (option: Option<string>) : Result<WeightType, Problem> =
        Quantize.parse (parsed.GetRequiredValue option) |> asOption parsed

    let threads () : Option<int> = optional "--threads" "how many CPU threads to use; all cores unless given"

    let seed () = withDefault "--seed" "decides everything that chance decides" 1337L

    let json () = flag "--json" "print the answer as JSON"

    /// Where `train` leaves a checkpoint.
    let checkpointFolder = "runs/shakespeare"

    /// The folder of runs, of which the newest is the model when none is named.
    let private runs = "runs"

    /// The model to work with.
    let model () : Option<string> =
        optional
            "--model"
            $"checkpoint folder, or a model of the Hugging Face Hub such as gpt2; the newest in {runs} unless given"
        |> notEmpty

    /// The checkpoint in the folder of runs whose model was written last.
    let newestCheckpoint (option: Option<string>) : Result<string, Problem> =
        let isCheckpoint (folder: string) = File.Exists(Path.Combine(folder, "config.json"))
        let written (folder: string) = File.GetLastWriteTimeUtc(Path.Combine(folder, "config.json"))

        let found =
            if Directory.Exists runs then
                Directory.GetDirectories runs |> Array.filter isCheckpoint |> Array.sortByDescending written
            else
                [||]

        match List.ofArray found with
        | [] -> Error(Failed $"there is no model in {runs}; make one with `gpt train`, or name one with {option.Name}")
        | [ only ] -> Ok only
        | newest :: _ ->
            Screen.note $"model       {newest}, the newest in {runs}"
            Ok newest

    /// Refuses an --out that is the folder an option names: a model that is written over its source is lost if it turns out badly,
    /// and a run can no longer be gone on with.
    let refuseOverwriting (option: Option<string>) (folder: string) (out: string) : Result<unit, Problem> =
        let whole (path: string) = Path.TrimEndingDirectorySeparator(Path.GetFullPath path)

        if whole folder = whole out then
            Error(Usage $"--out is {out}, the folder of {option.Name}; name another")
        else
            Ok()

    /// About as many as the largest machines have processors. Far more are of no use to anybody: on two processors a step of `gpt bench
    /// train --batch 8` took 60 ms with 2 threads and 2 s with 1,024, and one with 10,000 did not end within a minute.
    let private mostThreads = 1024

    /// Sets the number of threads.
    let useThreads (threads: int option) : Result<unit, Problem> =
        match threads with
        | Some count when count < 1 || count > mostThreads ->
            Error(Usage $"--threads is {count}; it must be in 1 to {mostThreads:N0}")
        | Some count -> Ok(TorchSharp.torch.set_num_threads count)
        | None -> Ok()

/// The sizes of a model, as options over a preset.
type SizeOptions = {
    Preset: Option<string>
    Dim: Option<int>
    Heads: Option<int>
    Layers: Option<int>
    Context: Option<int>
    Vocab: Option<int>
    Dropout: Option<float>
}

[<RequireQualifiedAccess>]
module SizeOptions =

    let create (preset: string) : SizeOptions =
        let names = GptConfig.presets |> List.map fst |> String.concat ", "

        {
            Preset = Options.withDefault "--preset" $"sizes to start from: {names}" preset
            Dim = Options.optional "--dim" "width of the residual stream"
            Heads = Options.optional "--heads" "attention heads; they divide the width"
            Layers = Options.optional "--layers" "number of blocks"
            Context = Options.optional "--context" "longest sequence, in tokens"
            Vocab = Options.optional "--vocab" "number of different tokens"
            Dropout = Options.optional "--dropout" "chance that a value is dropped in training"
        }

    /// The options in the order of the help; the vocabulary's size is for commands that have no text to take it from.
    let all (sizes: SizeOptions) : Option list = [
        sizes.Preset
        sizes.Dim
        sizes.Heads
        sizes.Layers
        sizes.Context
        sizes.Dropout
    ]

    /// The preset with what was given put over it, changed by `adjust`, and validated.
    let read
        (parsed: ParseResult)
        (sizes: SizeOptions)
        (defaults: GptConfig -> GptConfig)
        : Result<GptConfig, Problem> =
        let given option fallback = Options.given parsed option |> Option.defaultValue fallback

        GptConfig.preset (parsed.GetRequiredValue sizes.Preset)
        |> Result.map defaults
        |> Result.map (fun preset ->
            let dim = given sizes.Dim preset.Dim

            {
                preset with
                    Dim = dim
                    FeedForward = 4 * dim
                    Heads = given sizes.Heads preset.Heads
                    Layers = given sizes.Layers preset.Layers
                    Context = given sizes.Context preset.Context
                    VocabSize = given sizes.Vocab preset.VocabSize
                    Dropout = given sizes.Dropout preset.Dropout
            })
        |> Result.bind GptConfig.validate
        |> Problem.usage
