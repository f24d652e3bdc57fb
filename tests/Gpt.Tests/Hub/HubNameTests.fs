/// Names and places: what may be a repository, a revision and a file, and where the cache keeps them.
module Gpt.Tests.HubNameTests

open System
open System.IO
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private refuses check (word: string) (names: string list) =
    for name in names do
        let sentence: string = check name |> error
        Expect.stringContains sentence word name
        Expect.isFalse (sentence |> Seq.exists Char.IsControl) "one line"

let private accepts check (names: string list) =
    for name in names do
        Expect.equal (check name) (Ok()) name

let private nasty =
    Gen.elements [
        ".."
        "."
        "/"
        "\\"
        "a"
        "b.json"
        "-"
        "--"
        "~"
        "C:"
        "\000"
        "\n"
        " "
        "%2e%2e"
        "é"
    ]
    |> Gen.listOf
    |> Gen.map (String.concat "")
    |> Arb.fromGen

let private isBelow (folder: string) (path: string) =
    Path.GetFullPath(path).StartsWith(Path.GetFullPath folder + string Path.DirectorySeparatorChar)

let private names =
    testList "names" [
        testCase "of repositories" (fun () ->
            accepts HubNames.checkRepo [
                "gpt2"
                "openai-community/gpt2"
                "a"
                "A_b.c-d/e.F_g"
                "_x/y_"
                String('a', 96)
                $"{String('a', 96)}/{String('b', 96)}"
            ]

            refuses HubNames.checkRepo "OWNER/NAME" [
                ""
                ".."
                "../gpt2"
                "owner/.."
                "owner/../gpt2"
                "a..b"
                "a--b"
                ".gpt2"
                "gpt2."
                "-gpt2"
                "gpt2-"
                "/gpt2"
                "gpt2/"
                "a/b/c"
                "a//b"
                "a b"
                "a\\b"
                "gpt2\n"
                "gpt2\000"
                "gpt2?x"
                "gpt2#x"
                "a%2f.."
                "gpt2.git"
                "gpté"
                "C:gpt2"
                String('a', 97)
            ])

        testCase "of revisions" (fun () ->
            accepts HubNames.checkRevision [ "main"; "v1.0"; "refs/pr/1"; "feature/a+b"; String('0', 40) ]

            refuses HubNames.checkRevision "revision" [
                ""
                ".."
                "../main"
                "a/../b"
                "a..b"
                "/main"
                "main/"
                "a//b"
                "a\\b"
                ".hidden"
                "-x"
                "a b"
                "a\n"
                "a:b"
                "a?b"
                "a*b"
                String('a', 256)
            ])

        testCase "of files" (fun () ->
            accepts HubNames.checkFile [ "config.json"; "onnx/model.onnx"; "a b.json"; ".gitattributes"; "..a" ]

            refuses HubNames.checkFile "file name" [
                ""
                ".."
                "../x"
                "a/../../x"
                "a/.."
                "./x"
                "/etc/passwd"
                "a//b"
                "a/"
                "a\\b"
                "C:x"
                "x:stream"
                "a\000"
                "a\n"
            ])

        law 500 "that pass stay below the snapshot and the refs" nasty (fun name ->
            let cache = Path.Combine(Path.GetTempPath(), "hub")

            if HubNames.checkFile name = Ok() then
                let snapshot = HubCache.snapshot cache "a/b" (String('0', 40))
                Expect.isTrue (isBelow snapshot (HubCache.pointer cache "a/b" (String('0', 40)) name)) name

            if HubNames.checkRevision name = Ok() then
                Expect.isTrue
                    (isBelow (Path.Combine(cache, "models--a--b", "refs")) (HubCache.refFile cache "a/b" name))
                    name

            if HubNames.checkRepo name = Ok() then
                Expect.isTrue (isBelow cache (HubCache.snapshot cache name (String('0', 40)))) name)

        testCase "of blobs are hashes, or at least no paths" (fun () ->
            for etag in [ String('0', 40); String('f', 64); "5f-18a_b" ] do
                Expect.isTrue (HubNames.isEtag etag) etag

            for etag in [ ""; ".."; "a/b"; "a.incomplete"; "a\\b"; "a\n"; String('a', 201) ] do
                Expect.isFalse (HubNames.isEtag etag) etag)
    ]

