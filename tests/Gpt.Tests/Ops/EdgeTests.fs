/// Operators at their edges: not a number, infinities, nothing at all, types that mix. What is wanted was printed by libtorch
/// (TorchSharp-cpu 0.107.0), so that on libtorch these tests say that it still is so, and on the embedded engine that it does
/// the same.
module Gpt.Tests.EdgeTests

open Expecto
open TorchSharp
open Gpt.Tests.Tensors

type private DType = torch.ScalarType

let private nan, inf = nanf, infinityf
let reals (values: float32 list) = ofFloats [| values.Length |] (Array.ofList values)
let wholes (values: int64 list) = ofWhole [| values.Length |] (Array.ofList values)
let truths (values: bool list) = ofBools [| values.Length |] (Array.ofList values)
let private halves (values: float32 list) = (reals values).to_type DType.BFloat16
let private nothing () = ofFloats [| 0L |] [||]
let private pair (struct (values: Tensor, indices: Tensor)) = [ values; indices ]

/// Type, shape and elements.
let private show (t: Tensor) =
    let elements =
        match t.dtype with
        | DType.Int64 -> wholeOf t |> Array.map string
        | DType.Bool -> t.``to`` DType.Int64 |> wholeOf |> Array.map string
        | _ -> t.``to`` DType.Float32 |> floatsOf |> Array.map (fun x -> if x = 0f then "0" else string x)

    let shape = t.shape |> Array.map string |> String.concat ","
    let elements = String.concat " " elements
    $"{t.dtype} [{shape}] {elements}"

let gives name (wanted: string list) (compute: unit -> Tensor list) =
    testCase name (fun () -> Expect.equal (scoped (compute >> List.map show)) wanted "as libtorch has it")

let private refuses name (compute: unit -> Tensor) =
    testCase $"refuses {name}" (fun () -> Expect.throws (fun () -> scoped (compute >> ignore)) "an error")

/// The gradient of a function's sum.
let slope (values: float32 list) (f: Tensor -> Tensor) =
    let x = leaf (reals values)
    (f x).sum().backward()
    [ ofNArray (gradientOf x) ]

let private notNumbers =
    testList "not a number" [
        gives "is the largest" [ "Float32 [] NaN" ] (fun () -> [ (reals [ 1f; nan; 3f ]).max() ])
        gives "is the smallest, too" [ "Float32 [] NaN" ] (fun () -> [ (reals [ 1f; nan; 3f ]).min() ])
        gives "is where the largest is" [ "Int64 [] 700" ] (fun () ->
            let values = List.init 1000 (fun i -> if i = 700 then nan else float32 i)
            [ (reals values).argmax() ])
        gives "sorts behind all others" [ "Float32 [3] 1 3 NaN"; "Int64 [3] 0 2 1" ] (fun () ->
            pair ((reals [ 1f; nan; 3f ]).sort(-1L, false, true)))
        gives "comes first from the largest on" [ "Float32 [2] NaN 3"; "Int64 [2] 1 2" ] (fun () ->
            pair ((reals [ 1f; nan; 3f ]).topk(2, -1)))
        gives "stays when it is clamped" [ "Float32 [3] 1 NaN 2" ] (fun () -> [
            (reals [ 1f; nan; 3f ]).clamp_min(scalar 0.0).clamp_max(scalar 2.0)
        ])
        gives "has no sign" [ "Float32 [3] 1 0 -1" ] (fun () -> [ (reals [ 2f; nan; -3f ]).sign() ])
        gives "is not hidden by dropping it" [ "Float32 [3] NaN NaN 0" ] (fun () -> [
            torch.nn.functional.dropout (reals [ nan; inf; 1f ], 1.0, true)
        ])
        gives "is the softmax of a row that is ruled out" [ "Float32 [2] NaN NaN" ] (fun () -> [
            (reals [ -inf; -inf ]).softmax -1L
        ])
        gives "is the loss where every target is left out" [ "Float32 [] NaN" ] (fun () -> [
            torch.nn.functional.cross_entropy (ofFloats [| 1L; 2L |] [| 1f; 2f |], wholes [ -100L ])
        ])
        gives "is the loss wherever it stands among what is ruled out" [ "Float32 [] NaN" ] (fun () ->
            let logits = Array.create 8192 -inf
            logits[5] <- nan
            logits[5000] <- 1f

            [
                torch.nn.functional.cross_entropy (ofFloats [| 1L; 8192L |] logits, wholes [ 5000L ])
            ])
        gives "is counted by the norm of order 0" [ "Float32 [] 2"; "Float32 [1] 2" ] (fun () ->
            let x = ofFloats [| 1L; 3L |] [| 0f; nan; 4f |]
            [ x.norm 0f; x.norm (1, false, 0f) ])
        gives "is a product with zero" [ "Float32 [1,1] NaN" ] (fun () -> [
            (ofFloats [| 1L; 2L |] [| 0f; 1f |]).matmul(ofFloats [| 2L; 1L |] [| inf; 1f |])
        ])
    ]

