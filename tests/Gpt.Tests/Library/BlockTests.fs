/// Tokens picked in blocks, while nobody looks, against tokens picked and read one by one.
module Gpt.Tests.BlockTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private inBlocks (most: int) (options: GenerationOptions) = { options with Block = Some most }

let private endless = GenerationOptions.defaults

let private random window processors =
    {
        Strategy.random processors with
            PenaltyWindow = window
    }
    |> Strategy.sampling 11
    |> get

let private greedy processors =
    {
        Strategy.greedy with
            Processors = processors
    }
    |> Strategy.sampling 11
    |> get

let private samplings = [
    Sampling.greedy
    Sampling.random (Warpers.temperature 1.5)
    Sampling.random (Warpers.temperature 2.0 >> Warpers.topK 6 >> Warpers.topP 0.9)
    random None [ TopNSigma 2.0; MinP 0.05; TopP 0.95; Temperature 0.9 ]
    random None [ RepetitionPenalty 1.4; Temperature 0.7 ]
    random (Some 3) [ PresencePenalty 0.7; FrequencyPenalty -0.3; TopK 7 ]
    // Looks farther back than the context.
    random (Some 100) [ ForcedTokens [ 4; 4; 2 ]; RepetitionPenalty 0.8 ]
    random None [ LogitBias [ 3, 1.5 ]; Temperature 1.2; Xtc(0.5, 0.05) ]
    greedy [ Xtc(0.5, 0.05) ]
    greedy [ FrequencyPenalty 0.4; PresencePenalty 0.1 ]
]

let private cases =
    gen {
        let! count = Gen.choose (1, 4)
        let! prompts = Gen.listOfLength count (tokens 11 1 8).Generator
        let! sampling = Gen.elements samplings
        let! seed = Gen.choose (0, 1000000)
        let! most = Gen.choose (2, 9)
        let! room = Gen.choose (1, 30)
        let! ends = Gen.elements [ []; [ 3 ]; [ 2; 5; 8 ] ]
        let! least = Gen.elements [ 0; min 5 room ]
        let! told = Gen.elements [ None; None; Some 0; Some 3; Some 11 ]
        let! guide = Gen.elements [ []; []; [ 7 ]; [ 1; 2; 3; 4; 5 ] ]

        let options = {
            endless with
                MaxNewTokens = room
                MinNewTokens = least
                EndTokens = ends
                LogProbabilities = told
                Guidance =
                    if guide.IsEmpty then
                        None
                    else
                        Some {
                            Scale = 1.5
                            Prompt = Array.ofList guide
                        }
        }

        return prompts, sampling, uint64 seed, most, options
    }
    |> Arb.fromGen

let private rngs seed (prompts: int list list) =
    prompts |> List.mapi (fun i prompt -> Rng.split (uint64 i) (Rng.ofSeed seed), Array.ofList prompt)

