/// The Hub when the server misbehaves. After each trouble the cache is either whole or untouched.
module Gpt.Tests.HubTroubleTests

open System
open System.IO
open Expecto
open Gpt
open Gpt.Tests.HubServer
open Gpt.Tests.Hubs
open Gpt.Tests.Small

type private Outcome =
    /// The whole model, after waiting so many seconds each time.
    | IsWhole of waited: int list
    /// An error with these words, after waiting so many seconds each time.
    | IsUntouched of words: string list * waited: int list

type private Trouble = {
    Name: string
    /// The request that goes wrong: its method and file, and what happens to it, one time after the other.
    At: string * string
    Plan: Misbehaviour list
    Outcome: Outcome
}

let private head name plan outcome = {
    Name = name
    At = ("HEAD", "config.json")
    Plan = plan
    Outcome = outcome
}

let private weights name plan outcome = {
    Name = name
    At = ("GET", "model.safetensors")
    Plan = plan
    Outcome = outcome
}

let private always trouble = List.replicate 100 trouble
let private refused words = IsUntouched(words, [])
let private coded status code = Status(status, [ "X-Error-Code", code ])

/// Longer than any pause of the slow server and shorter than its whole answer.
let private patience = TimeSpan.FromSeconds 1.0

let private troubles = [
    head "404: no such file" [ coded 404 "EntryNotFound" ] (refused [ "has no"; "config.json"; "main" ])
    head "404: no such repository" [ coded 404 "RepoNotFound" ] (refused [ "no repository"; repo ])
    head "404: no such revision" [ coded 404 "RevisionNotFound" ] (refused [ "no revision main"; repo ])
    head "404: no reason given" [ Status(404, []) ] (refused [ "no file config.json"; "no such repository" ])
    head "401" [ Status(401, []) ] (refused [ repo; "401"; "HF_TOKEN" ])
    head "401: a repository that is not there" [ coded 401 "RepoNotFound" ] (refused [ "does not exist"; "HF_TOKEN" ])
    head "403: gated" [ coded 403 "GatedRepo" ] (refused [ repo; "gated"; "ask for access"; "HF_TOKEN" ])
    head "418" [ Status(418, []) ] (refused [ "418" ])
    head "429 with Retry-After" [ Status(429, [ "Retry-After", "7" ]) ] (IsWhole [ 7 ])
    head "429 again and again" (always (Status(429, []))) (IsUntouched([ "429"; "later" ], [ 1; 2; 4 ]))
    head "429 for an hour" [ Status(429, [ "Retry-After", "3600" ]) ] (refused [ "429"; "3600 seconds" ])
    head "500, then fine" [ Status(500, []) ] (IsWhole [ 1 ])
    head "500 again and again" (always (Status(500, []))) (IsUntouched([ "500" ], [ 1; 2; 4 ]))
    weights "503 for the content, then fine" [ Status(503, [ "Retry-After", "2" ]); Status(502, []) ] (IsWhole [ 2; 2 ])
    weights "403 for the content" [ Status(403, []) ] (refused [ "403" ])
    weights "a connection cut in the middle" [ Cut 5000 ] (IsWhole [ 1 ])
    weights "cut again and again, but further each time" (List.replicate 6 (Cut 1500)) (IsWhole [ 1; 1; 1; 1; 1; 1 ])
    weights "cut before the first byte, always" (always (Cut 0)) (IsUntouched([ "model.safetensors" ], [ 1; 2; 4 ]))
    weights "silence in the middle" [ Silent 4000 ] (IsWhole [ 1 ])
    weights "slow bytes" [ Slow(1000, TimeSpan.FromMilliseconds 120.0) ] (IsWhole [])
    weights "a wrong hash" (always WrongByte) (refused [ "model.safetensors"; "SHA-256"; "nothing of it was kept" ])
    weights "more bytes than were spoken of" (always TooMany) (refused [ "model.safetensors"; "more than" ])
    weights "a server that knows no ranges" [ Cut 5000; Whole ] (IsWhole [ 1 ])
    weights "another range than the one asked for" [ Cut 5000; OtherRange ] (IsWhole [ 1; 2 ])
    weights "a range that is refused" [ Cut 5000; Status(416, []) ] (IsWhole [ 1; 2 ])
    head "a redirect to another path" [ Elsewhere ] (IsWhole [])
    head
        "a redirect in a circle"
        (always (Redirect $"{{endpoint}}/{repo}/resolve/main/config.json"))
        (refused [ "circle" ])
    head "a redirect to a file" [ Redirect "file:///etc/passwd" ] (refused [ "file:"; "not followed" ])
    head "a commit that is a path" [ Headers [ "X-Repo-Commit", "../../../evil" ] ] (refused [ "HF_ENDPOINT" ])
    head "a hash that is a path" [ Headers [ "ETag", "\"../../../evil\"" ] ] (refused [ "HF_ENDPOINT" ])
    head "no hash" [ Headers [ "ETag", "" ] ] (refused [ "HF_ENDPOINT" ])
]

