/// The comparison that most tests rest on can itself fail: each way of being wrong is noticed.
module Gpt.Tests.NArrayTests

open Expecto
open Gpt.Tests.NArray

let private line (values: float list) = reals [| int64 values.Length |] (values |> List.map float32 |> Array.ofList)

/// Tolerance, what is got, what is wanted, and whether they are close.
let private table = [
    "equal", exact, line [ 1.0; -2.0 ], line [ 1.0; -2.0 ], true
    "within the absolute tolerance", tolerance 0.1 0.0, line [ 0.05 ], line [ 0.0 ], true
    "beyond the absolute tolerance", tolerance 0.1 0.0, line [ 0.11 ], line [ 0.0 ], false
    "within the relative tolerance", tolerance 0.0 0.1, line [ 10.5 ], line [ 10.0 ], true
    "beyond the relative tolerance", tolerance 0.0 0.1, line [ 11.5 ], line [ 10.0 ], false
    "the last of many is off", tolerance 1e-3 0.0, line [ 1.0; 1.0; 1.1 ], line [ 1.0; 1.0; 1.0 ], false
    "not a number", tolerance 1e9 1e9, line [ nan ], line [ 0.0 ], false
    "not a number expected", tolerance 1e9 1e9, line [ 0.0 ], line [ nan ], false
    "infinity as expected", exact, line [ -infinity ], line [ -infinity ], true
    "infinity of the other sign", tolerance 1e9 1e9, line [ infinity ], line [ -infinity ], false
    "a number where infinity is expected", tolerance 1e9 1e9, line [ 1e38 ], line [ infinity ], false
    "another length", tolerance 1e9 1e9, line [ 1.0 ], line [ 1.0; 1.0 ], false
    "another shape", tolerance 1e9 1e9, line [ 1.0 ], reals [| 1L; 1L |] [| 1f |], false
    "indices for real numbers", tolerance 1e9 1e9, whole [| 1L |] [| 1L |], line [ 1.0 ], false
    "equal indices", exact, whole [| 2L |] [| 3L; 4L |], whole [| 2L |] [| 3L; 4L |], true
    "indices know no tolerance", tolerance 1e9 1e9, whole [| 2L |] [| 3L; 4L |], whole [| 2L |] [| 3L; 5L |], false
]

let tests =
    testList "comparison" [
        for name, allowed, got, want, close in table do
            testCase name (fun () ->
                let problem = difference allowed got want
                Expect.equal problem.IsNone close $"{problem}")

        testCase "the message names the worst element" (fun () ->
            let want = reals [| 2L; 2L |] [| 1f; 2f; 3f; 4f |]
            let got = reals [| 2L; 2L |] [| 1f; 2.5f; 3.25f; 4f |]
            let problem = difference (tolerance 0.1 0.0) got want |> Option.defaultValue ""
            Expect.stringContains problem "2.5 at [0, 1], expected 2" "message")
    ]
