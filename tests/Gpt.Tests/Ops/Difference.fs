/// A case that the two engines treat in ways of their own, as one test that holds each of them to its own.
module Gpt.Tests.Difference

open System.Runtime.InteropServices
open Expecto
open TorchSharp
open Gpt.Tests.Tensors

let reals (values: float32 list) : Tensor = ofFloats [| values.Length |] (Array.ofList values)

/// What must hold on the one engine, and what on the other.
let differs name (embedded: unit -> unit) (libtorch: unit -> unit) =
    testCase name (fun () ->
        scoped (
            if Gpt.Device.engine = "embedded" then
                embedded
            else
                libtorch
        ))

let gives (wanted: 'a) (compute: unit -> 'a) () = Expect.equal (compute ()) wanted "as this engine has it"

let refuses<'error, 'a when 'error :> exn> (compute: unit -> 'a) () =
    Expect.throwsT<'error> (compute >> ignore) "an error"

/// A case that the embedded engine refuses with an error and libtorch computes.
let refused<'error, 'a when 'error :> exn and 'a: equality> name (compute: unit -> 'a) (wanted: 'a) =
    differs name (refuses<'error, 'a> compute) (gives wanted compute)

/// A case that the embedded engine computes and libtorch refuses.
let computed name (compute: unit -> 'a) (wanted: 'a) =
    differs name (gives wanted compute) (refuses<ExternalException, 'a> compute)

/// The gradients of leaves from a function's sum.
let slopes (f: Tensor list -> Tensor) (values: float32 list list) () =
    let leaves = values |> List.map (reals >> leaf)
    (f leaves).sum().backward()
    leaves |> List.map (gradientOf >> NArray.floats >> List.ofArray)
