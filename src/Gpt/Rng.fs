namespace Gpt

open System
open System.Numerics

/// A random-number generator as a value: a key, a stream and a position. Drawing gives the numbers and the generator
/// that comes after; the same value always draws the same numbers, on every engine and every machine.
/// The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011),
/// a hash of (key, counter), so any position is reached at once.
[<Struct>]
type Rng = {
    /// The key of the hash.
    Seed: uint64
    /// Which of the sequences of this key: the high half of the counter.
    Stream: uint64
    /// Where in the sequence the next number is: the low half of the counter.
    Position: uint64
}

[<RequireQualifiedAccess>]
module Rng =

    /// 2^-53, the step of the numbers that `uniform` gives.
    let private unit53 = 1.0 / 9007199254740992.0

    /// Ten Philox rounds: four 32-bit words from a 128-bit counter and a 64-bit key.
    let philox (key: uint64) (counterLow: uint64) (counterHigh: uint64) : struct (uint32 * uint32 * uint32 * uint32) =
        let mutable c0, c1 = uint32 counterLow, uint32 (counterLow >>> 32)
        let mutable c2, c3 = uint32 counterHigh, uint32 (counterHigh >>> 32)
        let mutable k0, k1 = uint32 key, uint32 (key >>> 32)

        for _ in 1..10 do
            let p0 = 0xD2511F53UL * uint64 c0
            let p1 = 0xCD9E8D57UL * uint64 c2
            let n0 = uint32 (p1 >>> 32) ^^^ c1 ^^^ k0
            let n2 = uint32 (p0 >>> 32) ^^^ c3 ^^^ k1
            c1 <- uint32 p1
            c3 <- uint32 p0
            c0 <- n0
            c2 <- n2
            k0 <- k0 + 0x9E3779B9u
            k1 <- k1 + 0xBB67AE85u

        struct (c0, c1, c2, c3)

    /// The generator of a seed. Every seed is good.
    let ofSeed (seed: uint64) : Rng = {
        Seed = seed
        Stream = 0UL
        Position = 0UL
    }

    /// An independent generator for a label: a parameter's name, a step's number, a purpose.
    /// Splitting does not move the generator, and different labels give unrelated numbers. It ignores the position: the same
    /// label gives the same numbers before and after the generator was drawn from.
    let split (label: uint64) (rng: Rng) : Rng =
        let struct (a, b, c, d) = philox (rng.Seed ^^^ 0x5851F42D4C957F2DUL) label rng.Stream

        {
            Seed = rng.Seed ^^^ ((uint64 a <<< 32) ||| uint64 b)
            Stream = (uint64 c <<< 32) ||| uint64 d
            Position = 0UL
        }

    /// `split` by a text, through its FNV-1a hash over UTF-16 units.
    let splitNamed (label: string) (rng: Rng) : Rng =
        let hash = (14695981039346656037UL, label) ||> Seq.fold (fun h c -> (h ^^^ uint64 c) * 1099511628211UL)

        split hash rng

    /// The next 64 random bits.
    let next (rng: Rng) : struct (uint64 * Rng) =
        let struct (a, b, _, _) = philox rng.Seed rng.Position rng.Stream

        struct ((uint64 a <<< 32) ||| uint64 b,
                {
                    rng with
                        Position = rng.Position + 1UL
                })

    /// A number in [0, 1), a multiple of 2^-53.
    let uniform (rng: Rng) : struct (float * Rng) =
        let struct (bits, after) = next rng
        struct (float (bits >>> 11) * unit53, after)

    /// A whole number in [0, bound), without bias. `bound` must be positive.
    let below (bound: int64) (rng: Rng) : struct (int64 * Rng) =
        if bound <= 0L then
            raise (ArgumentOutOfRangeException(nameof bound, bound, "The bound must be positive."))

        // Lemire 2019: the high half of bits * bound, drawing again in the small zone that would be uneven.
        let zone = (0UL - uint64 bound) % uint64 bound
        let mutable rng = rng
        let mutable low = 0UL
        let mutable high = 0UL
        let mutable searching = true

        while searching do
            let struct (bits, after) = next rng
            high <- Math.BigMul(bits, uint64 bound, &low)
            rng <- after
            searching <- low < zone

        struct (int64 high, rng)

    /// `count` numbers in [0, 1).
    let uniforms (count: int) (rng: Rng) : struct (float[] * Rng) =
        let numbers =
            Array.init count (fun i ->
                let struct (x, _) =
                    uniform {
                        rng with
                            Position = rng.Position + uint64 i
                    }

                x)

        struct (numbers,
                {
                    rng with
                        Position = rng.Position + uint64 count
                })

    /// Fills memory with numbers from the normal distribution with mean 0 and deviation 1 (Box and Muller 1958), and gives the
    /// generator that comes after. They come in pairs: filling an even number and then the rest gives the same numbers as
    /// filling all at once.
    let fillNormals (numbers: Span<float32>) (rng: Rng) : Rng =
        let count = numbers.Length
        let pairs = (count + 1) / 2

        for i in 0 .. pairs - 1 do
            let struct (a, b, c, d) = philox rng.Seed (rng.Position + uint64 i) rng.Stream
            // 53 bits each; the first is in (0, 1], so that its logarithm is finite.
            let u = (float ((uint64 a <<< 21) ||| uint64 (b >>> 11)) + 1.0) * unit53
            let v = float ((uint64 c <<< 21) ||| uint64 (d >>> 11)) * unit53
            let radius = sqrt (-2.0 * log u)
            let struct (sin, cos) = Math.SinCos(2.0 * Math.PI * v)
            numbers[2 * i] <- float32 (radius * cos)

            if 2 * i + 1 < count then
                numbers[2 * i + 1] <- float32 (radius * sin)

        {
            rng with
                Position = rng.Position + uint64 pairs
        }

    /// `count` numbers from the normal distribution with mean 0 and deviation 1, as float32.
    let normals (count: int) (rng: Rng) : struct (float32[] * Rng) =
        let numbers = Array.zeroCreate<float32> count
        let after = fillNormals (Span numbers) rng
        struct (numbers, after)
