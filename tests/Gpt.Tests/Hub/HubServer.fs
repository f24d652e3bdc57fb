/// A Hugging Face Hub on this machine: Kestrel on two ports of loopback, one as the endpoint and one as the host that large
/// files lie on. It speaks as the real one does, and misbehaves where a test asks for it.
module Gpt.Tests.HubServer

open System
open System.Collections.Generic
open System.Net
open System.Security.Cryptography
open System.Text
open System.Threading
open System.Threading.Tasks
open Microsoft.AspNetCore.Builder
open Microsoft.AspNetCore.Hosting
open Microsoft.AspNetCore.Http
open Microsoft.AspNetCore.Server.Kestrel.Core
open Microsoft.Extensions.Logging

/// What the server does with a request instead of answering it well.
type Misbehaviour =
    /// Nothing wrong: to let requests pass before the one that is meant.
    | Well
    /// That status, with those headers and a page of HTML.
    | Status of int * (string * string) list
    /// The answer's headers, changed.
    | Headers of (string * string) list
    /// The connection is cut after so many bytes of content.
    | Cut of int
    /// One byte of the content is another.
    | WrongByte
    /// More bytes than were spoken of.
    | TooMany
    /// The content in pieces of that many bytes, with a pause before each.
    | Slow of int * TimeSpan
    /// That many bytes, then nothing for ten seconds.
    | Silent of int
    /// Ranges are not honoured.
    | Whole
    /// A range is answered with another one.
    | OtherRange
    /// Sent on to another path of the endpoint, where it is answered well.
    | Elsewhere
    /// Sent on to that address.
    | Redirect of string

/// A request that came, and how many bytes of content it got.
type Asked = {
    Method: string
    File: string
    Path: string
    /// Whether it came to the host of large files.
    AtStore: bool
    Range: string option
    Token: string option
    mutable Sent: int64
}

let repo = "tiny-owner/tiny-gpt2"

let sha256 (content: byte[]) = Convert.ToHexStringLower(SHA256.HashData content)

let gitHash (content: byte[]) =
    Array.append (Encoding.ASCII.GetBytes $"blob {content.Length}\000") content
    |> SHA1.HashData
    |> Convert.ToHexStringLower

/// Whether the Hub keeps a file as a large one.
let isLarge (name: string) = name.EndsWith ".safetensors" || name.EndsWith ".bin"

/// What the Hub calls a content.
let etag (name: string) (content: byte[]) = if isLarge name then sha256 content else gitHash content