let private misbehaving (trouble: Trouble) =
    testCase trouble.Name (fun () ->
        withHub (fun hub ->
            let method, file = trouble.At
            hub.Server.Misbehave(method, file, trouble.Plan)

            let hub = {
                hub with
                    Settings = {
                        hub.Settings with
                            Patience = patience
                    }
            }

            let result = snapshot hub
            let waited = hub.Delays |> Seq.map (fun time -> int time.TotalSeconds) |> List.ofSeq

            match trouble.Outcome with
            | IsWhole expected ->
                expectWhole hub result
                Expect.equal waited expected "seconds waited"
            | IsUntouched(words, expected) ->
                expectUntouched hub [] words result
                Expect.equal waited expected "seconds waited"

                // And then all is well again, from what the trouble has left.
                hub.Server.Misbehave(method, file, [])
                expectWhole hub (snapshot hub)))

let private size = lazy modelFiles.Value["model.safetensors"].LongLength

/// A first try that is cut after so many bytes and gives up.
let private cutAt (hub: Hub') (bytes: int) =
    hub.Server.Misbehave("GET", "model.safetensors", [ Cut bytes ])
    let sentence = Hub.snapshot { hub.Settings with Retries = 0 } repo "main" Hub.gpt2 |> error
    Expect.stringContains sentence "model.safetensors" "what was cut"

    Directory.GetFiles(hub.Settings.Cache, "*.incomplete", SearchOption.AllDirectories)
    |> Array.exactlyOne

let private resuming =
    testList "resuming" [
        testCase "within a download asks for the rest only" (fun () ->
            withHub (fun hub ->
                hub.Server.Misbehave("GET", "model.safetensors", [ Cut 5000 ])
                expectWhole hub (snapshot hub)
                let requests = contentRequests hub "model.safetensors"
                Expect.equal (requests |> List.map _.Range) [ None; Some "bytes=5000-" ] "ranges"
                Expect.equal (requests |> List.map _.Sent) [ 5000L; size.Value - 5000L ] "bytes served"))

        testCase "another day asks for the rest only, and the cache shows nothing in between" (fun () ->
            withHub (fun hub ->
                let beginning = cutAt hub 5000

                Expect.equal
                    (listing hub |> List.map fst)
                    [ Path.GetRelativePath(hub.Settings.Cache, beginning) ]
                    "the beginning of one file, no snapshot, no ref"

                hub.Server.Forget()
                expectWhole hub (snapshot hub)
                let request = contentRequests hub "model.safetensors" |> List.exactlyOne
                Expect.equal request.Range (Some "bytes=5000-") "range"
                Expect.equal request.Sent (size.Value - 5000L) "bytes served"))

        testCase "from a damaged beginning starts over" (fun () ->
            withHub (fun hub ->
                let beginning = cutAt hub 5000
                File.WriteAllBytes(beginning, Array.create 5000 7uy)
                expectWhole hub (snapshot hub)

                Expect.equal
                    (contentRequests hub "model.safetensors" |> List.map _.Range)
                    [ None; Some "bytes=5000-"; None ]
                    "ranges"))

        testCase "from all there was, or more, checks it first" (fun () ->
            withHub (fun hub ->
                let beginning = cutAt hub 5000
                File.WriteAllBytes(beginning, hub.Server.Files["model.safetensors"])
                hub.Server.Forget()
                expectWhole hub (snapshot hub)
                Expect.equal (contentRequests hub "model.safetensors") [] "nothing was asked for"))

        testCase "from more than there is starts over" (fun () ->
            withHub (fun hub ->
                let beginning = cutAt hub 5000
                File.WriteAllBytes(beginning, Array.append hub.Server.Files["model.safetensors"] "more"B)
                expectWhole hub (snapshot hub)))
    ]

let private others =
    testList "besides" [
        testCase "a small file with a wrong hash is refused as well" (fun () ->
            withHub (fun hub ->
                hub.Server.Misbehave("GET", "config.json", always WrongByte)

                Hub.file hub.Settings repo "main" "config.json"
                |> expectUntouched hub [] [ "config.json"; "git hash"; gitHash hub.Server.Files["config.json"] ]))

        testCase "an ETag that is weak, or no hash, is no hindrance" (fun () ->
            withHub (fun hub ->
                let name = "config.json"
                hub.Server.Misbehave("HEAD", name, [ Headers [ "ETag", $"W/\"{gitHash hub.Server.Files[name]}\"" ] ])
                Hub.file hub.Settings repo "main" name |> get |> ignore
                Expect.equal (listing hub) (whole hub.Server [ name ]) "weak"
                hub.Server.Misbehave("HEAD", "tokenizer.json", [ Headers [ "ETag", "\"5f-18a\"" ] ])
                let path = Hub.file hub.Settings repo "main" "tokenizer.json" |> get
                Expect.equal (File.ReadAllBytes path) hub.Server.Files["tokenizer.json"] "no hash"))

        testCase "a redirect of the content to another path" (fun () ->
            withHub (fun hub ->
                hub.Server.Misbehave("GET", "config.json", [ Elsewhere ])
                expectWhole hub (snapshot hub)
                Expect.exists hub.Server.Asked (fun asked -> asked.Path = "/elsewhere/config.json") "it was followed"))

        testCase "an update that fails leaves the model of before" (fun () ->
            withHub (fun hub ->
                let folder = snapshot hub |> get
                let before = listing hub
                let changed = Array.rev hub.Server.Files["model.safetensors"]
                hub.Server.Push(hub.Server.Files.Add("model.safetensors", changed), String.replicate 20 "c3")
                hub.Server.Misbehave("GET", "model.safetensors", always WrongByte)
                snapshot hub |> expectUntouched hub before [ "SHA-256" ]
                hub.Server.Stop()
                Expect.equal (snapshot hub) (Ok folder) "the old one still loads"))

        testCase "a second who waits for the lock takes over when the first gives up" (fun () ->
            withHub (fun hub ->
                hub.Server.Misbehave(
                    "GET",
                    "model.safetensors",
                    [ Slow(2000, TimeSpan.FromMilliseconds 40.0); WrongByte ] |> List.rev
                )

                let both = [| for _ in 1..2 -> Threading.Tasks.Task.Run(fun () -> snapshot hub) |]
                Threading.Tasks.Task.WaitAll [| for one in both -> one :> Threading.Tasks.Task |]
                let good, bad = both |> Array.map _.Result |> Array.partition Result.isOk
                Expect.stringContains (bad |> Array.exactlyOne |> error) "SHA-256" "the one with the wrong bytes"
                expectWhole hub (Array.exactlyOne good)))
    ]

let tests =
    testList "hub in trouble" [ testList "the server" (List.map misbehaving troubles); resuming; others ]
