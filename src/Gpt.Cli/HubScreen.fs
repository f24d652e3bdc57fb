namespace Gpt.Cli

open System
open System.CommandLine
open System.IO
open Gpt

/// Models that are named: a folder, or a repository of the Hugging Face Hub, and what is seen of a download.
[<RequireQualifiedAccess>]
module HubScreen =

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
    let show (event: HubEvent) : unit =
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

    /// The names by which the Hub knows GPT-2's sizes without an owner.
    let private known = set [ "gpt2"; "gpt2-medium"; "gpt2-large"; "gpt2-xl"; "distilgpt2" ]

    /// The folder of a model that is named: a folder of that path; else, if it is a repository's name (`owner/name`, or one of
    /// GPT-2's), that repository's, downloaded if the cache does not have it.
    let private named (name: string) : Result<string, Problem> =
        let isOwned = name.Split('/').Length = 2 && not (name.StartsWith '.' || name.StartsWith '/')

        if not (Directory.Exists name) && (isOwned || known.Contains name) then
            let settings = Hub.settings (Environment.GetEnvironmentVariable >> Option.ofObj)

            HuggingFace.folder { settings with Progress = show } "main" name
            |> Result.mapError (fun sentence -> $"there is no folder {name}; {sentence}")
            |> Problem.failed
        else
            Ok name

    /// The folder of the model that an option names, or the newest checkpoint that `gpt train` left.
    let folder (parsed: ParseResult) (option: Option<string>) : Result<string, Problem> =
        match Options.given parsed option with
        | Some name -> named name
        | None -> Options.newestCheckpoint option
