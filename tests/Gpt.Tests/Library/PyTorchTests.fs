/// PyTorch's checkpoints: files that torch.save made (fixtures/torch/save.py), and pickles made by hand to do harm.
module Gpt.Tests.PyTorchTests

open System
open System.IO
open System.IO.Compression
open System.Text
open Expecto
open Gpt
open Gpt.Tests.Damage
open Gpt.Tests.Law
open Gpt.Tests.Small

let private fixture name = Path.Combine(Fixtures.own, "torch", name)

let private made name =
    testCase $"what torch.save made: {name}" (fun () ->
        use files = PyTorchFile.openFile (fixture name)
        let stored = files.Tensors

        let has name shape values =
            Expect.equal stored[name].Shape shape $"shape of {name}"
            Expect.equal (StoredTensor.floats stored[name]) values name

        has "weight" [ 2L; 3L ] [| -1.0f; -0.75f; -0.5f; -0.25f; 0.0f; 0.25f |]
        has "bias" [ 2L ] [| 10.5f; -0.25f |]
        has "whole" [ 2L; 3L ] [| 0.0f; 0.25f; 0.5f; 0.75f; 1.0f; 1.25f |]
        has "row" [ 3L ] [| 0.75f; 1.0f; 1.25f |]
        has "half" [ 3L ] [| 1.5f; -2.0f; 65504.0f |]
        has "brain" [ 2L; 1L ] [| 1.5f; -3.0f |]
        has "one" [] [| 7.25f |]
        Expect.equal (StoredTensor.ids stored["ids"]) [| 1L; -2L; 1L <<< 40 |] "ids"
        Expect.equal (stored["mask"].Dtype, stored["mask"].Shape) ("BOOL", [ 2L ]) "mask"
        Expect.equal stored.Count 9 "tensors")

/// The bytes of a pickle whose instructions are written as characters up to U+00FF.
let private pickle (instructions: string) : byte[] = Encoding.Latin1.GetBytes("\x80\x02" + instructions + ".")

/// A number below 256, and a text, onto the stack.
let private number (n: int) = "K" + string (char n)
let private text (value: string) = "X" + string (char value.Length) + "\000\000\000" + value

let private storage (dtype: string) (key: string) (count: int) =
    "(" + text "storage" + $"ctorch\n{dtype}\n" + text key + text "cpu" + number count + "tQ"

/// The rebuilding of a tensor: storage, offset, shape, strides, no gradient, no hooks.
let private tensor storage (offset: int) (shape: int list) (strides: int list) =
    let tuple (numbers: int list) = "(" + (numbers |> List.map number |> String.concat "") + "t"

    "ctorch._utils\n_rebuild_tensor_v2\n("
    + storage
    + number offset
    + tuple shape
    + tuple strides
    + "\x89ccollections\nOrderedDict\n)RtR"

let private dictionary (name: string) (value: string) = "}" + text name + value + "s"

/// An archive as torch.save writes it, with a storage `0` of six float32 numbers.
let private archive (path: string) (pickle: byte[]) =
    use zip = ZipFile.Open(path, ZipArchiveMode.Create)

    let add (name: string) (bytes: byte[]) =
        use stream = zip.CreateEntry(name, CompressionLevel.Optimal).Open()
        stream.Write(ReadOnlySpan bytes)

    add "x/data.pkl" pickle

    add
        "x/data/0"
        (Array.collect (fun (x: float32) -> BitConverter.GetBytes x) [| 0.0f; 1.0f; 2.0f; 3.0f; 4.0f; 5.0f |])

let private withPickle (pickle: byte[]) (test: string -> unit) =
    withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        let path = Path.Combine(folder, "pytorch_model.bin")
        archive path pickle
        test path)

let private message path =
    Expect.throwsC (fun () -> (PyTorchFile.openFile path :> IDisposable).Dispose()) (fun e ->
        Expect.isTrue (e :? InvalidDataException) $"{e}"
        Expect.stringStarts e.Message path "the file is named"
        Expect.isFalse (e.Message.Contains '\n') "one line"
        e.Message)

