/// The tiny GPT-2 of ../shared, and what transformers generates with it.
module Gpt.Tests.TinyGpt2

open System.IO
open System.Text.Json
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Small

let folder = shared "gpt2-tiny"
let model = lazy (Checkpoint.loadModel (Device.cpu ()) folder |> get)
let expected = lazy (json (Path.Combine(folder, "expected.json")))

let private ints (element: JsonElement) = [| for item in element.EnumerateArray() -> item.GetInt32() |]

/// One call of transformers' `generate`: its arguments, and what came for each prompt.
type Call = {
    Name: string
    Options: JsonElement
    Results: (int[] * Answer) list
}

and Answer = {
    Sequences: int[] list
    /// For beam searches.
    Scores: float list
}

let private answer (result: JsonElement) : Answer = {
    Sequences = [
        for sequence in result.GetProperty("sequences").EnumerateArray() -> ints sequence
    ]
    Scores =
        match result.TryGetProperty "sequences_scores" with
        | true, scores -> [ for score in scores.EnumerateArray() -> score.GetDouble() ]
        | _ -> []
}

/// Every call, the options by name.
let calls =
    lazy
        [
            for option in expected.Value.GetProperty("options").EnumerateObject() ->
                {
                    Name = option.Name
                    Options = option.Value
                    Results = [
                        for prompt in expected.Value.GetProperty("prompts").EnumerateArray() do
                            match prompt.GetProperty("results").TryGetProperty option.Name with
                            | true, result -> ints (prompt.GetProperty "ids"), answer result
                            | _ -> ()
                    ]
                }
        ]

/// An option's value, if it was given.
let option (name: string) (read: JsonElement -> 'a) (options: JsonElement) : 'a option =
    match options.TryGetProperty name with
    | true, value when value.ValueKind <> JsonValueKind.Null -> Some(read value)
    | _ -> None
