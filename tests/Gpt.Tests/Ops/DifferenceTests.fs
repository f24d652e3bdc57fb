/// Where the engines differ on purpose: what each of them does, so that a difference which goes, or another one that comes, is
/// noticed. The rows are those of the README's table, by the names that they have there, which a test of the documentation checks.
module Gpt.Tests.DifferenceTests

open System
open System.Reflection
open System.Runtime.InteropServices
open Expecto
open TorchSharp
open Gpt.Tests.Difference
open Gpt.Tests.Tensors

type private DType = torch.ScalarType

let private mistakes =
    let outside () = torch.ones([| 3L; 2L |]).index_select(0L, ofWhole [| 1 |] [| 3L |])

    let named () =
        let error = Expect.throwsC (outside >> ignore) id
        Expect.equal (error.GetType()) typeof<ArgumentException> "type"

        for words in [ "index_select"; "index 3"; "[3, 2]" ] do
            Expect.stringContains error.Message words "message"

    differs "a row that is not there" named (refuses<ExternalException, _> outside)

let private types =
    let isOfEmbedded kind = List.contains kind [ DType.Float32; DType.Int64; DType.Bool; DType.BFloat16; DType.Int8 ]

    let isQuantized kind = List.contains kind [ DType.QInt8; DType.QUInt8; DType.QInt32 ]
    let ones (kind: DType) (shape: int64 list) = torch.ones(List.toArray shape).to_type kind

    let linear (input: DType) (weight: DType) () =
        torch.nn.functional.linear (ones input [ 1L; 2L ], ones weight [ 1L; 2L ])

    let number (compute: unit -> Tensor) () = (compute().to_type DType.Float32).item<float32>()

    [
        for kind in Enum.GetValues<DType>() do
            if not (isOfEmbedded kind || isQuantized kind) then
                refused<NotSupportedException, _> $"{kind}" (fun () -> torch.zeros([| 2L |], Nullable kind).dtype) kind
                refused<NotSupportedException, _> $"float32 as {kind}" (fun () -> (ones kind [ 2L ]).dtype) kind

        for kind in [ DType.BFloat16; DType.Int8 ] do
            computed $"float32 by {kind} in linear" (number (linear DType.Float32 kind)) 2f

            refused<NotSupportedException, _>
                $"{kind} by {kind}"
                (number (fun () -> (ones kind [ 1L ]).mul(ones kind [ 1L ])))
                1f

        for kind in [ DType.Int64; DType.Int8; DType.BFloat16 ] do
            refused<ArgumentException, _>
                $"a matrix of {kind} by another"
                (number (fun () -> (ones kind [ 1L; 2L ]).matmul(ones kind [ 2L; 1L ])))
                2f
    ]

let private attention =
    let attend (keyHeads: int64) (valueWidth: int64) () =
        let tensor heads width = torch.ones ([| 1L; heads; 2L; width |])

        torch.nn.functional
            .scaled_dot_product_attention(tensor 4L 3L, tensor keyHeads 3L, tensor keyHeads valueWidth)
            .shape

    [
        refused<ArgumentException, _> "values wider than the queries" (attend 4L 6L) [| 1L; 4L; 2L; 6L |]
        refused<ArgumentException, _> "one head of keys for four of queries" (attend 1L 3L) [| 1L; 4L; 2L; 3L |]
    ]

let private gradients =
    let place () = ofWhole [| 1 |] [| 1L |]
    let twice (x: Tensor) = x.mul (scalar 2.0)

    [
        computed "of a quotient rounded down" (slopes (fun x -> x[0].floor_divide(reals [ 2f; 2f ])) [ [ 3f; 5f ] ]) [
            [ 0f; 0f ]
        ]
        computed "of zero_" (slopes (fun x -> (twice x[0]).zero_()) [ [ 1f; 2f ] ]) [ [ 0f; 0f ] ]
        computed
            "of scatter by one index from three"
            (slopes (fun x -> x[0].scatter(0L, place (), x[1])) [ [ 1f; 2f; 3f ]; [ 5f; 6f; 7f ] ])
            [ [ 1f; 0f; 1f ]; [ 1f; 0f; 0f ] ]
        computed
            "of scatter_add by one index from three"
            (slopes (fun x -> x[0].scatter_add(0L, place (), x[1])) [ [ 1f; 2f; 3f ]; [ 5f; 6f; 7f ] ])
            [ [ 1f; 1f; 1f ]; [ 1f; 0f; 0f ] ]
    ]

let private secondGradient =
    let second () =
        let x = leaf (reals [ 3f ])
        let first = torch.autograd.grad ([| x.mul(x).sum() |], [| x |], create_graph = true)
        let second = torch.autograd.grad ([| first[0].sum() |], [| x |])
        floatsOf second[0]

    refused<NotSupportedException, _> "of a square" second [| 2f |]

