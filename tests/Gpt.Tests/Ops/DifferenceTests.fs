/// Where the engines differ on purpose, as the README lists it: what each of them does, so that a difference which goes, or another
/// one that comes, is noticed.
module Gpt.Tests.DifferenceTests

open System
open System.Runtime.InteropServices
open Expecto
open TorchSharp
open Gpt.Tests.Tensors

type private DType = torch.ScalarType

let private reals (values: float32 list) = ofFloats [| values.Length |] (Array.ofList values)
let private halves (values: float32 list) = (reals values).to_type DType.BFloat16

/// A case that the two engines treat in ways of their own.
let private differs name (embedded: unit -> unit) (libtorch: unit -> unit) =
    testCase name (fun () ->
        scoped (
            if Gpt.Device.engine = "embedded" then
                embedded
            else
                libtorch
        ))

let private refusedAs<'error when 'error :> exn> (compute: unit -> Tensor) () =
    Expect.throwsT<'error> (compute >> ignore) "an error"

/// Queries, keys and values of two tokens (1, 1, 2, 2), the last key not a number, seen causally.
let private brokenAttention () =
    let fine, broken = ofFloats [| 1L; 1L; 2L; 2L |], [| 1f; 2f; nanf; nanf |]
    let values = [| 1f; 2f; 3f; 4f |]
    torch.nn.functional.scaled_dot_product_attention (fine values, fine broken, fine values, is_casual = true)

let private attend (valueWidth: int64) =
    let queries = torch.ones ([| 1L; 1L; 2L; 4L |])
    let values = torch.ones ([| 1L; 1L; 2L; valueWidth |])
    torch.nn.functional.scaled_dot_product_attention (queries, queries, values)

let private slopeOf (f: Tensor -> Tensor) (values: float32 list) () =
    let x = leaf (reals values)
    (f x).sum().backward()
    gradientOf x

/// The type of the gradient of a bfloat16 weight.
let private halfGradient () =
    let weight = (halves [ 1f; 2f ]).reshape(1L, 2L)
    weight.requires_grad <- true
    let y = torch.nn.functional.linear ((halves [ 3f; 4f ]).reshape(1L, 2L), weight)
    (y.to_type DType.Float32).sum().backward()
    (Gpt.Tensors.gradient weight).Value.dtype

let private quotient (x: Tensor) = x.floor_divide (reals [ 2f; 2f ])

let private written () =
    let y = (leaf (reals [ 1f; 2f ])).mul(scalar 2.0)
    y.narrow(0L, 0L, 1L).fill_(scalar 0.0)

let private mixed () =
    torch.nn.functional.linear (ofFloats [| 1L; 2L |] [| 1f; 2f |], (halves [ 1f; 1f ]).reshape(1L, 2L))

let tests =
    testList "differences" [
        let outside () = torch.ones([| 3L; 2L |]).index_select(0L, ofWhole [| 1 |] [| 3L |])

        differs "a row that is not there" (refusedAs<ArgumentException> outside) (refusedAs<ExternalException> outside)

        differs "the gradient of bfloat16" (fun () -> Expect.equal (halfGradient ()) DType.Float32 "type") (fun () ->
            Expect.equal (halfGradient ()) DType.BFloat16 "type")

        let infinite () = torch.nn.functional.gelu (torch.full ([| 64L |], scalar infinity)) |> floatsOf

        differs "GELU of infinity" (fun () -> Expect.all (infinite ()) Single.IsPositiveInfinity "infinity") (fun () ->
            Expect.exists (infinite ()) Single.IsNaN "not a number")

        differs
            "not a number among the keys"
            (fun () ->
                let seen = brokenAttention () |> floatsOf
                Expect.equal seen[..1] [| 1f; 2f |] "the first query does not see it"
                Expect.all seen[2..] Single.IsNaN "the second does")
            (fun () -> Expect.exists (brokenAttention () |> floatsOf) Single.IsNaN "it reaches somebody")

        let double () = torch.zeros ([| 2L |], Nullable DType.Float64)

        differs "float64" (refusedAs<NotSupportedException> double) (fun () ->
            Expect.equal (double ()).dtype DType.Float64 "type")

        differs
            "float32 by bfloat16 in linear"
            (fun () -> Expect.equal (floatsOf (mixed ())) [| 3f |] "value")
            (refusedAs<ExternalException> mixed)

        differs "values wider than the queries" (refusedAs<ArgumentException>(fun () -> attend 6L)) (fun () ->
            Expect.equal (attend 6L).shape [| 1L; 1L; 2L; 6L |] "shape")

        differs
            "the gradient of a quotient rounded down"
            (fun () -> Expect.equal (Gpt.Tests.NArray.floats (slopeOf quotient [ 3f; 5f ] ())) [| 0f; 0f |] "flat")
            (refusedAs<ExternalException>(fun () -> slopeOf quotient [ 3f; 5f ] () |> ofNArray))

        differs "writing into a view of what has a gradient" (refusedAs<NotSupportedException> written) (fun () ->
            Expect.equal (floatsOf (written().detach())) [| 0f |] "written")

        let forget () =
            let y = (leaf (reals [ 1f ])).mul(scalar 2.0)
            y.requires_grad_ false

        differs "forgetting what was computed" (refusedAs<InvalidOperationException> forget) (fun () ->
            Expect.isTrue (forget ()).requires_grad "nothing happens")
    ]
