/// The safetensors reader and writer, against a reader and a writer of the tests' own, and what the reader refuses.
module Gpt.Tests.SafetensorsTests

open System
open System.IO
open System.Text
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Damage
open Gpt.Tests.Law
open Gpt.Tests.NArray
open Gpt.Tests.Small

module Raw = Gpt.Tests.Tensors

let private withFile (test: string -> unit) =
    withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        test (Path.Combine(folder, "x.safetensors")))

let private write (path: string) (tensors: (string * Tensor) list) =
    use stream = File.Create path
    Safetensors.write tensors stream

let private bits (values: float32[]) = Array.map BitConverter.SingleToInt32Bits values

/// A file of a header and so many bytes of data.
let private file (path: string) (header: string) (data: byte[]) =
    let header = Encoding.UTF8.GetBytes header
    File.WriteAllBytes(path, Array.concat [ BitConverter.GetBytes header.LongLength; header; data ])

let private identity =
    law
        200
        "float32 values of any bits come back, whatever the layout they were written from"
        (both (samplesUpTo [ 5; 7 ]) (ArbMap.defaults |> ArbMap.arbitrary<float32>))
        (fun (sample, odd) ->
            withFile (fun path ->
                let values = numbers sample
                values[0] <- odd
                let tensor = Raw.ofFloats sample.Shape values
                let ids = Raw.ofWhole [| 3L |] [| 1L; Int64.MinValue; 1L <<< 40 |]

                write path [
                    "plain", tensor
                    "turned", tensor.t ()
                    "ids", ids
                    "one", Raw.ofFloats [||] [| odd |]
                ]

                use files = Safetensors.openFile path
                let floats name = StoredTensor.floats files.Tensors[name] |> bits
                Expect.equal (floats "plain") (bits values) "values"

                Expect.equal
                    files.Tensors["turned"].Shape
                    [ sample.Shape[1]; sample.Shape[0] ]
                    "shape of the transpose"

                Expect.equal (floats "turned") (Raw.floatsOf (tensor.t ()) |> bits) "values of the transpose"
                Expect.equal (StoredTensor.ids files.Tensors["ids"]) (Raw.wholeOf ids) "ids"
                Expect.equal (floats "one") (bits [| odd |]) "a tensor without axes"
                let others = SafetensorsFile.read path
                Expect.equal others.Count 4 "another reader reads it"
                Expect.equal others["turned"].Shape [| sample.Shape[1]; sample.Shape[0] |] "and its shapes"))

let private copied =
    law
        200
        "a matrix is copied as it is or transposed, into a tensor with gaps too"
        (samplesUpTo [ 6; 6 ])
        (fun sample ->
            withFile (fun path ->
                let tensor = Raw.ofFloats sample.Shape (numbers sample)
                SafetensorsFile.write path [ "x", Raw.toNArray tensor ]
                use files = Safetensors.openFile path
                let stored = files.Tensors["x"]

                let into (target: Tensor) transposed =
                    StoredTensor.copyTo target transposed stored
                    Raw.floatsOf target

                let zeros rows columns = Gpt.Tensors.zeros (Device.cpu ()) [ rows; columns ]
                let rows, columns = sample.Shape[0], sample.Shape[1]
                let want, turned = numbers sample, Raw.floatsOf (tensor.t ())
                Expect.equal (into (zeros rows columns) false) want "as it is"
                Expect.equal (into (zeros columns rows) true) turned "transposed"
                Expect.equal (into ((zeros rows (columns + 2L)).narrow(1L, 1L, columns)) false) want "with gaps"

                Expect.equal
                    (into ((zeros columns (rows + 2L)).narrow(1L, 1L, rows)) true)
                    turned
                    "transposed, with gaps"))

/// Longer than the parts in which tensors are read and written.
let private long =
    testCase "a tensor of more parts than one" (fun () ->
        withFile (fun path ->
            let rows, columns = 2100L, 2200L
            let values = Array.init (int (rows * columns)) (fun i -> float32 (i % 8191) - 4096.0f)
            let tensor = Raw.ofFloats [| rows; columns |] values
            write path [ "x", tensor; "turned", tensor.t () ]
            use files = Safetensors.openFile path

            let back name transposed shape =
                let target = Gpt.Tensors.zeros (Device.cpu ()) shape
                StoredTensor.copyTo target transposed files.Tensors[name]
                Gpt.Tensors.toFloats target

            Expect.isTrue (back "x" false [ rows; columns ] = values) "as it is"
            Expect.isTrue (back "turned" true [ rows; columns ] = values) "transposed twice"
            Expect.isTrue (StoredTensor.sameNumbers files.Tensors["x"] files.Tensors["x"]) "the same numbers"
            Expect.isFalse (StoredTensor.sameNumbers files.Tensors["x"] files.Tensors["turned"]) "other numbers"))

