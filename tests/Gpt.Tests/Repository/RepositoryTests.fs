/// What the repository holds and what it must not: the agreed top level, every project in the solution, and no word of where
/// packages come from, for that is the machine's own matter.
module Gpt.Tests.RepositoryTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto
open Gpt.Tests.Files

let private topLevel =
    set [
        "src"
        "tests"
        "samples"
        "docs"
        "paket.dependencies"
        "paket.lock"
        "build.fsx"
        "README.md"
        "CONTRIBUTING.md"
        "CHANGELOG.md"
        "Gpt.sln"
        "Directory.Build.props"
        "LICENSE"
        ".editorconfig"
        ".gitignore"
        ".config"
        ".paket"
        ".ci"
    ]

let private found = lazy (tracked.Value |> List.map (fun path -> path.Split('/')[0]) |> set)

let private nothingMore =
    testCase "the top level holds nothing but what was agreed" (fun () ->
        Expect.equal (found.Value - topLevel) Set.empty "beyond the agreed")

let private nothingLess =
    testCase "the top level holds all that was agreed" (fun () ->
        Expect.equal (topLevel - found.Value) Set.empty "missing")

let private solution =
    testCase "every project is in the solution, and nothing else" (fun () ->
        let listed =
            Regex.Matches(text "Gpt.sln", "\"([^\"]+proj)\"")
            |> Seq.map (fun m -> m.Groups[1].Value.Replace('\\', '/'))
            |> set

        Expect.equal listed (set (ending [ ".fsproj"; ".csproj" ])) "projects")

/// The values of the lines `key value` or `key: value` of a Paket file.
let private valuesOf (key: string) (file: string) =
    text(file).Split '\n'
    |> Array.map _.Trim()
    |> Array.filter _.StartsWith(key)
    |> Array.map (fun line -> line.Substring(key.Length).Trim())
    |> List.ofArray

let private paket =
    testCase "Paket's files take the feed from the environment" (fun () ->
        Expect.equal (valuesOf "source" "paket.dependencies") [ "%NUGET_SOURCE%" ] "sources in paket.dependencies"
        Expect.equal (valuesOf "remote:" "paket.lock") [ "%NUGET_SOURCE%" ] "remotes in paket.lock"

        for file in [ "paket.dependencies"; "paket.lock" ] @ ending [ "paket.references" ] do
            Expect.isFalse ((text file).Contains "://") $"an address in {file}")

/// Files that hold one of the words, as `file: word`.
let private mentions (words: string list) = [
    for file in tracked.Value do
        let content = text file

        for word in words do
            if content.Contains(word, StringComparison.OrdinalIgnoreCase) then
                $"{file}: {word}"
]

/// Package registries, written in two halves so that this file does not name them.
let private registries =
    [
        "nuget", "org"
        "myget", "org"
        "pkgs.dev.azure", "com"
        "nuget.pkg.github", "com"
        "npmjs", "org"
        "npmjs", "com"
        "pypi", "org"
        "pythonhosted", "org"
        "crates", "io"
        "conda.anaconda", "org"
    ]
    |> List.map (fun (name, domain) -> $"{name}.{domain}")

/// The hosts of the feeds that this machine is set up with.
let private feeds () =
    Regex.Matches(output "dotnet" [ "nuget"; "list"; "source"; "--format"; "short" ], "://([^/:@ ]+@)?([^/: ]+)")
    |> Seq.map (fun m -> m.Groups[2].Value)
    |> Seq.filter _.Contains('.')
    |> List.ofSeq

let private noRegistry =
    testCase "no file names a package registry" (fun () ->
        Expect.equal (mentions (List.distinct (registries @ feeds ()))) [] "mentions")

let private noMachine =
    testCase "no file names a folder of this machine" (fun () ->
        let home = Environment.GetFolderPath Environment.SpecialFolder.UserProfile

        let folders =
            [ home; Fixtures.root; Path.GetTempPath().TrimEnd('/') ]
            |> List.filter (fun folder -> folder.Trim('/').Contains '/' || folder = home && folder.Length > 1)
            |> List.map (fun folder -> folder + "/")

        Expect.equal (mentions folders) [] "mentions")

/// What reads a tensor back: TorchSharp's ways to the processor's memory.
let private waysBack =
    Regex @"(?<!Device)\.cpu ?\(|\.(item|data)<|\.To(Scalar|Single|Double|Int32|Int64|Boolean) ?\(\)"

let private oneReader =
    testCase "the library reads tensors back in one file, which counts" (fun () ->
        let readers =
            ending [ ".fs" ] |> List.filter (fun file -> file.StartsWith "src/" && waysBack.IsMatch(text file))

        Expect.equal readers [ "src/Gpt/Prelude.fs" ] "files that read")

let tests =
    testList "repository" [ nothingMore; nothingLess; solution; paket; noRegistry; noMachine; oneReader ]