let private refused name (instructions: string) (words: string list) =
    testCase name (fun () ->
        withPickle (pickle instructions) (fun path ->
            let sentence = message path

            for word in words do
                Expect.stringContains sentence word "the error says it"))

let private floats = storage "FloatStorage" "0" 6
let private x = tensor floats 0 [ 2; 3 ] [ 3; 1 ] |> dictionary "x"

let private refusals =
    testList "refuses" [
        refused "a call of the system" ("cos\nsystem\n" + text "touch harm" + "\x85R") [ "os.system"; "executed" ]
        refused "an evaluation" ("c__builtin__\neval\n" + text "1" + "\x85R") [ "__builtin__.eval" ]
        refused "a class of torch's" "ctorch.nn.modules.linear\nLinear\n)\x81" [ "linear.Linear" ]
        refused "a type of storage that is not read" (tensor (storage "ComplexFloatStorage" "0" 3) 0 [ 3 ] [ 1 ]) [
            "torch.ComplexFloatStorage"
        ]
        refused
            "more axes than a tensor can have"
            (tensor floats 0 (List.replicate 65 1) (List.replicate 65 1) |> dictionary "x")
            [ "more than 64 axes" ]
        refused "an object of a class" ")\x81" [ "0x81" ]
        refused "a name from the stack" (text "os" + text "system" + "\x93") [ "0x93" ]
        refused "an instance by its class's name" "(ios\nsystem\n" [ "0x69" ]
        refused "another call of what is known" ("ccollections\nOrderedDict\n" + text "x" + "\x85R") [ "call" ]
        refused "a call of a text" (text "x" + ")R") [ "call" ]
        refused "the state of something else" ")}b" [ "state" ]
        refused "a reference outside" (text "file" + "Q") [ "outside" ]
        refused "items in a tuple" (")" + text "x" + "Ns") [ "no dictionary" ]
        refused "a memory of nothing" "h\007" [ "7"; "never" ]
        refused "an unknown instruction" "0" [ "0x30" ]
        refused "nothing at the end" "" [ "empty stack" ]
        refused "gathering without a mark" "t" [ "mark" ]
        refused "marks without end" (String('(', 101)) [ "nested" ]
        refused "a list" "]" [ "no dictionary of tensors" ]
        refused "a value that is no tensor" ("}" + text "step" + number 3 + "s") [ "step is no tensor" ]
        refused "a key that is no text" ("}" + number 3 + "Ns") [ "keys" ]
        refused "a tensor beyond its storage" (tensor floats 1 [ 2; 3 ] [ 3; 1 ] |> dictionary "x") [
            "tensor x"
            "of 6"
        ]
        refused "a tensor that is turned" (tensor floats 0 [ 3; 2 ] [ 1; 3 ] |> dictionary "x") [
            "tensor x"
            "strides"
        ]
        refused "a tensor without strides" (tensor floats 0 [ 6 ] [] |> dictionary "x") [ "tensor x"; "strides" ]
        refused "a storage that is not there" (tensor (storage "FloatStorage" "7" 6) 0 [ 6 ] [ 1 ] |> dictionary "x") [
            "data/7"
        ]

        refused "a storage of another length" (tensor (storage "FloatStorage" "0" 7) 0 [ 6 ] [ 1 ] |> dictionary "x") [
            "data/0 has 24 bytes"
        ]

        refused
            "a storage outside the archive's folder"
            (tensor (storage "FloatStorage" "../0" 6) 0 [ 6 ] [ 1 ] |> dictionary "x")
            [ "data/../0" ]

        testCase "a pickle cut short, anywhere" (fun () ->
            let whole = pickle x

            for length in 0 .. whole.Length - 1 do
                withPickle whole[.. length - 1] (fun path -> message path |> ignore))

        testCase "other protocols" (fun () ->
            withPickle [| 0x80uy; 4uy; byte '.' |] (fun path ->
                Expect.stringContains (message path) "protocol 4" "which"))

        testCase "a whole module instead of its tensors" (fun () ->
            Expect.stringContains (message (fixture "module.bin")) "torch.nn.modules.linear.Linear" "its class")

        testCase "a transposed tensor as torch.save writes it" (fun () ->
            Expect.stringContains (message (fixture "turned.bin")) "strides [1; 3]" "strides")

        testCase "a file that is neither" (fun () ->
            withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let path = Path.Combine(folder, "pytorch_model.bin")

                for content in [ ""; "<html>not found</html>"; "PK\003\004 and no archive" ] do
                    File.WriteAllText(path, content)
                    message path |> ignore))

        testCase "an archive without a pickle, or with two" (fun () ->
            withPickle (pickle x) (fun path ->
                let add () =
                    use zip = ZipFile.Open(path, ZipArchiveMode.Update)
                    zip.CreateEntry "y/data.pkl" |> ignore

                add ()
                Expect.stringContains (message path) "2 files called data.pkl" "two"))

        testCase "an old file cut short, anywhere" (fun () ->
            let whole = File.ReadAllBytes(fixture "state-dict-old.bin")

            withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let path = Path.Combine(folder, "pytorch_model.bin")

                for length in 0 .. whole.Length - 1 do
                    File.WriteAllBytes(path, whole[.. length - 1])
                    message path |> ignore))
    ]

