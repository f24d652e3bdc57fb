/// What is said about the library: that everything public of it has a summary in the XML file beside it, and that the pages of
/// the top level name files that exist, quote them as they are, and list
/// what is tested.
module Gpt.Tests.DocumentationTests

open System
open System.IO
open System.Reflection
open System.Text.RegularExpressions
open System.Xml.Linq
open Expecto
open FSharp.Reflection

let private library = typeof<Gpt.GptConfig>.Assembly

/// The names of the XML file's members, without parameters and generic arities, with their summaries' text.
let private documented =
    lazy
        (let file = Path.Combine(AppContext.BaseDirectory, "Gpt.xml")

         set [
             for entry in XDocument.Load(file).Descendants "member" do
                 match entry.Attribute "name" with
                 | null -> ()
                 | id ->
                     if not (String.IsNullOrWhiteSpace entry.Value) then
                         (id.Value.Split '(' |> Array.head).Split "``" |> Array.head
         ])

/// A type's name as the XML file has it.
let private nameOf (kind: Type) = (string kind.FullName).Replace('+', '.')

/// Whether the compiler made it, not a person.
let private isMade (thing: MemberInfo) =
    thing.IsDefined(typeof<Runtime.CompilerServices.CompilerGeneratedAttribute>, false)

let private everything =
    BindingFlags.Public ||| BindingFlags.Static ||| BindingFlags.Instance ||| BindingFlags.DeclaredOnly

/// Whether a type is the class that the compiler makes for a union's case.
let private isCaseClass (kind: Type) =
    match kind.DeclaringType with
    | null -> false
    | outer -> FSharpType.IsUnion outer

/// Whether a module stands beside a type of its name, which says what both are.
let private isCompanion (kind: Type) =
    let name = kind.Name

    let beside =
        if name.EndsWith "Module" then
            name[.. name.Length - 7]
        else
            name + "`1"

    FSharpType.IsModule kind && not (isNull (library.GetType $"{kind.Namespace}.{beside}"))

/// What one public type holds that must be said: itself, its cases, its fields, its functions and values.
let private membersOf (kind: Type) : string list = [
    let owner = nameOf kind
    let isCase = isCaseClass kind

    if not (isCase || isCompanion kind || isMade kind) then
        $"T:{owner}"

    if FSharpType.IsUnion kind && not isCase then
        for case in FSharpType.GetUnionCases kind do
            $"T:{owner}.{case.Name}"
    elif FSharpType.IsRecord kind then
        for field in FSharpType.GetRecordFields kind do
            $"P:{owner}.{field.Name}"

    if not isCase then
        for method in kind.GetMethods everything do
            let isOverride = method.IsVirtual && method.GetBaseDefinition() <> method || method.IsFinal

            if not (isMade method) && not method.IsSpecialName && not isOverride then
                $"M:{owner}.{method.Name}"

        if not (FSharpType.IsUnion kind || FSharpType.IsRecord kind) then
            for property in kind.GetProperties everything do
                if not (isMade property) then
                    $"P:{owner}.{property.Name}"
]

let private everyMember =
    testCase "every public member of the library has a summary" (fun () ->
        let all =
            library.GetExportedTypes()
            |> List.ofArray
            // Records without a name, which the compiler makes, have no namespace.
            |> List.filter (fun kind -> kind.Namespace = "Gpt")
            |> List.collect membersOf
            |> List.distinct

        Expect.isGreaterThan all.Length 500 "members that were looked at"
        let silent = all |> List.filter (documented.Value.Contains >> not)
        Expect.equal silent [] "members without a summary")

let private pages = [ "README.md"; "CONTRIBUTING.md"; "CHANGELOG.md" ]

let private links =
    testCase "every link of a page to a file leads to one" (fun () ->
        for page in pages do
            for link in Regex.Matches(Files.text page, @"\]\(([^)#]+)\)") do
                let target = link.Groups[1].Value

                if not (target.Contains "://") then
                    Expect.isTrue (Path.Exists(Path.Combine(Fixtures.root, target))) $"{page}: {target}")

/// The lines of a text without the spaces that they begin with.
let private flat (text: string) = text.Split '\n' |> Array.map _.Trim() |> String.concat "\n"

let private quotations =
    testCase "CONTRIBUTING quotes the sources as they are" (fun () ->
        let sources =
            [ "src/Gpt/Generation/Warpers.fs"; "tests/Gpt.Tests/Library/WarperTable.fs" ]
            |> List.map (Files.text >> flat)

        let blocks = [
            for block in Regex.Matches(Files.text "CONTRIBUTING.md", "(?s)```fsharp\n(.*?)```") ->
                flat block.Groups[1].Value
        ]

        Expect.equal blocks.Length sources.Length "blocks"

        for source, block in List.zip sources blocks do
            Expect.stringContains source block "the quotation")

/// The first cells of the table that begins with an empty one.
let private differences () =
    let lines = (Files.text "README.md").Split '\n'
    let header = lines |> Array.findIndex _.StartsWith("| | embedded engine |")

    lines[header + 2 ..]
    |> Seq.takeWhile _.StartsWith("| ")
    |> Seq.map (fun row -> row.Split('|').[1].Trim())
    |> List.ofSeq

let private tested =
    testCase "the engines' differences in README are those that have tests" (fun () ->
        Expect.equal (differences ()) (List.map fst DifferenceTests.rows) "rows")

let private ownVersion =
    testCase "the newest version of CHANGELOG is the repository's" (fun () ->
        let newest = Regex.Match(Files.text "CHANGELOG.md", @"(?m)^## (\S+?),?\s").Groups[1].Value
        Expect.stringContains (Files.text "Directory.Build.props") $"<Version>{newest}</Version>" "version")

let tests = testList "documentation" [ everyMember; links; quotations; tested; ownVersion ]
