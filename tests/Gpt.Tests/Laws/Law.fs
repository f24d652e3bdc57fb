/// Properties that FsCheck tries to break. Every law has a seed of its own, made from its name, so that a run repeats itself;
/// the environment variable GPT_TEST_SEED, any whole number, tries other cases. What is drawn is small and readable, a shape and a
/// seed for the numbers, so that a counterexample can be shrunk and read.
module Gpt.Tests.Law

open System
open Expecto
open FsCheck
open FsCheck.FSharp
open Gpt.Tests.NArray

let private runSeed =
    match Environment.GetEnvironmentVariable "GPT_TEST_SEED" with
    | null
    | "" -> 1234UL
    | text -> UInt64.Parse text

/// FNV-1a: the same on every machine, which String.GetHashCode is not.
let private hash (text: string) =
    text |> Seq.fold (fun h c -> (h ^^^ uint64 c) * 1099511628211UL) 14695981039346656037UL

/// A test that a law holds for so many cases. The body runs in a dispose scope and says what is wrong by failing.
let law cases name (arbitrary: Arbitrary<'T>) (body: 'T -> unit) =
    let config = {
        FsCheckConfig.defaultConfig with
            maxTest = cases
            replay = Some(hash name ^^^ runSeed, 2UL * runSeed + 1UL, None)
    }

    testPropertyWithConfig config name (Prop.forAll arbitrary (fun case -> Tensors.scoped (fun () -> body case)))

/// A shape and the seed of the numbers that fill it.
type Sample = { Shape: int64[]; Seed: int }

/// Uniform numbers in [low, high), the same for one seed whatever else is drawn.
let uniform (low: float) (high: float) (count: int) (seed: int) : float32[] =
    let random = Random seed
    Array.init count (fun _ -> float32 (low + (high - low) * random.NextDouble()))

/// The numbers of a sample, in [-2, 2).
let numbers (sample: Sample) = uniform -2.0 2.0 (size sample.Shape) sample.Seed

/// Another stream of as many numbers, independent of the first.
let otherNumbers (sample: Sample) = uniform -2.0 2.0 (size sample.Shape) (sample.Seed + 7919)

/// The rows of the values of a sample with two axes.
let rowsOf (sample: Sample) (values: 'T[]) = Array.chunkBySize (int sample.Shape[1]) values

let private shrinkLength (n: int64) = [ 1L; n / 2L; n - 1L ] |> List.filter (fun m -> m >= 1L && m < n) |> List.distinct

let private shrinkAt i (sample: Sample) =
    shrinkLength sample.Shape[i]
    |> List.map (fun length -> {
        sample with
            Shape = Array.updateAt i length sample.Shape
    })

let private shrink (sample: Sample) = Seq.init sample.Shape.Length id |> Seq.collect (fun i -> shrinkAt i sample)

let private seeds = Gen.choose (0, 1_000_000)

/// Samples with as many axes as lengths are given, each axis from 1 to its length.
let samplesUpTo (lengths: int list) : Arbitrary<Sample> =
    let axis length = Gen.choose (1, length) |> Gen.map int64
    let shapes = lengths |> List.map axis |> Gen.sequenceToArray
    Arb.fromGenShrink (Gen.map2 (fun shape seed -> { Shape = shape; Seed = seed }) shapes seeds, shrink)

/// Samples of one to four axes of length 1 to 6.
let samples: Arbitrary<Sample> =
    let shapes =
        Gen.choose (1, 4)
        |> Gen.bind (fun rank -> Gen.choose (1, 6) |> Gen.map int64 |> Gen.arrayOfLength rank)

    Arb.fromGenShrink (Gen.map2 (fun shape seed -> { Shape = shape; Seed = seed }) shapes seeds, shrink)

/// Two independent arbitraries together, shrunk one at a time.
let both (first: Arbitrary<'A>) (second: Arbitrary<'B>) : Arbitrary<'A * 'B> =
    let shrink (a, b) =
        Seq.append
            (first.Shrinker a |> Seq.map (fun smaller -> smaller, b))
            (second.Shrinker b |> Seq.map (fun smaller -> a, smaller))

    Arb.fromGenShrink (Gen.zip first.Generator second.Generator, shrink)

/// A whole number in a range, shrunk towards its lower end.
let within low high : Arbitrary<int> =
    let shrink n = [ low; (low + n) / 2; n - 1 ] |> Seq.filter (fun m -> m >= low && m < n) |> Seq.distinct
    Arb.fromGenShrink (Gen.choose (low, high), shrink)
