/// Where the numbers of the tests lie. The small set under tests/Gpt.Tests/fixtures is always there; the large one is a folder
/// `shared` beside the repository, or the folder that the environment variable GPT_SHARED names. A test that wants the large
/// set and does not find it is skipped with a message that names the folder; it never passes silently.
module Gpt.Tests.Fixtures

open System
open System.IO
open System.Text.Json
open Expecto
open Gpt.Tests.NArray

/// The folder of Gpt.sln, looked for upwards from the test program.
let root =
    let rec search (folder: DirectoryInfo | null) =
        match folder with
        | null -> failwith $"no Gpt.sln in any folder above {AppContext.BaseDirectory}"
        | folder when File.Exists(Path.Combine(folder.FullName, "Gpt.sln")) -> folder.FullName
        | folder -> search folder.Parent

    search (DirectoryInfo AppContext.BaseDirectory)

/// The repository's own fixtures.
let own = Path.Combine(root, "tests", "Gpt.Tests", "fixtures")

/// A folder of the large set, such as `ops`; it may be absent.
let shared (name: string) =
    let folder =
        match Environment.GetEnvironmentVariable "GPT_SHARED" with
        | null
        | "" -> Path.GetFullPath(Path.Combine(root, "..", "shared"))
        | given -> given

    Path.Combine(folder, "fixtures", name)

/// Skips the running test if a folder is absent.
let skipWithout (folder: string) =
    if not (Directory.Exists folder) then
        skiptest $"{folder} is absent; GPT_SHARED may name the folder that holds `fixtures`"

/// The tests that a folder of fixtures gives, or one skipped test if it is absent.
let testsOf (folder: string) (tests: string -> Test list) =
    if Directory.Exists folder then
        tests folder
    else
        [ testCase "fixtures" (fun () -> skipWithout folder) ]

/// A whole JSON file.
let json (path: string) =
    use document = JsonDocument.Parse(File.ReadAllText path)
    document.RootElement.Clone()

/// Fails the running test unless a number is below a limit; not a number is not.
let expectBelow (limit: float) (number: float) (what: string) =
    if not (number < limit) then
        failtest $"{what}: {number:G4} is not below {limit:G4}"

/// Fails the running test unless the arrays agree; `what` names the array in the message.
let expectClose tolerance (what: string) (got: NArray) (want: NArray) =
    match difference tolerance got want with
    | None -> ()
    | Some problem -> failtest $"{what}: {problem}"
