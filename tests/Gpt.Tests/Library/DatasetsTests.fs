/// Texts by name and by path: where they come from, and what is said when they cannot be had.
module Gpt.Tests.DatasetsTests

open System
open System.IO
open System.Net
open System.Text
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private sha = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"

/// The real text, where it lies beside the repository.
let private realText () =
    let path = Path.Combine(Fixtures.shared "..", "data", "tinyshakespeare.txt")

    if not (File.Exists path) then
        skiptest $"{Path.GetFullPath path} is absent"

    File.ReadAllBytes path

let private offline cache = {
    Cache = cache
    Fetch = fun _ -> Error "the cable is out"
}

let private noFetch cache = {
    Cache = cache
    Fetch = fun url -> failtest $"{url} was fetched"
}

/// What a file of these bytes gives. The sentence of an error names the file, here FILE.
let private resolved (bytes: byte[]) =
    let mutable result = Error ""

    withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        let path = Path.Combine(folder, "text")
        File.WriteAllBytes(path, bytes)
        result <- Datasets.resolveWith (noFetch folder) path |> Result.mapError _.Replace(path, "FILE"))

    result

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private paths =
    testList "a path" [
        testCase "gives the text of the file" (fun () ->
            withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let path = Path.Combine(folder, "a file.txt")
                File.WriteAllText(path, "To wait, and wait.\n")

                Expect.equal
                    (Datasets.resolveWith (noFetch folder) path |> get)
                    {
                        Name = path
                        Text = "To wait, and wait.\n"
                        Source = DatasetSource.Path path
                    }
                    "text"))

        testCase "ends lines with a line feed and drops a byte-order mark" (fun () ->
            let text bytes = (get (resolved bytes)).Text
            Expect.equal (text (utf8 "a\r\nb\r\n")) "a\nb\n" "from Windows"
            Expect.equal (text (utf8 "a\rb\n\r")) "a\rb\n\r" "other carriage returns stay"
            Expect.equal (text (utf8 "\uFEFFé\n")) "é\n" "byte-order mark")

        testCase "of an empty file is an error" (fun () ->
            for bytes in [ [||]; utf8 "\uFEFF" ] do
                Expect.stringContains (error (resolved bytes)) "FILE is empty" "sentence")

        testCase "of a folder is an error" (fun () ->
            withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let sentence = Datasets.resolveWith (noFetch folder) folder |> error
                Expect.stringContains sentence folder "the value"
                Expect.stringContains sentence "is a folder; give one text file" "what would be right"))

        testCase "that leads nowhere is an error" (fun () ->
            for name in [ "nowhere/at-all.txt"; "Shakespeare2"; "" ] do
                let sentence = Datasets.resolveWith (noFetch ".") name |> error
                Expect.stringContains sentence $"\"{name}\"" "the value"
                Expect.stringContains sentence "shakespeare" "the name there is")

        law
            200
            "of bytes that are no UTF-8 is an error that says where"
            (Arb.zip (within 0 40_000, Arb.fromGen (Gen.elements [ ""; "\uFEFF" ])))
            (fun (count, mark) ->
                let before = utf8 (mark + String.replicate count "aé𝔘")
                let sentence = resolved [| yield! before; 0xE9uy; yield! "tude"B |] |> error
                Expect.stringContains sentence $"FILE is not UTF-8 text: byte {before.Length} is 0xE9" "place")

        testCase "of UTF-16 and of a character cut short is an error" (fun () ->
            Expect.stringContains (resolved [| 0xFFuy; 0xFEuy; 97uy; 0uy |] |> error) "byte 0 is 0xFF" "UTF-16"
            Expect.stringContains (resolved [| 97uy; 0xF0uy; 0x9Duy |] |> error) "byte 1 is 0xF0" "cut short")
    ]

