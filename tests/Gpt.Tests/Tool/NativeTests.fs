/// The tool built ahead of time says what the ordinary one says. Publishing takes a minute or more and needs a linker, so that
/// test is there where the environment variable GPT_TEST_AOT is set, to anything.
module Gpt.Tests.NativeTests

open System
open System.IO
open System.Text.RegularExpressions
open Expecto

/// The native tool, published by README's command with gcc for a linker. No warning may be left.
let private publish (folder: string) : string =
    let printed =
        Files.output "dotnet" [
            "publish"
            "src/Gpt.Cli"
            "-c"
            "Release"
            "-r"
            "linux-x64"
            "-p:PublishAot=true"
            "-p:CppCompilerAndLinker=gcc"
            "-p:PaketDisableGlobalRestore=true"
            "-v:q"
            "-nologo"
            "-o"
            folder
        ]

    Expect.isFalse (printed.Contains "warning") printed
    Expect.equal (Tool.filesBelow folder) [ "gpt" ] "one file"
    Path.Combine(folder, "gpt")

let private model = [ "--model"; "runs/shakespeare" ]
let private prompted = model @ [ "--prompt"; "HAMLET:" ]

/// One of every command that ends soon, with and without JSON.
let private commands = [
    [ "--help" ]
    [ "--version" ]
    [ "train"; "--help" ]
    [ "generate"; "--temprature"; "1" ]
    [ "train"; "--data"; "text.txt"; "--json" ] @ Tool.quick
    [
        "train"
        "--data"
        "text.txt"
        "--dtype"
        "bfloat16"
        "--recompute"
        "--accumulate"
        "2"
    ]
    @ Tool.quick
    [ "train"; "--data"; "text.txt"; "--dtype"; "float16" ] @ Tool.quick
    [
        "train"
        "--from"
        "runs/shakespeare"
        "--data"
        "text.txt"
        "--lora-rank"
        "2"
        "--steps"
        "3"
        "--out"
        "tuned"
    ]
    [ "generate"; "--max-new-tokens"; "40"; "--seed"; "3" ] @ prompted
    [ "generate"; "--json"; "--log-probs"; "2"; "--max-new-tokens"; "4" ] @ prompted
    [
        "generate"
        "--beams"
        "3"
        "--return"
        "2"
        "--max-new-tokens"
        "8"
        "--json"
    ]
    @ prompted
    [ "generate"; "--lookup"; "3"; "--dtype"; "int8"; "--max-new-tokens"; "8" ] @ prompted
    [ "generate"; "--regex"; "[a-z ]{9}" ] @ prompted
    [ "steps"; "--steps"; "2" ] @ prompted
    [ "steps"; "--steps"; "2"; "--json" ] @ prompted
    [ "warpers"; "--svg"; "warpers.svg" ] @ prompted
    [ "warpers"; "--json" ] @ prompted
    [ "attention"; "--svg"; "attention.svg" ] @ prompted
    [ "attention"; "--json" ] @ prompted
    [ "compare"; "--max-new-tokens"; "8" ] @ prompted
    [ "compare"; "--max-new-tokens"; "8"; "--json" ] @ prompted
    [ "temperature" ]
    [ "temperature"; "--json" ]
    [ "tokenize"; "--tokenizer"; "runs/shakespeare"; "--text"; "to be" ]
    [
        "tokenize"
        "--tokenizer"
        "runs/shakespeare"
        "--text"
        "1 2"
        "--decode"
        "--json"
    ]
    [ "info" ] @ model
    [ "info"; "--json" ] @ model
    [ "info"; "--memory" ] @ model
    [ "info"; "--memory"; "--dtype"; "int8"; "--json" ] @ model
    [ "doctor" ]
    [ "doctor"; "--json" ]
    [ "eval"; "--data"; "text.txt" ] @ model
    [ "eval"; "--data"; "text.txt"; "--json" ] @ model
    [ "export"; "--out"; "copy" ] @ model
    [ "bench"; "gemm"; "--help" ]
    [ "completion"; "bash" ]
    [ "download"; "gpt2"; "--revision"; ".." ]
]

/// What a run printed, without what a clock said.
let private timeless (text: string) =
    Regex.Replace(text, @"""(seconds|tokensPerSecond)"":[\d.E+-]+|[\d,.]+ tokens/s.*|in [\d.]+ s", "")

/// Runs a program in a folder: exit code, standard output, standard error.
let private runOf (program: string) (folder: string) (arguments: string list) =
    let run = Child.run folder [] program arguments
    run.Code, timeless run.Out, timeless run.Error

let private same =
    testCase "every command of the native tool prints what the ordinary one prints" (fun () ->
        Tool.withText Tool.sampleText (fun folder ->
            let native = publish (Path.Combine(folder, "native"))
            let trained = Tool.gptIn folder ([ "train"; "--data"; "text.txt" ] @ Tool.quick)
            Expect.equal trained.Code 0 trained.Error

            for command in commands do
                // The native tool adds in registers of 256 bits, and sums depend on the width in their last bit.
                let ordinary = (Tool.gptWith [ "DOTNET_EnableAVX512", "0" ] folder command).Result
                let line = String.concat " " command

                Expect.equal
                    (runOf native folder command)
                    (ordinary.Code, timeless ordinary.Out, timeless ordinary.Error)
                    $"gpt {line}"))

/// A format with a number in it whose values follow it, not in it: such a printf is put together at run time from generic
/// methods that a native build has no code for. Interpolated strings are not.
let private printsNumbers = Regex @"printfn?\s+""[^""]*%[-+ 0]*\d*(\.\d+)?[dfegiuxXcbAO]|failwithf"

let private formats =
    testCase "numbers are printed by interpolated strings" (fun () ->
        let sources = Files.ending [ ".fs" ] |> List.filter _.StartsWith("src/")
        let printing = sources |> List.filter (Files.text >> printsNumbers.IsMatch)
        Expect.equal printing [] "files with a printf of numbers")

let tests =
    testList "native" [
        formats
        // Ahead of time the tool is built with the embedded engine alone.
        let isAskedFor = not (String.IsNullOrEmpty(Environment.GetEnvironmentVariable "GPT_TEST_AOT"))

        if isAskedFor && Gpt.Device.engine = "embedded" then
            same
    ]
