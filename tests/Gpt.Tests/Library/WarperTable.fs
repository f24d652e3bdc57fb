/// Every warper and the laws that it obeys, one entry each. A new warper is a new entry.
module Gpt.Tests.WarperTable

open System
open Gpt
open Gpt.Tests.Logits

/// What a warper may promise beside what all do. What it does not promise it breaks: WarperLaws finds a case.
type Promise =
    /// What it keeps keeps its logit, bit for bit; all else is ruled out. So the order of what is kept stays.
    | Cuts
    /// Of two tokens that it keeps, the one that was behind does not get ahead.
    | KeepsOrder
    /// The best token, of equal ones the lowest id, is not ruled out.
    | KeepsBest
    /// It rules out no token that is likelier than one it keeps.
    | KeepsLikeliest
    /// A token that was ruled out before stays so.
    | BringsNothingBack
    /// Once is enough.
    | Idempotent
    /// What is added to all logits of a row changes neither the kept set nor the probabilities.
    | ShiftInvariant

let promises = [
    Cuts
    KeepsOrder
    KeepsBest
    KeepsLikeliest
    BringsNothingBack
    Idempotent
    ShiftInvariant
]

/// Some rows, by their numbers, of a batch over a vocabulary.
type Batch = { Rows: int[]; Vocab: int }

type Subject = {
    Name: string
    /// The warper of a random setting, the same whatever rows it is for.
    Warp: Random -> Batch -> Tensor -> Tensor
    /// The setting that changes nothing, if there is one.
    Neutral: (Batch -> Tensor -> Tensor) option
    /// Whether it may rule out all that was possible.
    MayEmpty: bool
    Promises: Promise list
}

