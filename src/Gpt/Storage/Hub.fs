namespace Gpt

open System
open System.IO
open System.Text.Json

/// What a program needs of a repository.
[<RequireQualifiedAccess>]
type HubNeed =
    /// This file.
    | File of string
    /// The JSON file and every file that its `weight_map` names: a model in shards.
    | Index of string
    /// This, if it is there.
    | Optional of HubNeed
    /// Each of these.
    | All of HubNeed list
    /// The first of these that is all there.
    | FirstOf of HubNeed list

/// Models from the Hugging Face Hub, kept in the cache that Python's huggingface_hub keeps (`HubCache`). A file of the cache is
/// whole or not there; a snapshot and its ref appear when all that was asked for is there. Nothing that comes is executed.
///
///     let settings = Hub.settings (Environment.GetEnvironmentVariable >> Option.ofObj)
///     Hub.snapshot settings "openai-community/gpt2" "main" Hub.gpt2    // Ok "…/snapshots/607a30d7…"
[<RequireQualifiedAccess>]
module Hub =

    /// What a GPT-2 is made of: its sizes, its weights in one of three forms, its tokenizer in one of two.
    let gpt2: HubNeed list = [
        HubNeed.File "config.json"
        HubNeed.Optional(HubNeed.File "generation_config.json")
        HubNeed.FirstOf [
            HubNeed.File "model.safetensors"
            HubNeed.Index "model.safetensors.index.json"
            HubNeed.File "pytorch_model.bin"
        ]
        HubNeed.FirstOf [
            HubNeed.File "tokenizer.json"
            HubNeed.All [ HubNeed.File "vocab.json"; HubNeed.File "merges.txt" ]
        ]
        HubNeed.Optional(HubNeed.File "tokenizer_config.json")
    ]

    /// Settings as the environment has them, in which `variable` looks a name up; see `HubSettings.fromEnvironment`.
    let settings (variable: string -> string option) : HubSettings = HubSettings.fromEnvironment variable

    /// A file that is in the cache already, or one that can be downloaded.
    type private Found =
        | Cached of name: string * path: string
        | Remote of HubEntry

    /// A revision that has become a commit, and why the server is not asked about it, if it is not.
    type private Pin = {
        Repo: string
        Revision: string
        Commit: string
        First: HubEntry option
        Alone: string option
    }

    /// The work for each item, one after the other, up to the first that fails.
    let rec private each (work: 'a -> Result<'b, 'e>) (items: 'a list) : Result<'b list, 'e> =
        match items with
        | [] -> Ok []
        | first :: rest ->
            work first |> Result.bind (fun head -> each work rest |> Result.map (fun tail -> head :: tail))

    let rec private firstFile (need: HubNeed) : string option =
        match need with
        | HubNeed.File name
        | HubNeed.Index name -> Some name
        | HubNeed.Optional need -> firstFile need
        | HubNeed.All needs
        | HubNeed.FirstOf needs -> List.tryPick firstFile needs

    let rec private describe (need: HubNeed) : string =
        match need with
        | HubNeed.File name -> name
        | HubNeed.Index name -> $"{name} with its shards"
        | HubNeed.Optional need -> describe need
        | HubNeed.All needs -> needs |> List.map describe |> String.concat " with "
        | HubNeed.FirstOf needs -> needs |> List.map describe |> String.concat ", nor "

    let private ask (settings: HubSettings) (retries: int) (file: HubFile) =
        HubRequest.retrying { settings with Retries = retries } (fun () -> 0L) (fun () ->
            HubRequest.describe settings file)

    /// A file of the commit, or None when it has none of that name.
    let private find (settings: HubSettings) (pin: Pin) (name: string) : Result<Found option, string> =
        let askServer () =
            ask settings settings.Retries {
                Repo = pin.Repo
                Revision = pin.Commit
                Name = name
            }

        HubNames.checkFile name
        |> Result.bind (fun () ->
            match HubCache.tryFile settings.Cache pin.Repo pin.Commit name, pin.First with
            | Some path, _ -> Ok(Some(Cached(name, path)))
            | None, Some first when first.File.Name = name -> Ok(Some(Remote first))
            | None, _ when pin.Alone.IsSome -> Ok None
            | None, _ ->
                match askServer () with
                | Ok entry -> Ok(Some(Remote entry))
                | Error(Absent _) -> Ok None
                | Error(Passing(reason, _))
                | Error(Unreachable reason) ->
                    Error $"{reason}, and {pin.Repo}/{name} is not in the cache {settings.Cache}"
                | Error(Refused sentence) -> Error sentence)

    let private download (settings: HubSettings) (found: Found) : Result<string, string> =
        match found with
        | Cached(_, path) -> Ok path
        | Remote entry -> HubDownload.blob settings entry |> Result.mapError HubRequest.sentence

    /// The files that the `weight_map` of an index names. Their names are the file's word: `find` looks at them first.
    let private shards (name: string) (path: string) : Result<string list, string> =
        try
            use document = JsonDocument.Parse(File.ReadAllText path)

            document.RootElement.GetProperty("weight_map").EnumerateObject()
            |> Seq.map (fun weight -> weight.Value.GetString() |> string)
            |> Seq.distinct
            |> List.ofSeq
            |> Ok
        with
        | :? JsonException
        | :? InvalidOperationException
        | :? Collections.Generic.KeyNotFoundException ->
            Error $"{name} is no index of shards: it must be JSON with a weight_map from tensors to files"

    /// The files that fulfil a need, or None when they are not all there.
    let rec private resolve settings pin (need: HubNeed) : Result<Found list option, string> =
        match need with
        | HubNeed.File name -> find settings pin name |> Result.map (Option.map List.singleton)
        | HubNeed.Optional need -> resolve settings pin need |> Result.map (Option.defaultValue [] >> Some)
        | HubNeed.All needs ->
            each (resolve settings pin) needs
            |> Result.map (fun found ->
                if List.forall Option.isSome found then
                    Some(found |> List.choose id |> List.concat)
                else
                    None)
        | HubNeed.FirstOf needs ->
            match needs with
            | [] -> Ok None
            | first :: rest ->
                match resolve settings pin first with
                | Ok None -> resolve settings pin (HubNeed.FirstOf rest)
                | result -> result
        | HubNeed.Index name ->
            match find settings pin name with
            | Error sentence -> Error sentence
            | Ok None -> Ok None
            | Ok(Some index) ->
                download settings index
                |> Result.bind (shards name)
                |> Result.bind (fun names -> resolve settings pin (HubNeed.All(List.map HubNeed.File names)))
                |> Result.map (Option.map (fun found -> index :: found))

    let private required settings (pin: Pin) (need: HubNeed) : Result<Found list, string> =
        match resolve settings pin need, pin.Alone with
        | Ok(Some found), _ -> Ok found
        | Ok None, None -> Error $"{pin.Repo} at revision {pin.Revision} has no {describe need}"
        | Ok None, Some reason ->
            Error $"{reason}, and the cache {settings.Cache} has no {describe need} of {pin.Repo} at {pin.Revision}"
        | Error sentence, _ -> Error sentence

    /// Whether a commit's files in the cache are all that is needed.
    let private isWhole settings (pin: Pin) (needs: HubNeed list) : bool =
        match each (required settings { pin with Alone = Some "" }) needs with
        | Ok _ -> true
        | Error _ -> false

    /// The commit of a revision, from the server, or from the cache when there is no asking or no answer.
    let private pin (settings: HubSettings) repo revision (needs: HubNeed list) : Result<Pin, string> =
        let place = $"{repo} at revision {revision}"
        let known = HubCache.tryCommit settings.Cache repo revision

        let pinned commit first alone = {
            Repo = repo
            Revision = revision
            Commit = commit
            First = first
            Alone = alone
        }

        let fromServer () =
            let whole = known |> Option.filter (fun commit -> isWhole settings (pinned commit None None) needs)
            // Who has something to go on with need not wait.
            let retries = if whole.IsSome then 0 else settings.Retries

            let asked = {
                Repo = repo
                Revision = revision
                Name = List.tryPick firstFile needs |> Option.defaultValue "config.json"
            }

            match ask settings retries asked, whole with
            | Ok entry, _ -> Ok(pinned entry.Commit (Some entry) None)
            | Error(Absent(_, Some commit)), _ when HubNames.isCommit commit -> Ok(pinned commit None None)
            | Error(Passing(reason, _)), Some commit
            | Error(Unreachable reason), Some commit -> Ok(pinned commit None (Some reason))
            | Error(Passing(reason, _)), None
            | Error(Unreachable reason), None ->
                Error $"{reason}, and {place} is not in the cache {settings.Cache}; try again when there is a network"
            | Error failure, _ -> Error(HubRequest.sentence failure)

        match settings.Offline, known with
        | true, Some commit -> Ok(pinned commit None (Some "HF_HUB_OFFLINE is set"))
        | true, None ->
            Error
                $"HF_HUB_OFFLINE is set, and {place} is not in the cache {settings.Cache}; unset it to download, or check HF_HOME and HF_HUB_CACHE"
        | false, Some commit when HubNames.isCommit revision -> Ok(pinned commit None None)
        | false, _ -> fromServer ()

    let private bytesToCome (found: Found) : int64 =
        match found with
        | Cached _ -> 0L
        | Remote entry -> Option.defaultValue 0L entry.Size

    /// Everything that was found becomes part of the snapshot, once all of it has been downloaded. The largest file comes
    /// first: it is the likeliest to fail, and then nothing else has been written.
    let private complete (settings: HubSettings) (pin: Pin) (found: Found list) : Result<unit, string> =
        found
        |> List.sortByDescending bytesToCome
        |> each (download settings)
        |> Result.map (fun _ ->
            for file in found do
                match file with
                | Cached _ -> ()
                | Remote entry -> HubCache.link settings.Cache pin.Repo pin.Commit entry.File.Name entry.Etag

            if pin.Alone.IsNone then
                HubCache.writeRef settings.Cache pin.Repo pin.Revision pin.Commit)

    let private guarded (settings: HubSettings) (work: unit -> Result<'a, string>) : Result<'a, string> =
        try
            work ()
        with
        | :? IOException
        | :? UnauthorizedAccessException as problem ->
            Error $"the cache folder {settings.Cache} cannot be used ({problem.Message}); set HF_HUB_CACHE to another"

    /// The folder of a revision's snapshot with all files that are needed in it, downloaded where the cache lacks them. A
    /// branch is asked for at the server each time; without an answer the cache serves what it was last. The error is one
    /// sentence; the cache is as before then, but for whole blobs and the beginning of a download that was cut, which the
    /// next try continues.
    let snapshot
        (settings: HubSettings)
        (repo: string)
        (revision: string)
        (needs: HubNeed list)
        : Result<string, string> =
        let checkToken () =
            match settings.Token with
            | Some token when token |> Seq.exists (fun c -> c <= ' ' || c > '~') ->
                Error "HF_TOKEN holds a space or another character that no token has; set it to the token alone"
            | _ -> Ok()

        HubNames.checkRepo repo
        |> Result.bind (fun () -> HubNames.checkRevision revision)
        |> Result.bind (fun () -> List.choose firstFile needs |> each HubNames.checkFile)
        |> Result.bind (fun _ -> checkToken ())
        |> Result.bind (fun () ->
            guarded settings (fun () ->
                pin settings repo revision needs
                |> Result.bind (fun pin ->
                    each (required settings pin) needs
                    |> Result.bind (List.concat >> complete settings pin)
                    |> Result.map (fun () -> HubCache.snapshot settings.Cache repo pin.Commit))))

    /// The path of one file of a revision, downloaded if the cache lacks it; otherwise as `snapshot`.
    let file (settings: HubSettings) (repo: string) (revision: string) (name: string) : Result<string, string> =
        snapshot settings repo revision [ HubNeed.File name ]
        |> Result.map (fun folder -> Path.Combine(folder, name))

    /// The path of one file, or None when the repository has no file of that name.
    let optionalFile settings (repo: string) (revision: string) (name: string) : Result<string option, string> =
        snapshot settings repo revision [ HubNeed.Optional(HubNeed.File name) ]
        |> Result.map (fun folder -> Some(Path.Combine(folder, name)) |> Option.filter File.Exists)
