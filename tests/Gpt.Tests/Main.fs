/// The tests as one list, run by Expecto, whose command line this program has: `--help` lists it, `--filter all/operators` runs
/// a part. When tests were run, the last line printed is `N passed, N failed, N skipped`; an error counts as failed.
module Gpt.Tests.Main

open System
open Expecto
open Expecto.Impl
open Expecto.Tests

/// One at a time: the tests share the engine's threads and its count of live tensors.
let private tests =
    testSequenced (
        testList "all" [
            NArrayTests.tests
            OpTests.tests
            OpLaws.tests
            WidthTests.tests
            ScopeTests.tests
            LibraryTests.tests
            ToolTests.tests
            InputTests.tests
            GenerateToolTests.tests
            ComputingTests.tests
            RoomTests.tests
            TokenizeTests.tests
            DownloadTests.tests
            EvalTests.tests
            FineTuneTests.tests
            ResumeToolTests.tests
            HelpTests.tests
            PictureTests.tests
            SampleTests.tests
            EngineTests.tests
            PackageTests.tests
            NativeTests.tests
            RepositoryTests.tests
            DocumentationTests.tests
        ]
    )

let private closingLine (summary: TestRunSummary) =
    let count results = List.sumBy (fun (_, result: TestSummary) -> result.count) results
    let failed = count summary.failed + count summary.errored
    $"{count summary.passed} passed, {failed} failed, {count summary.ignored} skipped"

/// What Expecto prints, without colours and cursor movements: for files and pipes.
let private plainPrinter =
    let line (text: string) = async { Console.Out.WriteLine text }

    let seconds (duration: TimeSpan) = $"{duration.TotalSeconds:F1} s"

    {
        TestPrinters.silent with
            info = line
            ignored = fun name reason -> line $"skipped: {name}: {reason}"
            failed = fun name message duration -> line $"FAILED: {name} ({seconds duration})\n{message.Trim()}\n"
            exn = fun name error duration -> line $"ERROR: {name} ({seconds duration})\n{error}\n"
            summary = fun _ summary -> line $"{summary.results.Length} tests in {seconds summary.duration}"
    }

let private run (args: string[]) =
    let mutable closing = None
    let keep = SummaryHandler(fun summary -> closing <- Some summary)

    let options = [
        if Console.IsOutputRedirected then
            CLIArguments.Printer plainPrinter
            CLIArguments.Colours 0
            CLIArguments.No_Spinner
        CLIArguments.JoinWith "/"
        CLIArguments.Append_Summary_Handler keep
    ]

    let exitCode = runTestsWithCLIArgs options args tests

    match closing with
    | None -> exitCode
    | Some summary ->
        Console.Out.WriteLine(closingLine summary)
        // A filter that matches nothing is a mistake, not a success.
        if summary.results.IsEmpty then 1 else exitCode

[<EntryPoint>]
let main args = if EndingTests.madeCall () then 0 else run args
