/// The laws of the warpers and penalties.
module Gpt.Tests.WarperTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Logits
open Gpt.Tests.Small

let private refused (warper: string) (name: string) (make: unit -> Tensor -> Tensor) (value: string) =
    testCase $"{warper}: {name} {value} is refused before any logits" (fun () ->
        let message =
            Expect.throwsC (fun () -> make () |> ignore) (fun e ->
                Expect.isTrue (e :? ArgumentOutOfRangeException) "kind of error"
                e.Message)

        Expect.stringContains message $"{name} is {value}; it must be" "name, value and range")

/// Rows of up to 6,000 logits and a share. Some nuclei are a few tokens, others thousands; ties and -inf stand everywhere.
let private vocabularies =
    gen {
        let! size = Gen.frequency [ 1, Gen.choose (1, 300); 3, Gen.choose (301, 6000) ]
        let! count = Gen.choose (1, 3)
        let! seed = Gen.choose (0, 1_000_000)
        let! scale = Gen.elements [ 0.1; 4.0; 12.0; 40.0 ]
        let! step = Gen.elements [ 0.0; 0.25; 3.0 ]
        let! hidden = Gen.elements [ 0; 3; 100 ]
        let! p = Gen.elements [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ]

        let value i (x: float32) =
            let x = scale * float x
            let x = if step > 0.0 then step * round (x / step) else x
            if hidden > 0 && i % hidden <> 0 then inf else float32 x

        let row i = uniform -1.0 1.0 size (seed + i) |> Array.mapi value |> List.ofArray
        return List.init count row, p
    }
    |> Arb.fromGen

/// The nucleus by its definition: tokens in order of likelihood, equal ones by id, until they make up p.
let private nucleus (p: float) (logits: Tensor) =
    let struct (sorted, order) = TorchSharp.torch.sort (logits, -1L, descending = true, stable = true)
    let ordered = (logits.softmax -1L).gather(-1L, order)
    let gone = ordered.cumsum(-1L).sub(ordered).ge(Gpt.Tensors.scalar p)
    let kept = sorted.masked_fill (gone, Gpt.Tensors.scalar -infinity)
    kept.scatter (-1L, order, kept)

