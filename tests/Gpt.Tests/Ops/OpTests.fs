/// Every operator against numbers from PyTorch, outputs and gradients, in every layout of the inputs.
/// The small set is the repository's own (see fixtures/cut.fsx); the large one runs where the shared folder is.
module Gpt.Tests.OpTests

open System.IO
open Expecto
open Gpt.Tests.Call
open Gpt.Tests.Fixtures
open Gpt.Tests.Layout
open Gpt.Tests.NArray
open Gpt.Tests.OpCase
open Gpt.Tests.OpTable
open Gpt.Tests.Tensors

/// An input as stored, which is what receives the gradient, and as the operator sees it.
let private prepare (layout: Layout) (case: OpCase) name (input: NArray) =
    let stored = ofNArray (layout.Store input)

    if case.Grads.ContainsKey name then
        leaf stored |> ignore

    let seen = layout.View input.Shape stored
    let isBoolean = case.Booleans.Contains name

    stored,
    (if isBoolean then
         seen.to_type TorchSharp.torch.ScalarType.Bool
     else
         seen)

/// The upstream gradients are applied by summing output times gradient, and going back from the sum.
let private backward (case: OpCase) (outputs: Map<string, Tensor>) =
    let weighted = [
        for entry in case.GradOutputs -> outputs[entry.Key].mul(ofNArray entry.Value).sum()
    ]

    if not weighted.IsEmpty then
        let total = List.reduce (fun (a: Tensor) (b: Tensor) -> a.add b) weighted
        total.backward ()

let private check (layout: Layout) (case: OpCase) (row: Row) =
    scoped (fun () ->
        let inputs = case.Inputs |> Map.map (prepare layout case)
        let call = Call(inputs |> Map.map (fun _ (_, seen) -> seen), case.Args)
        let outputs = Map.ofList (row call)
        Expect.equal call.Unseen [] "inputs and arguments that the table's row leaves out"
        Expect.equal (Set(Map.keys outputs)) (Set(Map.keys case.Outputs)) "names of the outputs"

        for entry in case.Outputs do
            expectClose case.Tolerance entry.Key (toNArray outputs[entry.Key]) entry.Value

        backward case outputs

        for entry in case.Grads do
            let stored, _ = inputs[entry.Key]

            match stored.grad with
            | null -> failtest $"no gradient reached {entry.Key}"
            | gradient ->
                let seen = layout.View case.Inputs[entry.Key].Shape gradient
                expectClose case.Tolerance $"gradient of {entry.Key}" (toNArray seen) entry.Value)

let private test (case: OpCase) =
    testList case.Name [
        for layout in Layout.all ->
            testCase layout.Name (fun () ->
                match rows.TryFind case.Op with
                | Some row -> check layout case row
                | None -> failtest $"the table of operators has no row for {case.Op}")
    ]

let private everyRowIsTested cases =
    testCase "every row of the table has a case" (fun () ->
        let tested = cases |> List.map _.Op |> Set
        Expect.equal tested (Set(Map.keys rows)) "operators with a case")

let private suite name index =
    let cases = readAll index
    testList name [ yield! List.map test cases; everyRowIsTested cases ]

let tests =
    testList "operators" [
        testList "widths" WidthTests.own
        EdgeTests.tests
        LeafTests.tests
        DifferenceTests.tests
        suite "own" (Path.Combine(own, "ops.json"))
        testList "shared" (testsOf (shared "ops") (fun folder -> [ suite "ops" (Path.Combine(folder, "index.json")) ]))
    ]
