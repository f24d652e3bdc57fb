/// Several texts at once, sessions, and when texts end.
module Gpt.Tests.BatchTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.Small

let private watched: GenerationOptions = {
    GenerationOptions.defaults with
        MaxNewTokens = 14
        EndTokens = [ 3; 7 ]
        LogProbabilities = Some 2
}

let private hot = Sampling.random (Warpers.temperature 1.5)

let private byRow (tokens: GeneratedToken seq) =
    tokens |> Seq.groupBy _.Row |> Seq.map (snd >> List.ofSeq) |> List.ofSeq

let private prompts =
    Arb.fromGen (Gen.choose (1, 5) |> Gen.bind (fun n -> Gen.listOfLength n (tokens 11 1 8).Generator))

let private seeds = ArbMap.defaults |> ArbMap.arbitrary<uint64>

/// The pairs of a generator and a prompt for each prompt.
let private own seed (prompts: int list list) =
    prompts |> List.mapi (fun i prompt -> Rng.split (uint64 i) (Rng.ofSeed seed), Array.ofList prompt)

let private laws = [
    law
        200
        "a batch gives exactly what each prompt gives alone, past the context too"
        (both prompts seeds)
        (fun (prompts, seed) ->
            use model = denseModel config
            let together = Generate.batch watched hot model (own seed prompts) |> byRow

            let alone = [
                for row, (rng, prompt) in List.indexed (own seed prompts) ->
                    Generate.stream watched hot rng model prompt
                    |> Seq.map (fun token -> { token with Row = row })
                    |> List.ofSeq
            ]

            if Gpt.Device.engine = "embedded" then
                Expect.equal together alone "tokens, log-probabilities, alternatives and ends"
            else
                // libtorch adds up in another order when there are more rows: the same but for rounding.
                let tokens = List.map (List.map (fun (token: GeneratedToken) -> token.Id, token.Finish))
                Expect.equal (tokens together) (tokens alone) "tokens and ends"

                for a, b in List.zip (List.concat together) (List.concat alone) do
                    expectBelow 1e-4 (abs (a.LogProbability.Value - b.LogProbability.Value)) "log-probability")

    law
        100
        "samples of one prompt are its streams with generators of their own"
        (both (tokens 11 1 8) seeds)
        (fun (prompt, seed) ->
            use model = denseModel config
            let prompt, rng = Array.ofList prompt, Rng.ofSeed seed
            let samples = Generate.samples watched hot rng 3 model prompt |> byRow |> List.map (List.map _.Id)

            let streams = [
                for i in 0..2 ->
                    Generate.stream watched hot (Rng.split (uint64 i) rng) model prompt |> Seq.map _.Id |> List.ofSeq
            ]

            Expect.equal samples streams "tokens")

    law
        100
        "a session gives what a fresh stream gives, and reads only what is new"
        (both (Arb.fromGen (Gen.listOfLength 4 (tokens 11 1 3).Generator)) seeds)
        (fun (turns, seed) ->
            use model = denseModel { config with Context = 64 }
            use session = new Session(model)
            let rng = Rng.ofSeed seed
            let mutable text = []

            for turn in turns do
                let before = session.Remembered
                text <- text @ turn
                let options = { watched with MaxNewTokens = 6 }
                let prompt = Array.ofList text
                let answer = session.Stream(options, hot, rng, prompt) |> Seq.map _.Id |> List.ofSeq
                let fresh = Generate.stream options hot rng model prompt |> Seq.map _.Id |> List.ofSeq
                Expect.equal answer fresh "tokens"
                Expect.isGreaterThanOrEqual session.Remembered (before + turn.Length) "nothing was forgotten"
                text <- text @ answer)

    law 100 "an end token ends a text and is its last" (both (tokens 11 1 8) seeds) (fun (prompt, seed) ->
        use model = denseModel config
        let tokens = Generate.stream watched hot (Rng.ofSeed seed) model (Array.ofList prompt) |> List.ofSeq
        let ends, others = tokens |> List.partition (fun token -> List.contains token.Id watched.EndTokens)
        let last = List.last tokens
        Expect.isLessThanOrEqual ends.Length 1 "one end"
        Expect.equal last.Finish (Some(if ends.IsEmpty then Length else EndToken)) "reason"
        Expect.equal (others |> List.filter (fun token -> token.Finish.IsSome && token <> last)) [] "no other end"

        if ends.IsEmpty then
            Expect.equal tokens.Length watched.MaxNewTokens "all that were asked for")

    law 100 "log-probabilities are the model's own" (tokens 11 1 7) (fun prompt ->
        use model = denseModel config

        let options = {
            watched with
                MaxNewTokens = 1
                LogProbabilities = Some 11
        }

        let token = Generate.stream options hot (Rng.ofSeed 1UL) model (Array.ofList prompt) |> Seq.head
        let all = token.Alternatives
        let logits = Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model (ids [ prompt ]))
        let want = (logits.select (1L, int64 prompt.Length - 1L)).log_softmax -1L |> Gpt.Tensors.toFloats
        Expect.equal (all |> List.map _.Id |> List.sort) [ 0..10 ] "every token"
        Expect.equal all (all |> List.sortBy (fun c -> -c.LogProbability)) "best first"

        for candidate in all do
            expectBelow 1e-4 (abs (candidate.LogProbability - float want[candidate.Id])) "log-probability"

        let own = all |> List.find (fun candidate -> candidate.Id = token.Id)
        Expect.equal token.LogProbability (Some own.LogProbability) "the token's own")
]

