// dotnet fsi build.fsx [TARGET] [--torch cuda|cpu|FOLDER]
//   run [ARGUMENTS]    build the tool, then `gpt train ARGUMENTS`: train on Shakespeare, write text (the default)
//   test               build everything, run every test program; the last line is `N passed, N failed`
//   build [ARGUMENTS]  build everything; arguments go on to `dotnet msbuild`
//   bench [ARGUMENTS]  measure beside PyTorch, transformers, llama.cpp (--peers FOLDER), or `kernels` alone
//   pack [ARGUMENTS]   build everything, make packages of the libraries and the tool in artifacts/packages
//   format [--check]   format the F# sources, or say what is not formatted
open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open System.Text.RegularExpressions

let root = __SOURCE_DIRECTORY__
let mutable child: Process = null
Console.CancelKeyPress.Add(fun press -> press.Cancel <- true) // Ctrl-C is for the child, whose exit code is ours
let terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, fun _ -> child.Kill true)

/// Runs a dotnet command to its end; if it has to succeed and fails, this script ends with its exit code. Its output is captured
/// and returned, or goes where this script's goes.
let execute hasTo captured folder (arguments: string list) =
    let start = ProcessStartInfo(Environment.ProcessPath, arguments, WorkingDirectory = folder)
    start.RedirectStandardOutput <- captured
    child <- Process.Start start
    let output = if captured then child.StandardOutput.ReadToEnd() else ""
    child.WaitForExit()

    if hasTo && child.ExitCode <> 0 then
        exit child.ExitCode
    else
        output

let refuse (words: string list) =
    let usage = File.ReadLines(Path.Combine(root, "build.fsx")) |> Seq.takeWhile _.StartsWith("//")
    eprintfn "%A is not understood\n%s" words (String.concat "\n" usage)
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
let quietly (command: string) = execute true true root (List.ofArray (command.Split ' '))
let firstFeed () = Regex.Match(quietly "nuget list source --format short", @"(?m)^E\w* (.*\S)").Groups[1].Value

let build project arguments =
    let feed = Environment.GetEnvironmentVariable "NUGET_SOURCE" |> Option.ofObj
    Environment.SetEnvironmentVariable("NUGET_SOURCE", Option.defaultWith firstFeed feed)
    eprintfn "Restoring and building %s" project
    [ "tool restore"; "paket restore" ] |> List.iter (quietly >> ignore)
    let options = $"-p:Configuration=Release;Torch={torch};PaketDisableGlobalRestore=true" :: arguments

    execute true false root ("msbuild" :: project :: "-restore" :: "-v:q" :: "-nologo" :: options)
    |> ignore

/// Runs a test program, whose option names a JUnit report: how many tests passed, failed and were skipped.
let test option name =
    let report = Path.GetTempFileName()
    execute false false root [ program $"tests/{name}"; option; report ] |> ignore
    let count tag = Regex.Count(File.ReadAllText report, $"<{tag}\\b")
    let cases, failed, skipped = count "testcase", count "(failure|error)", count "skipped"
    File.Delete report
    let mishap = Convert.ToInt32(child.ExitCode <> 0 || cases = 0)
    [ cases - failed - skipped; max failed mishap; skipped ]

match (if words.IsEmpty then [ "run" ] else words) with
| ("run" | "bench" as target) :: rest ->
    let project, rest =
        if target = "run" then
            "src/Gpt.Cli", "train" :: rest
        else
            "tests/Gpt.Benchmarks", rest

    build project []
    execute true false Environment.CurrentDirectory (program project :: rest) |> ignore
| ("build" | "pack" as target) :: rest -> build "Gpt.sln" ($"-target:{target}" :: rest)
| [ "test" ] ->
    build "Gpt.sln" []
    let xunit = List.map (test "-result-junit") [ "TorchSharp.Embedded.Tests"; "Gpt.Api.Tests" ]
    let counts = test "--junit-summary" "Gpt.Tests" :: xunit |> List.reduce (List.map2 (+))
    printfn "%d passed, %d failed%s" counts[0] counts[1] (if counts[2] = 0 then "" else $", {counts[2]} skipped")
    exit (min 1 counts[1])
| "format" :: rest ->
    quietly "tool restore" |> ignore
    execute true false root ([ "fantomas"; "src"; "tests"; "samples"; "build.fsx" ] @ rest) |> ignore
| _ -> refuse words