type HubServer(files: Map<string, byte[]>) =
    let gate = obj ()
    let asked = List<Asked>()
    let plans = Dictionary<string, Queue<Misbehaviour>>()
    let mutable files = files
    let mutable commit = String.replicate 20 "a1"
    let mutable endpoint, store = "", ""

    let next (key: string) =
        lock gate (fun () ->
            match plans.TryGetValue key with
            | true, plan when plan.Count > 0 -> plan.Dequeue()
            | _ -> Well)

    let fail (response: HttpResponse) status (headers: (string * string) list) =
        response.StatusCode <- status

        for name, value in headers do
            response.Headers[name] <- value

        if response.HttpContext.Request.Method = "HEAD" then
            Task.CompletedTask
        else
            response.WriteAsync "<html>not what you wanted</html>"

    let describe (response: HttpResponse) (name: string) =
        let content = files[name]
        response.Headers["X-Repo-Commit"] <- commit

        if isLarge name then
            response.Headers["X-Linked-Etag"] <- $"\"{sha256 content}\""
            response.Headers["X-Linked-Size"] <- string content.Length
        else
            response.Headers.ETag <- $"\"{gitHash content}\""

    let send (response: HttpResponse) (request: Asked) (content: byte[]) (start: int) (behaviour: Misbehaviour) =
        task {
            let write (first: int) (count: int) =
                task {
                    do! response.Body.WriteAsync(ReadOnlyMemory(content, first, count))
                    do! response.Body.FlushAsync()
                    lock gate (fun () -> request.Sent <- request.Sent + int64 count)
                }

            let count = content.Length - start
            response.ContentLength <- Nullable(int64 count)

            match behaviour with
            | Cut after ->
                do! write start (min after count)
                // Long enough for what was written to arrive: an abort throws away what is on its way.
                do! Task.Delay 200
                response.HttpContext.Abort()
            | Silent after ->
                do! write start (min after count)
                do! Task.Delay(TimeSpan.FromSeconds 10.0, response.HttpContext.RequestAborted)
            | Slow(piece, pause) ->
                for first in start..piece .. content.Length - 1 do
                    do! Task.Delay pause
                    do! write first (min piece (content.Length - first))
            | _ -> do! write start count
        }

    let serve (context: HttpContext) (request: Asked) (behaviour: Misbehaviour) : Task =
        let response, content = context.Response, files[request.File]

        let content =
            match behaviour with
            | WrongByte -> Array.updateAt (content.Length / 2) (content[content.Length / 2] ^^^ 1uy) content
            | TooMany -> Array.append content [| 0uy |]
            | _ -> content

        match request.Range, behaviour with
        | Some range, behaviour when behaviour <> Whole ->
            let start = int (range.Replace("bytes=", "").TrimEnd '-') - (if behaviour = OtherRange then 1 else 0)
            response.StatusCode <- 206
            response.Headers.ContentRange <- $"bytes {start}-{content.Length - 1}/{content.Length}"
            send response request content start behaviour
        | _ -> send response request content 0 behaviour

    let answerWell (context: HttpContext) (request: Asked) behaviour : Task =
        let response = context.Response

        if not request.AtStore then
            describe response request.File

        match behaviour with
        | Headers headers ->
            for name, value in headers do
                response.Headers[name] <- value
        | _ -> ()

        if isLarge request.File && not request.AtStore then
            response.StatusCode <- 302
            response.Headers.Location <- $"{store}/{request.File}?signature=secret"
            Task.CompletedTask
        elif request.Method = "HEAD" then
            response.ContentLength <- Nullable(int64 files[request.File].Length)
            Task.CompletedTask
        else
            serve context request behaviour

    let answer (context: HttpContext) : Task =
        let path = string context.Request.Path.Value
        let atStore = $"http://{context.Request.Host}" = store
        let isRight = path.StartsWith $"/{repo}/resolve/"

        let name =
            if isRight then
                path.Split('/', 6)[5]
            else
                path.TrimStart('/').Replace("elsewhere/", "")

        let header (values: Microsoft.Extensions.Primitives.StringValues) =
            values |> Seq.tryHead |> Option.bind Option.ofObj

        let request = {
            Method = context.Request.Method
            File = name
            Path = path
            AtStore = atStore
            Range = header context.Request.Headers.Range
            Token = header context.Request.Headers.Authorization
            Sent = 0L
        }

        lock gate (fun () -> asked.Add request)
        let isElsewhere = path.StartsWith "/elsewhere/"
        let revision = if isRight then path.Split('/', 6)[4] else commit

        if not atStore && not isRight && not isElsewhere then
            fail context.Response 404 [ "X-Error-Code", "RepoNotFound" ]
        elif revision <> "main" && revision <> commit then
            fail context.Response 404 [ "X-Error-Code", "RevisionNotFound" ]
        elif not (files.ContainsKey name) then
            fail context.Response 404 [ "X-Error-Code", "EntryNotFound"; "X-Repo-Commit", commit ]
        else
            // The content of a large file is asked for twice, at the endpoint and where it lies; that is where it goes wrong.
            let isOnTheWay = isElsewhere || isLarge name && request.Method = "GET" && not atStore
            let behaviour = if isOnTheWay then Well else next $"{request.Method} {name}"

            match behaviour with
            | Status(status, headers) -> fail context.Response status headers
            | Elsewhere -> fail context.Response 307 [ "Location", $"/elsewhere/{name}" ]
            | Redirect location -> fail context.Response 302 [ "Location", location.Replace("{endpoint}", endpoint) ]
            | behaviour -> answerWell context request behaviour

    let app =
        let builder = WebApplication.CreateSlimBuilder()
        builder.Logging.ClearProviders() |> ignore

        builder.WebHost.ConfigureKestrel(fun (options: KestrelServerOptions) ->
            options.Listen(IPAddress.Loopback, 0)
            options.Listen(IPAddress.Loopback, 0))
        |> ignore

        let app = builder.Build()
        app.Run(RequestDelegate answer)
        app.StartAsync().Wait()
        app

    do
        endpoint <- Seq.item 0 app.Urls
        store <- Seq.item 1 app.Urls

    /// The address to give as HF_ENDPOINT.
    member _.Endpoint = endpoint

    /// The host of the large files.
    member _.Store = store

    /// The commit that `main` is at.
    member _.Commit = commit

    member _.Files = files

    /// All requests so far.
    member _.Asked = lock gate (fun () -> List.ofSeq asked)

    /// Forgets the requests so far.
    member _.Forget() = lock gate (fun () -> asked.Clear())

    /// What to do with the next requests of a method for a file, one after the other; then it is well again.
    member _.Misbehave(method: string, file: string, plan: Misbehaviour list) =
        lock gate (fun () -> plans[$"{method} {file}"] <- Queue plan)

    /// Moves `main` on to another commit with other files.
    member _.Push(changed: Map<string, byte[]>, newCommit: string) =
        files <- changed
        commit <- newCommit

    /// Stops listening: from then on nobody is there.
    member _.Stop() =
        use now = new CancellationTokenSource(TimeSpan.Zero)
        app.StopAsync(now.Token).Wait()

    interface IDisposable with
        member this.Dispose() =
            this.Stop()
            (app :> IDisposable).Dispose()