/// Guidance against the naive way: both texts read whole, their log-probabilities joined by hand.
let private guided (model: Model) (scale: float) (negative: int list) (count: int) (prompt: int list) =
    let next (text: int list) =
        let logits = Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model (ids [ text ]))

        (logits.select (1L, int64 text.Length - 1L)).log_softmax -1L
        |> Gpt.Tensors.toFloats
        |> Array.map float

    ((prompt, negative), [ 1..count ])
    ||> List.fold (fun (text, other) _ ->
        let joined = Array.map2 (fun c u -> u + scale * (c - u)) (next text) (next other)
        let id = joined |> Array.indexed |> Array.maxBy snd |> fst
        text @ [ id ], other @ [ id ])
    |> fst
    |> List.skip prompt.Length

let private guidance = [
    law
        100
        "guidance reads the same tokens behind two prompts"
        (both (tokens 11 1 4) (both (tokens 11 1 4) (within 0 3)))
        (fun (prompt, (negative, scale)) ->
            use model = denseModel config

            let options = {
                GenerationOptions.defaults with
                    MaxNewTokens = 4
                    Guidance =
                        Some {
                            Scale = float scale
                            Prompt = Array.ofList negative
                        }
            }

            let found =
                Generate.stream options Sampling.greedy (Rng.ofSeed 1UL) model (Array.ofList prompt)
                |> Seq.map _.Id
                |> List.ofSeq

            Expect.equal found (guided model (float scale) negative 4 prompt) "tokens")

    testCase "a scale of 1 is no guidance" (fun () ->
        use model = denseModel config

        let tokens guidance =
            let options = {
                watched with
                    LogProbabilities = None
                    Guidance = guidance
            }

            Generate.stream options hot (Rng.ofSeed 3UL) model [| 1; 2 |] |> Seq.map _.Id |> List.ofSeq

        Expect.equal (tokens (Some { Scale = 1.0; Prompt = [| 5 |] })) (tokens None) "tokens")
]

/// Characters of numbers and lists, for constraints.
let private characters = Characters(CharTokenizer.ofText "0123[],-ab")