let tests =
    testList "warpers" [
        law 1000 "top-p is its definition to the last bit, however it gets there" vocabularies (fun (rows, p) ->
            let rows = logitsOf rows
            Expect.equal (valuesOf (Warpers.topP p rows)) (valuesOf (nucleus p rows)) "logits")

        law
            1000
            "top-k keeps min(k, V) tokens where none are tied, else those tied with the last too"
            (Arb.zip (logits, counts))
            (fun (values, k) ->
                let kept = support (Warpers.topK k (one values))
                let finite = values |> Array.filter (fun x -> x > inf)

                if distinct finite then
                    Expect.equal kept.Length (min k finite.Length) "size"
                else
                    let border = finite |> Array.sortDescending |> Array.item (min k finite.Length - 1)

                    Expect.equal
                        kept.Length
                        (finite |> Array.filter (fun x -> x >= border) |> Array.length)
                        "size with ties")

        law 1000 "top-k keeps the best" (Arb.zip (logits, counts)) (fun (values, k) ->
            let warped = Warpers.topK k (one values) |> valuesOf |> Array.ofList
            let kept, dropped = Array.zip values warped |> Array.partition (fun (_, w) -> w > inf)
            Expect.all kept (fun (value, w) -> value = w) "what is kept keeps its logit"

            if dropped.Length > 0 && kept.Length > 0 then
                Expect.isGreaterThan
                    (kept |> Array.map fst |> Array.min)
                    (dropped |> Array.map fst |> Array.max)
                    "no better one is dropped")

        law
            1000
            "top-p keeps a mass of at least p, and not without its least likely member"
            (Arb.zip (logits, shares))
            (fun (values, p) ->
                let before = probabilities (one values)
                let kept = support (Warpers.topP p (one values))
                let mass = kept |> List.sumBy (fun i -> before[i])
                // The sums are made in float32 there and in double here.
                let slack = 1e-5
                Expect.isGreaterThanOrEqual mass (p - slack) "mass"
                let least = kept |> List.map (fun i -> before[i]) |> List.min
                Expect.isLessThan (mass - least) (p + slack) "minimal")

        law 1000 "top-p keeps the most likely, the lower id of a tie" (Arb.zip (logits, shares)) (fun (values, p) ->
            let kept = support (Warpers.topP p (one values))

            let ranking =
                values
                |> Array.indexed
                |> Array.sortWith (fun (i, x) (j, y) -> if x = y then compare i j else compare y x)
                |> Array.map fst

            Expect.equal (Set kept) (Set ranking[.. kept.Length - 1]) "the first of the ranking")

        law 1000 "temperature keeps the order" (Arb.zip (logits, temperatures)) (fun (values, t) ->
            let warped = Warpers.temperature t (one values) |> valuesOf |> Array.ofList
            let pairs = Array.zip values warped |> Array.sortBy fst |> Array.pairwise
            Expect.all pairs (fun ((_, a), (_, b)) -> a <= b) "order")

        law
            1000
            "a warped distribution still is one, and its best token is the best of before"
            (Arb.zip (logits, Arb.zip (counts, shares)))
            (fun (values, (k, p)) ->
                let warped = (Warpers.temperature 0.8 >> Warpers.topK k >> Warpers.topP p) (one values)
                let after = probabilities warped
                Expect.isLessThan (abs (Array.sum after - 1.0)) 1e-5 "sum"
                Expect.all after (fun x -> x >= 0.0) "no negative"

                Expect.equal
                    (Choose.greedy warped |> Gpt.Tensors.toIds)
                    (Choose.greedy (one values) |> Gpt.Tensors.toIds)
                    "best token")

        law
            500
            "neutral settings are the identity, twice is once, the input stays"
            (Arb.zip (logits, counts))
            (fun (values, k) ->
                let input = one values
                let same (a: Tensor) (b: Tensor) = Expect.equal (valuesOf a) (valuesOf b)
                same (Warpers.topP 1.0 input) input "top-p 1"
                same (Warpers.topK values.Length input) input "top-k V"
                same (Warpers.temperature 1.0 input) input "temperature 1"
                same ((Warpers.topK k >> Warpers.topK k) input) (Warpers.topK k input) "top-k twice"
                Expect.equal (valuesOf input) (List.ofArray values) "input")

        law 200 "rows do not see each other" (Arb.zip (logits, Arb.zip (counts, shares))) (fun (values, (k, p)) ->
            let warp = Warpers.temperature 0.7 >> Warpers.topK k >> Warpers.topP p
            let row, other = List.ofArray values, List.ofArray (Array.rev values)
            let together = warp (logitsOf [ row; other ]) |> valuesOf |> List.splitInto 2

            Expect.equal
                together
                [ warp (logitsOf [ row ]) |> valuesOf; warp (logitsOf [ other ]) |> valuesOf ]
                "alone and together")

        law
            1000
            "min-p keeps what is at least p times as likely as the best"
            (Arb.zip (logits, shares))
            (fun (values, p) ->
                let before = probabilities (one values)
                let kept = Set(support (Warpers.minP p (one values)))
                let best = Array.max before

                for i, x in Array.indexed before do
                    // At the border rounding decides.
                    if x > best * p * 1.00001 then
                        Expect.isTrue (kept.Contains i) $"{x} of {best} is kept"
                    elif x < best * p * 0.99999 then
                        Expect.isFalse (kept.Contains i) $"{x} of {best} is ruled out")

        law 1000 "typical keeps a mass of at least p" (Arb.zip (logits, shares)) (fun (values, p) ->
            let before = probabilities (one values)
            let mass = support (Warpers.typical p (one values)) |> List.sumBy (fun i -> before[i])
            Expect.isGreaterThanOrEqual mass (p - 1e-5) "mass")

        law
            1000
            "cut-offs rule out only the unlikely, never the best"
            (Arb.zip (logits, shares))
            (fun (values, epsilon) ->
                let before = probabilities (one values)
                let best = Array.max before

                for warp in [ Warpers.epsilonCutoff epsilon; Warpers.etaCutoff epsilon ] do
                    let kept = Set(support (warp (one values)))

                    for i, x in Array.indexed before do
                        if x > epsilon * 1.00001 || x = best then
                            Expect.isTrue (kept.Contains i || x = 0.0) $"{x} is kept")

        law 1000 "top-n-sigma keeps the same tokens at any temperature" logits (fun values ->
            let distances = values |> Array.filter (fun x -> x > inf) |> Array.map (fun x -> Array.max values - x)
            let kept warp = support ((warp >> Warpers.topNSigma 1.0) (one values))

            // Rounding may decide where logits lie within a hair of each other.
            if distances |> Array.forall (fun d -> d = 0f || d > 1e-4f * Array.max (Array.map abs values)) then
                Expect.equal (kept (Warpers.temperature 2.0)) (kept id) "power of two: no rounding"

            Expect.isGreaterThanOrEqual (kept id).Length 1 "the best stays")

        law
            500
            "every cut leaves the order and the logits of what it keeps, and keeps the best"
            (Arb.zip (logits, shares))
            (fun (values, p) ->
                for warp in
                    [
                        Warpers.minP p
                        Warpers.typical p
                        Warpers.epsilonCutoff p
                        Warpers.etaCutoff p
                        Warpers.topNSigma (p + 0.1)
                    ] do
                    let warped = warp (one values)
                    Expect.all (Seq.zip values (valuesOf warped)) (fun (x, w) -> w = x || w = inf) "kept or ruled out"
                    Expect.isNonEmpty (support warped) "something is kept")

        law
            500
            "penalties leave unseen tokens alone, and lower those that were seen"
            (Arb.zip (logits, seeds))
            (fun (values, seed) ->
                let random = Random seed
                let text = List.init 10 (fun _ -> random.Next values.Length)
                let history = historyOf [ text ]
                let seen = Set text

                for warp in
                    [
                        Penalties.repetition 1.3 history
                        Penalties.presenceAndFrequency 0.5 0.25 history
                    ] do
                    for i, (before, after) in Seq.indexed (Seq.zip values (valuesOf (warp (one values)))) do
                        if seen.Contains i then
                            Expect.isLessThanOrEqual after before "a seen token"
                        else
                            Expect.equal after before "an unseen token")

        law
            500
            "no n-gram comes twice, and nothing else is ruled out"
            (Arb.zip (tokens 4 1 30, Arb.fromGen (Gen.choose (1, 4))))
            (fun (text, size) ->
                let history = historyOf [ text ]
                let kept = Set(support (Penalties.noRepeatNgram size history (one (Array.zeroCreate 4))))
                let seen = text |> List.windowed size |> Set

                for id in 0..3 do
                    let next = text @ [ id ] |> List.skip (max 0 (text.Length + 1 - size))

                    Expect.equal
                        (kept.Contains id)
                        (not (next.Length = size && seen.Contains next))
                        $"token {id} after {text}")

        testCase "presence counts once, frequency each time" (fun () ->
            let warped =
                Penalties.presenceAndFrequency 1.0 0.5 (historyOf [ [ 0; 2; 2; 2 ] ]) (one [| 0f; 0f; 0f |])

            Expect.equal (valuesOf warped) [ -1.5f; 0f; -2.5f ] "logits")

        refused "temperature" "temperature" (fun () -> Warpers.temperature 0.0) "0"
        refused "temperature" "temperature" (fun () -> Warpers.temperature -1.0) "-1"
        refused "temperature" "temperature" (fun () -> Warpers.temperature nan) "NaN"
        refused "topK" "k" (fun () -> Warpers.topK 0) "0"
        refused "topP" "p" (fun () -> Warpers.topP 0.0) "0"
        refused "topP" "p" (fun () -> Warpers.topP 1.5) "1.5"
        refused "topP" "p" (fun () -> Warpers.topP nan) "NaN"
        refused "minP" "p" (fun () -> Warpers.minP -0.5) "-0.5"
        refused "typical" "p" (fun () -> Warpers.typical 0.0) "0"
        refused "epsilonCutoff" "epsilon" (fun () -> Warpers.epsilonCutoff 1.0) "1"
        refused "etaCutoff" "epsilon" (fun () -> Warpers.etaCutoff nan) "NaN"
        refused "topNSigma" "n" (fun () -> Warpers.topNSigma 0.0) "0"
        refused "repetition" "penalty" (fun () -> Penalties.repetition 0.0 (historyOf [ [] ])) "0"
        refused
            "presenceAndFrequency"
            "presence"
            (fun () -> Penalties.presenceAndFrequency nan 0.0 (historyOf [ [] ]))
            "NaN"
        refused "noRepeatNgram" "size" (fun () -> Penalties.noRepeatNgram 0 (historyOf [ [] ])) "0"
    ]
