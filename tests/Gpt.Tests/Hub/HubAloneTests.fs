/// The Hub without a network, and with names and settings that cannot be used.
module Gpt.Tests.HubAloneTests

open System.IO
open Expecto
open Gpt
open Gpt.Tests.HubServer
open Gpt.Tests.Hubs
open Gpt.Tests.Small

let private withoutNetwork =
    testList "without a network" [
        testCase "the cached model is used, whatever keeps the server from answering" (fun () ->
            withHub (fun hub ->
                let folder = snapshot hub |> get

                for status in [ 500; 503; 429 ] do
                    hub.Server.Misbehave("HEAD", "config.json", List.replicate 9 (Status(status, [])))
                    Expect.equal (snapshot hub) (Ok folder) $"{status}"

                hub.Server.Misbehave("HEAD", "config.json", [])
                hub.Server.Forget()

                Expect.equal
                    (Hub.snapshot { hub.Settings with Offline = true } repo "main" Hub.gpt2)
                    (Ok folder)
                    "offline"

                Expect.equal hub.Server.Asked [] "offline asks nobody"
                hub.Server.Stop()
                Expect.equal (snapshot hub) (Ok folder) "nobody listens"
                Expect.isEmpty hub.Delays "who has the model need not wait"
                expectWhole hub (Ok folder)))

        testCase "and nothing cached, one sentence says so" (fun () ->
            withHub (fun hub ->
                hub.Server.Stop()

                snapshot hub
                |> expectUntouched hub [] [
                    "cannot be reached"
                    hub.Settings.Endpoint
                    "not in the cache"
                    hub.Settings.Cache
                ]

                Hub.snapshot { hub.Settings with Offline = true } repo "main" Hub.gpt2
                |> expectUntouched hub [] [ "HF_HUB_OFFLINE"; repo; "not in the cache"; hub.Settings.Cache ]

                Expect.isFalse (Directory.Exists hub.Settings.Cache) "no folder is made"))

        testCase "and a part cached, the sentence names what lacks" (fun () ->
            withHub (fun hub ->
                Hub.file hub.Settings repo "main" "config.json" |> get |> ignore
                let before = listing hub

                Hub.snapshot { hub.Settings with Offline = true } repo "main" Hub.gpt2
                |> expectUntouched hub before [ "HF_HUB_OFFLINE"; "has no model.safetensors" ]

                // A server that stumbles is waited for when the cache alone is not enough.
                hub.Server.Misbehave("HEAD", "config.json", [ Status(500, []) ])
                expectWhole hub (snapshot hub)))
    ]

let private badInput =
    testList "bad input" [
        testCase "a name that leads out of the cache is refused, and nobody is asked" (fun () ->
            withHub (fun hub ->
                for name in [ ".."; "../evil"; "a/../../evil"; "/etc"; "a\\..\\b" ] do
                    Hub.snapshot hub.Settings name "main" Hub.gpt2
                    |> expectUntouched hub [] [ "repository name"; name ]

                    Hub.snapshot hub.Settings repo name Hub.gpt2 |> expectUntouched hub [] [ "revision"; name ]
                    Hub.file hub.Settings repo "main" name |> expectUntouched hub [] [ "file name"; name ]

                Expect.equal hub.Server.Asked [] "nobody was asked"
                Expect.isFalse (Directory.Exists hub.Settings.Cache) "no folder is made"))

        testCase "HuggingFace.load of neither a folder nor a repository" (fun () ->
            Expect.stringContains (HuggingFace.load "../there/is/nothing" |> error) "no such folder" "sentence")

        testCase "an endpoint that is no address, a token that is none" (fun () ->
            withHub (fun hub ->
                for endpoint in [ "huggingface"; "file:///etc"; "" ] do
                    Hub.snapshot
                        {
                            hub.Settings with
                                Endpoint = endpoint
                        }
                        repo
                        "main"
                        Hub.gpt2
                    |> expectUntouched hub [] [ "HF_ENDPOINT"; $"\"{endpoint}\"" ]

                Hub.snapshot
                    {
                        hub.Settings with
                            Token = Some "two words\r\nX: y"
                    }
                    repo
                    "main"
                    Hub.gpt2
                |> expectUntouched hub [] [ "HF_TOKEN" ]

                Expect.equal hub.Server.Asked [] "nobody was asked"))

        testCase "a cache that cannot be written" (fun () ->
            withHub (fun hub ->
                File.WriteAllText(hub.Settings.Cache, "a file where the cache should be")
                let sentence = snapshot hub |> error
                Expect.stringContains sentence hub.Settings.Cache "which"
                Expect.stringContains sentence "HF_HUB_CACHE" "the cure"
                File.Delete hub.Settings.Cache))
    ]

let tests = testList "hub alone" [ withoutNetwork; badInput ]
