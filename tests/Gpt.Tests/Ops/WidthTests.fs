/// The operators' tests once more, in processes of their own whose registers or threads are fewer: what the runtime's switches
/// leave of this machine.
module Gpt.Tests.WidthTests

open System
open System.IO
open System.Runtime.Intrinsics
open Expecto
open Gpt.Tests.Fixtures

/// How wide the registers are meant to be in such a process, in bits.
let private asked = "GPT_TEST_REGISTERS"

let private registers () =
    if Vector512.IsHardwareAccelerated then 512
    elif Vector256.IsHardwareAccelerated then 256
    else 128

/// Among the operators' tests of such a process, so that a switch that does nothing is found.
let own = [
    match Environment.GetEnvironmentVariable asked with
    | null -> ()
    | bits ->
        testCase "the registers are as wide as was asked for" (fun () ->
            Expect.equal (string (registers ())) bits "bits of the widest registers")
]

/// The runtime's switches, which the embedded engine obeys, and libtorch's own.
let private switches (bits: int) =
    match bits with
    | 128 -> [ "DOTNET_EnableAVX2", "0"; "ATEN_CPU_CAPABILITY", "default" ]
    | 256 -> [ "DOTNET_EnableAVX512", "0"; "ATEN_CPU_CAPABILITY", "avx2" ]
    | _ -> []

let private run (bits: int) (threads: int) (program: string) (arguments: string list) =
    let variables = [
        asked, string bits
        "GPT_NUM_THREADS", string threads
        "OMP_NUM_THREADS", string threads
        yield! switches bits
    ]

    let run = Child.run AppContext.BaseDirectory variables "dotnet" (program :: arguments)
    Expect.equal run.Code 0 $"{run.Out}\n{run.Error}"
    run.Out

/// Every width that this machine has, with one, two and three threads among them.
let private settings = [
    for bits, threads in [ 128, 1; 128, 2; 256, 3; 256, 1; 512, 3; 512, 1 ] do
        if bits <= registers () then
            bits, threads
]

let private operators =
    testList "operators" [
        for bits, threads in settings do
            testCase $"registers of {bits} bits, {threads} threads" (fun () ->
                let program = Path.Combine(AppContext.BaseDirectory, "Gpt.Tests.dll")
                let output = run bits threads program [ "--filter"; "all/operators" ]
                Expect.stringContains output " 0 failed" "the closing line")
    ]

/// The kernels against their scalar twins, at odd sizes: at the widths that the ordinary run of their tests has not.
let private kernelClasses = [
    "Attention"
    "Elementwise"
    "Gemm"
    "GemmBatched"
    "Narrow"
    "Reduce"
    "RowKernel"
]

let private kernels =
    testList "kernels" [
        for bits in [ 128; 256 ] |> List.filter (fun bits -> bits < registers ()) do
            testCase $"registers of {bits} bits, three threads" (fun () ->
                let name = "TorchSharp.Embedded.Tests"
                let program = Path.Combine(root, "tests", name, "bin", "Release", "net10.0", $"{name}.dll")

                if Gpt.Device.engine <> "embedded" then
                    skiptest "the kernels are the embedded engine's"

                if not (File.Exists program) then
                    skiptest $"{program} is not built; `dotnet fsi build.fsx test` builds it"

                let classes = kernelClasses |> List.collect (fun name -> [ "-class"; $"TorchSharp.Tests.{name}Tests" ])

                let output = run bits 3 program classes
                Expect.stringContains output "Failed: 0" "the summary")
    ]

let tests = testList "widths" [ operators; kernels ]