let private hiddenRow =
    gives
        "a query that may see nothing gives zeros, and no gradient"
        [ "Float32 [1,1,1,2] 0 0"; "Float32 [2] 0 0" ]
        (fun () ->
            let x = leaf (reals [ 1f; 2f ])
            let q = x.reshape (1L, 1L, 1L, 2L)
            let seen = torch.nn.functional.scaled_dot_product_attention (q, q, q, ofBools [| 1L; 1L |] [| false |])
            seen.sum().backward()
            [ seen; ofNArray (gradientOf x) ])

/// Two tokens of which the last is not a number among the keys, or among the values.
let private brokenAttention =
    let fine, broken = ofFloats [| 1L; 1L; 2L; 2L |], [| 1f; 2f; nan; nan |]
    let values = [| 1f; 2f; 3f; 4f |]

    testList "not a number in attention" [
        gives "among the keys reaches the queries that see it" [ "Float32 [1,1,2,2] 1 2 NaN NaN" ] (fun () -> [
            torch.nn.functional.scaled_dot_product_attention (fine values, fine broken, fine values, is_casual = true)
        ])
        gives "among the values reaches all, where a mask hides it" [ "Float32 [1,1,2,2] NaN NaN NaN NaN" ] (fun () -> [
            torch.nn.functional.scaled_dot_product_attention (
                fine values,
                fine values,
                fine broken,
                ofBools [| 2L; 2L |] [| true; false; true; true |]
            )
        ])
    ]

/// Two equal scores, to which a mask of some type is added.
let private masks =
    let attend (dtype: DType) (mask: Tensor) =
        let zeros = torch.zeros([| 1L; 1L; 2L; 2L |]).to_type dtype
        let values = (ofFloats [| 1L; 1L; 2L; 2L |] [| 1f; 2f; 3f; 4f |]).to_type dtype
        torch.nn.functional.scaled_dot_product_attention (zeros, zeros, values, mask)

    let causal = fun () -> ofFloats [| 2L; 2L |] [| 0f; -inf; 0f; 0f |]

    testList "masks" [
        gives "of bfloat16 go with bfloat16" [ "BFloat16 [1,1,2,2] 1 2 2 3" ] (fun () -> [
            attend DType.BFloat16 (causal().to_type DType.BFloat16)
        ])
        refuses "a mask of bfloat16 for float32" (fun () -> attend DType.Float32 (causal().to_type DType.BFloat16))
        refuses "a mask of int8" (fun () -> attend DType.Float32 (torch.zeros([| 2L; 2L |]).to_type DType.Int8))
        refuses "a mask of whole numbers" (fun () ->
            attend DType.Float32 (torch.zeros([| 2L; 2L |]).to_type DType.Int64))
    ]

let private equals =
    testList "equals" [
        gives "are found at the first place" [ "Int64 [] 0" ] (fun () -> [ (torch.zeros ([| 17L |])).argmax() ])
        gives
            "stay in order when they are sorted so"
            [ "Int64 [17] 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16" ]
            (fun () ->
                let struct (_, places) = (torch.zeros ([| 17L |])).sort(-1L, false, true)
                [ places ])
    ]

let private words =
    let says name wanted (tensor: unit -> Tensor) =
        testCase name (fun () -> Expect.equal (scoped (fun () -> (tensor ()).ToString())) wanted "as libtorch has it")

    testList "ToString" [
        says "of a vector" "[2], type = Float32, device = cpu" (fun () -> reals [ 1f; 2f ])
        says "of one number" "[], type = Int64, device = cpu" (fun () -> ofWhole [||] [| 1L |])
        says "of a cube" "[2x3x4], type = BFloat16, device = cpu" (fun () ->
            torch.zeros([| 2L; 3L; 4L |]).to_type DType.BFloat16)
    ]

