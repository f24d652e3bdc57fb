namespace Gpt

open System
open System.Text.RegularExpressions

/// Names that a caller, a server or a downloaded file gives, looked at before they become part of a path or an address.
[<RequireQualifiedAccess>]
module HubNames =

    let private matches (pattern: string) (text: string) =
        Regex.IsMatch(text, $@"\A(?:{pattern})\z", RegexOptions.CultureInvariant)

    /// A name as a sentence may quote it: on one line, and not longer than a line.
    let private quoted (name: string) =
        let visible = name |> String.map (fun c -> if Char.IsControl c then '?' else c)

        if visible.Length > 120 then
            $"\"{visible[..119]}…\""
        else
            $"\"{visible}\""

    /// Whether the parts between slashes are names of files, and none leads upwards, to a drive or to a hidden stream.
    let private isRelativePath (name: string) =
        let isPart (part: string) = part <> "" && part <> "." && part <> ".." && part.Length <= 255

        not (Seq.exists (fun c -> Char.IsControl c || c = '\\' || c = ':') name)
        && name.Split '/' |> Array.forall isPart

    /// A repository: `name` or `owner/name`, each 1 to 96 letters, digits, `_`, `-` and `.` that neither begin nor end with
    /// `-` or `.`, without `..` and `--`, as huggingface_hub has it: `--` stands for the slash in the cache.
    let checkRepo (repo: string) : Result<unit, string> =
        let part = "[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?"

        let isForbidden =
            repo.Contains ".." || repo.Contains "--" || repo.EndsWith(".git", StringComparison.Ordinal)

        if matches $"(?:{part}/)?{part}" repo && not isForbidden then
            Ok()
        else
            Error
                $"the repository name is {quoted repo}; it must be NAME or OWNER/NAME, each of 1 to 96 letters, digits, '_', '-' and '.', with '-' and '.' neither first, last nor doubled"

    /// A revision: a branch, a tag or a commit as git names them.
    let checkRevision (revision: string) : Result<unit, string> =
        let isGits =
            isRelativePath revision
            && not (revision.Contains "..")
            && not (Seq.exists (fun c -> Seq.contains c " ~^?*[@{") revision)
            && revision.Split '/' |> Array.forall (fun part -> part[0] <> '.' && part[0] <> '-')
            && revision.Length <= 255

        if isGits then
            Ok()
        else
            Error
                $"the revision is {quoted revision}; it must be a branch, a tag or a commit, such as main, without \"..\", spaces and characters that git forbids"

    /// A file of a repository: a relative path with `/` between its parts and no `..`, `\` or `:`.
    let checkFile (name: string) : Result<unit, string> =
        if isRelativePath name then
            Ok()
        else
            Error
                $"the file name is {quoted name}; it must be a relative path with '/' between its parts, without \"..\", '\\' and ':'"

    /// Whether a revision is a whole commit hash, which always means the same files.
    let isCommit (revision: string) : bool = matches "[0-9a-f]{40}" revision

    /// Whether an ETag can be the name of a blob. Those of the Hub are hashes in hex: SHA-256 of a large file's content, or git's
    /// SHA-1 of a small one.
    let isEtag (etag: string) : bool = matches "[A-Za-z0-9_-]{1,200}" etag
