namespace Gpt

open System
open System.IO
open System.Net.Http
open System.Security.Cryptography
open System.Text
open System.Threading

/// Brings the content of one file into the cache. It is written to `ETAG.incomplete`, continued there after a cut, read back
/// and held against its hash, synced, and only then given its name: a blob under its own name is always whole.
[<RequireQualifiedAccess>]
module internal HubDownload =

    let private what (entry: HubEntry) = $"{entry.File.Repo}/{entry.File.Name}"

    /// How the errors of another process's lock are numbered: EAGAIN of Linux and of macOS, two sharing violations of Windows.
    let private isHeld (problem: IOException) = List.contains problem.HResult [ 11; 35; 0x80070020; 0x80070021 ]

    let private tryLock (path: string) : FileStream option =
        try
            Some(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        with :? IOException as problem when isHeld problem ->
            None

    /// Does the work while no other process holds that lock. The lock is the operating system's own on an empty file, as
    /// huggingface_hub's is: it ends with the process that holds it, and the file stays.
    let private holding (path: string) (onWait: unit -> unit) (work: unit -> 'a) : 'a =
        Directory.CreateDirectory(HubCache.parent path) |> ignore

        let rec wait () =
            match tryLock path with
            | Some held -> held
            | None ->
                Thread.Sleep 50
                wait ()

        use _lock =
            match tryLock path with
            | Some held -> held
            | None ->
                onWait ()
                wait ()

        work ()

    let private bufferSize = 1 <<< 17

    /// What the file at hand has for a hash where it should have another; None when they agree, or when the ETag is no hash.
    let private mismatch (entry: HubEntry) (file: FileStream) : string option =
        let compare (name: string) (prefix: byte[]) algorithm =
            use hash = IncrementalHash.CreateHash algorithm
            hash.AppendData prefix
            let buffer = Array.zeroCreate bufferSize
            file.Position <- 0L

            let rec feed () =
                match file.Read(buffer, 0, buffer.Length) with
                | 0 -> ()
                | count ->
                    hash.AppendData(buffer, 0, count)
                    feed ()

            feed ()
            let found = Convert.ToHexStringLower(hash.GetHashAndReset())

            if found = entry.Etag then
                None
            else
                Some
                    $"{what entry} came with the {name} {found} and should have {entry.Etag}; nothing of it was kept: try again, and check HF_ENDPOINT if that does not help"

        match entry.Etag.Length with
        | 64 -> compare "SHA-256" [||] HashAlgorithmName.SHA256
        | 40 -> compare "git hash" (Encoding.ASCII.GetBytes $"blob {file.Length}\000") HashAlgorithmName.SHA1
        | _ -> None

    /// The next bytes of an answer, none at its end; `patience` is wound up again for each.
    let private read settings entry (patience: CancellationTokenSource) (stream: Stream) (buffer: byte[]) =
        patience.CancelAfter settings.Patience

        try
            Ok(stream.ReadAsync(Memory buffer, patience.Token).AsTask().GetAwaiter().GetResult())
        with
        | :? OperationCanceledException ->
            Error(Passing($"nothing more of {what entry} came for {settings.Patience.TotalSeconds} seconds", None))
        | :? IOException
        | :? HttpRequestException as problem ->
            Error(Passing($"the connection was cut while {what entry} came ({problem.Message})", None))

    /// Appends an answer's content to the file.
    let private append settings entry (size: int64 option) (response: HttpResponseMessage) (file: FileStream) =
        use stream = response.Content.ReadAsStream()
        use patience = new CancellationTokenSource()
        let buffer = Array.zeroCreate bufferSize
        file.Seek(0L, SeekOrigin.End) |> ignore
        let report size = settings.Progress(HubEvent.Receiving(entry.File.Name, file.Length, size))
        report size

        let rec next () =
            match read settings entry patience stream buffer, size with
            | Error failure, _ -> Error failure
            | Ok 0, Some size when file.Length < size ->
                Error(Passing($"{what entry} ended after {file.Length} of {size} bytes", None))
            | Ok 0, Some _ -> Ok()
            | Ok 0, None -> Ok(report (Some file.Length))
            | Ok count, Some size when file.Length + int64 count > size ->
                file.SetLength 0L
                Error(Refused $"{what entry} has more than the {size} bytes that the server spoke of; nothing was kept")
            | Ok count, _ ->
                file.Write(buffer, 0, count)
                report size
                next ()

        next ()

    /// One request for what the file does not have yet.
    let private attempt (settings: HubSettings) (entry: HubEntry) (file: FileStream) : Result<unit, HubFailure> =
        let isComplete = file.Length > 0L && Some file.Length = entry.Size

        if entry.Size |> Option.exists (fun size -> file.Length > size) then
            file.SetLength 0L

        let start = file.Length

        // The commit's file, not the branch's, which may have moved on meanwhile.
        let pinned = {
            entry.File with
                Revision = entry.Commit
        }

        let receive (response: HttpResponseMessage) =
            use response = response
            let headers = response.Content.Headers

            match int response.StatusCode, headers.ContentRange with
            | 200, _ ->
                file.SetLength 0L
                let size = entry.Size |> Option.orElse (Option.ofNullable headers.ContentLength)
                append settings entry size response file
            | 206, NonNull range when range.From = Nullable start ->
                append settings entry (entry.Size |> Option.orElse (Option.ofNullable range.Length)) response file
            | status, _ ->
                file.SetLength 0L
                Error(Passing($"{what entry} was not continued at byte {start} as asked ({status})", None))

        if isComplete then
            Ok()
        else
            match HubRequest.content settings start pinned |> Result.bind receive with
            // The server was there a moment ago: a network that comes and goes is a passing reason.
            | Error(Unreachable sentence) -> Error(Passing(sentence, None))
            | result -> result

    /// All of the content, hash checked. What an earlier process left may be damaged: then it is fetched from the start, once.
    let rec private fill (settings: HubSettings) (entry: HubEntry) (file: FileStream) : Result<unit, HubFailure> =
        let isContinued = file.Length > 0L

        HubRequest.retrying settings (fun () -> file.Length) (fun () -> attempt settings entry file)
        |> Result.bind (fun () ->
            match mismatch entry file with
            | None ->
                file.Flush(flushToDisk = true)
                Ok()
            | Some sentence ->
                file.SetLength 0L

                if isContinued then
                    fill settings entry file
                else
                    Error(Refused sentence))

    let private fetch (settings: HubSettings) (entry: HubEntry) (blob: string) : Result<string, HubFailure> =
        let path = HubCache.incomplete settings.Cache entry.File.Repo entry.Etag
        Directory.CreateDirectory(HubCache.parent path) |> ignore

        let result, isEmpty =
            use file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None)
            let result = fill settings entry file
            result, file.Length = 0L

        match result with
        | Ok() ->
            File.Move(path, blob, overwrite = true)
            Ok blob
        | Error failure ->
            if isEmpty then
                File.Delete path

            Error failure

    /// The path of the blob, downloaded if the cache does not have it. Of two processes one downloads, the other waits.
    let blob (settings: HubSettings) (entry: HubEntry) : Result<string, HubFailure> =
        let path = HubCache.blob settings.Cache entry.File.Repo entry.Etag
        let lock = HubCache.lockFile settings.Cache entry.File.Repo entry.Etag

        if File.Exists path then
            Ok path
        else
            holding lock (fun () -> settings.Progress(HubEvent.Sharing entry.File.Name)) (fun () ->
                if File.Exists path then
                    Ok path
                else
                    fetch settings entry path)
