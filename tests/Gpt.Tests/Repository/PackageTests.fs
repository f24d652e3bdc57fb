/// The packages, made from what is built and used as strangers would: by a C# console project, an F# project, an F# script and
/// `dotnet tool install`, each in an empty folder that has nothing of this repository but the packages.
module Gpt.Tests.PackageTests

open System
open System.Diagnostics
open System.IO
open System.IO.Compression
open System.Net.Http
open System.Reflection.Metadata
open System.Reflection.PortableExecutable
open System.Text.RegularExpressions
open System.Threading.Tasks
open System.Xml.Linq
open Expecto
open Gpt

/// Starts a program in a folder, with a package cache of that folder's parent; gives what it prints, and fails unless it ends
/// with 0.
let private run (folder: string) (program: string) (arguments: string list) : Task<string> =
    let cache = Path.Combine(folder, "..", "cache") |> Path.GetFullPath
    Task.Run(fun () -> Files.outputIn folder [ "NUGET_PACKAGES", cache ] program arguments)

/// Skips the running test when no package feed of this machine answers, for FSharp.Core comes from there.
let private skipWithoutFeed () =
    let answers (source: string) =
        if Regex.IsMatch(source, "^https?://") then
            use client = new HttpClient(Timeout = TimeSpan.FromSeconds 20.0)

            try
                use response = client.Send(new HttpRequestMessage(HttpMethod.Get, source))
                int response.StatusCode < 500
            with
            | :? HttpRequestException
            | :? TaskCanceledException -> false
        else
            Directory.Exists source

    let listed = Files.output "dotnet" [ "nuget"; "list"; "source"; "--format"; "short" ]
    let sources = Regex.Matches(listed, @"(?m)^E\w* (.*\S)") |> Seq.map (fun line -> line.Groups[1].Value)

    if not (Seq.exists answers sources) then
        skiptest "no package feed answers; FSharp.Core and the other dependencies come from one"

/// The configuration that this test program was built in, such as Release.
let private configuration =
    let own = Path.Combine(Fixtures.root, "tests", "Gpt.Tests", "bin")
    Path.GetRelativePath(own, AppContext.BaseDirectory).Split(Path.DirectorySeparatorChar)[0]

/// Makes the packages of what is built in a folder.
let private pack (folder: string) : unit =
    [
        "msbuild"
        "Gpt.sln"
        "-target:Pack"
        "-verbosity:quiet"
        "-nologo"
        $"-property:NoBuild=true;Configuration={configuration};PaketDisableGlobalRestore=true;PackageOutputPath={folder}/"
    ]
    |> Files.output "dotnet"
    |> ignore

/// What one package says and holds.
type private Package = {
    Id: string
    Version: string
    Metadata: XElement
    Dependencies: Map<string, string>
    Files: string list
    /// Paths of sources in the symbols of the package's own assembly.
    Sources: string list
}

let private named (name: string) (element: XElement) =
    element.Descendants() |> Seq.filter (fun below -> below.Name.LocalName = name) |> List.ofSeq

let private attribute (name: string) (element: XElement) =
    match element.Attribute(XName.Get name) with
    | null -> ""
    | found -> found.Value

let private bytesOf (entry: ZipArchiveEntry) =
    use content = entry.Open()
    use memory = new MemoryStream()
    content.CopyTo memory
    memory.ToArray()

/// The paths of sources that an assembly's embedded symbols name.
let private sources (assembly: byte[]) : string list =
    use reader = new PEReader(new MemoryStream(assembly))

    match
        reader.ReadDebugDirectory()
        |> Seq.tryFind (fun entry -> entry.Type = DebugDirectoryEntryType.EmbeddedPortablePdb)
    with
    | None -> []
    | Some entry ->
        use symbols = reader.ReadEmbeddedPortablePdbDebugDirectoryData entry
        let metadata = symbols.GetMetadataReader()

        [
            for handle in metadata.Documents -> metadata.GetString(metadata.GetDocument(handle).Name)
        ]

let private read (path: string) : Package =
    use archive = ZipFile.OpenRead path
    let entry (ending: string) = archive.Entries |> Seq.find (fun entry -> entry.FullName.EndsWith ending)
    use nuspec = (entry ".nuspec").Open()
    let metadata = XDocument.Load(nuspec).Root |> nonNull |> named "metadata" |> List.head
    let value name = (named name metadata).Head.Value
    let id = value "id"
    let assembly = if id = "Gpt.Tool" then "Gpt.Cli.dll" else $"/{id}.dll"

    {
        Id = id
        Version = value "version"
        Metadata = metadata
        Dependencies =
            Map [
                for one in named "dependency" metadata -> attribute "id" one, attribute "version" one
            ]
        Files = [ for entry in archive.Entries -> entry.FullName ]
        Sources = sources (bytesOf (entry assembly))
    }

