// Writes the site into artifacts/docs: the page of this folder, the scripts of samples/ as pages, and the library's reference.
// After `dotnet fsi build.fsx build`:  dotnet fsi docs/site.fsx. The pages name each other from the root of a web server.
open System
open System.Diagnostics
open System.IO

let root = Path.GetDirectoryName __SOURCE_DIRECTORY__
let below (path: string) = Path.Combine(root, path)
let pages, site = below "artifacts/pages", below "artifacts/docs"

if Directory.Exists pages then
    Directory.Delete(pages, true)

let images = Directory.CreateDirectory(Path.Combine(pages, "images")).FullName
File.Copy(below "docs/index.md", Path.Combine(pages, "index.md"))

for image in Directory.GetFiles(below "samples/images") do
    File.Copy(image, Path.Combine(images, Path.GetFileName image))

// One folder deeper than where they lie, they find the library one folder further up.
for script in Directory.GetFiles(below "samples", "*.fsx") do
    let text = File.ReadAllText(script).Replace("#r \"../src/", "#r \"../../src/")
    File.WriteAllText(Path.Combine(pages, Path.GetFileName script), text)

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

let fsdocs = Process.Start(ProcessStartInfo("dotnet", arguments, WorkingDirectory = root))
fsdocs.WaitForExit()
printfn "%s" (Path.Combine(site, "index.html"))
exit fsdocs.ExitCode
