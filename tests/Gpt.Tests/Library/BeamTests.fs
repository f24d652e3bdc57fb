/// Beam search: against transformers, and by its laws.
module Gpt.Tests.BeamTests

open System
open System.Text.Json
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.Small

let private rng = Rng.ofSeed 1UL

let private earlyStopping (value: JsonElement) =
    match value.ValueKind with
    | JsonValueKind.True -> AtOnce
    | JsonValueKind.False -> WhenUnlikely
    | _ -> WhenImpossible

let private optionsOf (options: JsonElement) : BeamOptions =
    let given name read fallback = TinyGpt2.option name read options |> Option.defaultValue fallback
    let defaults = BeamOptions.defaults

    {
        defaults with
            Beams = given "num_beams" _.GetInt32() defaults.Beams
            LengthPenalty = given "length_penalty" _.GetDouble() defaults.LengthPenalty
            EarlyStopping = given "early_stopping" earlyStopping defaults.EarlyStopping
            MaxNewTokens = given "max_new_tokens" _.GetInt32() defaults.MaxNewTokens
            EndTokens = TinyGpt2.option "eos_token_id" _.GetInt32() options |> Option.toList
            Return = given "num_return_sequences" _.GetInt32() 1
    }

let private stagesOf (options: JsonElement) : Stage list =
    TinyGpt2.option "no_repeat_ngram_size" _.GetInt32() options
    |> Option.map (fun size -> Look(fun turn -> Penalties.noRepeatNgram size turn.Texts))
    |> Option.toList

let private againstTransformers _ = [
    for call in TinyGpt2.calls.Value do
        if call.Name.StartsWith "beam" then
            testCase call.Name (fun () ->
                Expect.isNonEmpty call.Results "prompts"

                for prompt, answer in call.Results do
                    let found =
                        Beam.search (optionsOf call.Options) (stagesOf call.Options) rng TinyGpt2.model.Value prompt

                    Expect.equal (found |> List.map _.Tokens) answer.Sequences "tokens"

                    for hypothesis, score in List.zip found answer.Scores do
                        expectBelow 1e-4 (abs (hypothesis.Score - score)) "score")
]

/// A model of few tokens, so that every text can be tried.
let private toy vocab =
    denseModel {
        config with
            VocabSize = vocab
            Context = 8
    }

let private sum (model: Model) (prompt: int list) (text: int list) =
    let logs =
        Gpt.Tensors.noGrad (fun () -> (Transformer.forward Eval model (ids [ prompt @ text ])).log_softmax -1L)
        |> Gpt.Tensors.toFloats
        |> Array.chunkBySize model.Config.VocabSize

    text |> List.mapi (fun i id -> float (Array.item id logs[prompt.Length - 1 + i])) |> List.sum

let rec private texts vocab length : int list list =
    if length = 0 then
        [ [] ]
    else
        [
            for text in texts vocab (length - 1) do
                for id in 0 .. vocab - 1 -> text @ [ id ]
        ]

let private prompts = tokens 11 1 3

let private plain count = {
    BeamOptions.defaults with
        Beams = count
        MaxNewTokens = 5
}

let private laws = [
    law 200 "one beam is greedy" prompts (fun prompt ->
        use model = denseModel config

        let greedy =
            Generate.tokens Sampling.greedy rng model (Array.ofList prompt) |> Seq.take 5 |> Seq.toArray

        let found = Beam.search (plain 1) [] rng model (Array.ofList prompt)
        Expect.equal (found |> List.map _.Tokens) [ greedy ] "tokens")

    law 200 "the best beam scores no lower than greedy" (both prompts (within 2 6)) (fun (prompt, beams) ->
        use model = denseModel config

        let greedy = Generate.tokens Sampling.greedy rng model (Array.ofList prompt) |> Seq.take 5 |> List.ofSeq

        let best = Beam.search (plain beams) [] rng model (Array.ofList prompt) |> List.head
        Expect.isGreaterThanOrEqual best.Score (sum model prompt greedy / 5.0 - 1e-5) "score")

    law
        100
        "with a beam for every text it finds the best of all"
        (both (tokens 3 1 3) (within 1 3))
        (fun (prompt, length) ->
            use model = toy 3
            let beams = pown 3 length

            let found =
                Beam.search
                    {
                        plain beams with
                            MaxNewTokens = length
                            Return = beams
                    }
                    []
                    rng
                    model
                    (Array.ofList prompt)

            let all = texts 3 length |> List.map (fun text -> text, sum model prompt text / float length)

            Expect.equal
                (found |> List.map _.Tokens |> set)
                (all |> List.map (fst >> Array.ofList) |> set)
                "every text"

            for hypothesis in found do
                let _, score = all |> List.find (fun (text, _) -> Array.ofList text = hypothesis.Tokens)
                expectBelow 1e-5 (abs (hypothesis.Score - score)) "score"

            Expect.equal (found |> List.map _.Score) (found |> List.map _.Score |> List.sortDescending) "order")

    law 100 "what is streamed is the best text" (both prompts (within 1 5)) (fun (prompt, beams) ->
        use model = denseModel config

        let options = {
            plain beams with
                EndTokens = [ 3 ]
                MaxNewTokens = 6
        }

        let best = Beam.search options [] rng model (Array.ofList prompt) |> List.head
        Expect.equal (Beam.stream options [] rng model (Array.ofList prompt) |> Seq.toArray) best.Tokens "tokens")

    law 100 "groups without a penalty find what one group finds, each" prompts (fun (prompt) ->
        use model = denseModel config
        let alone = Beam.search { plain 2 with Return = 2 } [] rng model (Array.ofList prompt)

        let grouped = Beam.search { plain 6 with Groups = 3; Return = 6 } [] rng model (Array.ofList prompt)

        Expect.equal
            (grouped |> List.map _.Tokens)
            (alone |> List.collect (fun a -> List.replicate 3 a.Tokens))
            "thrice")

    law 100 "a large diversity penalty sends each group another way" prompts (fun prompt ->
        use model = denseModel config

        let found =
            Beam.search
                {
                    plain 3 with
                        Groups = 3
                        Return = 3
                        DiversityPenalty = 1e6
                        MaxNewTokens = 4
                }
                []
                rng
                model
                (Array.ofList prompt)

        for place in 0..3 do
            let taken = found |> List.map (fun hypothesis -> hypothesis.Tokens[place])
            Expect.equal (List.distinct taken) taken "different tokens at each place")

    law 100 "past the context the search goes on" prompts (fun prompt ->
        use model = denseModel config

        let options = {
            plain 3 with
                MaxNewTokens = 20
                Return = 3
        }

        for hypothesis in Beam.search options [] rng model (Array.ofList prompt) do
            Expect.equal hypothesis.Tokens.Length 20 "length")

    testCase "drawn beams repeat with a generator and differ with another" (fun () ->
        use model = denseModel config

        let options = {
            plain 3 with
                Sample = true
                MaxNewTokens = 12
        }

        let drawn seed = (Beam.search options [] (Rng.ofSeed seed) model [| 1 |] |> List.head).Tokens
        Expect.equal (drawn 5UL) (drawn 5UL) "same"
        Expect.isGreaterThan ([ 1UL .. 20UL ] |> List.map drawn |> List.distinct |> List.length) 5 "different")
]