let private pick (random: Random) (choices: 'a list) = choices[random.Next choices.Length]

/// A text for each row, in few of the tokens so that much comes again.
let texts (random: Random) (batch: Batch) : History =
    let seed = random.Next()

    [|
        for row in batch.Rows ->
            let random = Random(seed + row)

            let ids =
                Array.init (random.Next 40) (fun _ ->
                    random.Next(min 4 batch.Vocab) * (batch.Vocab / 4 + 1) % batch.Vocab)

            ReadOnlyMemory ids
    |]

/// A few tokens, never all of them.
let some (random: Random) (batch: Batch) =
    List.init (min 5 (batch.Vocab - 1)) (fun _ -> random.Next batch.Vocab) |> List.distinct

let private sequences (random: Random) (batch: Batch) =
    let used = Array.head (texts random { batch with Rows = [| 0 |] })
    let used = used.ToArray()

    [
        for start in 1..2 .. used.Length - 3 -> List.ofArray used[start .. start + start % 3]
    ]

/// Other logits over the same vocabulary, some of them -inf.
let private others (random: Random) (batch: Batch) =
    let seed = random.Next()

    batch.Rows
    |> Array.map (fun row ->
        Law.uniform -5.0 5.0 batch.Vocab (seed + row)
        |> Array.mapi (fun i x -> if i % 7 = 3 then inf else x))
    |> tensorOf

let private fixedWarp make = fun random (_: Batch) -> make random
let private neutral warp = Some(fun (_: Batch) -> warp)

let private subject name warp neutral promises = {
    Name = name
    Warp = warp
    Neutral = neutral
    MayEmpty = false
    Promises = promises
}

/// A cut of the unlikely.
let private cut name make none more =
    subject name (fixedWarp make) none (Cuts :: KeepsOrder :: KeepsBest :: KeepsLikeliest :: BringsNothingBack :: more)

/// A ban of tokens by their names.
let private ban name warp neutral = {
    subject name warp neutral [ Cuts; KeepsOrder; BringsNothingBack; Idempotent; ShiftInvariant ] with
        MayEmpty = true
}

let private shares = [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ]

let private withRng (batch: Batch) = {
    Rng.ofSeed 5UL with
        Position = uint64 batch.Rows[0]
}

let private excluded (random: Random) (batch: Batch) =
    let warp = Warpers.xtc (pick random [ 0.5; 1.0 ]) (pick random [ 0.0; 0.01; 0.1; 0.3; 0.5 ])

    fun logits ->
        let struct (warped, _) = warp (withRng batch) logits
        warped

let subjects = [
    subject
        "temperature"
        (fixedWarp (fun random -> Warpers.temperature (pick random [ 0.1; 0.3; 0.8; 1.5; 10.0 ])))
        (neutral (Warpers.temperature 1.0))
        [ KeepsOrder; KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    subject
        "dynamic temperature"
        (fixedWarp (fun random ->
            Warpers.dynamicTemperature
                (pick random [ 0.1; 0.5; 1.0 ])
                (pick random [ 1.5; 4.0 ])
                (pick random [ 0.5; 1.0; 2.0 ])))
        (neutral (Warpers.dynamicTemperature 1.0 1.0 1.0))
        [ KeepsOrder; KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    subject
        "guidance"
        (fun random batch -> Warpers.guidance (pick random [ 0.5; 1.0; 1.5; 7.0 ]) (others random batch))
        None
        [ KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    cut
        "top-k"
        (fun random -> Warpers.topK (pick random [ 1; 2; 5; 40; 3000 ]))
        (Some(fun batch -> Warpers.topK batch.Vocab))
        [ Idempotent; ShiftInvariant ]
    cut "top-p" (fun random -> Warpers.topP (pick random shares)) (neutral (Warpers.topP 1.0)) [ ShiftInvariant ]
    cut "min-p" (fun random -> Warpers.minP (pick random shares)) (neutral (Warpers.minP 0.0)) [
        Idempotent
        ShiftInvariant
    ]
    cut "top-a" (fun random -> Warpers.topA (pick random shares)) (neutral (Warpers.topA 0.0)) [ ShiftInvariant ]
    cut
        "epsilon cut-off"
        (fun random -> Warpers.epsilonCutoff (pick random shares))
        (neutral (Warpers.epsilonCutoff 0.0))
        [ Idempotent; ShiftInvariant ]
    cut "eta cut-off" (fun random -> Warpers.etaCutoff (pick random shares)) (neutral (Warpers.etaCutoff 0.0)) [
        ShiftInvariant
    ]
    cut
        "top-n-sigma"
        (fun random -> Warpers.topNSigma (pick random [ 0.1; 0.5; 1.0; 2.0 ]))
        (neutral (Warpers.topNSigma infinity))
        [ ShiftInvariant ]
    subject
        "mirostat"
        (fun random batch ->
            let seed = random.Next()
            Mirostat.warp (batch.Rows |> Array.map (fun row -> 12.0 * Random(seed + row).NextDouble())))
        (Some(fun batch -> Mirostat.warp (Array.create batch.Rows.Length infinity)))
        [
            Cuts
            KeepsOrder
            KeepsBest
            KeepsLikeliest
            BringsNothingBack
            Idempotent
            ShiftInvariant
        ]
    subject "typical" (fixedWarp (fun random -> Warpers.typical (pick random shares))) (neutral (Warpers.typical 1.0)) [
        Cuts
        KeepsOrder
        BringsNothingBack
        ShiftInvariant
    ]
    subject
        "xtc"
        excluded
        (Some(fun batch logits ->
            let struct (warped, _) = Warpers.xtc 0.0 0.1 (withRng batch) logits
            warped))
        [ Cuts; KeepsOrder; BringsNothingBack; ShiftInvariant ]
    subject
        "repetition"
        (fun random batch -> Penalties.repetition (pick random [ 0.7; 1.2; 2.0 ]) (texts random batch))
        (Some(fun batch -> Penalties.repetition 1.0 (texts (Random 1) batch)))
        [ KeepsBest; KeepsLikeliest; BringsNothingBack ]
    subject
        "presence and frequency"
        (fun random batch ->
            Penalties.presenceAndFrequency
                (pick random [ -0.5; 0.5; 1.0 ])
                (pick random [ 0.0; 0.25 ])
                (texts random batch))
        (Some(fun batch -> Penalties.presenceAndFrequency 0.0 0.0 (texts (Random 1) batch)))
        [ KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    subject
        "dry"
        (fun random batch ->
            let options = {
                Dry.defaults with
                    AllowedLength = pick random [ 1; 2; 3 ]
            }

            Penalties.dry options (texts random batch))
        (Some(fun batch -> Penalties.dry { Dry.defaults with Multiplier = 0.0 } (texts (Random 1) batch)))
        [ KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    ban
        "no repeated n-gram"
        (fun random batch -> Penalties.noRepeatNgram (pick random [ 1; 2; 3 ]) (texts random batch))
        (Some(fun batch -> Penalties.noRepeatNgram 100 (texts (Random 1) batch)))
    subject
        "logit bias"
        (fun random batch ->
            some random batch |> List.map (fun id -> id, pick random [ -2.0; 0.5; 3.0 ]) |> Biases.logit)
        (neutral (Biases.logit [ 0, 0.0 ]))
        [ KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    subject
        "sequence bias"
        (fun random batch ->
            let biased = sequences random batch |> List.map (fun ids -> ids, pick random [ -2.0; 0.5; 3.0 ])
            Biases.sequence biased (texts random batch))
        (Some(fun batch -> Biases.sequence [] (texts (Random 1) batch)))
        [ KeepsBest; KeepsLikeliest; BringsNothingBack; ShiftInvariant ]
    ban
        "bad words"
        (fun random batch ->
            // The texts are made of four tokens: of five one is left.
            if batch.Vocab < 5 then
                id
            else
                Biases.badWords (sequences random batch) (texts random batch))
        (Some(fun batch -> Biases.badWords [] (texts (Random 1) batch)))
    ban "banned" (fun random batch -> Biases.banned (some random batch)) (neutral (Biases.banned []))
    ban
        "allowed"
        (fun random batch -> Biases.allowed (random.Next batch.Vocab :: some random batch))
        (Some(fun batch -> Biases.allowed [ 0 .. batch.Vocab - 1 ]))
    ban
        "minimum length"
        (fun random batch -> Biases.minimumLength 3 (some random batch) (random.Next 5))
        (neutral (Biases.minimumLength 0 [ 0 ] 0))
    subject
        "forced first"
        (fun random batch -> Biases.forcedFirst [ for _ in 1..3 -> random.Next batch.Vocab ] (random.Next 3))
        (neutral (Biases.forcedFirst [] 0))
        [ KeepsOrder; Idempotent; ShiftInvariant ]
]
