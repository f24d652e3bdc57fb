namespace Gpt

open System
open System.Net
open System.Net.Http
open System.Net.Http.Headers
open System.Threading

/// A file of a repository at a revision; names that have passed `HubNames`.
type internal HubFile = {
    Repo: string
    Revision: string
    Name: string
}

/// What the server says about a file before it is downloaded.
type internal HubEntry = {
    File: HubFile
    Commit: string
    Etag: string
    Size: int64 option
}

/// Why a request gave nothing; each with one sentence.
type internal HubFailure =
    /// There is no such file, at that commit where the server told it.
    | Absent of string * commit: string option
    /// No, and asking again would not change it.
    | Refused of string
    /// Not now; the server may have said when.
    | Passing of string * wait: TimeSpan option
    /// There is no way to the server: no network, as far as can be seen from here.
    | Unreachable of string

/// The Hub's protocol: one file's description and content by HTTP.
[<RequireQualifiedAccess>]
module internal HubRequest =

    let sentence (failure: HubFailure) : string =
        match failure with
        | Absent(sentence, _)
        | Refused sentence
        | Passing(sentence, _)
        | Unreachable sentence -> sentence

    let private header (name: string) (response: HttpResponseMessage) : string option =
        match response.Headers.TryGetValues name with
        | true, NonNull values -> Seq.tryHead values |> Option.filter (String.IsNullOrWhiteSpace >> not)
        | _ -> None

    let private endpoint (settings: HubSettings) : Result<Uri, HubFailure> =
        match Uri.TryCreate(settings.Endpoint, UriKind.Absolute) with
        | true, (NonNull uri) when uri.Scheme = Uri.UriSchemeHttp || uri.Scheme = Uri.UriSchemeHttps -> Ok uri
        | _ -> Error(Refused $"HF_ENDPOINT is \"{settings.Endpoint}\"; it must be an http or https address")

    let private address (settings: HubSettings) (file: HubFile) =
        let name = file.Name.Split '/' |> Array.map Uri.EscapeDataString |> String.concat "/"
        Uri $"{settings.Endpoint.TrimEnd '/'}/{file.Repo}/resolve/{Uri.EscapeDataString file.Revision}/{name}"

    /// Scheme, host and port: what two addresses share that a token may be shown to both.
    let private origin (uri: Uri) = uri.GetLeftPart UriPartial.Authority

    let private seconds (time: TimeSpan) = $"{Math.Ceiling time.TotalSeconds:F0} seconds"

    let private hasNoWay (problem: HttpRequestException) =
        match problem.HttpRequestError with
        | HttpRequestError.NameResolutionError
        | HttpRequestError.ConnectionError
        | HttpRequestError.SecureConnectionError
        | HttpRequestError.ProxyTunnelError -> true
        | _ -> false

    let private request (settings: HubSettings) (method: HttpMethod) (start: int64) (uri: Uri) =
        let request = new HttpRequestMessage(method, uri)
        // A compressed answer would have another length and no ranges.
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "identity") |> ignore
        request.Headers.TryAddWithoutValidation("User-Agent", "gpt-dotnet") |> ignore

        if start > 0L then
            request.Headers.Range <- RangeHeaderValue(Nullable start, Nullable())

        match settings.Token with
        | Some token when origin uri = origin (Uri settings.Endpoint) ->
            request.Headers.Authorization <- AuthenticationHeaderValue("Bearer", token)
        | _ -> ()

        request

    /// Sends one request and gives the answer with its content still to be read.
    let private send (settings: HubSettings) method start (uri: Uri) : Result<HttpResponseMessage, HubFailure> =
        use invoker = new HttpMessageInvoker(settings.Handler, disposeHandler = false)
        use request = request settings method start uri
        use patience = new CancellationTokenSource(settings.Patience)

        try
            Ok(invoker.SendAsync(request, patience.Token).GetAwaiter().GetResult())
        with
        | :? HttpRequestException as problem when hasNoWay problem ->
            Error(Unreachable $"{origin uri} cannot be reached ({problem.Message})")
        | :? HttpRequestException as problem -> Error(Passing($"{origin uri} broke off ({problem.Message})", None))
        | :? OperationCanceledException when patience.IsCancellationRequested ->
            Error(Passing($"{origin uri} gave no answer for {seconds settings.Patience}", None))
        | :? OperationCanceledException -> Error(Unreachable $"{origin uri} cannot be reached (no answer in time)")

    /// Where an answer sends the client instead: only on by http, and never from https to http.
    let private redirection (uri: Uri) (response: HttpResponseMessage) : Result<Uri option, HubFailure> =
        match int response.StatusCode, response.Headers.Location with
        | (301 | 302 | 303 | 307 | 308), NonNull location ->
            let target = Uri(uri, location)

            if target.Scheme = Uri.UriSchemeHttps || target.Scheme = uri.Scheme then
                Ok(Some target)
            else
                Error(
                    Refused $"{origin uri} redirects to {target.Scheme}://…, which is not followed; check HF_ENDPOINT"
                )
        | _ -> Ok None

    /// Sends a request and follows redirects until there is none or the answer says enough.
    let private follow (settings: HubSettings) method start (isEnough: HttpResponseMessage -> bool) (file: HubFile) =
        let rec go hops (uri: Uri) =
            send settings method start uri
            |> Result.bind (fun response ->
                match redirection uri response with
                | Ok None -> Ok response
                | Ok _ when isEnough response -> Ok response
                | Ok(Some target) ->
                    response.Dispose()

                    if hops = 0 then
                        Error(Refused $"{origin uri} redirects in a circle; check HF_ENDPOINT")
                    else
                        go (hops - 1) target
                | Error failure ->
                    response.Dispose()
                    Error failure)

        endpoint settings |> Result.bind (fun _ -> go 8 (address settings file))

    let private askedWait (response: HttpResponseMessage) : TimeSpan option =
        match response.Headers.RetryAfter with
        | null -> None
        | after when after.Delta.HasValue -> Some after.Delta.Value
        | after when after.Date.HasValue -> Some(max TimeSpan.Zero (after.Date.Value - DateTimeOffset.UtcNow))
        | _ -> None

    let private lateSentence (settings: HubSettings) (status: int) (wait: TimeSpan option) =
        let until =
            wait |> Option.map (fun wait -> $" and asks to wait {seconds wait}") |> Option.defaultValue ""

        match status with
        | 429 -> $"{settings.Endpoint} has had too many requests (429){until}; try again later, or set HF_TOKEN"
        | _ -> $"{settings.Endpoint} has a problem of its own ({status}){until}; try again later"

    /// The failure that a status is; a success, a redirect and an unsatisfiable range are none.
    let private judge
        (settings: HubSettings)
        (file: HubFile)
        (response: HttpResponseMessage)
        : Result<unit, HubFailure> =
        let repo, at = file.Repo, settings.Endpoint
        let status = int response.StatusCode
        let noFile = $"{repo} has no file {file.Name} at revision {file.Revision}"

        match status, header "X-Error-Code" response with
        | status, _ when status < 400 || status = 416 -> Ok()
        | _, Some "EntryNotFound" -> Error(Absent(noFile, header "X-Repo-Commit" response))
        | _, Some "RevisionNotFound" ->
            Error(
                Refused $"{repo} has no revision {file.Revision}; name a branch, a tag or a commit of it, such as main"
            )
        | _, Some "GatedRepo"
        | 403, _ ->
            Error(
                Refused
                    $"{repo} is gated ({status}): ask for access at {at}/{repo}, and set HF_TOKEN to a token of the account that has it"
            )
        | 401, _ ->
            Error(
                Refused
                    $"{repo} is private, gated or does not exist (401 from {at}); check the name, and set HF_TOKEN to a token that may read it"
            )
        | _, Some "RepoNotFound" -> Error(Refused $"there is no repository {repo} at {at}; check the name")
        | 404, _ -> Error(Absent($"{noFile}, or there is no such repository at {at}", header "X-Repo-Commit" response))
        | (408 | 429), _ ->
            let wait = askedWait response
            Error(Passing(lateSentence settings status wait, wait))
        | status, _ when status >= 500 ->
            let wait = askedWait response
            Error(Passing(lateSentence settings status wait, wait))
        | _ -> Error(Refused $"{at} answered {status} for {repo}/{file.Name}; check HF_ENDPOINT and the names")

    let private etagOf (response: HttpResponseMessage) : string option =
        header "X-Linked-Etag" response
        |> Option.orElse (header "ETag" response)
        |> Option.map (fun etag -> (if etag.StartsWith "W/" then etag[2..] else etag).Trim('"'))

    let private sizeOf (response: HttpResponseMessage) : int64 option =
        match header "X-Linked-Size" response |> Option.map Int64.TryParse with
        | Some(true, size) when size >= 0L -> Some size
        | _ when response.IsSuccessStatusCode -> Option.ofNullable response.Content.Headers.ContentLength
        | _ -> None

    let private entry (settings: HubSettings) (file: HubFile) (response: HttpResponseMessage) =
        match header "X-Repo-Commit" response, etagOf response with
        | Some commit, Some etag when HubNames.isCommit commit && HubNames.isEtag etag ->
            Ok {
                File = file
                Commit = commit
                Etag = etag
                Size = sizeOf response
            }
        | _ ->
            Error(
                Refused
                    $"{settings.Endpoint} does not tell the commit and the hash of {file.Repo}/{file.Name} as the Hub does; check HF_ENDPOINT"
            )

    /// Asks what a file is. A large file's answer is a redirect to where its content lies, which is not followed here.
    let describe (settings: HubSettings) (file: HubFile) : Result<HubEntry, HubFailure> =
        let saysAll response = (header "X-Linked-Etag" response).IsSome && (header "X-Repo-Commit" response).IsSome

        follow settings HttpMethod.Head 0L saysAll file
        |> Result.bind (fun response ->
            use response = response
            judge settings file response |> Result.bind (fun () -> entry settings file response))

    /// Asks for the content of a file from a byte on. The answer's status is 200 (all of it), 206 or 416.
    let content (settings: HubSettings) (start: int64) (file: HubFile) : Result<HttpResponseMessage, HubFailure> =
        follow settings HttpMethod.Get start (fun _ -> false) file
        |> Result.bind (fun response ->
            match judge settings file response with
            | Ok() -> Ok response
            | Error failure ->
                response.Dispose()
                Error failure)

    let private longestWait = TimeSpan.FromMinutes 5.0

    /// Tries again what failed for a passing reason, `settings.Retries` times in a row: after 1, 2, 4 and then every 8 seconds,
    /// or when the server said, if that is within five minutes. `reached` tells how far the work has come; a try that
    /// brought it further counts as a first one.
    let retrying (settings: HubSettings) (reached: unit -> int64) (attempt: unit -> Result<'a, HubFailure>) =
        let rec go failures =
            let before = reached ()

            match attempt () with
            | Error(Passing(reason, wait)) ->
                let failures = if reached () > before then 0 else failures
                let time = wait |> Option.defaultValue (TimeSpan.FromSeconds(float (1 <<< min failures 3)))

                if failures >= settings.Retries || time > longestWait then
                    Error(Passing(reason, wait))
                else
                    settings.Progress(HubEvent.Waiting(reason, time))
                    settings.Delay time
                    go (failures + 1)
            | result -> result

        go 0
