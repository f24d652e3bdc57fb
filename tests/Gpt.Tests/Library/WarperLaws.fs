/// The warpers of WarperTable times the laws: what all obey, and what each promises or is shown to break.
module Gpt.Tests.WarperLaws

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.WarperTable

/// A row of logits and the seed of the warper's setting.
type Case = { Row: Row; Setting: int }

let private cases: Arbitrary<Case> =
    both rows (Arb.fromGen (Gen.choose (0, 1_000_000)))
    |> Arb.convert (fun (row, setting) -> { Row = row; Setting = setting }) (fun case -> case.Row, case.Setting)

let private alone (case: Case) row = {
    Rows = [| row |]
    Vocab = case.Row.Size
}

let private warpOf subject (case: Case) batch = subject.Warp (Random case.Setting) batch
let private warped subject case values = floatsOf (warpOf subject case (alone case 0) (one values))

/// That every token that satisfies something satisfies something else.
let private every (isIt: int -> bool) (values: float32[]) = Array.forall isIt [| 0 .. values.Length - 1 |]

/// Whether numbers taken in the order of others never fall, but for those left out.
let private risesWith (keys: float32[]) (values: float32[]) =
    let order =
        [| 0 .. keys.Length - 1 |]
        |> Array.filter (fun i -> isKept values[i])
        |> Array.sortBy (fun i -> struct (keys[i], values[i]))

    order |> Array.pairwise |> Array.forall (fun (i, j) -> values[i] <= values[j])

/// A shift that float32 adds without rounding; probabilities may differ by the rounding of the warped logits themselves.
let private shiftChangesNothing subject (case: Case) =
    let struct (values, step) = onGrid (numbersOf case.Row)
    let shift = step * float32 (Random(case.Setting).Next(-16384, 16385))
    let before = warped subject case values
    let after = warped subject case (Array.map (fun x -> x + shift) values)

    let size =
        Seq.append before after |> Seq.filter Single.IsFinite |> Seq.map (abs >> float) |> Seq.fold max 0.0

    let slack = 1e-6 + size * Math.ScaleB(1.0, -21)

    Array.forall2 (fun x y -> isKept x = isKept y) before after
    && (Array.forall (isKept >> not) before
        || Array.forall2 (fun p q -> abs (p - q) <= slack) (exactly before) (exactly after))

let private holds subject promise (case: Case) =
    let values = numbersOf case.Row

    match promise with
    | ShiftInvariant -> shiftChangesNothing subject case
    | Idempotent ->
        let warp = warpOf subject case (alone case 0)
        let once = warp (one values)
        areSame (floatsOf (warp once)) (floatsOf once)
    | _ ->
        let after = warped subject case values

        match promise with
        | Cuts -> values |> every (fun i -> after[i] = values[i] || after[i] = inf)
        | KeepsOrder -> risesWith values after
        | KeepsBest -> isKept after[bestOf values]
        | KeepsLikeliest ->
            let kept, dropped = Array.zip values after |> Array.partition (snd >> isKept)
            let least = kept |> Array.map fst |> Array.fold min Single.PositiveInfinity
            dropped |> Array.forall (fun (value, _) -> value <= least)
        | _ -> values |> every (fun i -> isKept values[i] || not (isKept after[i]))

let private sentence promise =
    match promise with
    | Cuts -> "what is kept keeps its logit"
    | KeepsOrder -> "what is kept keeps its order"
    | KeepsBest -> "the best token stays"
    | KeepsLikeliest -> "nothing that goes is likelier than what stays"
    | BringsNothingBack -> "what was ruled out stays out"
    | Idempotent -> "twice is once"
    | ShiftInvariant -> "a shift of all logits changes nothing"

let private promised subject promise =
    let sentence = sentence promise

    if List.contains promise subject.Promises then
        law 1000 $"{subject.Name}: {sentence}" cases (fun case -> Expect.isTrue (holds subject promise case) sentence)
    else
        testCase $"{subject.Name}: not always so: {sentence}" (fun () ->
            let tried = Gen.sampleWithSeed (Rnd(1UL, 3UL)) 50 2000 cases.Generator
            let breaks case = Gpt.Tensors.freeing (fun () -> not (holds subject promise case))
            Expect.isTrue (Array.exists breaks tried) "a case that breaks it")

let private ofAll subject = [
    law 1000 $"{subject.Name}: what it gives is a distribution" cases (fun case ->
        let warp = warpOf subject case (alone case 0)
        let after = warp (one (numbersOf case.Row))

        if subject.MayEmpty && Array.forall (isKept >> not) (floatsOf after) then
            Expect.throwsT<ArgumentException> (fun () -> Logits.check after) "nothing is left"
        else
            Logits.check after
            // In double precision from the warped logits: a NaN or a row of nothing would show.
            let sum = Array.sum (exactly (floatsOf after))
            Expect.isLessThanOrEqual (abs (sum - 1.0)) 1e-6 $"sum {sum}")

    law 1000 $"{subject.Name}: the input stays" cases (fun case ->
        let values = numbersOf case.Row
        let input = one values
        warpOf subject case (alone case 0) input |> ignore
        Expect.isTrue (areSame (floatsOf input) values) "input")

    law 1000 $"{subject.Name}: rows do not see each other" cases (fun case ->
        let values = numbersOf case.Row
        let batch = [| values; Array.rev values; Array.map (fun x -> x / 2f) values |]

        let together =
            warpOf
                subject
                case
                {
                    alone case 0 with
                        Rows = [| 0; 1; 2 |]
                }
                (tensorOf batch)
            |> floatsOf

        let single = [|
            for row in 0..2 do
                yield! warpOf subject case (alone case row) (one batch[row]) |> floatsOf
        |]

        Expect.isTrue (areSame together single) "together and alone")

    law 300 $"{subject.Name}: a row that nothing can be drawn from harms no other row" cases (fun case ->
        let values = numbersOf case.Row
        let place = case.Setting % values.Length
        let spoilt x = values |> Array.mapi (fun i y -> if i = place then x else y)

        let batch = [|
            values
            spoilt nanf
            spoilt infinityf
            Array.create values.Length nanf
            Array.create values.Length inf
        |]

        let after =
            warpOf subject case { alone case 0 with Rows = [| 0..4 |] } (tensorOf batch)
            |> floatsOf
            |> Array.chunkBySize values.Length

        Expect.isTrue (areSame after[0] (warped subject case values)) "the good row"

        // Logits.check, which stands behind all warpers, must not miss it.
        if List.contains KeepsBest subject.Promises then
            for row in 1..4 do
                let fit x = Single.IsFinite x
                let isFit = Array.exists fit after[row] && Array.forall (fun x -> fit x || x = inf) after[row]
                Expect.isFalse isFit $"row {row} is found out")

    match subject.Neutral with
    | None -> ()
    | Some neutral ->
        law 1000 $"{subject.Name}: its neutral setting is the identity" rows (fun row ->
            let values = numbersOf row
            let warped = neutral { Rows = [| 0 |]; Vocab = row.Size } (one values)
            // By value: -0 + 0 is 0.
            Expect.isTrue (Array.forall2 (=) (floatsOf warped) values) "unchanged")
]

let tests =
    testList "warper laws" [
        for subject in subjects do
            yield! ofAll subject
            yield! List.map (promised subject) promises
    ]