/// What a search and its stream complain of, and how many tokens the stream told before.
let private complaints options stages (model: Model) =
    let told = ResizeArray<int>()
    let searched = Expect.throwsC (fun () -> Beam.search options stages rng model [| 1; 2 |] |> ignore) id

    let streamed =
        Expect.throwsC (fun () -> Beam.stream options stages rng model [| 1; 2 |] |> Seq.iter told.Add) id

    Expect.equal streamed.Message searched.Message "search and stream"
    Expect.equal (streamed.GetType()) (searched.GetType()) "kind of error"
    searched, told.Count

/// Rules out all tokens from a number of new tokens on.
let private silentFrom produced =
    Time(fun moment logits ->
        if moment.Produced >= produced then
            logits.sub (Gpt.Tensors.scalar infinity)
        else
            logits)

let private edges = [
    for position, name in [ 0, "at once"; 4, "later" ] do
        testCase $"logits that are no numbers are complained of, {name}" (fun () ->
            use model = denseModel config

            Gpt.Tensors.noGrad (fun () ->
                let row = model.Params.PositionEmbedding.narrow (0L, int64 position, 1L)
                row.fill_ (Gpt.Tensors.scalar nan) |> ignore)

            let options = {
                plain 3 with
                    EndTokens = [ 3; 4; 5 ]
                    EarlyStopping = WhenImpossible
            }

            for options in [ options; { options with Sample = true } ] do
                let error, _ = complaints options [] model
                Expect.isTrue (error :? ArgumentException) "kind of error"
                Expect.stringContains error.Message "logits hold NaN" "sentence")

    testCase "a stage that makes a logit infinite is complained of" (fun () ->
        use model = denseModel config

        let error, _ =
            complaints (plain 2) [ Warp(fun logits -> logits.add (Gpt.Tensors.scalar infinity)) ] model

        Expect.stringContains error.Message "logits hold +infinity at row 0, token 0" "sentence")

    testCase "where all is ruled out, search and stream say so, at once or later" (fun () ->
        use model = denseModel config

        for produced in [ 0; 1; 3 ] do
            for beams in [ 1; 3 ] do
                let error, told = complaints (plain beams) [ silentFrom produced ] model
                Expect.isTrue (error :? InvalidOperationException) "kind of error"
                Expect.stringContains error.Message "The stages rule out every continuation" "sentence"

                if beams = 1 then
                    Expect.equal told produced "tokens before")
]

let private refused name (change: BeamOptions -> BeamOptions) (words: string) =
    testCase $"{name} is refused" (fun () ->
        Expect.stringContains (BeamOptions.validate 11 (change BeamOptions.defaults) |> error) words "sentence")

let private mistakes = [
    refused "no beams" (fun o -> { o with Beams = 0 }) "beams is 0; it must be at least 1"
    refused "a length penalty that is no number" (fun o -> { o with LengthPenalty = nan }) "length penalty is NaN"
    refused "no new tokens" (fun o -> { o with MaxNewTokens = 0 }) "max new tokens is 0"
    refused "more returned than beams" (fun o -> { o with Return = 6 }) "is 6; it must be in 1 to beams, 5"
    refused
        "groups that do not divide the beams"
        (fun o -> { o with Groups = 2 })
        "groups is 2; it must divide beams, 5"
    refused "a diversity penalty for one group" (fun o -> { o with DiversityPenalty = 1.0 }) "there is one group"
    refused "a foreign end token" (fun o -> { o with EndTokens = [ 11 ] }) "end token 11 is not in the vocabulary"
    refused "a minimum above the maximum" (fun o -> { o with MinNewTokens = 21 }) "min new tokens is 21"
]

let tests =
    testList "beam search" [
        testList "against transformers" (testsOf TinyGpt2.folder againstTransformers)
        testList "laws" laws
        testList "edges" edges
        testList "names what is wrong" mistakes
    ]
