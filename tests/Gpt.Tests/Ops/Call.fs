/// What an operator's row in the table is called with. It notes which inputs and arguments were looked at, so that a row that
/// leaves one out fails its tests: an option that is accepted and then ignored is the mistake this is against.
module Gpt.Tests.Call

open System.Collections.Generic
open System.Text.Json
open Gpt.Tests.Tensors

type Call(inputs: Map<string, Tensor>, args: Map<string, JsonElement>) =
    let seen = HashSet<string>()

    let look (name: string) (found: 'T option) =
        seen.Add name |> ignore
        found

    /// An argument, or None if the case has none of that name or its value is null.
    member _.Arg(name: string) : JsonElement option =
        args
        |> Map.tryFind name
        |> look name
        |> Option.filter (fun value -> value.ValueKind <> JsonValueKind.Null)

    /// An input, or None if the case has none of that name.
    member _.Input(name: string) : Tensor option = inputs |> Map.tryFind name |> look name

    /// The names of inputs and arguments that nothing looked at.
    member _.Unseen: string list =
        Seq.append (Map.keys inputs) (Map.keys args) |> Seq.filter (seen.Contains >> not) |> List.ofSeq

let private required what (name: string) (found: 'T option) =
    match found with
    | Some value -> value
    | None -> failwith $"the case has no {what} {name}"

/// An input that must be there.
let tensor name (call: Call) : Tensor = call.Input name |> required "input" name

/// The first of several names that the case has.
let tensorNamed (names: string list) (call: Call) : Tensor =
    names |> List.tryPick call.Input |> required "input" (String.concat " or " names)

let private arg name (call: Call) = call.Arg name |> required "argument" name

let flag name (call: Call) = (arg name call).GetBoolean()

let whole name (call: Call) = (arg name call).GetInt64()

/// A number; the text "-inf" stands for minus infinity, which JSON has no number for.
let real name (call: Call) =
    let value = arg name call

    match value.ValueKind, value.GetRawText() with
    | JsonValueKind.String, "\"-inf\"" -> -infinity
    | _ -> value.GetDouble()

let text name (call: Call) = (arg name call).GetString() |> string

/// A list of whole numbers, or None if it is absent or null.
let wholes name (call: Call) : int64[] option =
    call.Arg name |> Option.map (fun list -> [| for n in list.EnumerateArray() -> n.GetInt64() |])
