/// Calls with wrong arguments that end the process on libtorch, because TorchSharp catches nothing there, and are .NET's exceptions
/// on the embedded engine. So on libtorch this program is started once more, to make one call and nothing else: the variable
/// GPT_TEST_CALL names it.
module Gpt.Tests.EndingTests

open System
open System.IO
open Expecto
open TorchSharp
open Gpt.Tests.Tensors

type private Wrong = {
    Name: string
    Call: unit -> unit
    /// What the embedded engine raises, and words of its message.
    Error: Type
    Says: string list
    /// Words of what libtorch writes to standard error before it ends.
    LastWords: string
}

let private ones (shape: int64 list) = torch.ones (Array.ofList shape)
let private number (value: float32) = ofFloats [| 1L |] [| value |]

let private gradient (output: Tensor) (input: Tensor) = torch.autograd.grad ([| output.sum () |], [| input |]) |> ignore

let private all = [
    {
        Name = "matmul of shapes that do not fit"
        Call = fun () -> (ones [ 2L; 3L ]).matmul(ones [ 2L; 3L ]) |> ignore
        Error = typeof<ArgumentException>
        Says = [ "matmul"; "[2, 3]" ]
        LastWords = "shapes cannot be multiplied"
    }
    {
        Name = "matmul of types that do not fit"
        Call = fun () -> (ones [ 2L; 2L ]).matmul(ofWhole [| 2L; 2L |] [| 1L; 2L; 3L; 4L |]) |> ignore
        Error = typeof<ArgumentException>
        Says = [ "matmul"; "Float32 [2, 2]"; "Int64 [2, 2]" ]
        LastWords = "to have the same dtype"
    }
    {
        Name = "autograd.grad of what plays no part"
        Call = fun () -> gradient (leaf (number 1f)) (leaf (number 2f))
        Error = typeof<InvalidOperationException>
        Says = [ "autograd.grad"; "input 0"; "was not used" ]
        LastWords = "not have been used in the graph"
    }
    {
        Name = "autograd.grad from a constant"
        Call = fun () -> gradient (number 1f) (leaf (number 2f))
        Error = typeof<InvalidOperationException>
        Says = [ "element 0"; "does not require grad" ]
        LastWords = "does not require grad"
    }
    {
        Name = "autograd.grad of a constant"
        Call = fun () -> gradient (leaf (number 1f)) (number 2f)
        Error = typeof<InvalidOperationException>
        Says = [ "autograd.grad"; "input 0"; "does not require grad" ]
        LastWords = "does not require grad"
    }
    {
        Name = "set_num_threads of none"
        Call = fun () -> torch.set_num_threads 0
        Error = typeof<ArgumentOutOfRangeException>
        Says = [ "num"; "0"; "1" ]
        LastWords = "positive number of threads"
    }
    {
        Name = "set_rng_state of another tensor"
        Call = fun () -> torch.set_rng_state (ones [ 3L ])
        Error = typeof<ArgumentException>
        Says = [ "set_state"; "Float32 [3]" ]
        LastWords = "RNG state"
    }
    {
        Name = "a number too large for int"
        Call = fun () -> ((1L <<< 40).ToScalar()).ToInt32() |> ignore
        Error = typeof<OverflowException>
        Says = [ "1099511627776"; "int" ]
        LastWords = "without overflow"
    }
    {
        Name = "not a number as long"
        Call = fun () -> (scalar nan).ToInt64() |> ignore
        Error = typeof<OverflowException>
        Says = [ "NaN"; "long" ]
        LastWords = "without overflow"
    }
]

let private asked = "GPT_TEST_CALL"
let private before, after = "before the call", "after the call"

/// Makes the call that the environment asks for and says whether one was asked for: what `main` does first.
let madeCall () : bool =
    match Environment.GetEnvironmentVariable asked with
    | null -> false
    | name ->
        let wrong = all |> List.find (fun wrong -> wrong.Name = name)
        Console.Out.WriteLine before

        try
            wrong.Call()
        with _ ->
            ()

        Console.Out.WriteLine after
        true

let private raises (wrong: Wrong) =
    try
        scoped wrong.Call
        failtest "no error"
    with error when error.GetType() = wrong.Error ->
        for words in wrong.Says do
            Expect.stringContains error.Message words "message"

let private ends (wrong: Wrong) =
    let program = Path.Combine(AppContext.BaseDirectory, "Gpt.Tests.dll")
    let run = Child.run AppContext.BaseDirectory [ asked, wrong.Name ] "dotnet" [ program ]
    Expect.stringContains run.Out before "it comes to the call"
    Expect.isFalse (run.Out.Contains after) "and not beyond"
    Expect.notEqual run.Code 0 "exit code"
    Expect.stringContains run.Error wrong.LastWords "standard error"

/// Not for registers of other widths, which change nothing here and would take two seconds a call.
let tests: Test list = [
    if WidthTests.own.IsEmpty then
        for wrong in all do
            testCase wrong.Name (fun () ->
                if Gpt.Device.engine = "embedded" then
                    raises wrong
                else
                    ends wrong)
]