let private writtenView =
    let written =
        slopes
            (fun x ->
                let y = x[0].mul(scalar 2.0)
                y.narrow(0L, 0L, 1L).fill_(scalar 0.0) |> ignore
                y)
            [ [ 1f; 2f ] ]

    refused<NotSupportedException, _> "zeros" written [ [ 0f; 2f ] ]

let private olderView =
    let read =
        slopes
            (fun x ->
                let buffer = torch.zeros [| 2L |]
                let view = buffer.narrow (0L, 0L, 1L)
                buffer.copy_ (x[0].mul(scalar 3.0)) |> ignore
                view)
            [ [ 1f; 2f ] ]

    refused<InvalidOperationException, _> "a view made before" read [ [ 3f; 0f ] ]

let private carelessness =
    let product () = (leaf (reals [ 1f ])).mul(scalar 2.0)

    let forgotten () =
        let y = product ()
        y.requires_grad <- false
        y.requires_grad

    let given (gradient: Tensor) () =
        let x = leaf (reals [ 1f; 2f ])
        x.grad <- gradient
        let taken = (Gpt.Tensors.gradient x).Value
        taken.dtype, List.ofArray taken.shape

    let written () =
        let target = torch.zeros [| 2L; 2L |]
        (reals [ 1f; 2f ]).amax([| 0L |], false, target) |> ignore
        List.ofArray target.shape

    [
        refused<InvalidOperationException, _>
            "forgetting"
            (fun () -> (product().requires_grad_ false).requires_grad)
            true
        refused<InvalidOperationException, _> "forgetting by the property" forgotten true
        refused<ArgumentException, _>
            "another shape"
            (fun () -> given (reals [ 1f; 2f; 3f ]) ())
            (DType.Float32, [ 3L ])
        refused<ArgumentException, _>
            "another type"
            (fun () -> given (ofWhole [| 2 |] [| 1L; 2L |]) ())
            (DType.Int64, [ 2L ])
        refused<ArgumentException, _> "an out of another shape" written []
    ]

let private unused =
    let gradient () =
        torch.autograd.grad ([| (leaf (reals [ 1f ])).sum() |], [| leaf (reals [ 2f ]) |], allow_unused = true)
        |> Seq.exactlyOne

    differs "what plays no part" (fun () -> Expect.isTrue (isNull (box (gradient ()))) "null") (fun () ->
        Expect.isTrue (gradient ()).IsInvalid "a tensor without memory")

let private scalars =
    let isFinalized () =
        match typeof<Scalar>.GetMethod("Finalize", BindingFlags.Instance ||| BindingFlags.NonPublic) with
        | null -> false
        | finalizer -> finalizer.DeclaringType = typeof<Scalar>

    /// In a method of its own, whose variables are gone when it returns.
    let made = Func<WeakReference>(fun () -> WeakReference(Gpt.Tensors.scalar 1.5))

    let held () =
        let scalar = made.Invoke()

        let isAliveAfter count =
            for _ in 1..count do
                Gpt.Tensors.wholeScalar 1L |> ignore

            GC.Collect()
            scalar.IsAlive

        isAliveAfter 4095, isAliveAfter 1

    [
        differs "a finalizer" (gives false isFinalized) (gives true isFinalized)
        testCase "the library holds the last 4,096, on both" (gives (true, false) held)
    ]

let rows: (string * Test list) list = [
    "what cannot be computed", mistakes :: EndingTests.tests
    "sums", NumberDifferences.sums
    "`topk` among equals", [ NumberDifferences.equals ]
    "`torch.rand`, dropout and the like", NumberDifferences.streams
    "bfloat16", NumberDifferences.bfloat16
    "GELU of infinity, and its gradient", NumberDifferences.geluOfInfinity
    "gradient at the bound of a clamp", NumberDifferences.clamped
    "not a number in attention", NumberDifferences.brokenAttention
    "types", types
    "attention", attention
    "gradient of `floor_divide`, of `zero_`, of `scatter` by fewer indices than sources", gradients
    "gradients of gradients", [ secondGradient ]
    "writing into a view of what has a gradient; reading a view that is older than a recorded write into its base",
    [ writtenView; olderView ]
    "`requires_grad_(false)` on what was computed; a `grad` of another shape or type; an `out` of another shape",
    carelessness
    "`autograd.grad` with `allow_unused`, of what plays no part", [ unused ]
    "a scalar's memory", scalars
]

let tests = testList "differences" [ for name, cases in rows -> testList name cases ]
