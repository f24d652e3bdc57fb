/// Where the engines give different numbers on purpose.
module Gpt.Tests.NumberDifferences

open System
open Expecto
open TorchSharp
open Gpt.Tests.Difference
open Gpt.Tests.Tensors

type private DType = torch.ScalarType

let private halves (shape: int64 list) (values: float32 list) =
    (reals values).reshape(List.toArray shape).to_type DType.BFloat16

let private random (seed: int) (shape: int64 list) =
    let numbers = Random seed
    let count = shape |> List.fold (*) 1L |> int
    ofFloats (List.toArray shape) (Array.init count (fun _ -> numbers.NextSingle() - 0.5f))

let clamped =
    let slope = slopes (fun leaves -> leaves.Head.clamp_min (scalar 2.0)) [ [ 2f; 3f; 1f ] ]

    [
        differs "from below" (gives [ [ 1f; 1f; 0f ] ] slope) (fun () ->
            Expect.contains [ [ [ 1f; 1f; 0f ] ]; [ [ 0f; 1f; 0f ] ] ] (slope ()) "of libtorch 2.10 or of 2.14")
    ]

let sums =
    let linear (x: Tensor) weight = torch.nn.functional.linear (x, weight)

    /// The first of 128 rows among the others and alone.
    let alone () = [
        for inputs in [ 64L; 100L; 1000L ] do
            let x, weight = random 1 [ 128L; inputs ], random 2 [ 64L; inputs ]
            let together, alone = linear x weight, linear (x.narrow (0L, 0L, 1L)) weight
            yield! Seq.zip (floatsOf (together.narrow (0L, 0L, 1L))) (floatsOf alone)
    ]

    /// A product with its operand at one place and at each of sixteen.
    let places () = [
        for inputs in [ 64L; 100L; 1000L ] do
            let values, weight, room = random 1 [ inputs ], random 2 [ 1L; inputs ], random 3 [ inputs + 16L ]

            let results = [
                for place in 0L .. 15L do
                    let x = room.narrow(0L, place, inputs).copy_ values
                    (linear (x.reshape (1L, inputs)) weight).item<float32>()
            ]

            for result in results do
                results.Head, result
    ]

    let equal pairs () =
        for one, other in pairs () do
            Expect.equal one other "the same bits"

    /// A few roundings of sums of up to a thousand products below a quarter.
    let near pairs () =
        for one, other in pairs () do
            Expect.isLessThan (abs (one - other: float32)) 1e-5f "a few roundings"

    [
        differs "in a batch and alone" (equal alone) (near alone)
        differs "of buffers that lie elsewhere" (equal places) (near places)
    ]

let equals =
    let best () =
        let struct (_, places) = (torch.zeros ([| 17L |])).topk(3, -1)
        List.ofArray (wholeOf places)

    differs "the best of seventeen" (gives [ 0L; 1L; 2L ] best) (fun () ->
        let places = best ()
        Expect.equal (List.distinct places).Length 3 "three places"
        Expect.all places (fun place -> place >= 0L && place < 17L) "of the seventeen")

/// libtorch's numbers are those that PyTorch 2.14 prints.
let streams =
    let seeded (draw: unit -> Tensor) () =
        torch.manual_seed 42L |> ignore
        floatsOf (draw ())

    let uniform = seeded (fun () -> torch.rand ([| 4L |]))
    let kept = seeded (fun () -> torch.nn.functional.dropout (torch.ones ([| 16L |]), 0.5, true))
    let mask (text: string) = [| for digit in text -> if digit = '1' then 2f else 0f |]

    [
        differs
            "rand"
            (gives [| 0.61295986f; 0.4685865f; 0.98771864f; 0.32706332f |] uniform)
            (gives [| 0.88226926f; 0.91500396f; 0.38286376f; 0.95930564f |] uniform)
        differs "dropout" (gives (mask "0000111101011110") kept) (gives (mask "1111010011110010") kept)
    ]

let bfloat16 =
    /// 1 + 1/256, which is rounded to 1, and a bias of 1/256, with which it is 1 + 1/128.
    let biased (shape: int64 list) () =
        let ones = torch.ones(List.toArray shape).to_type DType.BFloat16
        let step = 1f / 256f
        let y = torch.nn.functional.linear (ones, halves [ 1L; 2L ] [ 1f; step ], halves [ 1L ] [ step ])
        (y.to_type DType.Float32).max().item<float32>()

    let gradient () =
        let weight = halves [ 1L; 2L ] [ 1f; 2f ]
        weight.requires_grad <- true
        let y = torch.nn.functional.linear (halves [ 1L; 2L ] [ 3f; 4f ], weight)
        (y.to_type DType.Float32).sum().backward()
        (Gpt.Tensors.gradient weight).Value.dtype

    let once, twice = 1f + 1f / 128f, 1f

    [
        differs "a product and its bias" (gives once (biased [ 2L; 2L; 2L ])) (gives twice (biased [ 2L; 2L; 2L ]))
        differs "a product of one row and its bias" (gives once (biased [ 2L ])) (gives twice (biased [ 2L ]))
        testCase "of two axes, on both" (fun () -> scoped (gives once (biased [ 2L; 2L ])))
        differs "the type of a gradient" (gives DType.Float32 gradient) (gives DType.BFloat16 gradient)
    ]

let geluOfInfinity =
    let infinite (form: Modules.GELU.Approximate) =
        torch.nn.functional.gelu (torch.full ([| 64L |], scalar infinity), form)

    let exact () = floatsOf (infinite Modules.GELU.Approximate.none)

    let tanhSlope () =
        let x = leaf (torch.full ([| 64L |], scalar infinity))
        torch.nn.functional.gelu(x, Modules.GELU.Approximate.tanh).sum().backward()
        NArray.floats (gradientOf x)

    [
        differs "the exact form" (fun () -> Expect.all (exact ()) Single.IsPositiveInfinity "infinity") (fun () ->
            Expect.exists (exact ()) Single.IsNaN "not a number")
        differs "the gradient of the tanh form" (fun () -> Expect.all (tanhSlope ()) ((=) 1f) "1") (fun () ->
            Expect.all (tanhSlope ()) Single.IsNaN "not a number")
    ]

let brokenAttention =
    /// Causal attention of some tokens, the last of which is not a number among the queries or among the values.
    let attend tokens (queriesBroken: bool) =
        let part broken =
            let x = random 1 [ 1L; 1L; tokens; 2L ]

            if broken then
                x.narrow(2L, tokens - 1L, 1L).fill_(scalar nan) |> ignore

            x

        let keys = part false

        torch.nn.functional.scaled_dot_product_attention (
            part queriesBroken,
            keys,
            part (not queriesBroken),
            is_casual = true
        )

    let query () = (floatsOf (attend 2L true))[2..]

    /// Whether it reaches the first of 512 tokens, the ninth from the end, and the last but one; none of them sees it.
    let reached () =
        let seen = floatsOf (attend 512L false)
        [ for token in [ 0; 503; 510 ] -> Single.IsNaN seen[2 * token] ]

    [
        differs "a query" (fun () -> Expect.all (query ()) Single.IsNaN "not a number") (gives [| 0f; 0f |] query)
        differs "a value" (gives [ false; false; true ] reached) (gives [ true; true; true ] reached)
    ]
