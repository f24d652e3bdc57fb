// dotnet fsi build.fsx [TARGET] [--torch cuda|cpu|FOLDER]
//   run [ARGUMENTS]    build the tool, then `gpt train ARGUMENTS`: train on Shakespeare, write text (the default)
//   test               build everything, run every test program; the last line is `N passed, N failed`
//   build [ARGUMENTS]  build everything; arguments go on to `dotnet msbuild`
//   format [--check]   format the F# sources, or say what is not formatted; docs: write the site into artifacts/docs
open System
open System.IO
open System.Runtime.InteropServices
open System.Text.RegularExpressions

let root = __SOURCE_DIRECTORY__
let mutable child: Diagnostics.Process = null
Console.CancelKeyPress.Add(fun press -> press.Cancel <- true) // Ctrl-C is for the child, whose exit code is ours
let terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, fun _ -> child.Kill true)

/// Runs a dotnet command to its end. Its output is captured and returned, or goes where this script's goes.
let execute captured folder (arguments: string list) =
    let start = Diagnostics.ProcessStartInfo(Environment.ProcessPath, arguments, WorkingDirectory = folder)
    start.RedirectStandardOutput <- captured
    child <- Diagnostics.Process.Start start
    let output = if captured then child.StandardOutput.ReadToEnd() else ""
    child.WaitForExit()
    output

/// The same for a command that has to succeed: when it fails, this script ends with its exit code.
let succeed captured folder arguments =
    let output = execute captured folder arguments
    if child.ExitCode = 0 then output else exit child.ExitCode

let refuse (words: string list) =
    eprintfn "%A: the targets are run, test, build, format, docs; the engines --torch cuda, cpu or a folder" words
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
let quietly (command: string) = succeed true root (List.ofArray (command.Split ' '))
let firstFeed () = Regex.Match(quietly "nuget list source --format short", @"(?m)^E\w* (.*\S)").Groups[1].Value

let build project arguments =
    let feed = Environment.GetEnvironmentVariable "NUGET_SOURCE" |> Option.ofObj
    Environment.SetEnvironmentVariable("NUGET_SOURCE", Option.defaultWith firstFeed feed)
    eprintfn "Restoring and building %s" project
    [ "tool restore"; "paket restore" ] |> List.iter (quietly >> ignore)
    let options = $"-p:Configuration=Release;Torch={torch};PaketDisableGlobalRestore=true" :: arguments
    succeed false root ("msbuild" :: project :: "-restore" :: "-v:q" :: "-nologo" :: options) |> ignore

/// Runs a test program, whose option names a JUnit report: how many tests passed, failed and were skipped.
let test option name =
    let report = Path.GetTempFileName()
    execute false root [ program $"tests/{name}"; option; report ] |> ignore
    let count tag = Regex.Count(File.ReadAllText report, $"<{tag}\\b")
    let cases, failed, skipped = count "testcase", count "(failure|error)", count "skipped"
    File.Delete report
    let mishap = Convert.ToInt32(child.ExitCode <> 0 || cases = 0)
    [ cases - failed - skipped; max failed mishap; skipped ]

match (if words.IsEmpty then [ "run" ] else words) with
| "run" :: rest ->
    build "src/Gpt.Cli" []
    succeed false Environment.CurrentDirectory (program "src/Gpt.Cli" :: "train" :: rest) |> ignore
| "build" :: rest -> build "Gpt.sln" rest
| [ "test" ] ->
    build "Gpt.sln" []
    let counts = [ "TorchSharp.Embedded.Tests"; "Gpt.Api.Tests" ] |> List.map (test "-result-junit")
    let counts = test "--junit-summary" "Gpt.Tests" :: counts |> List.reduce (List.map2 (+))
    printfn "%d passed, %d failed%s" counts[0] counts[1] (if counts[2] = 0 then "" else $", {counts[2]} skipped")
    exit (min 1 counts[1])
| "format" :: rest ->
    quietly "tool restore" |> ignore
    succeed false root ([ "fantomas"; "src"; "tests"; "samples"; "docs"; "build.fsx" ] @ rest) |> ignore
| [ "docs" ] -> succeed false root [ "fsi"; "docs/site.fsx" ] |> ignore
| _ -> refuse words
