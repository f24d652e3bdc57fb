// What the samples share: the library, the arguments, and models to write with.
#r "../src/Gpt/bin/Release/net10.0/TorchSharp.Embedded.dll"
#r "../src/Gpt/bin/Release/net10.0/Gpt.dll"

open System.IO
open Gpt

/// The value; a mistake ends the script with its sentence.
let get result = Result.defaultWith failwith result

/// The words behind the script's name.
let arguments = List.tail (List.ofArray fsi.CommandLineArgs)

/// The number that is the argument of this place, counted from 0.
let number place fallback = arguments |> List.tryItem place |> Option.map int |> Option.defaultValue fallback

/// Where the samples look for a model: what `dotnet fsi build.fsx` leaves, then what 01-train.fsx does.
let places = [ "runs/shakespeare"; "runs/sample" ]

let printHeading (title: string) = printfn "\n===== %s %s" title (String.replicate (max 3 (60 - title.Length)) "=")

/// A model of the article's kind with a context of 64 tokens.
let fresh tokenizer =
    let config = {
        GptConfig.mini with
            VocabSize = Tokenizer.vocabSize tokenizer
            Context = 64
    }

    Init.model (Device.best ()) config (Rng.ofSeed 1UL)

/// A fresh model after so many steps on a text.
let learn steps tokenizer (text: string) =
    let corpus = Corpus.ofText tokenizer 64 0.9 text |> get

    let last (report: TrainingReport) =
        if report.Step = steps then
            Some(Model.copy report.State.Model)
        else
            None

    let unjudged = {
        Training.defaults steps with
            EvaluateEvery = steps
            EvaluationBatches = 1
    }

    Training.run unjudged corpus (fresh tokenizer) |> Seq.pick last

/// A model that writes plays, and its tokenizer: the checkpoint that is there, or one trained now for so many steps.
let playwright steps =
    match places |> List.tryFind Directory.Exists with
    | Some folder -> Checkpoint.load (Device.best ()) folder |> get
    | None ->
        printfn $"""no {String.concat " or " places} here: training a small model for {steps} steps"""
        let text = (Datasets.resolve "shakespeare" |> get).Text
        let tokenizer = Characters(CharTokenizer.ofText text)
        learn steps tokenizer text, tokenizer

/// A GPT-2 by its name or folder. Where none is named and GPT-2 cannot be had, a small model with a byte-pair vocabulary that has
/// read a play.
let gpt2 (name: string option) : TextPipeline =
    match name, TextGeneration.pipeline (Option.defaultValue "openai-community/gpt2" name) with
    | None, Error sentence ->
        printfn $"{sentence}; training a small model for 100 steps instead"
        let text = (Datasets.resolve "shakespeare" |> get).Text
        let tokenizer = Bpe(BpeTraining.train BpeTraining.defaults [ text ])

        {
            Model = learn 100 tokenizer text
            Tokenizer = tokenizer
        }
    | _, result -> get result