let private names =
    testList "shakespeare" [
        testCase "is downloaded once and then taken from the cache" (fun () ->
            let bytes = realText ()

            withFolder (fun folder ->
                let mutable asked = []

                let online = {
                    Cache = Path.Combine(folder, "made", "when needed")
                    Fetch =
                        fun url ->
                            asked <- url :: asked
                            Ok bytes
                }

                let first = Datasets.resolveWith online "shakespeare" |> get
                let second = Datasets.resolveWith (noFetch online.Cache) "shakespeare" |> get
                Expect.equal first.Text (Encoding.UTF8.GetString bytes) "text"
                Expect.equal first.Source (DatasetSource.Download(List.exactlyOne asked)) "the first time"
                Expect.equal second.Text first.Text "the same text"

                match second.Source with
                | DatasetSource.Cache path ->
                    Expect.equal (File.ReadAllBytes path) bytes "kept as it was"

                    Expect.equal
                        (Directory.GetFiles(folder, "*", SearchOption.AllDirectories))
                        [| path |]
                        "nothing else"
                | other -> failtest $"{other}"))

        testCase "is generated where there is no network, and says so" (fun () ->
            withFolder (fun folder ->
                let dataset = Datasets.resolveWith (offline folder) "shakespeare" |> get
                Expect.equal dataset.Source (DatasetSource.Generated "the cable is out") "source"
                Expect.equal dataset.Text.Length 1_115_394 "as long as the real one"
                let line = Datasets.describe dataset
                Expect.stringContains line "generated" "what it is"
                Expect.stringContains line $"{Grammar.entropy:F4} nats" "its entropy"
                Expect.stringContains line "the cable is out" "why"
                Expect.isFalse (Directory.Exists folder) "nothing is written"))

        testCase "with another hash is refused, downloaded or cached" (fun () ->
            withFolder (fun folder ->
                let tampered = {
                    Cache = folder
                    Fetch = fun _ -> Ok "<html>"B
                }

                let sentence = Datasets.resolveWith tampered "shakespeare" |> error
                Expect.stringContains sentence "https://" "which"
                Expect.stringContains sentence sha "what would be right"
                Expect.isFalse (Directory.Exists folder) "nothing is kept"

                Directory.CreateDirectory folder |> ignore
                let cached = Path.Combine(folder, "shakespeare.txt")
                File.WriteAllText(cached, "half a")
                let sentence = Datasets.resolveWith (noFetch folder) "shakespeare" |> error
                Expect.stringContains sentence cached "which"
                Expect.stringContains sentence sha "what would be right"
                Expect.stringContains sentence "delete it" "the cure"))

        testCase "needs no cache that can be written" (fun () ->
            let bytes = realText ()

            withFolder (fun folder ->
                File.WriteAllText(folder, "a file where the cache should be")

                let online = {
                    Cache = folder
                    Fetch = fun _ -> Ok bytes
                }

                match (Datasets.resolveWith online "shakespeare" |> get).Source with
                | DatasetSource.Download _ -> File.Delete folder
                | other -> failtest $"{other}"))
    ]

/// Serves one request on a port of this machine.
let private served (respond: HttpListenerResponse -> unit) (test: string -> unit) =
    let port =
        use probe = new Sockets.TcpListener(IPAddress.Loopback, 0)
        probe.Start()
        (probe.LocalEndpoint :?> IPEndPoint).Port

    let address = $"http://127.0.0.1:{port}/"
    use listener = new HttpListener()
    listener.Prefixes.Add address
    listener.Start()

    let answering =
        task {
            let! context = listener.GetContextAsync()
            respond context.Response
            context.Response.Close()
        }

    test address
    answering.Wait()

let private machine =
    testList "the machine" [
        testCase "the cache folder follows the environment" (fun () ->
            let folder variables = Datasets.cacheFolder (fun name -> Map.tryFind name (Map variables))

            let rooted = Path.GetFullPath "/c"
            Expect.equal (folder [ "GPT_CACHE", "mine"; "XDG_CACHE_HOME", rooted ]) "mine" "GPT_CACHE first"

            Expect.equal
                (folder [ "GPT_CACHE", ""; "XDG_CACHE_HOME", rooted ])
                (Path.Combine(rooted, "gpt"))
                "then XDG"

            if not (OperatingSystem.IsWindows()) then
                for ignored in [ []; [ "XDG_CACHE_HOME", "relative" ]; [ "XDG_CACHE_HOME", " " ] ] do
                    Expect.equal
                        (folder (("HOME", "/home/x") :: ignored))
                        "/home/x/.cache/gpt"
                        $"then HOME, %A{ignored}")

        testCase "GPT_OFFLINE keeps off the network" (fun () ->
            let before = Environment.GetEnvironmentVariable "GPT_OFFLINE"

            try
                Environment.SetEnvironmentVariable("GPT_OFFLINE", "1")
                Expect.equal (Datasets.access().Fetch "http://127.0.0.1:9/") (Error "GPT_OFFLINE is 1") "refused"
            finally
                Environment.SetEnvironmentVariable("GPT_OFFLINE", before))

        testCase "a download gives the bytes that are served" (fun () ->
            let bytes = Array.init 100_000 (fun i -> byte (i % 251))

            served (fun response -> response.OutputStream.Write(bytes, 0, bytes.Length)) (fun address ->
                Expect.equal (Datasets.download address) (Ok bytes) "bytes"))

        testCase "a download that is refused says why" (fun () ->
            served (fun response -> response.StatusCode <- 404) (fun address ->
                Expect.stringContains
                    (match Datasets.download address with
                     | Ok _ -> "no error"
                     | Error reason -> reason)
                    "404"
                    "status")

            Expect.isError (Datasets.download "http://127.0.0.1:9/") "nobody listens")
    ]

let tests = testList "datasets" [ paths; names; machine ]
