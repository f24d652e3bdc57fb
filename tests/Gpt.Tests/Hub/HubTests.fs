/// The Hub when all goes well: what is downloaded, when nobody is asked, and what the cache looks like then.
module Gpt.Tests.HubTests

open System
open System.Collections.Generic
open System.IO
open System.Text
open System.Threading.Tasks
open Expecto
open Gpt
open Gpt.Tests.HubServer
open Gpt.Tests.Hubs
open Gpt.Tests.Small

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private downloads =
    testList "downloads" [
        testCase "what a GPT-2 needs, into the layout of huggingface_hub" (fun () ->
            withHub (fun hub ->
                let folder = snapshot hub |> get

                Expect.equal
                    folder
                    (Path.Combine(hub.Settings.Cache, "models--tiny-owner--tiny-gpt2", "snapshots", hub.Server.Commit))
                    "the folder"

                expectWhole hub (Ok folder)))

        testCase "each content once, and nothing when it is there already" (fun () ->
            withHub (fun hub ->
                snapshot hub |> get |> ignore

                for KeyValue(name, content) in hub.Server.Files do
                    Expect.equal (served hub name) content.LongLength name

                hub.Server.Forget()
                snapshot hub |> get |> ignore

                Expect.equal
                    (hub.Server.Asked |> List.map (fun asked -> asked.Method, asked.Path))
                    [
                        "HEAD", $"/{repo}/resolve/main/config.json"
                        "HEAD", $"/{repo}/resolve/{hub.Server.Commit}/generation_config.json"
                    ]
                    "asked: where main is now, and for the optional file that was not there"))

        testCase "of a commit's files that are there, nobody is asked" (fun () ->
            withHub (fun hub ->
                let path = Hub.file hub.Settings repo hub.Server.Commit "config.json" |> get
                hub.Server.Forget()
                Expect.equal (Hub.file hub.Settings repo hub.Server.Commit "config.json") (Ok path) "the same"
                Expect.equal hub.Server.Asked [] "nobody was asked"

                Expect.isFalse
                    (listing hub |> List.exists (fun (name, _) -> name.Contains "refs"))
                    "a commit needs no ref"))

        testCase "a branch that moved: the new files, and the old snapshot stays" (fun () ->
            withHub (fun hub ->
                let before = snapshot hub |> get
                let config = Array.append hub.Server.Files["config.json"] "\n"B
                hub.Server.Push(hub.Server.Files.Add("config.json", config), String.replicate 20 "b2")
                hub.Server.Forget()
                let after = snapshot hub |> get
                Expect.equal (File.ReadAllBytes(Path.Combine(after, "config.json"))) config "the new file"
                Expect.equal (served hub "model.safetensors") 0L "an equal content is not downloaded again"
                Expect.isTrue (File.Exists(Path.Combine(before, "model.safetensors"))) "the old snapshot"))

        testCase "one file, and an optional one" (fun () ->
            withHub (fun hub ->
                let path = Hub.file hub.Settings repo "main" "config.json" |> get
                Expect.equal (File.ReadAllBytes path) hub.Server.Files["config.json"] "content"
                Expect.equal (listing hub) (whole hub.Server [ "config.json" ]) "nothing else"
                Expect.equal (Hub.optionalFile hub.Settings repo "main" "nothing.json") (Ok None) "not there"

                Expect.equal (Hub.optionalFile hub.Settings repo "main" "config.json") (Ok(Some path)) "there"))

        testCase "a file in a folder links to its blob from there" (fun () ->
            withHubOf (Map [ "onnx/a b#1.json", utf8 "{}" ]) (fun hub ->
                let path = Hub.file hub.Settings repo "main" "onnx/a b#1.json" |> get
                Expect.equal (File.ReadAllText path) "{}" "content"
                Expect.equal (FileInfo(path).LinkTarget) ("../../../blobs/" + gitHash (utf8 "{}")) "the link"))

        testCase "an empty file" (fun () ->
            withHubOf (Map [ "empty", [||] ]) (fun hub ->
                let path = Hub.file hub.Settings repo "main" "empty" |> get
                Expect.equal (FileInfo(path).ResolveLinkTarget(true) |> nonNull :?> FileInfo).Length 0L "content"))

        testCase "a link whose blob was deleted is mended" (fun () ->
            withHub (fun hub ->
                let path = Hub.file hub.Settings repo "main" "config.json" |> get
                File.Delete((File.ResolveLinkTarget(path, true) |> nonNull).FullName)
                expectWhole hub (snapshot hub)))
    ]

let private names (folder: string) =
    Directory.GetFiles folder |> Array.map (Path.GetFileName >> string) |> Array.sort |> List.ofArray

let private others =
    Map [
        "README.md", utf8 "# read me"
        "training_args.bin", utf8 "pickle"
        "flax_model.msgpack", utf8 "x"
    ]

