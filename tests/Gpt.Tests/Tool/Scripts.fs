/// Runs F# scripts as a reader would, in folders with small models that they find.
module Gpt.Tests.Scripts

open System
open System.IO
open Expecto
open Gpt

let sample name = Path.Combine(Fixtures.root, "samples", name)

/// Runs `dotnet fsi` in a folder, without a network and with nothing in the caches.
let start (folder: string) (arguments: string list) : Tool.Run =
    let alone = [
        "GPT_OFFLINE", "1"
        "GPT_CACHE", folder
        "HF_HUB_OFFLINE", "1"
        "HF_HUB_CACHE", folder
    ]

    let run = Child.run folder alone "dotnet" ("fsi" :: arguments)

    {
        run with
            Out = run.Out.Replace("\r\n", "\n")
    }

/// What a script prints; it must end with 0.
let printed (folder: string) (arguments: string list) : string =
    let run = start folder arguments
    Expect.equal run.Code 0 run.Error
    run.Out

/// What a run of a sample prints.
let ran folder name arguments = printed folder (sample name :: arguments)

/// A little model that has read a play, with every character that a play may have.
let playwright =
    lazy
        (let text = Grammar.generate 5UL 20_000
         let tokenizer = Characters(CharTokenizer.ofText (String [| '\n'; yield! [ ' ' .. '~' ] |]))
         let corpus = Corpus.ofText tokenizer 32 0.9 text |> Small.get

         let config = {
             Small.config with
                 VocabSize = Tokenizer.vocabSize tokenizer
                 Context = 32
         }

         let options = {
             Small.training 60 with
                 BatchSize = 8
                 WindowLength = 32
                 ReportEvery = 60
                 EvaluateEvery = 60
                 EvaluationBatches = 1
         }

         Training.run options corpus (Small.model config)
         |> Seq.pick (fun report ->
             if report.State.Step = 60 then
                 Some(Model.copy report.State.Model, tokenizer)
             else
                 None))

/// Runs a test in a folder with a checkpoint in runs/shakespeare.
let withPlaywright (test: string -> unit) =
    Small.withFolder (fun folder ->
        let model, tokenizer = playwright.Value
        Checkpoint.save (Path.Combine(folder, "runs", "shakespeare")) tokenizer model
        test folder)
