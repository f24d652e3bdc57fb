/// What the tests of the Hub share: a small model to serve, a client for it, and what the cache may look like.
module Gpt.Tests.Hubs

open System
open System.Collections.Concurrent
open System.IO
open System.Net.Http
open Expecto
open Gpt
open Gpt.Tests.HubServer
open Gpt.Tests.Small

let private tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")

let private filesOf (folder: string) =
    Directory.GetFiles folder
    |> Array.map (fun path -> Path.GetFileName path |> string, File.ReadAllBytes path)
    |> Map

/// The files of a small model, as a checkpoint has them, but for an optional one that a repository may lack.
let modelFiles: Lazy<Map<string, byte[]>> =
    lazy
        (let mutable files = Map.empty

         withFolder (fun folder ->
             use model = denseModel config
             Checkpoint.save folder tokenizer model
             files <- filesOf folder |> Map.remove "generation_config.json")

         files)

/// A server, a client whose cache is a folder of its own, and what the client did.
type Hub' = {
    Server: HubServer
    Settings: HubSettings
    Delays: ConcurrentQueue<TimeSpan>
    Events: ConcurrentQueue<HubEvent>
}

/// Runs a test with a Hub of those files and an empty cache.
let withHubOf (files: Map<string, byte[]>) (test: Hub' -> unit) =
    withFolder (fun cache ->
        use server = new HubServer(files)
        use handler = new SocketsHttpHandler(AllowAutoRedirect = false, UseProxy = false)
        let delays, events = ConcurrentQueue(), ConcurrentQueue()

        test {
            Server = server
            Settings = {
                Endpoint = server.Endpoint
                Cache = cache
                Token = None
                Offline = false
                Retries = 3
                Patience = TimeSpan.FromSeconds 5.0
                Delay = delays.Enqueue
                Progress = events.Enqueue
                Handler = handler
            }
            Delays = delays
            Events = events
        })

/// Runs a test with a Hub of the small model and an empty cache.
let withHub (test: Hub' -> unit) = withHubOf modelFiles.Value test

let snapshot (hub: Hub') = Hub.snapshot hub.Settings repo "main" Hub.gpt2

/// Everything in the cache but the empty lock files: links with where they lead, files with their hash.
let listing (hub: Hub') : (string * string) list =
    let cache = hub.Settings.Cache

    if not (Directory.Exists cache) then
        []
    else
        Directory.GetFiles(cache, "*", SearchOption.AllDirectories)
        |> Array.map (fun path ->
            let name = Path.GetRelativePath(cache, path).Replace('\\', '/')

            match FileInfo(path).LinkTarget with
            | null -> name, sha256 (File.ReadAllBytes path)
            | target -> name, $"-> {target}")
        |> Array.filter (fun (name, _) -> not (name.StartsWith ".locks/"))
        |> Array.sort
        |> List.ofArray

/// What the cache must hold when those files of `main` are there, and nothing else.
let whole (server: HubServer) (names: string seq) : (string * string) list =
    let folder = "models--tiny-owner--tiny-gpt2"

    [
        yield $"{folder}/refs/main", sha256 (Text.Encoding.ASCII.GetBytes server.Commit)

        for name in names do
            let content = server.Files[name]
            yield $"{folder}/blobs/{etag name content}", sha256 content
            yield $"{folder}/snapshots/{server.Commit}/{name}", $"-> ../../blobs/{etag name content}"
    ]
    |> List.sort

/// Fails unless the cache holds the whole model and nothing else, and the model is the one that the server has.
let expectWhole (hub: Hub') (result: Result<string, string>) =
    let folder = get result
    Expect.equal (listing hub) (whole hub.Server hub.Server.Files.Keys) "the cache is whole"
    use loaded = Checkpoint.loadModel (Device.cpu ()) folder |> get
    use original = denseModel config
    Expect.equal (Gpt.Tensors.toFloats loaded.Flat) (Gpt.Tensors.toFloats original.Flat) "the model's weights"

/// Fails unless the result is one sentence with all the words and the cache is as it was.
let expectUntouched (hub: Hub') (before: (string * string) list) (words: string list) (result: Result<'a, string>) =
    let sentence = error result

    for word in words do
        Expect.stringContains sentence word "the error says it"

    Expect.isFalse (sentence.Contains '\n') "one line"
    Expect.equal (listing hub) before "the cache is untouched"

/// How many bytes of a file were served.
let served (hub: Hub') (name: string) =
    hub.Server.Asked |> List.filter (fun asked -> asked.File = name) |> List.sumBy _.Sent

/// The requests for the content of a file, where it lies.
let contentRequests (hub: Hub') (name: string) =
    hub.Server.Asked
    |> List.filter (fun asked -> asked.File = name && asked.Method = "GET" && (asked.AtStore || not (isLarge name)))
