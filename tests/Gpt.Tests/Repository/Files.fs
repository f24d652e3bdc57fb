/// The repository as files: what belongs to it, and what programs say about it.
module Gpt.Tests.Files

open System
open System.Diagnostics
open System.IO
open Gpt.Tests.Fixtures

/// Starts a program in a folder with variables of the environment; gives its standard output, or fails with its standard error.
let outputIn (folder: string) (variables: (string * string) list) (program: string) (arguments: string list) : string =
    let start =
        ProcessStartInfo(
            program,
            arguments,
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    // A test run by `dotnet run` or with an engine in the environment must not see another project than a fresh shell would.
    for name in [ "Torch"; "MSBuildSDKsPath"; "MSBuildExtensionsPath"; "MSBUILD_EXE_PATH" ] do
        start.Environment.Remove name |> ignore

    for name, value in variables do
        start.Environment[name] <- value

    use child = new Process(StartInfo = start)
    child.Start() |> ignore
    let errors = child.StandardError.ReadToEndAsync()
    let text = child.StandardOutput.ReadToEnd()
    child.WaitForExit()

    if child.ExitCode <> 0 then
        let command = String.Join(" ", program :: arguments)
        failwith $"{command} ended with {child.ExitCode}: {text}{errors.Result}"

    text

/// `outputIn` the root of the repository.
let output (program: string) (arguments: string list) : string = outputIn root [] program arguments

let private hasGit =
    lazy
        (Path.Exists(Path.Combine(root, ".git"))
         && try
             output "git" [ "--version" ] |> String.IsNullOrEmpty |> not
            with _ ->
                false)

/// Folders that building and running make, for where git cannot say.
let private made =
    set [
        ".git"
        ".vs"
        ".idea"
        ".vscode"
        "bin"
        "obj"
        "runs"
        "artifacts"
        "paket-files"
        ".fsdocs"
    ]

let rec private walk (folder: string) : string seq =
    seq {
        yield! Directory.EnumerateFiles folder

        for below in Directory.EnumerateDirectories folder do
            if not (made.Contains(Path.GetFileName below |> string)) then
                yield! walk below
    }

/// All files of the repository, relative to its root and with forward slashes: those that git tracks, or, in a copy without
/// git, all that building and running did not make.
let tracked: string list Lazy =
    lazy
        (if hasGit.Value then
             (output "git" [ "ls-files"; "-z" ]).Split('\000', StringSplitOptions.RemoveEmptyEntries)
             |> Seq.filter (fun path -> File.Exists(Path.Combine(root, path)))
             |> List.ofSeq
         else
             walk root |> Seq.map (fun path -> Path.GetRelativePath(root, path).Replace('\\', '/')) |> List.ofSeq)

/// The text of a file; other than text comes as one character a byte.
let text (path: string) = File.ReadAllText(Path.Combine(root, path), Text.Encoding.Latin1)

/// The tracked files with one of the endings.
let ending (endings: string list) = tracked.Value |> List.filter (fun path -> endings |> List.exists path.EndsWith)