/// A number by its bits: sign, exponent with the given bias, fraction of so many bits.
let private decode (bias: int) (fraction: int) (bits: int) : float =
    let exponents = 15 - fraction
    let sign = if bits >>> 15 = 1 then -1.0 else 1.0
    let exponent = (bits >>> fraction) &&& ((1 <<< exponents) - 1)
    let part = float (bits &&& ((1 <<< fraction) - 1)) / float (1 <<< fraction)

    if exponent = (1 <<< exponents) - 1 then
        if part = 0.0 then sign * infinity else nan
    elif exponent = 0 then
        sign * part * 2.0 ** float (1 - bias)
    else
        sign * (1.0 + part) * 2.0 ** float (exponent - bias)

let private widened dtype bias fraction =
    testCase $"all 65,536 values of {dtype}" (fun () ->
        withFile (fun path ->
            let data = Array.init 131072 (fun i -> byte (if i % 2 = 0 then i / 2 else i / 512))
            file path $"{{\"x\":{{\"dtype\":\"{dtype}\",\"shape\":[65536],\"data_offsets\":[0,131072]}}}}" data
            use files = Safetensors.openFile path
            let target = Gpt.Tensors.zeros (Device.cpu ()) [ 65536L ]
            StoredTensor.copyTo target false files.Tensors["x"]

            for bits, got in Array.indexed (Gpt.Tensors.toFloats target) do
                let want = float32 (decode bias fraction bits)

                let same =
                    if Single.IsNaN want then
                        Single.IsNaN got
                    else
                        got = want && Single.IsNegative got = Single.IsNegative want

                Expect.isTrue same $"0x{bits:X4}: {got}, expected {want}"))

let private entry dtype shape first last =
    $"{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":[{first},{last}]}}"

/// A file that must be refused with one sentence that names it and holds the words.
let private refused name (header: string) (dataLength: int) (words: string list) =
    testCase name (fun () ->
        withFile (fun path ->
            file path header (Array.zeroCreate dataLength)

            let message =
                Expect.throwsC (fun () -> Safetensors.openFile path |> ignore) (fun e ->
                    Expect.isTrue (e :? InvalidDataException) $"{e}"
                    e.Message)

            Expect.stringStarts message path "the file is named"
            Expect.isFalse (message.Contains '\n') "one line"

            for word in words do
                Expect.stringContains message word "the error says it"))

let private two first second = $"{{\"a\":{first},\"b\":{second}}}"
let private f32 first last = entry "F32" "[2]" first last

