/// Runs the built `gpt` as a person would, in a folder of its own.
module Gpt.Tests.Tool

open System
open System.Diagnostics
open System.IO
open System.Text
open System.Threading.Tasks
open Expecto

type Run = Child.Run

/// The tool of the same engine and configuration as this test program: bin/[torch-NAME/]Release/net10.0 of Gpt.Cli.
let program =
    let own = Path.Combine(Fixtures.root, "tests", "Gpt.Tests", "bin")
    let built = Path.GetRelativePath(own, AppContext.BaseDirectory)
    Path.Combine(Fixtures.root, "src", "Gpt.Cli", "bin", built, "Gpt.Cli.dll")

/// Starts a program in a folder, with variables of the environment and `input` for standard input.
let private launch name (variables: (string * string) list) (input: byte[]) (folder: string) (arguments: string list) =
    let start = ProcessStartInfo((name: string), arguments, WorkingDirectory = folder)

    for name, value in variables do
        start.Environment[name] <- value

    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true
    start.RedirectStandardInput <- true

    match Process.Start start with
    | null -> failtest $"{program} does not start"
    | child ->
        child.StandardInput.BaseStream.Write input
        child.StandardInput.Close()
        child

/// Starts `gpt`.
let private startWith variables input folder arguments = launch "dotnet" variables input folder (program :: arguments)

let private start = startWith []

/// Waits for the end of a started `gpt`; `seen` is what it has already written to standard error.
let private finish (seen: string) (child: Process) : Run =
    let error = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEnd()

    if not (child.WaitForExit 120_000) then
        child.Kill true
        failtest "gpt ran for two minutes"

    {
        Code = child.ExitCode
        Out = output
        Error = seen + error.Result
    }

/// Runs `gpt` with arguments in a folder, standard output and error kept apart.
let gptIn (folder: string) (arguments: string list) : Run =
    use child = start [||] folder arguments
    finish "" child

/// The same with a few bytes on standard input.
let gptFedBytes (input: byte[]) (folder: string) (arguments: string list) : Run =
    use child = start input folder arguments
    finish "" child

/// The same with a short text on standard input, as UTF-8.
let gptFed (input: string) = gptFedBytes (Encoding.UTF8.GetBytes input)

/// The same with variables of the environment, as a task: several may run at once.
let gptWith (variables: (string * string) list) (folder: string) (arguments: string list) : Task<Run> =
    Task.Run(fun () ->
        use child = startWith variables [||] folder arguments
        finish "" child)

/// Whether this process takes no notice of Ctrl-C, as what a script starts with & does, and so whatever it starts.
let private isDeaf () : bool =
    let status = "/proc/self/status"

    File.Exists status
    && File.ReadLines status
       |> Seq.filter _.StartsWith("SigIgn:")
       |> Seq.exists (fun line -> Convert.ToUInt64(line.Substring(7).Trim(), 16) &&& 2UL <> 0UL)

/// The same, with a signal as soon as a line of standard error begins with `sign`.
let signalledAt (signal: string) (sign: string) (folder: string) (arguments: string list) : Run =
    if signal = "INT" && isDeaf () then
        skiptest "nothing that is started here takes notice of Ctrl-C"

    use child = start [||] folder arguments

    let rec readTo seen =
        match child.StandardError.ReadLine() with
        | null -> seen
        | line when line.StartsWith sign -> seen + line + "\n"
        | line -> readTo (seen + line + "\n")

    let seen = readTo ""
    use kill = Process.Start("sh", [ "-c"; $"kill -{signal} {child.Id}" ])
    kill.WaitForExit()
    finish seen child

/// The same with the signal that Ctrl-C sends.
let interruptedAt = signalledAt "INT"

/// `gptWith` in a process whose address space ends after so many kilobytes.
let gptLimited (kilobytes: int64) variables (folder: string) (arguments: string list) : Run =
    let limited = [ "-c"; $"ulimit -v {kilobytes}; exec dotnet \"$@\""; "gpt"; program ]
    use child = launch "sh" variables [||] folder (limited @ arguments)
    finish "" child

/// A text that a small model learns something of.
let sampleText = String.replicate 400 "HAMLET:\nto be or not to be\n\n"

/// A small model in a moment.
let quick = [
    "--layers"
    "1"
    "--dim"
    "16"
    "--heads"
    "2"
    "--context"
    "8"
    "--batch"
    "4"
    "--steps"
    "20"
]

/// Runs a test in a folder that holds `text.txt`.
let withText (text: string) (test: string -> unit) =
    Small.withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        File.WriteAllText(Path.Combine(folder, "text.txt"), text)
        test folder)

/// Everything below a folder, as relative paths.
let filesBelow (folder: string) =
    Directory.GetFileSystemEntries(folder, "*", SearchOption.AllDirectories)
    |> Array.map (fun path -> Path.GetRelativePath(folder, path))
    |> Array.sort
    |> List.ofArray
