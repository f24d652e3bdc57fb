/// What each warper keeps and changes, against its definition in double precision. WarperLaws holds what they have in common.
module Gpt.Tests.WarperTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits

/// Which tokens of a row a warper keeps, token by token.
let private keptBy warp values = floatsOf (warp (one values)) |> Array.map isKept

/// That a warper keeps exactly what lies above a border, where rounding cannot decide.
let private splitsAt (border: float) (slack: float) (measures: float[]) (kept: bool[]) =
    for i in 0 .. kept.Length - 1 do
        if abs (measures[i] - border) > slack && (measures[i] > border) <> kept[i] then
            failtest $"token {i}: {measures[i]} against {border}, kept: {kept[i]}"

let private exponents = Arb.fromGen (Gen.elements [ 0.0; 0.5; 1.0; 2.0 ])

let private cuts = [
    law
        1000
        "top-k keeps min(k, V) tokens where none are tied, else those tied with the last too"
        (Arb.zip (logits, counts))
        (fun (values, k) ->
            let kept = support (Warpers.topK k (one values))
            let finite = values |> Array.filter isKept
            let border = finite |> Array.sortDescending |> Array.item (min k finite.Length - 1)
            let size = finite |> Array.filter (fun x -> x >= border) |> Array.length
            Expect.equal kept.Length size "size"

            if distinct finite then
                Expect.equal kept.Length (min k finite.Length) "size without ties")

    law
        1000
        "top-p keeps a mass of at least p, and not without its least likely member"
        (Arb.zip (logits, shares))
        (fun (values, p) ->
            let before = exactly values
            let kept = support (Warpers.topP p (one values)) |> List.map (fun i -> before[i])
            let mass = List.sum kept
            // The sums are made in float32 there and in double here.
            let slack = 1e-5
            Expect.isGreaterThanOrEqual mass (p - slack) "mass"
            Expect.isLessThan (mass - List.min kept) (p + slack) "minimal")

    law 1000 "top-p keeps the most likely, the lower id of a tie" (Arb.zip (logits, shares)) (fun (values, p) ->
        let kept = support (Warpers.topP p (one values))

        let ranking =
            values
            |> Array.indexed
            |> Array.sortWith (fun (i, x) (j, y) -> if x = y then compare i j else compare y x)
            |> Array.map fst

        Expect.equal kept (List.ofArray (Array.sort ranking[.. kept.Length - 1])) "the first of the ranking")

    law 1000 "min-p keeps what is at least p times as likely as the best" (Arb.zip (logits, shares)) (fun (values, p) ->
        let best = float (Array.max values)
        let shares = values |> Array.map (fun x -> float x - best)
        keptBy (Warpers.minP p) values |> splitsAt (log p) 1e-5 shares)

    law
        1000
        "top-a keeps what is at least a times as likely as the best squared"
        (Arb.zip (logits, shares))
        (fun (values, a) ->
            let logs = exactly values |> Array.map log
            keptBy (Warpers.topA a) values |> splitsAt (log a + 2.0 * Array.max logs) 1e-5 logs)

    law
        1000
        "typical keeps a mass of at least p, and not without what is farthest from the entropy"
        (Arb.zip (logits, shares))
        (fun (values, p) ->
            let before = exactly values
            let entropy = entropyOf before
            let kept = keptBy (Warpers.typical p) values
            let distances = before |> Array.map (fun x -> abs (-log x - entropy))
            let places = [| 0 .. values.Length - 1 |] |> Array.filter (fun i -> kept[i])
            let mass = places |> Array.sumBy (fun i -> before[i])
            Expect.isGreaterThanOrEqual mass (p - 1e-5) "mass"
            let border = places |> Array.map (fun i -> distances[i]) |> Array.max
            // Distances are float32 there: those within a hair of the border count as tied with it.
            let slack = 1e-4 * (1.0 + border)
            let nearer = places |> Array.filter (fun i -> distances[i] < border - slack)
            Expect.isLessThan (nearer |> Array.sumBy (fun i -> before[i])) (p + 1e-5) "minimal"

            for i in 0 .. values.Length - 1 do
                if distances[i] < border - slack then
                    Expect.isTrue kept[i] "nothing nearer goes")

    law
        1000
        "epsilon cut-off keeps what has a probability of epsilon, and the best"
        (Arb.zip (logits, shares))
        (fun (values, epsilon) ->
            let best = Array.max values

            let measures = Array.map2 (fun x p -> if x = best then 2.0 else p) values (exactly values)

            keptBy (Warpers.epsilonCutoff epsilon) values |> splitsAt epsilon 1e-6 measures)

    law
        1000
        "eta cut-off keeps what reaches min(epsilon, √epsilon e^-H), and the best"
        (Arb.zip (logits, shares))
        (fun (values, epsilon) ->
            let best = Array.max values
            let before = exactly values
            let bound = min epsilon (sqrt epsilon * exp -(entropyOf before))
            let kept = keptBy (Warpers.etaCutoff epsilon) values

            for i in 0 .. values.Length - 1 do
                if values[i] = best || before[i] > bound * 1.0001 then
                    Expect.isTrue kept[i] $"{before[i]} is kept"
                elif before[i] < bound * 0.9999 then
                    Expect.isFalse kept[i] $"{before[i]} is ruled out")

    law
        1000
        "top-n-sigma keeps what lies within n deviations of the best"
        (Arb.zip (logits, shares))
        (fun (values, n) ->
            let finite = values |> Array.filter isKept |> Array.map float
            let mean = Array.average finite
            let deviation = sqrt (finite |> Array.averageBy (fun x -> (x - mean) ** 2.0))
            let best = Array.max finite
            let measures = values |> Array.map (fun x -> float x - best)
            keptBy (Warpers.topNSigma n) values |> splitsAt (-n * deviation) (1e-5 * deviation) measures)
]