let private places =
    testList "places" [
        testCase "the cache folder follows the environment" (fun () ->
            let folder variables = HubCache.folder (fun name -> Map.tryFind name (Map variables))
            let home = Path.GetFullPath "/h"
            Expect.equal (folder [ "HF_HUB_CACHE", "mine"; "HF_HOME", home ]) "mine" "HF_HUB_CACHE first"
            Expect.equal (folder [ "HUGGINGFACE_HUB_CACHE", "old"; "HF_HOME", home ]) "old" "its older name"
            Expect.equal (folder [ "HF_HUB_CACHE", " "; "HF_HOME", home ]) (Path.Combine(home, "hub")) "then HF_HOME"

            Expect.equal
                (folder [ "XDG_CACHE_HOME", home ])
                (Path.Combine(home, "huggingface", "hub"))
                "then XDG_CACHE_HOME"

            if not (OperatingSystem.IsWindows()) then
                Expect.equal (folder [ "HOME", "/home/x" ]) "/home/x/.cache/huggingface/hub" "then HOME"
                Expect.equal (folder [ "HOME", "/home/x"; "HF_HOME", "~/hf" ]) "/home/x/hf/hub" "~ is expanded")

        testCase "where no links can be made, a snapshot holds copies" (fun () ->
            withFolder (fun cache ->
                let blob = HubCache.blob cache "a/b" "e"
                Directory.CreateDirectory(Path.Combine(blob, "..") |> Path.GetFullPath) |> ignore
                File.WriteAllText(blob, "content")
                let commit = String('0', 40)
                let noLinks _ _ = raise (IOException "no links here")
                HubCache.linkWith noLinks cache "a/b" commit "x/y.json" "e"
                let path = HubCache.tryFile cache "a/b" commit "x/y.json" |> Option.get
                Expect.equal (File.ReadAllText path) "content" "content"
                Expect.isNull (FileInfo(path).LinkTarget) "no link"
                Expect.equal (Directory.GetFiles(Path.Combine(path, "..")).Length) 1 "no temporary file"))

        testCase "settings follow the environment" (fun () ->
            withFolder (fun home ->
                let settings variables =
                    Hub.settings (fun name -> Map.tryFind name (Map(("HF_HOME", home) :: variables)))

                let plain = settings []
                Expect.equal plain.Endpoint "https://huggingface.co" "the endpoint"
                Expect.equal plain.Cache (Path.Combine(home, "hub")) "the cache"
                Expect.equal plain.Token None "no token"
                Expect.isFalse plain.Offline "online"
                Expect.equal (settings [ "HF_ENDPOINT", "http://x:1/" ]).Endpoint "http://x:1" "HF_ENDPOINT"
                Expect.equal (settings [ "HF_TOKEN", " hf_a\n" ]).Token (Some "hf_a") "HF_TOKEN"

                for value, offline in [ "1", true; "yes", true; "TRUE", true; "0", false; "", false ] do
                    Expect.equal (settings [ "HF_HUB_OFFLINE", value ]).Offline offline $"HF_HUB_OFFLINE={value}"

                Directory.CreateDirectory home |> ignore
                File.WriteAllText(Path.Combine(home, "token"), "hf_saved\n")
                Expect.equal (settings []).Token (Some "hf_saved") "the token that was saved"
                Expect.equal (settings [ "HF_TOKEN", "hf_a" ]).Token (Some "hf_a") "HF_TOKEN goes before it"))
    ]

let tests = testList "hub names" [ names; places ]
