/// What the tool says about itself: its help, the examples in it, and what a shell is told.
module Gpt.Tests.HelpTests

open System
open System.Diagnostics
open System.IO
open System.Text.RegularExpressions
open Expecto
open Gpt.Tests.Tool

let private commands = [
    "train"
    "generate"
    "tokenize"
    "steps"
    "warpers"
    "attention"
    "compare"
    "temperature"
    "info"
    "eval"
    "export"
    "bench"
    "download"
    "doctor"
    "completion"
]

let private run (arguments: string list) =
    let run = gptIn (Path.GetTempPath()) arguments
    Expect.equal (run.Code, run.Error) (0, "") "succeeds without a word of error"
    run.Out

let private lines (text: string) = text.Split '\n' |> Array.map _.TrimEnd() |> List.ofArray

/// What the list of commands says of each.
let private summaries =
    lazy
        (lines (run [ "--help" ])
         |> List.skipWhile ((<>) "Commands:")
         |> List.skip 1
         |> List.takeWhile ((<>) "")
         |> List.map (fun line ->
             let name = line.Trim().Split(' ')[0]
             name, line.Trim().Substring(name.Length).Trim()))

/// The example lines of a command's help.
let private examples (command: string) =
    lines (run [ command; "--help" ])
    |> List.skipWhile ((<>) "Examples:")
    |> List.filter _.StartsWith("  gpt ")
    |> List.map _.Trim()

/// The words of a command line, with quotes and escapes as a shell reads them.
let private wordsOf (line: string) : string list =
    let script = $"for word in {line}; do printf '%%s\\n' \"$word\"; done"
    let run = Child.run AppContext.BaseDirectory [] "bash" [ "-c"; script ]
    run.Out.TrimEnd('\n').Split('\n') |> List.ofArray |> List.tail

let private help =
    testList "help" [
        testCase "every command is listed, and its own help begins with what the list says" (fun () ->
            Expect.equal (List.map fst summaries.Value) commands "listed"

            for name, summary in summaries.Value do
                let own = (run [ name; "--help" ]).Replace("\n", " ")
                Expect.isTrue (own.StartsWith(summary, StringComparison.Ordinal)) $"{name}: {summary}"
                Expect.stringContains own $"Usage: gpt {name}" "usage")

        testCase "no line of any help is longer than 100 characters" (fun () ->
            for arguments in [] :: (commands |> List.map List.singleton) @ [ [ "bench"; "train" ] ] do
                for line in lines (run (arguments @ [ "--help" ])) do
                    Expect.isTrue (line.Length <= 100) line)

        testCase "-h and -? are the same as --help, and --help wins over what is missing" (fun () ->
            Expect.equal (run [ "-h" ]) (run [ "--help" ]) "tool"
            Expect.equal (run [ "steps"; "-?" ]) (run [ "steps"; "--help" ]) "command"
            Expect.equal (run [ "download"; "--help" ]) (run [ "download"; "x"; "-h" ]) "argument")

        testCase "--version is a version" (fun () ->
            Expect.isTrue (Version.TryParse((run [ "--version" ]).Trim()) |> fst) (run [ "--version" ]))

        testCase "a pipe gets no escapes" (fun () ->
            Expect.isFalse ((run [ "generate"; "--help" ]).Contains '\u001b') "escapes")
    ]

/// A folder with a text and a small model where the examples expect them.
let private withModel (test: string -> unit) =
    withText sampleText (fun folder ->
        File.Move(Path.Combine(folder, "text.txt"), Path.Combine(folder, "my.txt"))
        let run = gptIn folder ([ "train"; "--data"; "my.txt" ] @ quick)
        Expect.equal run.Code 0 run.Error
        test folder)