let private temperatureTests = [
    law 1000 "temperature divides the logits" (Arb.zip (logits, temperatures)) (fun (values, t) ->
        let divided = values |> Array.map (fun x -> x / float32 t)
        let warped = floatsOf (Warpers.temperature t (one values))

        Array.iter2
            (fun (x: float32) (y: float32) ->
                Expect.isTrue (x = y || abs (x - y) <= 2e-7f * abs x) $"{y}, expected {x}")
            divided
            warped)

    law
        1000
        "towards temperature 0 the best token and its ties share everything"
        (Arb.zip (logits, Arb.fromGen (Gen.elements [ 1e-300; 1e-40; 1e-30; 1e-18 ])))
        (fun (values, t) ->
            let best = Array.max values
            let share = 1.0 / float (values |> Array.filter (fun x -> x = best) |> Array.length)

            Array.iter2
                (fun x p -> Expect.isLessThan (abs (p - (if x = best then share else 0.0))) 1e-6 $"{x} of {best}")
                values
                (probabilities (Warpers.temperature t (one values))))

    law
        1000
        "towards an infinite temperature all possible tokens share alike"
        (Arb.zip (logits, Arb.fromGen (Gen.elements [ 1e12; 1e30; 1e300 ])))
        (fun (values, t) ->
            let share = 1.0 / float (values |> Array.filter isKept |> Array.length)

            Array.iter2
                (fun x p -> Expect.isLessThan (abs (p - (if isKept x then share else 0.0))) 1e-6 $"{x}")
                values
                (probabilities (Warpers.temperature t (one values))))

    law
        1000
        "dynamic temperature is low + (high - low) (H / ln n)^exponent"
        (Arb.zip (logits, exponents))
        (fun (values, exponent) ->
            let low, high = 0.25, 2.5
            let count = values |> Array.filter isKept |> Array.length
            let share = entropyOf (exactly values) / log (float count)
            let warped = floatsOf (Warpers.dynamicTemperature low high exponent (one values))

            if count = 1 then
                Expect.isTrue (areSame warped values) "one candidate stays"
            // A power has no bound on its slope at 0, where an entropy of 0 is a matter of rounding.
            elif share > 1e-4 || exponent <> 0.5 then
                let t = low + (high - low) * min 1.0 share ** exponent

                Array.iter2
                    (fun (x: float32) (y: float32) ->
                        if isKept x then
                            Expect.isLessThanOrEqual
                                (abs (float x / t - float y))
                                (2e-4 * abs (float x / t))
                                $"{x} / {t}")
                    values
                    warped)

    testCase "dynamic temperature from 0 on is greedy where the model is sure" (fun () ->
        let warped = Warpers.dynamicTemperature 0.0 2.0 1.0 (one [| 1000f; 0f; 500f |])
        Expect.equal (probabilities warped) [| 1.0; 0.0; 0.0 |] "the best alone"
        let warped = Warpers.dynamicTemperature 0.0 2.0 1.0 (one [| 7f; inf |])
        Expect.equal (probabilities warped) [| 1.0; 0.0 |] "one candidate")
]

let tests = testList "warpers" (cuts @ temperatureTests)
