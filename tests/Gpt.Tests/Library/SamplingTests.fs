module Gpt.Tests.SamplingTests

open System
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

module Raw = Gpt.Tests.Tensors

let private inf = Single.NegativeInfinity

let private logitsOf (rows: float32 list list) : Tensor =
    rows
    |> List.concat
    |> Array.ofList
    |> Gpt.Tensors.ofFloats (Device.cpu ()) [ int64 rows.Length; int64 rows.Head.Length ]

let private valuesOf (warped: Tensor) = Gpt.Tensors.toFloats warped |> List.ofArray
let private probabilities (logits: Tensor) = Gpt.Tensors.toFloats (logits.softmax -1L) |> Array.map float

let private support (warped: Tensor) =
    valuesOf warped |> List.indexed |> List.filter (fun (_, x) -> x > inf) |> List.map fst

/// Logits of many kinds: spread, tied, one-hot, uniform, with -inf, huge and tiny. At least one is finite.
let private logits =
    gen {
        let! size = Gen.frequency [ 3, Gen.choose (1, 12); 2, Gen.choose (13, 300); 1, Gen.choose (301, 5000) ]
        let! seed = Gen.choose (0, 1_000_000)
        let! scale = Gen.elements [ 1e-3; 1.0; 4.0; 50.0; 1e4 ]
        let! kind = Gen.choose (0, 4)
        let values = uniform -1.0 1.0 size seed |> Array.map (fun x -> float32 (scale * float x))

        return
            match kind with
            | 0 -> values
            | 1 -> values |> Array.map (fun x -> float32 (scale * round (3.0 * float x / scale)))
            | 2 -> values |> Array.mapi (fun i x -> if i % 3 = 1 then inf else x)
            | 3 -> Array.init size (fun i -> if i = seed % size then float32 scale else inf)
            | _ -> Array.create size (float32 scale)
    }
    |> Arb.fromGen

let private one (values: float32[]) = logitsOf [ List.ofArray values ]

let private distinct values = Array.distinct values |> Array.length = Array.length values
let private shares = Arb.fromGen (Gen.elements [ 0.01; 0.1; 0.3; 0.5; 0.7; 0.9; 0.95; 0.999 ])
let private counts = Arb.fromGen (Gen.frequency [ 3, Gen.choose (1, 12); 1, Gen.choose (13, 6000) ])
let private temperatures = Arb.fromGen (Gen.elements [ 0.01; 0.3; 0.8; 1.0; 1.5; 10.0 ])

let private refused (name: string) (make: unit -> Tensor -> Tensor) (value: string) =
    testCase $"{name} {value} is refused before any logits" (fun () ->
        let message =
            Expect.throwsC (fun () -> make () |> ignore) (fun e ->
                Expect.isTrue (e :? ArgumentOutOfRangeException) "kind of error"
                e.Message)

        Expect.stringContains message $"{name} is {value}; it must be" "name, value and range")

let private warperTests =
    testList "warpers" [
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

        refused "temperature" (fun () -> Warpers.temperature 0.0) "0"
        refused "temperature" (fun () -> Warpers.temperature -1.0) "-1"
        refused "temperature" (fun () -> Warpers.temperature nan) "NaN"
        refused "k" (fun () -> Warpers.topK 0) "0"
        refused "p" (fun () -> Warpers.topP 0.0) "0"
        refused "p" (fun () -> Warpers.topP 1.5) "1.5"
        refused "p" (fun () -> Warpers.topP nan) "NaN"
    ]

