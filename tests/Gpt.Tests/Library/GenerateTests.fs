module Gpt.Tests.GenerateTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private take sampling seed model count prompt =
    Generate.tokens sampling (Rng.ofSeed seed) model prompt |> Seq.take count |> List.ofSeq

/// Greedy choice without a cache, as the article's loop has it: the whole text again for every token.
let private recomputed (model: Model) count (prompt: int list) =
    (prompt, [ 1..count ])
    ||> List.fold (fun text _ ->
        let logits = Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model (ids [ text ]))
        let last = logits.select (1L, int64 text.Length - 1L)
        text @ [ Choose.greedy last |> Gpt.Tensors.toIds |> Array.head |> int ])
    |> List.skip prompt.Length

let tests =
    testList "generation" [
        law 60 "greedy text through the cache is greedy text without one" (tokens 11 1 5) (fun prompt ->
            use model = denseModel config
            let count = config.Context - prompt.Length + 1

            Expect.equal
                (take Sampling.greedy 1UL model count (Array.ofList prompt))
                (recomputed model count prompt)
                "tokens")

        testCase "past the context it goes on from the last half" (fun () ->
            use model = denseModel config
            let prompt = [ 3; 1; 4; 1; 5 ]
            // 5 + 3 fill the context of 8; the fourth token more is found from the last 4 alone.
            let first = take Sampling.greedy 1UL model 4 (Array.ofList prompt)
            let text = prompt @ first
            let fromHalf = recomputed model 5 (List.skip (text.Length - 4) text)
            Expect.equal (take Sampling.greedy 1UL model 9 (Array.ofList prompt)) (first @ fromHalf) "tokens")

        testCase "one seed, one text; another seed, another text" (fun () ->
            use model = denseModel config
            let sampling = Sampling.random (Warpers.temperature 1.5)
            let text seed = take sampling seed model 40 [| 1 |]
            Expect.equal (text 5UL) (text 5UL) "same"
            Expect.notEqual (text 5UL) (text 6UL) "other")

        testCase "top-k 1 is greedy" (fun () ->
            use model = denseModel config

            Expect.equal
                (take (Sampling.random (Warpers.topK 1)) 3UL model 30 [| 2 |])
                (take Sampling.greedy 1UL model 30 [| 2 |])
                "tokens")

        testCase "a penalty sees the prompt and what was generated" (fun () ->
            use model = denseModel config
            let sampling = Sampling.greedy |> Sampling.after (Penalties.noRepeatNgram 1)
            let text = [ 4; 9; 2 ] @ take sampling 1UL model 20 [| 4; 9; 2 |]

            for seen in List.windowed config.Context text do
                Expect.equal (List.distinct seen) seen "no token twice within a context")

        testCase "tokens come one at a time" (fun () ->
            use model = denseModel config
            use tokens = (Generate.tokens Sampling.greedy (Rng.ofSeed 1UL) model [| 1 |]).GetEnumerator()
            Expect.isTrue (tokens.MoveNext() && tokens.MoveNext()) "two, and no more are asked for")

        testCase "an empty prompt, a long one and a foreign id are refused at the call" (fun () ->
            use model = denseModel config

            let message prompt =
                Expect.throwsC
                    (fun () -> Generate.tokens Sampling.greedy (Rng.ofSeed 1UL) model prompt |> ignore)
                    _.Message

            let long = [| for i in 0..30 -> i * 7 % 11 |]
            Expect.stringContains (message long) "has 31 tokens; it must have at most 8" "long"
            Expect.equal (Generate.lastContext model long) long[23..] "what can be read"
            Expect.stringContains (message [||]) "empty" "empty"
            Expect.stringContains (message [| 1; 11 |]) "token 11; ids must be in 0 to 10" "foreign")

        testCase "text in, text out" (fun () ->
            use model = denseModel config
            let tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
            let text = Generate.text Sampling.greedy (Rng.ofSeed 1UL) 12 tokenizer model "abc" |> get
            Expect.equal text.Length 12 "one character a token"

            Expect.stringContains
                (Generate.text Sampling.greedy (Rng.ofSeed 1UL) 1 tokenizer model "xyz" |> error)
                "'x'"
                "unknown character"

            Expect.stringContains
                (Generate.text Sampling.greedy (Rng.ofSeed 1UL) 1 tokenizer model "" |> error)
                "empty"
                "empty")

        law
            200
            "nothing generated leaves the vocabulary"
            (Arb.zip (tokens 11 1 8, ArbMap.defaults |> ArbMap.arbitrary<uint64>))
            (fun (prompt, seed) ->
                use model = model config
                let text = take (Sampling.random id) seed model 12 (Array.ofList prompt)
                Expect.all text (fun id -> id >= 0 && id < 11) "ids")

        testCase "an unknown device is refused in words" (fun () ->
            Expect.isOk (Device.parse "cpu") "cpu"
            Expect.isOk (Device.parse "auto") "auto"

            for text in [ "gpu"; "cuda:"; "cuda:x"; "cuda:-1"; "" ] do
                Expect.stringContains (Device.parse text |> error) "cuda:N" text

            if Device.engine = "embedded" then
                Expect.stringContains (Device.parse "cuda" |> error) "--torch cuda" "how to get a GPU")
    ]
