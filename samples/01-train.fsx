(**
# Train on Shakespeare

The article's main part: a small GPT learns tiny Shakespeare character by character, and writes.

    dotnet fsi build.fsx build
    dotnet fsi samples/01-train.fsx [STEPS]
*)
#load "shared.fsx"

open Gpt
open Shared

let steps = number 0 500
let data = Datasets.resolve "shakespeare" |> get
printfn $"{Datasets.describe data}"

let tokenizer = Characters(CharTokenizer.ofText data.Text)
let corpus = Corpus.ofText tokenizer 64 0.9 data.Text |> get

let config = {
    GptConfig.mini with
        VocabSize = Tokenizer.vocabSize tokenizer
        Context = 64
}

// 16 windows of 64 characters a step, a rate that rises to 2e-3 and falls to 2e-4.
let options = {
    Training.defaults steps with
        EvaluateEvery = max 1 (steps / 2)
        EvaluationBatches = 10
}

let model = Init.model (Device.best ()) config (Rng.ofSeed 1UL)
let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
printfn $"{Params.count config:N0} parameters"

(**
Training is a sequence of reports: what is done with them, and when to stop, is the caller's.
*)
for report in Training.run options corpus model do
    match report.Event with
    | Stepped(loss, _, rate) -> printfn $"step %5d{report.Step}  loss %.4f{loss}  rate %.1e{rate}"
    | Evaluated(training, validation) ->
        printfn $"---- training loss %.4f{training}, validation loss %.4f{validation}"
        let text = Generate.text sampling (Rng.ofSeed 2UL) 100 tokenizer report.State.Model "HAMLET:" |> get
        printfn $"HAMLET:{text}\n"
        // The other samples write with it.
        Checkpoint.save "runs/sample" tokenizer report.State.Model
