/// The scripts of samples/, run as a reader would, and the README's quotation of one.
module Gpt.Tests.SampleTests

open System.Diagnostics
open System.IO
open Expecto

let private sample name = Path.Combine(Fixtures.root, "samples", name)

/// Runs a script with `dotnet fsi` in a folder and gives what it prints; it must end with 0.
let private fsi folder (arguments: string list) =
    let start = ProcessStartInfo("dotnet", "fsi" :: arguments, WorkingDirectory = folder)
    start.RedirectStandardOutput <- true
    start.RedirectStandardError <- true
    start.Environment["GPT_OFFLINE"] <- "1"

    match Process.Start start with
    | null -> failtest "dotnet fsi does not start"
    | script ->
        use script = script
        let error = script.StandardError.ReadToEndAsync()
        let output = script.StandardOutput.ReadToEnd()
        script.WaitForExit()
        Expect.equal script.ExitCode 0 error.Result
        output

let private trainSample =
    testCase "01-train reports and writes" (fun () ->
        let output = fsi (sample "") [ sample "01-train.fsx"; "4" ]
        Expect.stringContains output "step     4" "the last step"
        Expect.stringContains output "validation loss" "evaluation"
        Expect.stringContains output "HAMLET:" "text")

let private generateSample =
    testCase "02-generate writes from a checkpoint, and says so when there is none" (fun () ->
        Tool.withText Tool.sampleText (fun folder ->
            Expect.stringContains
                (fsi folder [ sample "02-generate.fsx" ])
                "runs/shakespeare"
                "what is missing is named"

            let run = Tool.gptIn folder ([ "train"; "--data"; "text.txt" ] @ Tool.quick)
            Expect.equal run.Code 0 run.Error
            Expect.stringContains (fsi folder [ sample "02-generate.fsx" ]) "HAMLET:" "text"))

let private quotation =
    testCase "the README quotes 02-generate as it is" (fun () ->
        let readme = File.ReadAllText(Path.Combine(Fixtures.root, "README.md"))
        Expect.stringContains readme (File.ReadAllText(sample "02-generate.fsx").Trim()) "the ten lines")

let tests =
    testList "samples" [
        quotation
        // The scripts name the embedded engine's build.
        if Gpt.Device.engine = "embedded" then
            trainSample
            generateSample
    ]
