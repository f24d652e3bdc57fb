/// Speculative decoding: the same text, or the same distribution, in fewer passes.
module Gpt.Tests.SpeculativeTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private until count = {
    GenerationOptions.defaults with
        MaxNewTokens = count
}

/// Another model of the same vocabulary, that says something else.
let private stranger (config: GptConfig) =
    denseModel {
        config with
            Layers = 1
            Dim = 6
            Heads = 1
            FeedForward = 6
    }

let private rounds drafter count options sampling seed model prompt : SpeculativeRound list =
    Speculative.rounds
        {
            Drafter = drafter
            DraftTokens = count
        }
        options
        sampling
        (Rng.ofSeed seed)
        model
        prompt
    |> List.ofSeq

let private idsOf (rounds: SpeculativeRound list) = rounds |> List.collect _.Tokens |> List.map _.Id
let private cases = both (tokens 11 1 8) (within 1 4)

let private greedy = [
    law 100 "greedy text is the same, by a draft model, past the context too" cases (fun (prompt, count) ->
        use model = denseModel config
        use draft = stranger config
        let prompt = Array.ofList prompt

        let options = {
            until 30 with
                LogProbabilities = Some 1
        }

        let plain = Generate.stream options Sampling.greedy (Rng.ofSeed 1UL) model prompt |> List.ofSeq
        let found = rounds (DraftModel draft) count options Sampling.greedy 1UL model prompt
        Expect.equal (idsOf found) (plain |> List.map _.Id) "tokens"

        for a, b in List.zip (found |> List.collect _.Tokens) plain do
            Expect.isLessThan (abs (a.LogProbability.Value - b.LogProbability.Value)) 1e-4 "log-probability"
            Expect.equal a.Finish b.Finish "finish")

    law 100 "greedy text is the same, by look-up" cases (fun (prompt, count) ->
        use model = denseModel config
        let prompt = Array.ofList prompt

        let plain =
            Generate.stream (until 30) Sampling.greedy (Rng.ofSeed 1UL) model prompt
            |> Seq.map _.Id
            |> List.ofSeq

        let found = rounds (PromptLookup 3) count (until 30) Sampling.greedy 1UL model prompt
        Expect.equal (idsOf found) plain "tokens")

    law 100 "a model that guesses for itself is always right" cases (fun (prompt, count) ->
        use model = denseModel { config with Context = 64 }

        for sampling in [ Sampling.greedy; Sampling.random (Warpers.temperature 0.7) ] do
            let found = rounds (DraftModel model) count (until 20) sampling 3UL model (Array.ofList prompt)
            Expect.isGreaterThan (Speculative.acceptanceRate found) 0.99 "acceptance"
            Expect.equal (idsOf found).Length 20 "tokens"
            Expect.isLessThanOrEqual found.Length (20 / (count + 1) + 2) "passes")

    law 100 "stages see the same text" cases (fun (prompt, count) ->
        use model = denseModel { config with Context = 64 }
        use draft = stranger { config with Context = 64 }
        let prompt = Array.ofList prompt

        let coins =
            {
                Strategy.greedy with
                    Processors = [ Xtc(0.5, 0.05) ]
            }
            |> Strategy.sampling 11
            |> get

        for sampling in [ Sampling.greedy |> Sampling.after (Penalties.repetition 1.5); coins ] do
            let plain =
                Generate.stream (until 20) sampling (Rng.ofSeed 1UL) model prompt |> Seq.map _.Id |> List.ofSeq

            Expect.equal (idsOf (rounds (DraftModel draft) count (until 20) sampling 1UL model prompt)) plain "tokens")

    law 60 "an end token ends the text" cases (fun (prompt, count) ->
        use model = denseModel config
        use draft = stranger config

        let options = {
            until 30 with
                EndTokens = [ 3; 4; 5 ]
        }

        let prompt = Array.ofList prompt

        let plain =
            Generate.stream options Sampling.greedy (Rng.ofSeed 1UL) model prompt |> Seq.map _.Id |> List.ofSeq

        Expect.equal (idsOf (rounds (DraftModel draft) count options Sampling.greedy 1UL model prompt)) plain "tokens")
]

/// How far 20,000 drawn texts of three tokens are from the model's own distribution over all 27, chi-squared.
let private chiSquared drafter =
    let toy = {
        config with
            VocabSize = 3
            Context = 8
    }

    use model = denseModel toy
    let prompt = [ 1; 0 ]
    let sampling = Sampling.random (Warpers.temperature 1.3)

    let expected =
        [
            for a in 0..2 do
                for b in 0..2 do
                    for c in 0..2 -> [ a; b; c ]
        ]
        |> List.map (fun text ->
            let shares =
                Gpt.Tensors.noGrad (fun () ->
                    (Transformer.forward Eval model (ids [ prompt @ text ])).div(Gpt.Tensors.scalar 1.3).softmax -1L)
                |> Gpt.Tensors.toFloats
                |> Array.chunkBySize 3

            text, text |> List.mapi (fun i id -> float (Array.item id shares[1 + i])) |> List.reduce (*))

    let draws = 20_000

    let counts =
        Seq.init draws (fun i ->
            rounds (drafter toy) 2 (until 3) sampling (uint64 i) model (Array.ofList prompt) |> idsOf)
        |> Seq.countBy id
        |> Map.ofSeq

    expected
    |> List.sumBy (fun (text, share) ->
        let want = share * float draws
        let got = counts |> Map.tryFind text |> Option.defaultValue 0 |> float
        (got - want) ** 2.0 / want)