let private emptiness =
    testList "nothing" [
        gives "has the sum 0" [ "Float32 [] 0" ] (fun () -> [ nothing().sum() ])
        gives "has no mean" [ "Float32 [] NaN" ] (fun () -> [ nothing().mean() ])
        gives "has no variance and no deviation" [ "Float32 [] NaN"; "Float32 [] NaN" ] (fun () -> [
            nothing().var()
            nothing().std()
        ])
        gives "is cut into as many pieces as asked for" [ "Float32 [0] "; "Float32 [0] "; "Float32 [0] " ] (fun () ->
            List.ofArray (nothing().chunk 3L))
        gives "between two matrices is zeros" [ "Float32 [2,1] 0 0" ] (fun () -> [
            (ofFloats [| 2L; 0L |] [||]).matmul(ofFloats [| 0L; 1L |] [||])
        ])
        gives "broadcasts with one" [ "Float32 [0] " ] (fun () -> [ nothing().add(reals [ 1f ]) ])
        gives
            "is picked and scattered, whatever the axes of its index"
            [ "Float32 [0] "; "Float32 [1,1,2] 1 2"; "Float32 [1,1,2] 1 2" ]
            (fun () ->
                let x, none = ofFloats [| 1L; 1L; 2L |] [| 1f; 2f |], wholes []
                [ x.gather (2L, none); x.scatter (2L, none, x); x.scatter_add (2L, none, x) ])
        refuses "its largest" (fun () -> nothing().max())
        hiddenRow
    ]

let private types =
    testList "types" [
        gives
            "bfloat16 and whole numbers are bfloat16"
            [ "BFloat16 [2] 4.5 -4"; "BFloat16 [2] 2.5 -2"; "BFloat16 [2] 3.5 0" ]
            (fun () -> [
                (halves [ 1.5f; -2f ]).add(wholes [ 3L; -2L ])
                (halves [ 1.5f; -2f ]).add(truths [ true; false ])
                (halves [ 1.5f; -2f ]).add(ofWhole [||] [| 2L |])
            ])
        gives
            "bfloat16 and float32 are float32, unless that one alone has no axes"
            [ "Float32 [2] 8.5 -9"; "BFloat16 [2] 4 0.5" ]
            (fun () -> [
                (halves [ 1.5f; -2f ]).add(reals [ 7f; -7f ])
                (halves [ 1.5f; -2f ]).add(ofFloats [||] [| 2.5f |])
            ])
        gives
            "bfloat16 is rounded to whole numbers"
            [
                "BFloat16 [3] 0 -2 3"
                "BFloat16 [3] 1 -1 4"
                "BFloat16 [3] 0 -2 3"
                "BFloat16 [3] 0 -1 3"
            ]
            (fun () ->
                let x = halves [ 0.3f; -1.7f; 3.1f ]
                [ x.floor (); x.ceil (); x.round (); x.trunc () ])
        gives "bfloat16 is picked one by one" [ "BFloat16 [3] -2 1.5 -2" ] (fun () -> [
            (halves [ 1.5f; -2f ]).gather(0L, wholes [ 1L; 0L; 1L ])
        ])
        gives "the sum of truth values is whether one is true" [ "Bool [2] 1 1" ] (fun () -> [
            (truths [ true; false ]).scatter_add(0L, wholes [ 0L; 1L; 1L ], truths [ false; true; false ])
        ])
        gives "the square of a truth value is a whole number" [ "Int64 [2] 1 0" ] (fun () -> [
            (truths [ true; false ]).square()
        ])
        gives "the sign of a truth value is a truth value" [ "Bool [2] 1 0" ] (fun () -> [
            (truths [ true; false ]).sign()
        ])
        gives
            "a quotient of whole numbers is real, a rest is whole"
            [ "Float32 [2] -3.5 3.5"; "Int64 [2] 1 -1" ]
            (fun () -> [
                (wholes [ -7L; -7L ]).div(wholes [ 2L; -2L ])
                (wholes [ -7L; -7L ]).remainder(wholes [ 2L; -2L ])
            ])
        gives
            "a quotient of reals is rounded down before it is rounded to float32"
            [
                "Float32 [7] 9 4 -10 59 0 -1 Infinity"
                "Float32 [4] 9 4 -10 59"
                "Float32 [2] -9 10"
            ]
            (fun () ->
                let a = reals [ 1f; 1f; -1f; 6f; 5f; -5f; 2f ]
                let b = leaf (reals [ 0.1f; 0.2f; 0.1f; 0.1f; inf; inf; 0f ])
                let both (x: Tensor) = x.narrow (0L, 0L, 4L)
                let rest = (a.narrow (0L, 0L, 3L)).remainder(b.narrow (0L, 0L, 3L))
                rest.sum().backward()
                let slopes = ofNArray (gradientOf b)

                [
                    a.floor_divide (b.detach ())
                    (both a).div(both (b.detach ()), torch.RoundingMode.floor)
                    torch.stack [| slopes.select (0L, 0L); slopes.select (0L, 2L) |]
                ])
        refuses "whole numbers divided by zero" (fun () -> (wholes [ 1L ]).remainder(wholes [ 0L ]))
        refuses "truth values rounded down" (fun () -> (truths [ true ]).floor())
        refuses "whole numbers rounded to decimals" (fun () -> (wholes [ 1L ]).round())
        refuses "the silu of whole numbers" (fun () -> (wholes [ 1L ]).silu())
        refuses "the place of the largest truth value" (fun () -> (truths [ true ]).argmax())
        refuses "the best of truth values" (fun () -> let struct (best, _) = (truths [ true ]).topk(1, -1) in best)
        refuses "truth values clamped" (fun () -> (truths [ true ]).clamp_min(true.ToScalar()))
        refuses "a rest of truth values" (fun () -> (truths [ true ]).remainder(truths [ true ]))
        refuses "not a number as a whole number" (fun () -> (wholes [ 1L ]).fill_(scalar (float nan)))
        refuses "bfloat16 by float32 in linear" (fun () ->
            torch.nn.functional.linear ((halves [ 1f; 2f ]).reshape(1L, 2L), (reals [ 1f; 1f ]).reshape(1L, 2L)))
        refuses "a range that ends before it begins" (fun () -> (reals [ 1f ]).uniform_(3.0, 1.0))
        refuses "a deviation below zero" (fun () -> (reals [ 1f ]).normal_(0.0, -1.0))
    ]

