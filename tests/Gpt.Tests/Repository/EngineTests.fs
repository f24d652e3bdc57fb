/// Which TorchSharp a build gets: one MSBuild property chooses it, one file reads the property, and the code does not know.
module Gpt.Tests.EngineTests

open System.Text.Json
open Expecto
open Gpt.Tests.Files

/// The library's project as MSBuild evaluates it with an engine; None is the default.
let private evaluate (engine: string option) =
    let choice = engine |> Option.map (fun name -> $"-p:Torch={name}") |> Option.toList

    let asked = [
        "-getItem:PackageReference,ProjectReference,Reference"
        "-getProperty:OutputPath,IntermediateOutputPath,PackageId"
    ]

    use document =
        JsonDocument.Parse(output "dotnet" ([ "msbuild"; "src/Gpt/Gpt.fsproj" ] @ asked @ choice))

    document.RootElement.Clone()

/// The items of one kind that name TorchSharp, with a metadatum of each.
let private torchItems (kind: string) (metadatum: string) (project: JsonElement) = [
    for item in project.GetProperty("Items").GetProperty(kind).EnumerateArray() do
        let name = item.GetProperty("Identity").GetString() |> string

        if name.Contains "TorchSharp" then
            name.Replace('\\', '/').Split('/') |> Array.last, item.GetProperty(metadatum).GetString() |> string
]

type private Expected = {
    Packages: (string * string) list
    Projects: string list
    Libraries: (string * string) list
}

let private nothing = {
    Packages = []
    Projects = []
    Libraries = []
}

let private engines = [
    None,
    {
        nothing with
            Projects = [ "TorchSharp.Embedded.csproj" ]
    }
    Some "embedded",
    {
        nothing with
            Projects = [ "TorchSharp.Embedded.csproj" ]
    }
    Some "cpu",
    {
        nothing with
            Packages = [ "TorchSharp-cpu", "0.107.0" ]
    }
    Some "cuda",
    {
        nothing with
            Packages = [ "TorchSharp-cuda-linux", "0.107.0" ]
    }
    Some "/opt/torchsharp",
    {
        nothing with
            Libraries = [ "TorchSharp", "/opt/torchsharp/TorchSharp.dll" ]
    }
]

let private nameOf = Option.defaultValue "nothing said"

let private projects = lazy (engines |> List.map (fun (engine, _) -> engine, evaluate engine) |> Map)

let private references =
    testList "engine" [
        for engine, expected in engines do
            testCase (nameOf engine) (fun () ->
                let project = projects.Value[engine]
                Expect.equal (torchItems "PackageReference" "Version" project) expected.Packages "packages"

                Expect.equal
                    (torchItems "ProjectReference" "Filename" project |> List.map fst)
                    expected.Projects
                    "projects"

                Expect.equal (torchItems "Reference" "HintPath" project) expected.Libraries "libraries")
    ]

let private folders =
    testCase "each engine builds into folders of its own" (fun () ->
        for property in [ "OutputPath"; "IntermediateOutputPath" ] do
            let folder engine =
                projects.Value[engine].GetProperty("Properties").GetProperty(property).GetString() |> string

            let others = [ Some "embedded"; Some "cpu"; Some "cuda"; Some "/opt/torchsharp" ] |> List.map folder
            Expect.equal (List.distinct others) others $"distinct values of {property}"
            Expect.equal (folder None) (folder (Some "embedded")) $"{property} of the default")

let private packageIds =
    testCase "a package that needs libtorch says so in its id" (fun () ->
        let id engine = projects.Value[engine].GetProperty("Properties").GetProperty("PackageId").GetString() |> string

        Expect.equal
            ([ None; Some "embedded"; Some "cpu"; Some "cuda" ] |> List.map id)
            [ "Gpt"; "Gpt"; "Gpt-cpu"; "Gpt-cuda-linux" ]
            "ids")

let private oneReader =
    testCase "one file reads the property" (fun () ->
        let readers =
            ending [ "proj"; ".props"; ".targets" ] |> List.filter (fun path -> (text path).Contains "$(Torch")

        Expect.equal readers [ "Directory.Build.props" ] "files with $(Torch...)")

/// The files that may compile differently for one engine than for another.
let private mayChoose = set [ "src/Gpt/Model/Fused.fs" ]

/// The directive, put together so that this file does not hold it at the start of a line.
let private isConditional (line: string) =
    line.TrimStart().StartsWith('#') && line.TrimStart().TrimStart('#', ' ').StartsWith "if"

let private noConditionals =
    testCase "no source but one compiles conditionally" (fun () ->
        let conditional =
            ending [ ".fs"; ".fsi"; ".fsx"; ".cs" ]
            |> List.filter (fun path -> text(path).Split '\n' |> Array.exists isConditional)
            |> List.filter (mayChoose.Contains >> not)

        Expect.equal conditional [] "files with #if")

let tests = testList "engines" [ references; folders; packageIds; oneReader; noConditionals ]