let private distribution = [
    // Chi-squared with 26 degrees of freedom: 54.1 is passed once in a thousand times.
    testCase "drawn text has the model's distribution, by a draft model" (fun () ->
        Expect.isLessThan (chiSquared (fun toy -> DraftModel(stranger toy))) 54.1 "chi-squared")

    testCase "drawn text has the model's distribution, by look-up" (fun () ->
        Expect.isLessThan (chiSquared (fun _ -> PromptLookup 2)) 54.1 "chi-squared")
]

/// A model whose logits are all NaN.
let private speechless (config: GptConfig) =
    let model = denseModel config
    Gpt.Tensors.noGrad (fun () -> model.Params.PositionEmbedding.fill_ (Gpt.Tensors.scalar nan) |> ignore)
    model

/// A token is a digit, the last one a letter.
let private digits = Vocabulary.ofBytes [| for letter in "0123456789x" -> [| byte letter |] |]

let private edges = [
    law
        40
        "a draft model stops guessing where a constraint is complete or a text ends"
        (both (both (tokens 11 1 8) (within 1 4)) (within 0 1000))
        (fun ((prompt, count), seed) ->
            use model = denseModel config
            use draft = stranger config
            let prompt, rng = Array.ofList prompt, Rng.ofSeed (uint64 seed)

            for pattern, ends, least in [ "\\d{2}", [], 0; "\\d{2,3}", [ 10 ], 0; "\\d{2,3}", [ 10 ], 5 ] do
                let options = {
                    until 20 with
                        EndTokens = ends
                        MinNewTokens = least
                }

                let rule = Stage.constrained (Constraint.regex digits ends pattern |> get)

                let guessed sampling =
                    rounds (DraftModel draft) count options sampling (uint64 seed) model prompt |> idsOf

                let greedy = Sampling.greedy |> Sampling.behind rule
                let plain = Generate.stream options greedy rng model prompt |> Seq.map _.Id |> List.ofSeq
                Expect.equal (guessed greedy) plain "greedy"
                let drawn = guessed (Sampling.random id |> Sampling.behind rule) |> List.map string |> String.concat ""
                Expect.isMatch drawn $"^{pattern}(10)?$" "drawn")

    law
        40
        "a draft model that guesses nothing leaves the text the model's own"
        (both (both (tokens 11 1 8) (within 1 4)) (within 0 1000))
        (fun ((prompt, count), seed) ->
            use model = denseModel config
            use draft = speechless config
            let prompt = Array.ofList prompt

            for pick in [ Best; Draw ] do
                let sampling =
                    {
                        Processors = [ BannedTokens [ 0 ] ]
                        PenaltyWindow = None
                        Pick = pick
                    }
                    |> Strategy.sampling 11
                    |> get

                let plain =
                    Generate.stream (until 20) sampling (Rng.ofSeed (uint64 seed)) model prompt
                    |> Seq.map _.Id
                    |> List.ofSeq

                let found = rounds (DraftModel draft) count (until 20) sampling (uint64 seed) model prompt
                Expect.equal (idsOf found) plain "tokens"
                Expect.equal (found |> List.sumBy _.Drafted) 0 "guesses")

    law
        40
        "a draft model reads as much of the prompt as it can"
        (both (tokens 11 1 64) (within 1 4))
        (fun (prompt, count) ->
            use model = denseModel { config with Context = 64 }
            use draft = stranger config
            let prompt = Array.ofList prompt

            let plain =
                Generate.stream (until 20) Sampling.greedy (Rng.ofSeed 1UL) model prompt
                |> Seq.map _.Id
                |> List.ofSeq

            let found = rounds (DraftModel draft) count (until 20) Sampling.greedy 1UL model prompt
            Expect.equal (idsOf found) plain "tokens")
]

let private examples = [
    testCase "look-up guesses what was said before" (fun () ->
        use model = denseModel { config with Context = 64 }
        // A model that repeats itself greedily sooner or later.
        let found = rounds (PromptLookup 3) 4 (until 60) Sampling.greedy 1UL model [| 1; 2; 3 |]
        Expect.isGreaterThan (found |> List.sumBy _.Drafted) 0 "guesses"
        Expect.isLessThan found.Length 60 "fewer passes than tokens"
        Expect.isGreaterThan (Speculative.acceptanceRate found) 0.0 "acceptance")

    testCase "what cannot be is refused" (fun () ->
        use model = denseModel config
        use other = denseModel { config with VocabSize = 12 }

        let message speculation = SpeculativeOptions.validate model speculation |> error

        let guess drafter count = {
            Drafter = drafter
            DraftTokens = count
        }

        Expect.stringContains
            (message (guess (PromptLookup 2) 0))
            "draft tokens is 0; it must be at least 1"
            "no guesses"

        Expect.stringContains (message (guess (PromptLookup 0) 2)) "the longest run to look up is 0" "no run"
        Expect.stringContains (message (guess (DraftModel other) 2)) "has 12 tokens, the model 11" "vocabulary"
        Expect.stringContains (message (guess (DraftModel model) 5)) "at most 4" "too many guesses")
]

let tests =
    testList "speculative decoding" [
        testList "greedy" greedy
        testList "distribution" distribution
        testList "edges" edges
        testList "examples" examples
    ]