let private forms =
    testList "takes what a repository has" [
        testCase "a model in shards" (fun () ->
            let index =
                utf8
                    """{"metadata":{},"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors","c":"m-1.safetensors"}}"""

            let files =
                Map [
                    "config.json", utf8 "{}"
                    "model.safetensors.index.json", index
                    "m-1.safetensors", utf8 "one"
                    "m-2.safetensors", utf8 "two"
                    "pytorch_model.bin", utf8 "not this"
                    "tokenizer.json", utf8 "{}"
                    "tokenizer_config.json", utf8 "{}"
                    "vocab.json", utf8 "not this"
                ]

            withHubOf files (fun hub ->
                let folder = snapshot hub |> get

                Expect.equal
                    (names folder)
                    [
                        "config.json"
                        "m-1.safetensors"
                        "m-2.safetensors"
                        "model.safetensors.index.json"
                        "tokenizer.json"
                        "tokenizer_config.json"
                    ]
                    "files"))

        testCase "an old model: pytorch_model.bin, vocab.json and merges.txt" (fun () ->
            let old = [ "config.json"; "merges.txt"; "pytorch_model.bin"; "vocab.json" ]
            let files = old |> List.fold (fun files name -> Map.add name (utf8 name) files) others
            withHubOf files (fun hub -> Expect.equal (snapshot hub |> get |> names) old "files"))

        testCase "and says what it lacks" (fun () ->
            let model = [ "config.json"; "model.safetensors"; "tokenizer.json"; "vocab.json" ]

            for missing, word in
                [
                    "config.json", "config.json"
                    "model.safetensors",
                    "model.safetensors, nor model.safetensors.index.json with its shards, nor pytorch_model.bin"
                    "tokenizer.json", "tokenizer.json, nor vocab.json with merges.txt"
                ] do
                let files = model |> List.except [ missing ] |> List.map (fun name -> name, utf8 "{}") |> Map
                withHubOf files (fun hub -> snapshot hub |> expectUntouched hub [] [ $"has no {word}"; repo ]))

        testCase "an index that is none, or that leads out of the repository, is refused" (fun () ->
            for index, words in
                [
                    "[]", [ "model.safetensors.index.json"; "weight_map" ]
                    "{", [ "weight_map" ]
                    """{"weight_map":{"a":3}}""", [ "weight_map" ]
                    """{"weight_map":{"a":"../../../../outside"}}""", [ "../../../../outside"; "file name" ]
                    """{"weight_map":{"a":"/etc/passwd"}}""", [ "/etc/passwd"; "file name" ]
                    """{"weight_map":{"a":"gone.safetensors"}}""", [ "has no model.safetensors" ]
                ] do
                let files =
                    Map [
                        "config.json", utf8 "{}"
                        "model.safetensors.index.json", utf8 index
                        "tokenizer.json", utf8 "{}"
                    ]

                withHubOf files (fun hub ->
                    // Only the index itself has been downloaded by then, to look into it.
                    let blob = $"models--tiny-owner--tiny-gpt2/blobs/{gitHash (utf8 index)}", sha256 (utf8 index)
                    snapshot hub |> expectUntouched hub [ blob ] words))

        testCase "the tiny GPT-2, and computes as its folder does" (fun () ->
            let folder = Fixtures.shared "gpt2-tiny"
            Fixtures.skipWithout folder

            let files =
                Directory.GetFiles folder
                |> Array.filter (fun path -> not (path.Contains "expected"))
                |> Array.map (fun path -> Path.GetFileName path |> string, File.ReadAllBytes path)
                |> Map

            withHubOf files (fun hub ->
                let model, tokenizer = HuggingFace.loadWith hub.Settings "main" (Device.cpu ()) repo |> get

                use model = model
                use original = Checkpoint.loadModel (Device.cpu ()) folder |> get
                Expect.equal (Gpt.Tensors.toFloats model.Flat) (Gpt.Tensors.toFloats original.Flat) "weights"
                Expect.equal (Tokenizer.vocabSize tokenizer) original.Config.VocabSize "tokenizer"
                Expect.equal (served hub "vocab.json") 0L "tokenizer.json is enough"))
    ]

let private company =
    testList "in company" [
        testCase "the token goes to the endpoint and to no other host" (fun () ->
            withHub (fun hub ->
                Hub.snapshot
                    {
                        hub.Settings with
                            Token = Some "hf_secret"
                    }
                    repo
                    "main"
                    Hub.gpt2
                |> get
                |> ignore

                let atStore, atEndpoint = hub.Server.Asked |> List.partition _.AtStore
                Expect.isNonEmpty atStore "the other host was asked"
                Expect.equal (atStore |> List.map _.Token |> List.distinct) [ None ] "without the token"
                Expect.equal (atEndpoint |> List.map _.Token |> List.distinct) [ Some "Bearer hf_secret" ] "with it"))

        testCase "progress counts up to the size" (fun () ->
            withHub (fun hub ->
                let size = hub.Server.Files["model.safetensors"].LongLength

                hub.Server.Misbehave(
                    "GET",
                    "model.safetensors",
                    [ Slow(int size / 8 + 1, TimeSpan.FromMilliseconds 20.0) ]
                )

                snapshot hub |> get |> ignore

                let steps =
                    hub.Events
                    |> Seq.choose (fun event ->
                        match event with
                        | HubEvent.Receiving("model.safetensors", received, whole) ->
                            Expect.equal whole (Some size) "the size"
                            Some received
                        | _ -> None)
                    |> List.ofSeq

                Expect.equal steps (List.sort steps) "upwards"
                Expect.equal (List.head steps) 0L "from nothing"
                Expect.equal (List.last steps) size "to all"
                Expect.isGreaterThan steps.Length 4 "in steps"))

        testCase "two at once download each content once" (fun () ->
            withHub (fun hub ->
                for KeyValue(name, content) in hub.Server.Files do
                    hub.Server.Misbehave(
                        "GET",
                        name,
                        [ Slow(content.Length / 4 + 1, TimeSpan.FromMilliseconds 100.0) ]
                    )

                let both = [| for _ in 1..2 -> Task.Run(fun () -> snapshot hub) |]
                Task.WaitAll [| for one in both -> one :> Task |]
                Expect.equal both[0].Result both[1].Result "the same folder"
                expectWhole hub both[0].Result

                for KeyValue(name, content) in hub.Server.Files do
                    Expect.equal (served hub name) content.LongLength name

                Expect.contains hub.Events (HubEvent.Sharing "model.safetensors") "one waited for the other"))
    ]

let tests = testList "hub" [ downloads; forms; company ]
