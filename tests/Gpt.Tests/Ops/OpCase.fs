/// One recorded case of one operator: its inputs and arguments, and what PyTorch gave for the outputs and the gradients.
/// The file format is that of `ops/index.json` in the large set of fixtures and of `fixtures/ops.json` here.
module Gpt.Tests.OpCase

open System.Collections.Generic
open System.IO
open System.Text.Json
open Gpt.Tests.NArray

type OpCase = {
    Name: string
    Op: string
    Args: Map<string, JsonElement>
    Inputs: Map<string, NArray>
    /// Inputs stored as 0 and 1 that stand for false and true.
    Booleans: Set<string>
    Outputs: Map<string, NArray>
    /// The upstream gradient of each output that has one.
    GradOutputs: Map<string, NArray>
    /// The gradient of each input that has one.
    Grads: Map<string, NArray>
    Tolerance: Tolerance
}

/// All cases of an index; the tensors lie in the files beside it.
let readAll (index: string) : OpCase list =
    let folder = Path.GetDirectoryName index |> string
    let document = Fixtures.json index
    let numbers = document.GetProperty "tolerance"
    let allowed = tolerance (numbers[0].GetDouble()) (numbers[1].GetDouble())
    let files = Dictionary<string, Map<string, NArray>>()

    let tensorsOf (file: string) =
        if not (files.ContainsKey file) then
            files[file] <- SafetensorsFile.read (Path.Combine(folder, file))

        files[file]

    let case (entry: JsonElement) =
        let text (name: string) = entry.GetProperty(name).GetString() |> string
        let stored = tensorsOf (text "file")

        let arrays (role: string) =
            match entry.GetProperty("tensors").TryGetProperty role with
            | true, names ->
                Map [
                    for name in names.EnumerateObject() -> name.Name, stored[string (name.Value.GetString())]
                ]
            | false, _ -> Map.empty

        {
            Name = text "name"
            Op = text "op"
            Args =
                Map [
                    for arg in entry.GetProperty("args").EnumerateObject() -> arg.Name, arg.Value
                ]
            Inputs = arrays "inputs"
            Booleans =
                Set [
                    for name in entry.GetProperty("bool_inputs").EnumerateArray() -> string (name.GetString())
                ]
            Outputs = arrays "outputs"
            GradOutputs = arrays "grad_outputs"
            Grads = arrays "grads"
            Tolerance = allowed
        }

    [ for entry in document.GetProperty("cases").EnumerateArray() -> case entry ]