let private gradients =
    testList "gradients" [
        gives "of the largest is shared by equals" [ "Float32 [3] 0.5 0.5 0" ] (fun () -> slope [ 2f; 2f; 1f ] _.max())
        gives "of the larger of two equals is shared" [ "Float32 [2] 0.5 1" ] (fun () ->
            slope [ 2f; 2f ] (fun x -> torch.maximum (x, reals [ 2f; 1f ])))
        gives "of relu at 0 is 0" [ "Float32 [2] 0 1" ] (fun () -> slope [ 0f; 1f ] _.relu())
        gives "of the largest is for what is not a number" [ "Float32 [3] 0 1 0" ] (fun () ->
            slope [ 1f; nan; 2f ] _.max())
        gives "of the largest along an axis is not a number" [ "Float32 [3] NaN NaN NaN" ] (fun () ->
            slope [ 1f; nan; 2f ] (fun x -> x.amax [| 0L |]))
        gives "of relu where it is not a number is 1" [ "Float32 [3] 1 1 0" ] (fun () ->
            slope [ 1f; nan; -2f ] _.relu())
        gives "of GELU at infinity is not a number" [ "Float32 [1] NaN" ] (fun () ->
            slope [ inf ] torch.nn.functional.gelu)
        gives "of the root at 0 is infinite" [ "Float32 [2] Infinity 0.25" ] (fun () -> slope [ 0f; 4f ] _.sqrt())
        gives "of the norm of order 0 is 0" [ "Float32 [2] 0 0" ] (fun () -> slope [ 0f; 4f ] _.norm(0f))
        gives "of the norm at 0 is 0" [ "Float32 [2] 0 0" ] (fun () -> slope [ 0f; 0f ] _.norm())
        gives "of the deviation of equals is 0" [ "Float32 [3] 0 0 0" ] (fun () -> slope [ 0f; 0f; 0f ] _.std())
        gives "of softmax where it is ruled out is 0" [ "Float32 [2] 0 0" ] (fun () ->
            slope [ -inf; 1f ] (fun x -> (x.softmax -1L).mul(reals [ 1f; 2f ])))
        gives "of a loss without targets is 0" [ "Float32 [2] 0 0" ] (fun () ->
            slope [ 1f; 2f ] (fun x ->
                torch.nn.functional.cross_entropy (
                    x.reshape (1L, 2L),
                    wholes [ -100L ],
                    reduction = torch.nn.Reduction.Sum
                )))
    ]

let tests =
    testList "edges" [
        notNumbers
        brokenAttention
        masks
        equals
        words
        emptiness
        types
        gradients
    ]
