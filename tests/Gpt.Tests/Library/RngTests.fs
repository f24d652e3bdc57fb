module Gpt.Tests.RngTests

open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law

let private seeds = ArbMap.defaults |> ArbMap.arbitrary<uint64>

/// The vectors that come with Random123, the generator's own library.
let private knownAnswers = [
    (0UL, 0UL, 0UL), (0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)
    (0xffffffffffffffffUL, 0xffffffffffffffffUL, 0xffffffffffffffffUL),
    (0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)
    (0x299f31d0a4093822UL, 0x85a308d3243f6a88UL, 0x0370734413198a2eUL),
    (0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)
]

let tests =
    testList "Rng" [
        testCase "Philox gives the published numbers" (fun () ->
            for (key, low, high), expected in knownAnswers do
                let struct (a, b, c, d) = Rng.philox key low high
                Expect.equal (a, b, c, d) expected $"key %x{key}")

        law 1000 "drawing many is drawing one by one" seeds (fun seed ->
            let start = Rng.ofSeed seed
            let struct (many, after) = Rng.uniforms 5 start

            let mutable rng = start

            for x in many do
                let struct (y, next) = Rng.uniform rng
                Expect.equal y x "the same number"
                rng <- next

            Expect.equal rng after "the same generator afterwards")

        law 1000 "uniform numbers are in [0, 1)" seeds (fun seed ->
            let struct (x, _) = Rng.uniform (Rng.ofSeed seed)
            Expect.isTrue (x >= 0.0 && x < 1.0) $"{x}")

        law 1000 "below stays below" (Arb.zip (seeds, Arb.fromGen (Gen.choose64 (1L, 1L <<< 40)))) (fun (seed, bound) ->
            let struct (n, _) = Rng.below bound (Rng.ofSeed seed)
            Expect.isTrue (n >= 0L && n < bound) $"{n} for bound {bound}")

        testCase "below refuses a bound of zero" (fun () ->
            Expect.throwsT<System.ArgumentOutOfRangeException>
                (fun () -> Rng.below 0L (Rng.ofSeed 1UL) |> ignore)
                "bound 0")

        testCase "below draws evenly" (fun () ->
            let mutable rng = Rng.ofSeed 5UL
            let counts = Array.zeroCreate 7

            for _ in 1..70_000 do
                let struct (n, next) = Rng.below 7L rng
                counts[int n] <- counts[int n] + 1
                rng <- next

            // Chi-squared with 6 degrees of freedom: 22.5 is passed once in a thousand times.
            let chi = counts |> Array.sumBy (fun c -> (float c - 10_000.0) ** 2.0 / 10_000.0)
            Expect.isLessThan chi 22.5 "chi-squared")

        testCase "normal numbers have mean 0, variance 1 and no skew" (fun () ->
            let struct (values, _) = Rng.normals 100_001 (Rng.ofSeed 3UL)
            let moment n = values |> Array.averageBy (fun x -> float x ** n)
            Expect.isLessThan (abs (moment 1.0)) 0.015 "mean"
            Expect.isLessThan (abs (moment 2.0 - 1.0)) 0.02 "variance"
            Expect.isLessThan (abs (moment 3.0)) 0.04 "third moment"
            Expect.isLessThan (abs (moment 4.0 - 3.0)) 0.12 "fourth moment")

        law
            1000
            "different labels give different generators, the same label the same"
            (Arb.zip (seeds, seeds))
            (fun (seed, label) ->
                let rng = Rng.ofSeed seed
                Expect.equal (Rng.split label rng) (Rng.split label rng) "same label"
                Expect.notEqual (Rng.next (Rng.split label rng)) (Rng.next (Rng.split (label + 1UL) rng)) "other label"
                Expect.notEqual (Rng.next (Rng.split label rng)) (Rng.next rng) "not the parent's numbers")
    ]