let private refusals =
    testList "refuses" [
        refused "no object" "[1, 2] " 0 [ "{" ]
        refused "text after the header's end" "{}x" 0 [ "header" ]
        refused "overlapping tensors" (two (f32 0 8) (f32 4 12)) 12 [ "a and b overlap at byte 4" ]
        refused "two tensors in one place" (two (f32 0 8) (f32 0 8)) 8 [ "overlap" ]
        refused "a hole between tensors" (two (f32 0 8) (f32 12 20)) 20 [ "8 to 12"; "no tensor" ]
        refused "a hole at the beginning" $"{{\"a\":{f32 4 12}}}" 12 [ "0 to 4" ]
        refused "bytes after the last tensor" $"{{\"a\":{f32 0 8}}}" 9 [ "byte 8 of 9" ]
        refused "a tensor beyond the file" $"{{\"a\":{f32 0 8}}}" 7 [ "tensor a"; "of 7 bytes" ]
        refused "offsets that do not fit the shape" $"{{\"a\":{f32 0 12}}}" 12 [ "tensor a"; "[2]"; "takes 8" ]
        refused "offsets in the wrong order" $"{{\"a\":{f32 8 0}}}" 8 [ "tensor a" ]
        refused "a negative length" $"""{{"a":{entry "F32" "[-2]" 0 8}}}""" 8 [ "tensor a"; "[-2]" ]
        refused "a shape whose size overflows" $"""{{"a":{entry "F32" "[4294967296,4294967296]" 0 8}}}""" 8 [ "header" ]
        refused "three offsets" "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}" 8 [ "tensor a" ]
        refused "no shape" "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}" 8 [ "header" ]
        refused "a shape of texts" """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""" 8 [ "header" ]
        refused "an unknown type" $"""{{"a":{entry "F99" "[2]" 0 8}}}""" 8 [ "tensor a"; "F99" ]
        refused "a name twice" $"{{\"a\":{f32 0 8},\"a\":{f32 8 16}}}" 16 [ "a stands twice" ]
        refused "metadata that is no text" "{\"__metadata__\":{\"n\":1}}" 0 [ "__metadata__"; "n" ]

        testCase "a length of a header beyond the file, before anything is made for it" (fun () ->
            withFile (fun path ->
                for length in [ 9L; 99_999_999L; Int64.MaxValue; -1L ] do
                    File.WriteAllBytes(path, Array.append (BitConverter.GetBytes length) "{}      "B)
                    let before = GC.GetAllocatedBytesForCurrentThread()
                    let message = Expect.throwsC (fun () -> Safetensors.openFile path |> ignore) _.Message
                    Expect.isLessThan (GC.GetAllocatedBytesForCurrentThread() - before) 1_000_000L "bytes taken"
                    Expect.stringContains message $"{length} bytes, the file has 16" "both lengths"))

        testCase "a type that is no real number, when its numbers are asked for" (fun () ->
            withFile (fun path ->
                write path [ "ids", Raw.ofWhole [| 1L |] [| 3L |] ]
                use files = Safetensors.openFile path
                let message = Expect.throwsC (fun () -> StoredTensor.floats files.Tensors["ids"] |> ignore) _.Message
                Expect.stringContains message "ids has dtype I64" "name and type"))
    ]

/// A file with a few bytes changed: it is read or refused, and nothing else happens.
let private damaged =
    law 500 "damage is refused with an error or makes other numbers, never more" damages (fun changes ->
        withFile (fun path ->
            write path [
                "a", Raw.ofFloats [| 2L; 3L |] (Array.zeroCreate 6)
                "b", Raw.ofWhole [| 2L |] [| 1L; 2L |]
            ]

            expectReadOrRefused path (damage changes (File.ReadAllBytes path)) Safetensors.openFile))

let tests =
    testList "safetensors" [
        damaged
        identity
        copied
        long
        widened "F16" 15 10
        widened "BF16" 127 7
        refusals

        testCase "empty tensors, and an empty file of them" (fun () ->
            withFile (fun path ->
                write path [
                    "none", Gpt.Tensors.zeros (Device.cpu ()) [ 0L; 3L ]
                    "x", Raw.ofFloats [| 1L |] [| 2.0f |]
                ]

                use files = Safetensors.openFile path
                Expect.equal files.Tensors["none"].Shape [ 0L; 3L ] "shape"
                Expect.equal (StoredTensor.floats files.Tensors["none"]) [||] "no values"
                Expect.equal (StoredTensor.floats files.Tensors["x"]) [| 2.0f |] "values"
                let other = path + "2"
                write other []
                use nothing = Safetensors.openFile other
                Expect.isEmpty nothing.Tensors "no tensors"))

        testCase "numbers may begin at any byte" (fun () ->
            withFile (fun path ->
                let data = Array.append [| 7uy |] (BitConverter.GetBytes 2.5f)
                file path (two (entry "U8" "[1]" 0 1) (entry "F32" "[1]" 1 5)) data
                use files = Safetensors.openFile path
                Expect.equal (StoredTensor.floats files.Tensors["b"]) [| 2.5f |] "values"))

        testCase "the data begins at a multiple of 8 bytes" (fun () ->
            withFile (fun path ->
                for name in [ "x"; "xy"; "xyz"; "a longer name" ] do
                    write path [ name, Raw.ofFloats [| 1L |] [| 2.0f |] ]
                    Expect.equal (BitConverter.ToInt64(File.ReadAllBytes path, 0) % 8L) 0L name))
    ]