let private damaged name =
    law 500 $"damage is refused with an error or makes other numbers, never more: {name}" damages (fun changes ->
        withFolder (fun folder ->
            Directory.CreateDirectory folder |> ignore
            let bytes = damage changes (File.ReadAllBytes(fixture name))
            expectReadOrRefused (Path.Combine(folder, "pytorch_model.bin")) bytes PyTorchFile.openFile))

let tests =
    testList "PyTorch's files" [
        damaged "state-dict.bin"
        damaged "state-dict-old.bin"
        made "state-dict.bin"
        made "state-dict-old.bin"

        testCase "a pickle by hand, in a compressed archive" (fun () ->
            withPickle (pickle x) (fun path ->
                use files = PyTorchFile.openFile path
                Expect.equal files.Tensors["x"].Shape [ 2L; 3L ] "shape"

                Expect.equal
                    (StoredTensor.floats files.Tensors["x"])
                    [| 0.0f; 1.0f; 2.0f; 3.0f; 4.0f; 5.0f |]
                    "values"))

        testCase "numbers of a type that no model is made of are there, and refused when they are asked for" (fun () ->
            withPickle (tensor (storage "DoubleStorage" "0" 3) 0 [ 3 ] [ 1 ] |> dictionary "x" |> pickle) (fun path ->
                use files = PyTorchFile.openFile path
                Expect.equal files.Tensors["x"].Dtype "F64" "type"

                Expect.throwsC (fun () -> StoredTensor.floats files.Tensors["x"] |> ignore) (fun e ->
                    Expect.stringContains e.Message "F64" "the error says it")))

        testCase "an entry that only a language's rules take for the pickle" (fun () ->
            withPickle (pickle x) (fun path ->
                File.Delete path
                use zip = ZipFile.Open(path, ZipArchiveMode.Create)
                zip.CreateEntry "x/data.p\u00ADkl" |> ignore
                zip.Dispose()
                Expect.stringContains (message path) "0 files called data.pkl" "none"))

        testCase "a part of a storage" (fun () ->
            withPickle (tensor floats 4 [ 1; 2 ] [ 9; 1 ] |> dictionary "x" |> pickle) (fun path ->
                use files = PyTorchFile.openFile path
                Expect.equal (StoredTensor.floats files.Tensors["x"]) [| 4.0f; 5.0f |] "values"))

        refusals
    ]
