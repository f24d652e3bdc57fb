/// The warpers against numbers from float64 and from Hugging Face transformers.
module Gpt.Tests.SamplingReferenceTests

open System
open Expecto
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.Logits
open Gpt.Tests.NArray
open Gpt.Tests.Small

let private against folder =
    let file =
        Text.Json.JsonDocument.Parse(IO.File.ReadAllText(IO.Path.Combine(folder, "temperature.json"))).RootElement

    let row = [
        for x in file.GetProperty("logits").EnumerateArray() -> float32 (x.GetDouble())
    ]

    [
        for case in file.GetProperty("cases").EnumerateArray() do
            let t = case.GetProperty("temperature").GetDouble()

            testCase $"temperature {t}" (fun () ->
                let got = probabilities (Warpers.temperature t (logitsOf [ row ]))

                let want = [|
                    for x in case.GetProperty("probabilities").EnumerateArray() -> x.GetDouble()
                |]

                Array.iter2 (fun g w -> Expect.isLessThanOrEqual (abs (g - w)) 1e-6 $"{g}, expected {w}") got want)
    ]

/// The warpers by the names of transformers' arguments, in the order in which it applies them.
let private byArgument: (string * (Text.Json.JsonElement -> History -> Tensor -> Tensor)) list = [
    "repetition_penalty", fun x -> Penalties.repetition (x.GetDouble())
    "no_repeat_ngram_size", fun x -> Penalties.noRepeatNgram (x.GetInt32())
    "temperature", fun x _ -> Warpers.temperature (x.GetDouble())
    "top_k", fun x _ -> let k = x.GetInt32() in if k = 0 then id else Warpers.topK k
    "top_p", fun x _ -> Warpers.topP (x.GetDouble())
    "min_p", fun x _ -> Warpers.minP (x.GetDouble())
    "typical_p", fun x _ -> Warpers.typical (x.GetDouble())
    "epsilon_cutoff", fun x _ -> Warpers.epsilonCutoff (x.GetDouble())
    "eta_cutoff", fun x _ -> Warpers.etaCutoff (x.GetDouble())
]

let private processor folder (case: Text.Json.JsonElement) =
    let name = string (case.GetProperty "name")

    testCase $"""{name} of {case.GetProperty("vocab").GetInt32()}""" (fun () ->
        let file = SafetensorsFile.read (IO.Path.Combine(folder, string (case.GetProperty "file")))
        let args = case.GetProperty "args"
        let names = [ for arg in args.EnumerateObject() -> arg.Name ]
        Expect.containsAll (List.map fst byArgument) names "every argument has a warper"

        let history: History =
            match file["prev_ids"].Values with
            | Whole ids ->
                ids
                |> Array.map int
                |> List.ofArray
                |> List.chunkBySize (int file["prev_ids"].Shape[1])
                |> historyOf
            | Reals _ -> failtest "ids are whole numbers"

        let warp =
            byArgument
            |> List.filter (fun (arg, _) -> List.contains arg names)
            |> List.map (fun (arg, make) -> make (args.GetProperty arg) history)
            |> List.reduce (>>)

        let warped = warp (Gpt.Tests.Tensors.ofNArray file["logits"])
        let rows (all: NArray) = floats all |> Array.chunkBySize (int all.Shape[1])
        let kept = rows (arrayOf warped) |> Array.map (Array.map (fun x -> if x > inf then 1f else 0f))
        let probabilities = rows (arrayOf (warped.softmax -1L))
        let wantKept, wantProbabilities = rows file[$"{name}.kept"], rows file[$"{name}.probs"]

        let close i (got: float32[]) (want: float32[]) =
            let row values = reals [| want.LongLength |] values
            expectClose (tolerance 1e-5 2e-4) $"probabilities of row {i}" (row got) (row want)

        let listed (field: string) = [ for x in case.GetProperty(field).EnumerateArray() -> x.GetInt32() ]

        for i in listed "strict_rows" do
            Expect.equal kept[i] wantKept[i] $"kept set of row {i}"
            close i probabilities[i] wantProbabilities[i]

        // Which of several equal logits is kept hangs on the order of a sort: how many, and how likely, does not.
        for i in listed "tie_rows" do
            Expect.equal (Array.sum kept[i]) (Array.sum wantKept[i]) $"size of the kept set of row {i}"
            close i (Array.sort probabilities[i]) (Array.sort wantProbabilities[i]))

let private processors folder =
    let index = json (IO.Path.Combine(folder, "index.json"))

    [
        for case in index.GetProperty("cases").EnumerateArray() -> processor folder case
    ]

let tests =
    testList "sampling" [
        testList "temperature against float64" (testsOf (shared "temperature") against)
        testList "against transformers" (testsOf (shared "processors") processors)
    ]