let private exampleTests =
    testList "examples" [
        testCase
            "every command has one, and those that only compute for long are right up to the number of threads"
            (fun () ->
                for command in commands do
                    let lines = examples command
                    Expect.isNonEmpty lines command

                    if List.contains command [ "train"; "bench" ] then
                        for line in lines do
                            // What is wrong with the rest of a line would be said first.
                            let run = gptIn (Path.GetTempPath()) (wordsOf line @ [ "--threads"; "0" ])
                            Expect.equal run.Code 2 line
                            Expect.stringContains run.Error "--threads is 0" line)

        testCase "all others run, with a small model" (fun () ->
            withModel (fun folder ->
                for command in commands |> List.except [ "train"; "bench"; "download" ] do
                    for line in examples command do
                        // The small model has two heads and a context of 8.
                        let words =
                            wordsOf line |> List.map (fun word -> if word = "to be or not" then "to be" else word)

                        let words = words |> List.map (fun word -> if word = "16" then "4" else word)
                        let run = gptIn folder words
                        Expect.equal run.Code 0 $"{line}: {run.Error}"
                        Expect.isTrue (run.Out <> "" || command = "export") line

                for picture in [ "warpers.svg"; "attention.svg"; "compare.svg"; "temperature.svg" ] do
                    Expect.isTrue (File.Exists(Path.Combine(folder, picture))) picture))

        testCase "README's lines leave no escape to the tool, which reads none" (fun () ->
            for line in File.ReadAllLines(Path.Combine(Fixtures.root, "README.md")) do
                if line.StartsWith "gpt " then
                    // What bash itself reads: $'\n'.
                    let rest = Regex.Replace(line, @"\$'[^']*'", "")
                    Expect.isFalse (rest.Contains '\\') line)

        testCase "the newest of several checkpoints is used, and said" (fun () ->
            withModel (fun folder ->
                let again = gptIn folder ([ "train"; "--data"; "my.txt"; "--out"; "runs/other" ] @ quick)
                Expect.equal again.Code 0 again.Error
                let run = gptIn folder [ "generate"; "--max-new-tokens"; "3" ]
                Expect.stringContains run.Error "runs/other, the newest" "said"
                let named = gptIn folder [ "generate"; "--max-new-tokens"; "3"; "--model"; "runs/other" ]
                Expect.equal named.Out run.Out "used"
                Expect.isFalse (named.Error.Contains "newest") "not said when it is named"))
    ]

/// What a shell runs, with `gpt` in its path as the function that the tests' own build is called by.
let private shell (program: string) (script: string) : string =
    let gpt = $"gpt() {{ dotnet '{Tool.program}' \"$@\"; }}"
    let run = Child.run AppContext.BaseDirectory [] program [ "-c"; gpt + "\n" + script ]
    Expect.equal run.Error "" "the shell has nothing to complain of"
    run.Out.TrimEnd()

let private inBash (words: string) (typed: string) =
    shell
        "bash"
        $"source <(gpt completion bash)\nCOMP_WORDS=(gpt {words} \"{typed}\")\nCOMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))\n_gpt_complete gpt\necho \"${{COMPREPLY[@]}}\""

let private completion =
    testList "completion" [
        testCase "what may come next" (fun () ->
            let complete (words: string list) = (run ("complete" :: words)).TrimEnd() |> lines
            Expect.equal (complete [ "" ]) (commands @ [ "--help"; "--version" ]) "commands"
            Expect.equal (complete [ "te" ]) [ "temperature" ] "begun"
            Expect.equal (complete [ "generate"; "--temp" ]) [ "--temperature" ] "options"
            Expect.equal (complete [ "generate"; "--json"; "--js" ]) [ "--json-schema" ] "once"
            Expect.equal (complete [ "generate"; "--device"; "c" ]) [ "cpu"; "cuda" ] "values"
            Expect.equal (complete [ "train"; "--data"; "" ]) [ "" ] "files are the shell's matter"
            Expect.equal (complete [ "bench"; "tr" ]) [ "train" ] "commands below"
            Expect.equal (complete [ "bench"; "sample"; "--top-" ]) [ "--top-k"; "--top-p" ] "their options"
            Expect.equal (complete [ "completion"; "f" ]) [ "fish" ] "shells"
            Expect.equal (complete [ "nothing"; "" ]) [ "" ] "an unknown command")

        if not (OperatingSystem.IsWindows()) then
            testCase "bash offers commands, options and values" (fun () ->
                Expect.equal (inBash "" "ge") "generate" "command"
                Expect.equal (inBash "generate" "--top-") "--top-k --top-p --top-a --top-n-sigma" "options"
                Expect.equal (inBash "train --prompt 'two words'" "--lora-r") "--lora-rank" "after words with spaces"
                Expect.equal (inBash "info --preset" "gpt2-") "gpt2-medium gpt2-large gpt2-xl" "values")

        for name, check in [ "bash", "-n"; "zsh", "-n"; "fish", "--no-execute" ] do
            if File.Exists $"/usr/bin/{name}" || File.Exists $"/bin/{name}" then
                testCase $"{name} can read its script" (fun () ->
                    Small.withFolder (fun folder ->
                        Directory.CreateDirectory folder |> ignore
                        let script = Path.Combine(folder, "script")
                        File.WriteAllText(script, run [ "completion"; name ])
                        use shell = Process.Start(name, [ check; script ])
                        shell.WaitForExit()
                        Expect.equal shell.ExitCode 0 "syntax"))
    ]

let tests = testList "help" [ help; exampleTests; completion ]
