/// Which warpers may change places, bit for bit, and which may not.
module Gpt.Tests.WarperPairs

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.WarperTable

type private Pair = {
    Names: string
    Warps: Random -> Batch -> (Tensor -> Tensor) * (Tensor -> Tensor)
}

let private pair names warps = { Names = names; Warps = warps }
let private choose (random: Random) (choices: 'a list) = choices[random.Next choices.Length]
let private topK random = Warpers.topK (choose random [ 1; 2; 5; 40; 3000 ])
let private minP random = Warpers.minP (choose random [ 0.01; 0.1; 0.3; 0.9 ])
// Powers of two divide without rounding; other temperatures can make equal what was not.
let private temperature random = Warpers.temperature (choose random [ 0.25; 0.5; 2.0; 4.0 ])

let private bias (random: Random) batch =
    some random batch
    |> List.map (fun id -> id, choose random [ -1.0; -0.5; 0.25; 0.5 ])
    |> Biases.logit

let private banned random batch = Biases.banned (some random batch)

let private commuting = [
    pair "top-k and top-k" (fun random _ -> topK random, topK random)
    pair "top-k and min-p" (fun random _ -> topK random, minP random)
    pair "min-p and min-p" (fun random _ -> minP random, minP random)
    pair "temperature and top-k" (fun random _ -> temperature random, topK random)
    pair "temperature and top-n-sigma" (fun random _ ->
        temperature random, Warpers.topNSigma (choose random [ 0.3; 1.0; 2.0 ]))
    pair "temperature and repetition penalty" (fun random batch ->
        temperature random, Penalties.repetition 2.0 (texts random batch))
    pair "logit bias and logit bias" (fun random batch -> bias random batch, bias random batch)
    pair "ban and ban" (fun random batch -> banned random batch, banned random batch)
    pair "ban and n-gram ban" (fun random batch -> banned random batch, Penalties.noRepeatNgram 2 (texts random batch))
    pair "ban and temperature" (fun random batch -> banned random batch, temperature random)
    pair "ban and logit bias" (fun random batch -> banned random batch, bias random batch)
    pair "ban and presence penalty" (fun random batch ->
        banned random batch, Penalties.presenceAndFrequency 0.5 0.25 (texts random batch))
    pair "ban and repetition penalty" (fun random batch ->
        banned random batch, Penalties.repetition 1.3 (texts random batch))
]

let private others = [
    // Heat flattens, so that the nucleus needs more tokens: "temperature, then top-p" is the usual order.
    pair "temperature and top-p" (fun random _ -> temperature random, Warpers.topP 0.9)
    pair "temperature and min-p" (fun random _ -> temperature random, minP random)
    pair "temperature and logit bias" (fun random batch -> temperature random, bias random batch)
    // A ban of the best lets others come up.
    pair "ban and top-k" (fun random batch -> banned random batch, topK random)
    pair "top-k and top-p" (fun random _ -> topK random, Warpers.topP 0.9)
]

let private cases = both rows (Arb.fromGen (Gen.choose (0, 1_000_000)))

/// On multiples of 1/256, to which float32 adds these biases without rounding.
let private agree (pair: Pair) (row: Row, setting: int) =
    let values = numbersOf row |> Array.map (fun x -> round (x * 256f) / 256f)
    let a, b = pair.Warps (Random setting) { Rows = [| 0 |]; Vocab = row.Size }
    let input = one values
    areSame (floatsOf ((a >> b) input)) (floatsOf ((b >> a) input))

let tests =
    testList "warper pairs" [
        for pair in commuting do
            law 1000 $"{pair.Names} may change places" cases (fun case -> Expect.isTrue (agree pair case) "both orders")

        for pair in others do
            testCase $"{pair.Names} may not" (fun () ->
                let tried = Gen.sampleWithSeed (Rnd(1UL, 3UL)) 50 1000 cases.Generator
                let differs case = Gpt.Tensors.freeing (fun () -> not (agree pair case))
                Expect.isTrue (Array.exists differs tried) "a case in which the order matters")

        law
            1000
            "top-k after top-k is the smaller one"
            (Arb.zip (logits, Arb.zip (counts, counts)))
            (fun (values, (j, k)) ->
                let input = one values

                Expect.isTrue
                    (areSame
                        (floatsOf ((Warpers.topK j >> Warpers.topK k) input))
                        (floatsOf (Warpers.topK (min j k) input)))
                    "the smaller")

        law
            1000
            "temperature, top-k, top-p: still a distribution, and the same best token"
            (Arb.zip (logits, Arb.zip (counts, shares)))
            (fun (values, (k, p)) ->
                let warped = (Warpers.temperature 0.8 >> Warpers.topK k >> Warpers.topP p) (one values)
                Expect.isLessThanOrEqual (abs (Array.sum (exactly (floatsOf warped)) - 1.0)) 1e-6 "sum"

                Expect.equal
                    (Choose.greedy warped |> Gpt.Tensors.toIds)
                    (Choose.greedy (one values) |> Gpt.Tensors.toIds)
                    "best token")
    ]
