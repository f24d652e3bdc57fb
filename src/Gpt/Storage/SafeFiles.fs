namespace Gpt

open System
open System.IO

/// Writing files so that a crash, a full disk or a stopped process never leaves half of one under its own name.
[<RequireQualifiedAccess>]
module SafeFiles =

    let private writeDurably (path: string) (write: Stream -> unit) =
        use file = new FileStream(path, FileMode.CreateNew, FileAccess.Write)
        write file
        file.Flush(flushToDisk = true)

    /// Writes several files of one folder, made if need be: all of them first under temporary names, synced to the disk,
    /// then renamed one after the other. The files named in `stale`, which say something of what stood there before, are removed
    /// when all is written and nothing is renamed yet. When anything fails the temporary files are removed, a folder that was
    /// made for them is removed too, and the exception (IOException or UnauthorizedAccessException) goes on to the caller.
    let replaceAll (folder: string) (stale: string list) (files: (string * (Stream -> unit)) list) : unit =
        let made = not (Directory.Exists folder)
        let suffix = $".partial-{Guid.NewGuid():N}"
        let temporary name = Path.Combine(folder, name + suffix)

        try
            Directory.CreateDirectory folder |> ignore

            for name, write in files do
                writeDurably (temporary name) write

            for name in stale do
                File.Delete(Path.Combine(folder, name))

            for name, _ in files do
                File.Move(temporary name, Path.Combine(folder, name), overwrite = true)
        with _ ->
            for name, _ in files do
                if File.Exists(temporary name) then
                    File.Delete(temporary name)

            if made && Directory.Exists folder && Seq.isEmpty (Directory.EnumerateFileSystemEntries folder) then
                Directory.Delete folder

            reraise ()

    /// `replaceAll` that removes nothing.
    let writeAll (folder: string) (files: (string * (Stream -> unit)) list) : unit = replaceAll folder [] files
