/// `gpt download` against a Hub on this machine.
module Gpt.Tests.DownloadTests

open System
open System.IO
open System.Text.Json
open Expecto
open Gpt.Tests.HubServer
open Gpt.Tests.Hubs
open Gpt.Tests.Small
open Gpt.Tests.Tool

let private environment (server: HubServer) (home: string) = [
    "HF_ENDPOINT", server.Endpoint
    "HF_HOME", home
    "HF_HUB_CACHE", ""
    "HF_TOKEN", "hf_secret"
    "HF_HUB_OFFLINE", ""
    "NO_PROXY", "127.0.0.1"
]

let private withServer (test: HubServer -> string -> unit) =
    withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        use server = new HubServer(modelFiles.Value)
        test server folder)

let private download (server: HubServer) (folder: string) (more: string list) =
    (gptWith (environment server (Path.Combine(folder, "home"))) folder ([ "download"; repo ] @ more)).Result

let private work =
    testList "does its work" [
        testCase "prints the folder, which generate can use, and its progress on standard error" (fun () ->
            withServer (fun server folder ->
                let run = download server folder []
                Expect.equal run.Code 0 run.Error
                let snapshot = run.Out.Trim()

                Expect.equal
                    (Path.GetRelativePath(folder, snapshot).Replace('\\', '/'))
                    $"home/hub/models--tiny-owner--tiny-gpt2/snapshots/{server.Commit}"
                    "the folder"

                for name in server.Files.Keys do
                    Expect.stringContains run.Error name "progress"

                Expect.contains (server.Asked |> List.map _.Token) (Some "Bearer hf_secret") "HF_TOKEN"

                let text =
                    gptIn folder [ "generate"; "--model"; snapshot; "--prompt"; "abc"; "--max-new-tokens"; "3" ]

                Expect.equal text.Code 0 text.Error))

        testCase "--json, --revision and --cache" (fun () ->
            withServer (fun server folder ->
                let run = download server folder [ "--json"; "--revision"; server.Commit; "--cache"; "mine" ]
                Expect.equal run.Code 0 run.Error
                use answer = JsonDocument.Parse run.Out
                let text (name: string) = answer.RootElement.GetProperty(name).GetString() |> string
                Expect.equal (text "repository") repo "repository"
                Expect.equal (text "revision") server.Commit "revision"
                Expect.equal (text "commit") server.Commit "commit"
                Expect.stringStarts (text "folder") (Path.Combine(folder, "mine")) "folder"

                Expect.equal
                    [
                        for name in answer.RootElement.GetProperty("files").EnumerateArray() ->
                            string (name.GetString())
                    ]
                    (List.ofSeq server.Files.Keys)
                    "files"))

        testCase "two processes at once download each content once" (fun () ->
            withServer (fun server folder ->
                for KeyValue(name, content) in server.Files do
                    server.Misbehave("GET", name, [ Slow(content.Length / 10 + 1, TimeSpan.FromMilliseconds 100.0) ])

                let variables = environment server (Path.Combine(folder, "home"))
                let both = [ for _ in 1..2 -> gptWith variables folder [ "download"; repo ] ]
                let runs = both |> List.map _.Result

                for run in runs do
                    Expect.equal run.Code 0 run.Error

                Expect.equal runs[0].Out runs[1].Out "the same folder"

                for KeyValue(name, content) in server.Files do
                    let sent = server.Asked |> List.filter (fun asked -> asked.File = name) |> List.sumBy _.Sent
                    Expect.equal sent content.LongLength name
                    Expect.equal (File.ReadAllBytes(Path.Combine(runs[0].Out.Trim(), name))) content name))
    ]

/// A download that must fail with one sentence on standard error and leave no file.
let private refused name (variables: (string * string) list) (arguments: string list) code (words: string list) =
    testCase name (fun () ->
        withServer (fun server folder ->
            let home = Path.Combine(folder, "home")
            let run = (gptWith (environment server home @ variables) folder ("download" :: arguments)).Result
            Expect.equal run.Code code run.Error
            let sentence = run.Error.TrimEnd '\n'
            Expect.isFalse (sentence.Contains '\n') "one line"
            Expect.stringStarts sentence "gpt: " "who speaks"

            for word in words do
                Expect.stringContains sentence word "named"

            Expect.equal run.Out "" "standard output"
            Expect.equal (filesBelow folder) [] "nothing is written"))

let private mistakes =
    testList "names what is wrong" [
        refused "a repository with .. in it" [] [ "../evil" ] 2 [ "repository name"; "../evil" ]
        refused "a revision with .. in it" [] [ repo; "--revision"; "../evil" ] 2 [ "revision"; "../evil" ]
        refused "no repository" [] [] 2 [ "download" ]
        refused "a repository that is not there" [] [ "tiny-owner/other" ] 1 [ "tiny-owner/other"; "no repository" ]
        refused "offline and nothing cached" [ "HF_HUB_OFFLINE", "1" ] [ repo ] 1 [ "HF_HUB_OFFLINE"; repo ]
        refused "no network and nothing cached" [ "HF_ENDPOINT", "http://127.0.0.1:9" ] [ repo ] 1 [
            "127.0.0.1:9 cannot be reached"
            "not in the cache"
        ]
    ]

let tests = testList "download" [ work; mistakes ]
