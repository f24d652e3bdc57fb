// dotnet fsi build.fsx [TARGET] [--torch cuda|cpu|FOLDER]
//   run [ARGUMENTS]    build the tool, then `gpt train ARGUMENTS`: train on Shakespeare, write text (the default)
//   test               build everything, run every test program; the last line is `N passed, N failed`
//   bench [ARGUMENTS]  measure beside PyTorch, transformers, llama.cpp (--peers FOLDER), or `kernels` alone
//   build, pack        build everything, make packages of it in artifacts/packages; arguments go on to `dotnet msbuild`
//   docs, format       write the site into artifacts/docs (after build); format the F# sources (--check: say which are not)
open System
open System.IO
open System.Runtime.InteropServices
open System.Text.RegularExpressions

let root = __SOURCE_DIRECTORY__
let mutable child: Diagnostics.Process = null
Console.CancelKeyPress.Add(fun press -> press.Cancel <- true) // Ctrl-C is for the child, whose exit code is ours
let terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, fun _ -> child.Kill true)

/// Runs a dotnet command and gives its output, if captured. If it had to succeed and failed, its exit code is this script's.
let execute hasTo captured folder (words: string list) =
    let start = Diagnostics.ProcessStartInfo(Environment.ProcessPath, words, WorkingDirectory = folder)
    start.RedirectStandardOutput <- captured
    child <- Diagnostics.Process.Start start
    let output = if captured then child.StandardOutput.ReadToEnd() else ""
    child.WaitForExit()
    let failed = hasTo && child.ExitCode <> 0
    if failed then exit child.ExitCode else output

let refuse (words: string list) =
    eprintfn "%A is not understood\n%s" words (File.ReadAllText(Path.Combine(root, "build.fsx")).Split("open")[0])
    exit 2

let rec takeTorch words =
    match words with
    | "--torch" :: ("cuda" | "cpu" as name) :: rest -> name, $"torch-{name}/", rest
    | "--torch" :: folder :: rest when Directory.Exists folder -> Path.GetFullPath folder, "torch-local/", rest
    | "--torch" :: _ -> refuse words
    | word :: rest -> takeTorch rest |> fun (torch, bin, rest) -> torch, bin, word :: rest
    | [] -> "embedded", "", []

let torch, bin, words = takeTorch (List.tail (List.ofArray fsi.CommandLineArgs))
let program (project: string) = Path.Combine(root, project, $"bin/{bin}Release/net10.0/{Path.GetFileName project}.dll")
let perform folder words = execute true false folder words |> ignore
let quietly (command: string) = execute true true root (List.ofArray (command.Split ' '))
let restored = quietly "tool restore" // Paket, Fantomas and fsdocs
let firstFeed () = Regex.Match(quietly "nuget list source --format short", @"(?m)^E\w* (.*\S)").Groups[1].Value

let build project arguments =
    let feed = Environment.GetEnvironmentVariable "NUGET_SOURCE" |> Option.ofObj
    Environment.SetEnvironmentVariable("NUGET_SOURCE", Option.defaultWith firstFeed feed)
    eprintfn "Restoring and building %s" project
    quietly "paket restore" |> ignore
    let options = $"-p:Configuration=Release;Torch={torch};PaketDisableGlobalRestore=true" :: arguments
    perform root ("msbuild" :: project :: "-restore" :: "-v:q" :: "-nologo" :: options)

let launch project arguments =
    build project []
    perform Environment.CurrentDirectory (program project :: arguments)

/// Runs a test program, whose option names a JUnit report: how many tests passed, failed and were skipped.
let test option name =
    let report = Path.GetTempFileName()
    execute false false root [ program $"tests/{name}"; option; report ] |> ignore
    let count tag = Regex.Count(File.ReadAllText report, $"<{tag}\\b")
    let cases, skipped = count "testcase", count "skipped"
    let failed = max (count "(failure|error)") (Convert.ToInt32(child.ExitCode <> 0 || cases = 0))
    File.Delete report
    [ max 0 (cases - failed - skipped); failed; skipped ]

match (if words.IsEmpty then [ "run" ] else words) with
| "run" :: rest -> launch "src/Gpt.Cli" ("train" :: rest)
| "bench" :: rest -> launch "tests/Gpt.Benchmarks" rest
| ("build" | "pack" as target) :: rest -> build "Gpt.sln" ($"-target:{target}" :: rest)
| [ "test" ] ->
    build "Gpt.sln" []
    let xunit = List.map (test "-result-junit") [ "TorchSharp.Embedded.Tests"; "Gpt.Api.Tests" ]
    let counts = test "--junit-summary" "Gpt.Tests" :: xunit |> List.reduce (List.map2 (+))
    printfn "%d passed, %d failed%s" counts[0] counts[1] (if counts[2] = 0 then "" else $", {counts[2]} skipped")
    exit (min 1 counts[1])
| [ "docs" ] -> perform root [ "fsi"; "docs/site.fsx" ]
| "format" :: rest -> perform root ([ "fantomas"; "src"; "tests"; "samples"; "docs"; "build.fsx" ] @ rest)
| _ -> refuse words
