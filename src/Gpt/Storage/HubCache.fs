namespace Gpt

open System
open System.IO
open System.Text

/// Where files of the Hub lie on this machine. The layout is that of Python's huggingface_hub, which shares the folder:
///
///     models--owner--name/blobs/ETAG                  contents, named by their hash
///     models--owner--name/blobs/ETAG.incomplete       a download that was cut and can be continued
///     models--owner--name/snapshots/COMMIT/FILE       links to ../../blobs/ETAG
///     models--owner--name/refs/REVISION               the commit that a branch or tag stood at
///     .locks/models--owner--name/ETAG.lock            held by who downloads that blob; empty, and left where it is
[<RequireQualifiedAccess>]
module HubCache =

    let private known (variable: string -> string option) name =
        variable name |> Option.filter (String.IsNullOrWhiteSpace >> not)

    let private userFolder variable =
        known variable "HOME"
        |> Option.filter (fun _ -> not (OperatingSystem.IsWindows()))
        |> Option.defaultValue (Environment.GetFolderPath Environment.SpecialFolder.UserProfile)

    /// A path in which a leading ~ is the user's folder, as a shell that did not expand it would have.
    let private expanded variable (path: string) =
        if path = "~" || path.StartsWith("~/", StringComparison.Ordinal) then
            userFolder variable + path[1..]
        else
            path

    /// HF_HOME, or huggingface in XDG_CACHE_HOME or in ~/.cache. `variable` looks up an environment variable.
    let home (variable: string -> string option) : string =
        match known variable "HF_HOME", known variable "XDG_CACHE_HOME" with
        | Some folder, _ -> expanded variable folder
        | None, Some folder -> expanded variable (Path.Combine(folder, "huggingface"))
        | None, None -> Path.Combine(userFolder variable, ".cache", "huggingface")

    /// The cache folder: HF_HUB_CACHE, or its older name HUGGINGFACE_HUB_CACHE, or hub in `home`.
    let folder (variable: string -> string option) : string =
        [ "HF_HUB_CACHE"; "HUGGINGFACE_HUB_CACHE" ]
        |> List.tryPick (known variable)
        |> Option.map (expanded variable)
        |> Option.defaultWith (fun () -> Path.Combine(home variable, "hub"))

    /// The folder that a file lies in.
    let internal parent (path: string) : string = Path.GetFullPath(Path.Combine(path, ".."))

    let private folderName (repo: string) = "models--" + repo.Replace("/", "--")
    let private inside cache repo (parts: string list) = Path.Combine(List.toArray (cache :: folderName repo :: parts))

    /// The file that holds a content. Names must have passed `HubNames`, here and below.
    let blob (cache: string) (repo: string) (etag: string) : string = inside cache repo [ "blobs"; etag ]

    /// The file that holds the beginning of a content.
    let incomplete (cache: string) (repo: string) (etag: string) : string = blob cache repo etag + ".incomplete"

    /// The file whose owner may write the blob.
    let lockFile (cache: string) (repo: string) (etag: string) : string =
        Path.Combine(cache, ".locks", folderName repo, etag + ".lock")

    /// The folder of a commit's files.
    let snapshot (cache: string) (repo: string) (commit: string) : string = inside cache repo [ "snapshots"; commit ]

    /// A file of a commit.
    let pointer (cache: string) (repo: string) (commit: string) (file: string) : string =
        Path.Combine(snapshot cache repo commit, Path.Combine(file.Split '/'))

    /// The file that says at which commit a branch or tag stood when it was last asked for.
    let refFile (cache: string) (repo: string) (revision: string) : string =
        inside cache repo ("refs" :: List.ofArray (revision.Split '/'))

    /// Whether there is a file, not only a link to where one was.
    let private holds (path: string) =
        File.Exists path
        && match File.ResolveLinkTarget(path, returnFinalTarget = true) with
           | null -> true
           | target -> target.Exists

    /// The path of a commit's file, if the cache has it.
    let tryFile (cache: string) (repo: string) (commit: string) (file: string) : string option =
        Some(pointer cache repo commit file) |> Option.filter holds

    /// The commit that a revision was when it was last asked for; of a commit's hash, that commit.
    let tryCommit (cache: string) (repo: string) (revision: string) : string option =
        let path = refFile cache repo revision

        if HubNames.isCommit revision then
            Some revision
        elif File.Exists path then
            Some(File.ReadAllText(path).Trim()) |> Option.filter HubNames.isCommit
        else
            None

    /// Notes the commit of a branch or tag. Writes nothing when that stands there already: the cache may be read-only.
    let writeRef (cache: string) (repo: string) (revision: string) (commit: string) : unit =
        if tryCommit cache repo revision <> Some commit && not (HubNames.isCommit revision) then
            let file = FileInfo(refFile cache repo revision)
            let content (stream: Stream) = stream.Write(ReadOnlySpan(Encoding.ASCII.GetBytes commit))
            SafeFiles.writeAll (parent file.FullName) [ file.Name, content ]

    /// `link`, by a function that makes a link at a path to a relative target.
    let linkWith (makeLink: string -> string -> unit) (cache: string) (repo: string) commit file (etag: string) : unit =
        if (tryFile cache repo commit file).IsNone then
            let path = pointer cache repo commit file
            let folder = parent path
            let temporary = $"{path}.{Guid.NewGuid():N}"
            let source = blob cache repo etag
            Directory.CreateDirectory folder |> ignore

            try
                makeLink temporary (Path.GetRelativePath(folder, Path.GetFullPath source))
            with
            | :? IOException
            | :? UnauthorizedAccessException -> File.Copy(source, temporary, overwrite = true)

            File.Move(temporary, path, overwrite = true)

    /// Puts a blob into a commit's folder: a relative link, so that the cache may be moved, or a copy where the file system
    /// has no links. It appears at once and whole.
    let link (cache: string) (repo: string) (commit: string) (file: string) (etag: string) : unit =
        let makeLink (path: string) (target: string) = File.CreateSymbolicLink(path, target) |> ignore
        linkWith makeLink cache repo commit file etag
