namespace Gpt.Cli

open System
open System.CommandLine
open System.IO
open System.Text.Json
open Gpt

/// `gpt download`: a model from the Hugging Face Hub into the cache.
[<RequireQualifiedAccess>]
module DownloadCommand =

    let private name =
        Argument<string>("NAME", Description = "repository of a GPT-2 model, such as openai-community/gpt2")

    let private revision = Options.withDefault "--revision" "branch, tag or commit" "main"

    let private cache: Option<string> =
        Options.optional "--cache" "cache folder; HF_HUB_CACHE or HF_HOME unless given"

    let private json = Options.json ()

    let private size (bytes: int64) =
        if bytes < 1_000_000L then
            $"{float bytes / 1e3:N1} kB"
        else
            $"{float bytes / 1e6:N1} MB"

    /// One line about a file that is coming.
    let private line (file: string) (received: int64) (whole: int64 option) =
        match whole with
        | Some whole when whole > 0L -> $"{file}  {size received} of {size whole}, {100L * received / whole} %%"
        | _ -> $"{file}  {size received}"

    /// Shows what happens: on a terminal a line that changes, in a pipe a line for each file that is done.
    let private show (event: HubEvent) : unit =
        let inPlace (text: string) = Console.Error.Write $"\r\u001b[K{text}"

        match event with
        | HubEvent.Receiving(file, received, whole) when whole = Some received ->
            if Screen.isWatched () then
                inPlace ""

            Screen.note $"{file}  {size received}"
        | HubEvent.Receiving(file, received, whole) when Screen.isWatched () -> inPlace (line file received whole)
        | HubEvent.Receiving _ -> ()
        | HubEvent.Waiting(reason, time) -> Screen.note $"{reason}; waiting {time.TotalSeconds:N0} s"
        | HubEvent.Sharing file -> Screen.note $"{file}  another process is downloading it; waiting"

    let private print (asJson: bool) (name: string) (revision: string) (folder: string) =
        if asJson then
            {|
                repository = name
                revision = revision
                commit = Path.GetFileName folder
                folder = folder
                files = Directory.GetFiles folder |> Array.map Path.GetFileName |> Array.sort
            |}
            |> JsonSerializer.Serialize
            |> printfn "%s"
        else
            printfn "%s" folder

    let private run (parsed: ParseResult) : Result<int, Problem> =
        result {
            let name, revision = parsed.GetRequiredValue name, parsed.GetRequiredValue revision
            do! HubNames.checkRepo name |> Problem.usage
            do! HubNames.checkRevision revision |> Problem.usage
            let settings = Hub.settings (Environment.GetEnvironmentVariable >> Option.ofObj)

            let! folder =
                Hub.snapshot
                    {
                        settings with
                            Cache = Options.given parsed cache |> Option.defaultValue settings.Cache
                            Progress = show
                    }
                    name
                    revision
                    Hub.gpt2
                |> Problem.failed

            print (parsed.GetRequiredValue json) name revision (Path.GetFullPath folder)
            return Problem.codes.Done
        }

    /// The command, for `Program`.
    let create () : Command =
        let command =
            Options.command
                "download"
                "Download a model from the Hugging Face Hub and print its folder."
                [ revision; cache; json ]
                run

        command.Arguments.Add name
        command
