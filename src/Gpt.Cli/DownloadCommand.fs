namespace Gpt.Cli

open System
open System.CommandLine
open System.IO
open Gpt

/// `gpt download`: a model from the Hugging Face Hub into the cache.
[<RequireQualifiedAccess>]
module DownloadCommand =

    let private name =
        Argument<string>("NAME", Description = "repository of a GPT-2 model, such as openai-community/gpt2")

    let private revision = Options.withDefault "--revision" "branch, tag or commit" "main"

    let private cache: Option<string> =
        Options.optional "--cache" "cache folder; HF_HUB_CACHE or HF_HOME unless given" |> Options.notEmpty

    let private json = Options.json ()

    let private print (asJson: bool) (name: string) (revision: string) (folder: string) =
        if asJson then
            let last (path: string) = Path.GetFileName path |> string

            Json.print (
                Json.object [
                    "commit", Json.text (last folder)
                    "files", Directory.GetFiles folder |> Array.map last |> Array.sort |> Json.list Json.text
                    "folder", Json.text folder
                    "repository", Json.text name
                    "revision", Json.text revision
                ]
            )
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
                            Progress = HubScreen.show
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