/// What the packages hold, and what each asks for.
let private checkContents (folder: string) : unit =
    let packages = Directory.GetFiles(folder, "*.nupkg") |> Array.map read |> Array.sortBy _.Id
    let asked = [ for package in packages -> package.Id, List.ofSeq package.Dependencies.Keys ]

    Expect.equal
        asked
        [
            "Gpt", [ "FSharp.Core"; "TorchSharp.Embedded" ]
            "Gpt.Api",
            [
                "FSharp.Core"
                "Gpt"
                "Microsoft.Extensions.AI.Abstractions"
                "Microsoft.Extensions.DependencyInjection.Abstractions"
                "TorchSharp.Embedded"
            ]
            "Gpt.Tool", []
            "TorchSharp.Embedded", []
        ]
        "packages and their dependencies"

    for package in packages do
        Expect.contains package.Files "README.md" $"{package.Id} has a README"
        Expect.equal (named "license" package.Metadata).Head.Value "MIT" $"licence of {package.Id}"
        Expect.isGreaterThan package.Sources.Length 10 $"{package.Id} has symbols"

        if configuration = "Release" && Path.Exists(Path.Combine(Fixtures.root, ".git")) then
            let elsewhere = package.Sources |> List.filter (fun path -> not (path.StartsWith "/_/"))
            Expect.equal elsewhere [] $"sources of {package.Id} that are not named from the repository's root"

        if package.Id <> "Gpt.Tool" then
            Expect.contains package.Files $"lib/net10.0/{package.Id}.xml" $"{package.Id} has its documentation"

        for KeyValue(id, version) in package.Dependencies do
            if packages |> Array.exists (fun other -> other.Id = id) then
                Expect.equal version $"[{package.Version}]" $"{package.Id} asks for the {id} it was made with"
            else
                Expect.isMatch version @"^\[.+, .+\)$" $"{package.Id} asks for a range of {id}"

let private write (folder: string) (name: string) (lines: string list) =
    File.WriteAllLines(Path.Combine(folder, name), lines)

let private project (language: string) (packages: string) (reference: string) = [
    "<Project Sdk=\"Microsoft.NET.Sdk\">"
    "  <PropertyGroup>"
    "    <OutputType>Exe</OutputType>"
    "    <TargetFramework>net10.0</TargetFramework>"
    "    <ImplicitUsings>enable</ImplicitUsings>"
    "    <Nullable>enable</Nullable>"
    $"    <RestoreAdditionalProjectSources>{packages}</RestoreAdditionalProjectSources>"
    "  </PropertyGroup>"
    "  <ItemGroup>"
    if language = "F#" then
        "    <Compile Include=\"Program.fs\" />"
    $"    <PackageReference Include=\"{reference}\" Version=\"0.1.0\" />"
    "  </ItemGroup>"
    "</Project>"
]

/// A C# console project with the program of samples/CSharp/Hello.
let private csharp (packages: string) (folder: string) : Task<string> =
    write folder "Hello.csproj" (project "C#" packages "Gpt.Api")

    File.Copy(
        Path.Combine(Fixtures.root, "samples", "CSharp", "Hello", "Program.cs"),
        Path.Combine(folder, "Program.cs")
    )

    run folder "dotnet" [ "run" ]

/// An F# project, whose SDK brings an FSharp.Core of its own: restored, for that is where the versions meet.
let private fsharp (packages: string) (folder: string) : Task<string> =
    write folder "Hello.fsproj" (project "F#" packages "Gpt")
    write folder "Program.fs" [ "printfn $\"{Gpt.Device.engine}\"" ]
    run folder "dotnet" [ "restore" ]

/// The script samples/hello.fsx with the package for the assemblies.
let private script (packages: string) (folder: string) : Task<string> =
    let body =
        File.ReadAllLines(Path.Combine(Fixtures.root, "samples", "hello.fsx"))
        |> Array.filter (fun line -> not (line.StartsWith "#r"))

    write folder "hello.fsx" ($"#i \"nuget: {packages}\"" :: "#r \"nuget: Gpt\"" :: List.ofArray body)
    run folder "dotnet" [ "fsi"; "hello.fsx" ]

/// The tool: its version, and what it writes.
let private tool (packages: string) (folder: string) : Task<string> =
    task {
        let! _ =
            run folder "dotnet" [ "tool"; "install"; "Gpt.Tool"; "--tool-path"; "."; "--add-source"; packages ]

        let gpt = Path.Combine(folder, "gpt")
        let! version = run folder gpt [ "--version" ]
        let! text = run folder gpt [ "generate"; "--prompt"; "HAMLET:"; "--max-new-tokens"; "20" ]
        return version + text
    }

/// What samples/hello.fsx writes with the checkpoint in a folder, by this program's own library.
let private expected (folder: string) : string =
    match Checkpoint.load (Device.best ()) (Path.Combine(folder, "runs", "shakespeare")) with
    | Error sentence -> failtest sentence
    | Ok(model, tokenizer) ->
        let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
        let tokens = Tokenizer.encode tokenizer "HAMLET:" |> Result.defaultValue [||]
        let next = Generate.tokens sampling (Rng.ofSeed 1UL) model tokens
        $"HAMLET:{next |> Seq.take 200 |> Tokenizer.decode tokenizer}\n"

let private alone =
    testCase "a C# project, an F# project, a script and a tool work from the packages alone" (fun () ->
        skipWithoutFeed ()

        Tool.withText Tool.sampleText (fun root ->
            let packages = Path.Combine(root, "packages")
            pack packages
            checkContents packages
            let trained = Tool.gptIn root ([ "train"; "--data"; "text.txt" ] @ Tool.quick)
            Expect.equal trained.Code 0 trained.Error

            // Each in an empty folder but for the model, all at once.
            let started =
                [ csharp; fsharp; script; tool ]
                |> List.mapi (fun index consumer ->
                    let folder = Path.Combine(root, $"consumer-{index}")
                    let runs = Directory.CreateDirectory(Path.Combine(folder, "runs", "shakespeare")).FullName

                    for file in Directory.GetFiles(Path.Combine(root, "runs", "shakespeare")) do
                        File.Copy(file, Path.Combine(runs, Path.GetFileName file |> string))

                    consumer packages folder)

            let texts = Task.WhenAll(started).Result
            Expect.stringStarts texts[0] "HAMLET:" "the C# project's text"
            Expect.equal texts[2] (expected root) "the script's text"
            Expect.stringStarts texts[3] "0.1.0\nHAMLET:" "the tool's version and text"))

let tests =
    testList "packages" [
        // The packages of the other engines need libtorch.
        if Device.engine = "embedded" then
            alone
    ]