/// How many reads it takes to make something.
let private readsOf (make: unit -> 'a) =
    let before = Gpt.Tensors.reads ()
    let made = make ()
    made, Gpt.Tensors.reads () - before

/// Expects the same tokens, rows and ends, and the same log-probabilities: to the last bit where the engine repeats itself, which
/// libtorch does not, for a block goes on with rows that have ended, and it rounds by the number of rows.
let private same (actual: GeneratedToken list) (expected: GeneratedToken list) : unit =
    if Tensors.repeatsItself then
        Expect.equal actual expected "tokens, rows, ends and log-probabilities"
    else
        let apart (tokens: GeneratedToken list) =
            tokens
            |> List.map (fun token -> {
                token with
                    LogProbability = None
                    Alternatives = []
            }),
            tokens |> List.collect (fun token -> Option.toList token.LogProbability),
            tokens |> List.map (fun token -> token.Alternatives |> List.map _.LogProbability)

        let tokens, own, alternatives = apart actual
        let tokens', own', alternatives' = apart expected
        Expect.equal tokens tokens' "tokens, rows and ends"
        Expect.equal (List.map List.length alternatives) (List.map List.length alternatives') "alternatives"

        for value, value' in List.zip (own @ List.concat alternatives) (own' @ List.concat alternatives') do
            Expect.floatClose Accuracy.medium value value' "log-probabilities"

let private roomy = { config with Context = 128 }

let tests =
    testList "blocks" [
        law
            300
            "blocks of any size are the tokens that come one by one, past the context and past ended rows"
            cases
            (fun case ->
                let prompts, sampling, seed, most, options = case
                use model = denseModel config
                let write options = Generate.batch options sampling model (rngs seed prompts) |> List.ofSeq

                same (write (inBlocks most options)) (write { options with Block = Some 1 }))

        law 100 "samples of one prompt are the same in blocks" cases (fun (prompts, sampling, seed, most, options) ->
            use model = denseModel config
            let prompt, rng = Array.ofList prompts.Head, Rng.ofSeed seed
            let write options = Generate.samples options sampling rng 3 model prompt |> List.ofSeq
            same (write (inBlocks most options)) (write options))

        testCase "a block is read at once" (fun () ->
            use model = denseModel roomy
            let options = { endless with MaxNewTokens = 63 }

            let write options () = Generate.stream options samplings[1] (Rng.ofSeed 1UL) model [| 1; 2 |] |> List.ofSeq

            let plain, single = readsOf (write options)
            let inBlocks, few = readsOf (write (inBlocks 8 options))
            Expect.equal inBlocks plain "tokens"
            // The logits are looked at, then the token is read.
            Expect.equal single 126L "token by token"
            // 1, 2, 4, and seven times 8.
            Expect.equal few 10L "in blocks")

        testCase "the first token is read before the next but one is picked" (fun () ->
            use model = denseModel roomy

            use tokens =
                (Generate.stream (inBlocks 8 endless) Sampling.greedy (Rng.ofSeed 1UL) model [| 1 |]).GetEnumerator()

            let reads = [ for _ in 1..7 -> readsOf (fun () -> tokens.MoveNext() |> ignore) |> snd ]

            Expect.equal reads [ 1L; 1L; 0L; 1L; 0L; 0L; 0L ] "reads a token")

        testCase "what looks at the text itself, or remembers, is asked for every token" (fun () ->
            use model = denseModel roomy
            let options = { endless with MaxNewTokens = 20 }

            for sampling in
                [
                    Sampling.greedy |> Sampling.after (Penalties.repetition 1.3)
                    greedy [ NoRepeatNgram 2 ]
                    random None [ Temperature 0.9; Mirostat Mirostat.defaults ]
                ] do
                let write options () = Generate.stream options sampling (Rng.ofSeed 1UL) model [| 1; 2 |] |> List.ofSeq

                let plain, single = readsOf (write options)
                let inBlocks, same = readsOf (write (inBlocks 8 options))
                Expect.equal inBlocks plain "tokens"
                Expect.equal same single "reads")

        testCase "penalties, guidance and what is told of tokens need no reading between" (fun () ->
            use model = denseModel roomy

            let options = {
                inBlocks 8 endless with
                    MaxNewTokens = 63
                    MinNewTokens = 9
                    EndTokens = [ 1 ]
                    LogProbabilities = Some 2
                    Guidance = Some { Scale = 1.5; Prompt = [| 1 |] }
            }

            let sampling = random (Some 20) [ RepetitionPenalty 1.2; Temperature 1.2; Xtc(0.5, 0.1) ]
            let write () = Generate.stream options sampling (Rng.ofSeed 2UL) model [| 1; 2 |] |> List.ofSeq
            let tokens, reads = readsOf write
            // 1, 2 and 4 tokens are three blocks, then 8 a block, begun or whole.
            let blocks = 3.0 + ceil (float (tokens.Length - 7) / 8.0)
            Expect.isGreaterThan tokens.Length 15 "some blocks"
            Expect.equal reads (int64 blocks) "reads")

        testCase
            "logits that are no numbers are complained of where the plain way does, after the same tokens"
            (fun () ->
                use model = denseModel config

                Gpt.Tensors.noGrad (fun () ->
                    let row = model.Params.PositionEmbedding.narrow (0L, 5L, 1L)
                    row.fill_ (Gpt.Tensors.scalar nan) |> ignore)

                let write options =
                    let seen = ResizeArray<int>()

                    let message =
                        Expect.throwsC
                            (fun () ->
                                for token in Generate.stream options samplings[1] (Rng.ofSeed 3UL) model [| 1; 2 |] do
                                    seen.Add token.Id)
                            _.Message

                    List.ofSeq seen, message

                let plain = write endless

                Expect.equal
                    (fst plain).Length
                    4
                    "positions 2 to 5 are read; after the last of them nothing can be picked"

                Expect.stringContains (snd plain) "logits hold NaN at row 0" "what is wrong"
                Expect.equal (write (inBlocks 4 endless)) plain "in blocks")

        testCase "a stream that is left early leaves nothing behind, and a session goes on" (fun () ->
            use model = denseModel roomy

            for taken in [ 1; 2; 3; 5; 9; 20 ] do
                let before = TrainingTests.liveTensors ()

                let prompts = rngs 5UL [ [ 1; 2; 3 ]; [ 4 ] ]

                Generate.batch (inBlocks 4 endless) samplings[1] model prompts
                |> Seq.truncate taken
                |> Seq.iter ignore

                Expect.equal (TrainingTests.liveTensors ()) before "tensors"

                use session = new Session(model)
                let rng = Rng.ofSeed 9UL
                let left = session.Stream(inBlocks 4 endless, samplings[1], rng, [| 1; 2; 3 |])
                let text = left |> Seq.truncate taken |> Seq.map _.Id |> Array.ofSeq
                let prompt = Array.append [| 1; 2; 3 |] text
                let options = inBlocks 4 { endless with MaxNewTokens = 10 }
                let answer = session.Stream(options, samplings[1], rng, prompt) |> Seq.map _.Id |> List.ofSeq
                let fresh = Generate.stream options samplings[1] rng model prompt |> Seq.map _.Id |> List.ofSeq
                Expect.equal answer fresh "tokens")

        testCase "a block of no tokens is refused" (fun () ->
            Expect.stringContains
                (GenerationOptions.validate 11 (inBlocks 0 endless) |> error)
                "block is 0; it must be at least 1"
                "options")

        testCase "numbers that are fetched are those that were there when they were asked for" (fun () ->
            use numbers = Gpt.Tensors.ofFloats (Device.cpu ()) [ 2L; 2L ] [| 1.0f; nanf; infinityf; -4.0f |]
            use ids = Gpt.Tensors.ofIds (Device.cpu ()) [ 2L ] [| -1L; 50256L |]
            use fetched = Fetch.Start numbers
            use fetchedIds = Fetch.Start ids
            numbers.zero_ () |> ignore
            ids.zero_ () |> ignore
            let values, reads = readsOf (fun () -> fetched.Wait())
            Expect.equal (values |> Array.map string) [| "1"; "NaN"; "Infinity"; "-4" |] "float32"
            Expect.equal (fetchedIds.Wait()) [| -1.0f; 50256.0f |] "int64"
            Expect.equal reads 1L "counted")
    ]
