(**
# Perplexity

e to the mean loss: how many equally likely tokens a model hesitates between. Lower is better. A model that knows nothing
hesitates between all of its vocabulary.

    dotnet fsi samples/06-perplexity.fsx [CHARACTERS] [STEPS]
*)
#load "shared.fsx"

open System
open Gpt
open Shared

let model, tokenizer = playwright (number 1 200)
let data = Datasets.resolve "shakespeare" |> get
let characters = min (number 0 10000) data.Text.Length

// The end of the text, which training does not look at.
let ids = data.Text.Substring(data.Text.Length - characters) |> Tokenizer.encode tokenizer |> get

(**
A window of a context moves over the text. The further it moves, the less stands before the tokens that it scores.
*)
let context = model.Config.Context
let fresh = Init.model (Model.device model) model.Config (Rng.ofSeed 1UL)
printfn "model      stride  perplexity  loss (nats)"

for name, model, stride in
    [
        "untrained", fresh, context
        "trained", model, context
        "trained", model, context / 2
        "trained", model, context / 4
    ] do
    let report = Perplexity.measure context stride model ids
    printfn $"%-9s{name}  %6d{stride}  %10.3f{report.Perplexity}  %11.4f{report.MeanNll}"

(**
The loss of each character says where the model is surprised: most of all where a word begins.
*)
let isLetter place = Char.IsLetter(data.Text, data.Text.Length - characters + place)

/// How many letters of the same word stand before a place.
let rec lettersBefore place =
    if place > 0 && isLetter (place - 1) then
        1 + lettersBefore (place - 1)
    else
        0

printfn "\nletter of the word  loss (nats)"

Perplexity.losses context (context / 2) model ids
|> Seq.filter (fst >> isLetter)
|> Seq.groupBy (fst >> lettersBefore)
|> Seq.sortBy fst
|> Seq.truncate 6
|> Seq.iter (fun (before, losses) -> printfn $"%18d{before + 1}  %11.4f{Seq.averageBy snd losses}")
