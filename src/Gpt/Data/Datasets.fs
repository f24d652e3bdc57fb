namespace Gpt

open System
open System.IO
open System.Net.Http
open System.Security.Cryptography
open System.Text

/// Where a text came from.
[<RequireQualifiedAccess>]
type DatasetSource =
    /// The file that was asked for.
    | Path of string
    /// A file of the cache folder.
    | Cache of string
    /// An address; the text is kept in the cache folder from now on, where that can be written.
    | Download of string
    /// The library's own grammar, and the reason why the text that was asked for could not be fetched.
    | Generated of string

/// A text to learn from.
type Dataset = {
    /// What was asked for: a name or a path.
    Name: string
    /// The text with "\n" at the end of its lines: "\r\n" has become "\n", so that it does not matter which system wrote it.
    Text: string
    /// Where it came from.
    Source: DatasetSource
}

/// What `Datasets.resolveWith` needs of the machine.
type DatasetAccess = {
    /// The folder that keeps what was downloaded; made when first needed.
    Cache: string
    /// What is at an address, or why it cannot be had.
    Fetch: string -> Result<byte[], string>
}

/// Texts by name or path. The order is: a file of that path; then, for a known name, the cache folder, the download, whose
/// SHA-256 is pinned, and without a network the generated corpus (`Grammar`).
[<RequireQualifiedAccess>]
module Datasets =

    let private shakespeare = {|
        Name = "shakespeare"
        Url = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
        Sha256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
        Length = 1_115_394
        Seed = 1UL
    |}

    /// The folder for downloads: GPT_CACHE, or gpt in XDG_CACHE_HOME, in the local application data on Windows, in ~/.cache
    /// elsewhere. `variable` looks up an environment variable.
    let cacheFolder (variable: string -> string option) : string =
        let known name = variable name |> Option.filter (String.IsNullOrWhiteSpace >> not)
        let special folder = Environment.GetFolderPath folder

        match known "GPT_CACHE", known "XDG_CACHE_HOME" |> Option.filter Path.IsPathRooted with
        | Some folder, _ -> folder
        | None, Some folder -> Path.Combine(folder, "gpt")
        | None, None when OperatingSystem.IsWindows() ->
            Path.Combine(special Environment.SpecialFolder.LocalApplicationData, "gpt")
        | None, None ->
            match known "HOME" |> Option.defaultValue (special Environment.SpecialFolder.UserProfile) with
            | "" -> Path.Combine(Path.GetTempPath(), "gpt")
            | home -> Path.Combine(home, ".cache", "gpt")

    /// Fetches what is at an address. A machine that gives no answer is waited for 5 seconds, a whole download 60.
    let download (url: string) : Result<byte[], string> =
        use handler = new SocketsHttpHandler(ConnectTimeout = TimeSpan.FromSeconds 5.0)
        use client = new HttpClient(handler, Timeout = TimeSpan.FromSeconds 60.0)

        try
            Ok(client.GetByteArrayAsync(url).GetAwaiter().GetResult())
        with
        | :? HttpRequestException as problem -> Error problem.Message
        | :? OperationCanceledException -> Error "no answer in time"

    /// What this process finds: the cache folder, and the network unless GPT_OFFLINE is 1.
    let access () : DatasetAccess =
        let variable name = Option.ofObj (Environment.GetEnvironmentVariable name)

        {
            Cache = cacheFolder variable
            Fetch =
                match variable "GPT_OFFLINE" with
                | Some "1" -> fun _ -> Error "GPT_OFFLINE is 1"
                | _ -> download
        }

    /// Bytes as a text with lines as they are here. `name` is what errors call them.
    let private decode (name: string) (bytes: byte[]) : Result<string, string> =
        match Utf8.decode name bytes with
        | Ok "" -> Error $"{name} is empty; give a text of at least a few thousand characters"
        | text -> text |> Result.map _.Replace("\r\n", "\n")

    let private read (path: string) : Result<byte[], string> =
        try
            Ok(File.ReadAllBytes path)
        with
        | :? IOException as problem -> Error $"{path} cannot be read: {problem.Message}"
        | :? UnauthorizedAccessException as problem -> Error $"{path} cannot be read: {problem.Message}"

    /// The bytes, if they are the ones whose SHA-256 is pinned; `cure` is what to do when they are not.
    let private verify (name: string) (cure: string) (bytes: byte[]) : Result<byte[], string> =
        let found = Convert.ToHexStringLower(SHA256.HashData bytes)

        if found = shakespeare.Sha256 then
            Ok bytes
        else
            Error $"{name} has the SHA-256 {found} and should have {shakespeare.Sha256}; {cure}"

    /// Keeps a download for the next time. A cache that cannot be written is no reason to stop.
    let private keep (folder: string) (name: string) (bytes: byte[]) : unit =
        try
            SafeFiles.writeAll folder [ name, _.Write(bytes, 0, bytes.Length) ]
        with
        | :? IOException
        | :? UnauthorizedAccessException -> ()

    let private resolveShakespeare (access: DatasetAccess) : Result<Dataset, string> =
        let file = shakespeare.Name + ".txt"
        let cached = Path.Combine(access.Cache, file)

        let dataset source text = {
            Name = shakespeare.Name
            Text = text
            Source = source
        }

        if File.Exists cached then
            read cached
            |> Result.bind (verify cached "delete it, and it is fetched again")
            |> Result.bind (decode cached)
            |> Result.map (dataset (DatasetSource.Cache cached))
        else
            match access.Fetch shakespeare.Url with
            | Error reason ->
                Grammar.generate shakespeare.Seed shakespeare.Length
                |> dataset (DatasetSource.Generated reason)
                |> Ok
            | Ok bytes ->
                verify shakespeare.Url "give the path of a text instead" bytes
                |> Result.map (fun bytes ->
                    keep access.Cache file bytes
                    bytes)
                |> Result.bind (decode shakespeare.Url)
                |> Result.map (dataset (DatasetSource.Download shakespeare.Url))

    /// The text of that path or name, on a machine of one's own making. Errors are one sentence that names what was
    /// asked for: no such file or name, a folder, an empty file, bytes that are not UTF-8 (with their place), a cached or
    /// downloaded text with the wrong SHA-256.
    let resolveWith (access: DatasetAccess) (name: string) : Result<Dataset, string> =
        if File.Exists name then
            read name
            |> Result.bind (decode name)
            |> Result.map (fun text -> {
                Name = name
                Text = text
                Source = DatasetSource.Path name
            })
        elif name = shakespeare.Name then
            resolveShakespeare access
        elif Directory.Exists name then
            Error $"{name} is a folder; give one text file"
        else
            Error
                $"there is no file \"{name}\", nor a data set of that name; give the path of a text file, or the name {shakespeare.Name}"

    /// `resolveWith` on this machine.
    let resolve (name: string) : Result<Dataset, string> = resolveWith (access ()) name

    /// What a text is and where it came from, in one line to print.
    let describe (dataset: Dataset) : string =
        let size = $"{dataset.Text.Length:N0} characters"

        match dataset.Source with
        | DatasetSource.Path path -> $"{size} of {path}"
        | DatasetSource.Cache path -> $"tiny Shakespeare, {size} of {path}"
        | DatasetSource.Download url -> $"tiny Shakespeare, {size} of {url}"
        | DatasetSource.Generated reason ->
            $"a generated play, {size} with an entropy of {Grammar.entropy:F4} nats each, since tiny Shakespeare could not be fetched: {reason}"