let private choiceTests =
    testList "choice" [
        testCase "greedy takes the lowest id of a tie" (fun () ->
            let ids = Choose.greedy (logitsOf [ [ 1f; 3f; 3f; 2f ]; [ 0f; 0f; 0f; 0f ] ]) |> Gpt.Tensors.toIds
            Expect.equal ids [| 1L; 0L |] "ids")

        law
            1000
            "a token that is ruled out is never drawn"
            (Arb.zip (logits, ArbMap.defaults |> ArbMap.arbitrary<uint64>))
            (fun (values, seed) ->
                let struct (ids, _) = Choose.sample (Rng.ofSeed seed) (one values)
                let id = Gpt.Tensors.toIds ids |> Array.head |> int
                Expect.isTrue (id >= 0 && id < values.Length) $"id {id} of {values.Length}"
                Expect.isGreaterThan (Array.item id (probabilities (one values))) 0.0 "its probability")

        testCase "draws follow the distribution" (fun () ->
            let weights = [ 0.4; 0.3; 0.2; 0.1 ]
            let row = weights |> List.map (log >> float32)
            let struct (ids, _) = Choose.sample (Rng.ofSeed 9UL) (logitsOf (List.replicate 20_000 row))
            let counts = Gpt.Tensors.toIds ids |> Array.countBy id |> Map.ofArray
            // Chi-squared with 3 degrees of freedom: 16.3 is passed once in a thousand times.
            let chi =
                weights
                |> List.indexed
                |> List.sumBy (fun (i, p) -> (float counts[int64 i] - 20_000.0 * p) ** 2.0 / (20_000.0 * p))

            Expect.isLessThan chi 16.3 "chi-squared")

        testCase "the generator moves on by one number a row" (fun () ->
            let rng = Rng.ofSeed 1UL
            let struct (_, after) = Choose.sample rng (logitsOf [ [ 0f; 0f ]; [ 0f; 0f ]; [ 0f; 0f ] ])
            let struct (_, expected) = Rng.uniforms 3 rng
            Expect.equal after expected "generator")
    ]

let private against folder =
    let file =
        Text.Json.JsonDocument.Parse(IO.File.ReadAllText(IO.Path.Combine(folder, "temperature.json"))).RootElement

    let row = [
        for x in file.GetProperty("logits").EnumerateArray() -> float32 (x.GetDouble())
    ]

    [
        for case in file.GetProperty("cases").EnumerateArray() do
            let t = case.GetProperty("temperature").GetDouble()

            testCase $"temperature {t}" (fun () ->
                let got = probabilities (Warpers.temperature t (logitsOf [ row ]))

                let want = [|
                    for x in case.GetProperty("probabilities").EnumerateArray() -> x.GetDouble()
                |]

                Array.iter2 (fun g w -> Expect.isLessThanOrEqual (abs (g - w)) 1e-6 $"{g}, expected {w}") got want)
    ]

/// The rows of transformers' results that the warpers here can be held against.
let private processors folder =
    let index = json (IO.Path.Combine(folder, "index.json"))

    let warpers = [
        "temperature", fun (x: Text.Json.JsonElement) -> Warpers.temperature (x.GetDouble())
        "top_k", fun x -> let k = x.GetInt32() in if k = 0 then id else Warpers.topK k
        "top_p", fun x -> Warpers.topP (x.GetDouble())
        "min_p", fun x -> Warpers.minP (x.GetDouble())
        "typical_p", fun x -> Warpers.typical (x.GetDouble())
        "epsilon_cutoff", fun x -> Warpers.epsilonCutoff (x.GetDouble())
        "eta_cutoff", fun x -> Warpers.etaCutoff (x.GetDouble())
    ]

    let known = warpers |> List.map fst |> Set

    [
        for case in index.GetProperty("cases").EnumerateArray() do
            let args = case.GetProperty "args"
            let names = Set [ for arg in args.EnumerateObject() -> arg.Name ]

            if Set.isSubset names known then
                let name = string (case.GetProperty "name")

                testCase $"""{name} of {case.GetProperty("vocab").GetInt32()}""" (fun () ->
                    let file = SafetensorsFile.read (IO.Path.Combine(folder, string (case.GetProperty "file")))
                    let input = Raw.ofNArray file["logits"]

                    let warp =
                        warpers
                        |> List.filter (fun (arg, _) -> names.Contains arg)
                        |> List.map (fun (arg, make) -> make (args.GetProperty arg))
                        |> List.reduce (>>)

                    let warped = warp input
                    let got = warped.softmax -1L
                    let row (all: NArray) i = (floats all |> Array.chunkBySize (int all.Shape[1]))[i]

                    for i in [ for x in case.GetProperty("strict_rows").EnumerateArray() -> x.GetInt32() ] do
                        let kept = row (arrayOf warped) i |> Array.map (fun x -> if x > inf then 1f else 0f)
                        Expect.equal kept (row file[$"{name}.kept"] i) $"kept set of row {i}"
                        let shape = [| kept.LongLength |]

                        expectClose
                            (tolerance 1e-5 2e-4)
                            $"probabilities of row {i}"
                            (reals shape (row (arrayOf got) i))
                            (reals shape (row file[$"{name}.probs"] i)))
    ]

let tests =
    testList "sampling" [
        warperTests
        choiceTests
        testList "temperature against float64" (testsOf (shared "temperature") against)
        testList "against transformers" (testsOf (shared "processors") processors)
    ]
