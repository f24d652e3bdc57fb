/// The same computation again, and several at once on threads of their own.
module Gpt.Tests.ThreadLaws

open System.Threading
open Expecto
open TorchSharp
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Tensors

/// A forward and a backward pass that uses the larger kernels.
let private work (seed: int) =
    scoped (fun () ->
        let shape = [| 2L; 24L; 32L |]
        let x = leaf (ofFloats shape (uniform -1.0 1.0 (size shape) seed))
        let weight = leaf (ofFloats [| 32L; 32L |] (uniform -1.0 1.0 1024 (seed + 1)))
        let heads = torch.nn.functional.linear(x, weight).reshape(2L, 24L, 4L, 8L).transpose(1L, 2L)
        let attended = torch.nn.functional.scaled_dot_product_attention (heads, heads, heads, is_casual = true)
        let normed = torch.nn.functional.layer_norm (attended.transpose(1L, 2L).reshape shape, [| 32L |])
        let output = torch.nn.functional.gelu (normed, Modules.GELU.Approximate.tanh)
        output.mul(output).sum().backward()
        [ toNArray output; gradientOf x; gradientOf weight ])

let private again =
    testCase "the same numbers give the same bits every time" (fun () ->
        if not repeatsItself then
            skiptest "libtorch's sums depend on where the buffers lie"

        let first = work 1

        for _ in 1..10 do
            for got, want in List.zip (work 1) first do
                Fixtures.expectClose exact "second time" got want)

let private together =
    testCase "threads do not disturb each other" (fun () ->
        let count, rounds = 4, 20
        let alone = [| for seed in 1..count -> work seed |]
        let problems = Array.create<string option> count None

        let run i () =
            try
                for _ in 1..rounds do
                    for got, want in List.zip (work (i + 1)) alone[i] do
                        Fixtures.expectClose (tolerance 1e-5 1e-5) $"thread {i}" got want
            with error ->
                problems[i] <- Some error.Message

        let threads = [ for i in 0 .. count - 1 -> Thread(ThreadStart(run i)) ]
        threads |> List.iter _.Start()
        threads |> List.iter _.Join()
        Expect.equal (Array.choose id problems) [||] "what went wrong")

let tests = testList "repetition" [ again; together ]
