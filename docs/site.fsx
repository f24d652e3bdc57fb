// Writes the site into artifacts/docs: the page of this folder, the scripts of samples/ as pages, and the library's reference.
// After `dotnet fsi build.fsx build`:  dotnet fsi docs/site.fsx. The pages name each other from the root of a web server.
open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions

let root = Path.GetDirectoryName __SOURCE_DIRECTORY__
let below (path: string) = Path.Combine(root, path)
let pages, site = below "artifacts/pages", below "artifacts/docs"

if Directory.Exists pages then
    Directory.Delete(pages, true)

let images = Directory.CreateDirectory(Path.Combine(pages, "images")).FullName
File.Copy(below "docs/index.md", Path.Combine(pages, "index.md"))
File.Copy(below "docs/logo.svg", Path.Combine(images, "logo.svg"))
File.Copy(below "CHANGELOG.md", Path.Combine(pages, "changelog.md"))
File.WriteAllText(Path.Combine(pages, "license.md"), "# License\n\n" + File.ReadAllText(below "LICENSE"))

// fsdocs has links to a repository, and there is no address to give them.
File.WriteAllText(
    Path.Combine(Directory.CreateDirectory(Path.Combine(pages, "content")).FullName, "fsdocs-theme.css"),
    ".repository-menu-item, a[href*='repository-link'] { display: none }\n"
)

for image in Directory.GetFiles(below "samples/images") do
    File.Copy(image, Path.Combine(images, Path.GetFileName image))

/// What fsdocs orders pages by, before a script's own text.
let inOrder (place: int) (script: string) (text: string) =
    let heading = Regex.Match(text, "^# (.+)$", RegexOptions.Multiline)

    let title =
        if heading.Success then
            heading.Groups[1].Value
        else
            Path.GetFileName script

    $"(**\n---\ntitle: {title}\ncategory: Samples\ncategoryindex: 1\nindex: {place}\n---\n*)\n{text}"

// One folder deeper than where they lie, they find the library one folder further up.
for place, script in Directory.GetFiles(below "samples", "*.fsx") |> Array.sort |> Array.indexed do
    let text = File.ReadAllText(script).Replace("#r \"../src/", "#r \"../../src/")
    File.WriteAllText(Path.Combine(pages, Path.GetFileName script), inOrder place script text)

let arguments =
    [
        "fsdocs"
        "build"
        "--clean"
        "--mdcomments"
        "--input"
        pages
        "--output"
        site
    ]
    @ [ "--projects"; below "src/Gpt/Gpt.fsproj" ]
    @ [ "--properties"; "Configuration=Release"; "PaketDisableGlobalRestore=true" ]
    @ [ "--parameters"; "root"; "/"; "fsdocs-collection-name"; "Gpt" ]
    @ [
        "fsdocs-logo-src"
        "images/logo.svg"
        "fsdocs-favicon-src"
        "images/logo.svg"
    ]
    @ [
        "fsdocs-license-link"
        "/license.html"
        "fsdocs-release-notes-link"
        "/changelog.html"
    ]

let fsdocs = Process.Start(ProcessStartInfo("dotnet", arguments, WorkingDirectory = root))
fsdocs.WaitForExit()
printfn "%s" (Path.Combine(site, "index.html"))
exit fsdocs.ExitCode