let private constrained = [
    law
        200
        "a constrained text is complete when its loop ends, whatever the model would say, in batches too"
        (both prompts (both seeds (within 4 20)))
        (fun (prompts, (seed, room)) ->
            use model = denseModel { config with VocabSize = 10 }

            let prompts =
                prompts |> List.map (List.filter (fun id -> id < 10) >> fun rest -> 0 :: List.truncate 7 rest)

            let constraint' =
                Constraint.regex (Vocabulary.ofTokenizer characters) [] "\\[[0-3]{1,3}(,[0-3]{1,3})*\\]" |> get

            let sampling =
                Strategy.random [ Constrained constraint'; Temperature 2.0; TopK 5 ] |> Strategy.sampling 10 |> get

            let options = {
                GenerationOptions.defaults with
                    MaxNewTokens = room
            }

            for completion in Generate.batch options sampling model (own seed prompts) |> Generate.collect do
                let text = Tokenizer.decode characters completion.Tokens
                Expect.isMatch text "^\\[[0-3]{1,3}(,[0-3]{1,3})*\\]$" "matches"
                Expect.equal completion.Finish Complete "reason")

    law
        100
        "beams keep a constraint, and their texts are complete"
        (both (tokens 10 1 6) (within 2 5))
        (fun (prompt, beams) ->
            use model = denseModel { config with VocabSize = 10 }
            let constraint' = Constraint.regex (Vocabulary.ofTokenizer characters) [] "(a|b)[0-3]{2,4}" |> get

            let options = {
                BeamOptions.defaults with
                    Beams = beams
                    Return = beams
                    MaxNewTokens = 6
            }

            for found in
                Beam.search options [ Stage.constrained constraint' ] (Rng.ofSeed 1UL) model (Array.ofList prompt) do
                Expect.isMatch (Tokenizer.decode characters found.Tokens) "^(a|b)[0-3]{2,4}$" "matches"
                Expect.equal found.Finish Complete "reason")
]

let private examples = [
    testCase "a session that is told another text answers that text" (fun () ->
        use model = denseModel config
        use session = new Session(model)
        let ask prompt = session.Stream(watched, Sampling.greedy, Rng.ofSeed 1UL, prompt) |> Seq.map _.Id |> List.ofSeq

        let fresh prompt =
            Generate.stream watched Sampling.greedy (Rng.ofSeed 1UL) model prompt |> Seq.map _.Id |> List.ofSeq

        let texts = [
            [| 1; 2; 3 |]
            [| 1; 2; 3 |]
            [| 1; 5 |]
            [| 4 |]
            [| 1; 2; 3; 4; 5; 6; 7; 8 |]
        ]

        for text in texts do
            Expect.equal (ask text) (fresh text) $"after {text}")

    testCase "generating forever takes no more memory" (fun () ->
        use model = denseModel config
        use tokens = (Generate.tokens hot (Rng.ofSeed 1UL) model [| 1 |]).GetEnumerator()

        let allocated count =
            let before = GC.GetAllocatedBytesForCurrentThread()

            for _ in 1..count do
                tokens.MoveNext() |> ignore

            GC.GetAllocatedBytesForCurrentThread() - before

        allocated 200 |> ignore
        let early = allocated 200
        allocated 2000 |> ignore
        Expect.isLessThan (float (allocated 200)) (1.02 * float early) "bytes for 200 tokens")

    testCase "options that cannot be met are refused before any work" (fun () ->
        let message (change: GenerationOptions -> GenerationOptions) =
            GenerationOptions.validate 11 (change GenerationOptions.defaults) |> error

        for change, words in
            [
                (fun (o: GenerationOptions) -> { o with MaxNewTokens = 0 }),
                "max new tokens is 0; it must be at least 1"
                (fun (o: GenerationOptions) -> { o with MinNewTokens = -1 }), "min new tokens is -1"
                (fun (o: GenerationOptions) -> {
                    o with
                        MinNewTokens = 5
                        MaxNewTokens = 4
                }),
                "min new tokens is 5; it must be in 0 to"
                (fun (o: GenerationOptions) -> { o with EndTokens = [ 11 ] }),
                "end token 11 is not in the vocabulary; ids must be in 0 to 10"
                (fun (o: GenerationOptions) -> { o with LogProbabilities = Some 12 }), "log-probabilities is 12"
                (fun (o: GenerationOptions) -> {
                    o with
                        Guidance = Some { Scale = nan; Prompt = [| 1 |] }
                }),
                "guidance scale is NaN"
                (fun (o: GenerationOptions) -> {
                    o with
                        Guidance = Some { Scale = 2.0; Prompt = [||] }
                }),
                "guidance prompt is empty"
            ] do
            Expect.stringContains (message change) words words

        use model = denseModel config

        let impossible = {
            GenerationOptions.defaults with
                MaxNewTokens = 0
        }

        Expect.throwsT<ArgumentException>
            (fun () -> Generate.stream impossible hot (Rng.ofSeed 1UL) model [| 1 |] |> ignore)
            "at the call, not when it is enumerated")
]

/// Stages for the arguments of transformers' `generate`.
let private stages (options: Text.Json.JsonElement) : Stage list =
    let look name read make =
        TinyGpt2.option name read options
        |> Option.map (fun value -> Look(fun turn -> make value turn.Texts))

    [
        look "repetition_penalty" _.GetDouble() Penalties.repetition
        look "no_repeat_ngram_size" _.GetInt32() Penalties.noRepeatNgram
    ]
    |> List.choose id

let private againstTransformers _ = [
    for call in TinyGpt2.calls.Value do
        if call.Name.StartsWith "greedy" then
            testCase call.Name (fun () ->
                Expect.isNonEmpty call.Results "prompts"

                let options = {
                    GenerationOptions.defaults with
                        MaxNewTokens = call.Options.GetProperty("max_new_tokens").GetInt32()
                        EndTokens = TinyGpt2.option "eos_token_id" _.GetInt32() call.Options |> Option.toList
                }

                let sampling = {
                    Sampling.greedy with
                        Stages = stages call.Options
                }

                let rng = Rng.ofSeed 1UL
                let prompts = call.Results |> List.map (fun (prompt, _) -> rng, prompt)

                // All prompts at once, of different lengths: transformers pads them on the left.
                let found = Generate.batch options sampling TinyGpt2.model.Value prompts |> Generate.collect

                for completion, (_, answer) in Seq.zip found call.Results do
                    Expect.equal [ completion.Tokens ] answer.Sequences "tokens")
]

let tests =
    testList "batches and sessions" [
        testList "laws" laws
        testList "guidance" guidance
        testList "constraints" constrained
        testList "examples" examples
        testList "against transformers" (testsOf TinyGpt2.folder againstTransformers)
    ]
