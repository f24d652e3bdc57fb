namespace Gpt.Cli

open System
open System.CommandLine
open System.Diagnostics
open System.Text
open System.Text.Json.Nodes
open Gpt

/// `gpt bench`: how fast this machine trains and generates, on random weights and made-up tokens, and encodes and decodes text, and
/// what memory training takes.
[<RequireQualifiedAccess>]
module BenchCommand =

    let private show (asJson: bool) (facts: JsonObject) : unit =
        if asJson then
            Json.print facts
        else
            for KeyValue(name, value) in facts do
                match value with
                | :? JsonArray as rows ->
                    for row in Seq.choose Option.ofObj rows do
                        printfn "%-24s %s" name (row.ToJsonString())
                | value -> printfn "%-24s %s" name (string value)

    /// What a measurement is asked to do: the arguments, and what the shared ones among them mean.
    type private Asked = {
        Parsed: ParseResult
        Device: TorchSharp.torch.Device
        Config: GptConfig
        Rng: Rng
    }

    let private measurement name description (own: Option list) (measure: Asked -> Result<JsonObject, Problem>) =
        let sizes, seed, device = SizeOptions.create "mini", Options.seed (), Options.device ()
        let threads, json = Options.threads (), Options.json ()

        let run (parsed: ParseResult) =
            result {
                do! Options.useThreads (Options.given parsed threads)
                let! device = Options.deviceOf parsed device
                // The article's training sizes: context 128; dropout only when asked for.
                let! config =
                    SizeOptions.read parsed sizes (fun preset -> {
                        preset with
                            Context = 128
                            Dropout = 0.0
                    })

                let rng = Rng.ofSeed (uint64 (parsed.GetRequiredValue seed))

                let! facts =
                    measure {
                        Parsed = parsed
                        Device = device
                        Config = config
                        Rng = rng
                    }

                show (parsed.GetRequiredValue json) facts
                return Problem.codes.Done
            }

        Options.command
            name
            description
            (SizeOptions.all sizes @ [ sizes.Vocab; seed; device; threads; json ] @ own)
            run

    let private train () =
        let steps = Options.withDefault "--steps" "optimizer steps to time" 30
        let batch = Options.withDefault "--batch" "windows a step" 64

        let choices = StepChoices.create ()

        measurement
            "train"
            "Time optimizer steps: forward, backward, clipping, AdamW."
            ([ steps; batch ] @ StepChoices.all choices)
            (fun asked ->
                result {
                    let! steps = Options.atLeastOne steps asked.Parsed
                    let! batch = Options.atLeastOne batch asked.Parsed
                    let! step = StepChoices.read asked.Parsed choices asked.Device batch
                    return Benchmarks.training asked.Device asked.Config asked.Rng steps batch step
                })

    let private memory () =
        let batch = Options.withDefault "--batch" "windows a step" 16
        let choices = StepChoices.create ()
        let rank: Option<int> = Options.optional "--lora-rank" "train adapters of this rank alone"

        let layers: Option<string> =
            Options.optional "--lora-layers" "which layers get adapters: attention unless given, or all"

        measurement
            "memory"
            "Measure the memory that training takes, beside what is foretold."
            ([ batch :> Option; rank; layers ] @ StepChoices.all choices)
            (fun asked ->
                result {
                    let! batch = Options.atLeastOne batch asked.Parsed
                    let! step = StepChoices.read asked.Parsed choices asked.Device batch
                    let! lora = FineTuning.sized asked.Parsed rank layers asked.Config

                    let! facts =
                        Footprint.measure asked.Device asked.Rng {
                            Config = asked.Config
                            Lora = lora
                            Step = step
                            Batch = batch
                        }

                    return Benchmarks.withCircumstances facts
                })

    let private generate () =
        let count = Options.withDefault "--new-tokens" "tokens to generate" 1000
        let dtype = Options.dtype ()

        measurement
            "generate"
            "Time the tokens of one text, temperature 0.8 and top-k 40."
            [ count; dtype ]
            (fun asked ->
                result {
                    let! weights = Options.weights asked.Parsed dtype
                    let! count = Options.atLeastOne count asked.Parsed
                    return Benchmarks.generation asked.Device weights asked.Config asked.Rng count
                })

    let private prefill () =
        let runs = Options.withDefault "--runs" "how often to read it" 20
        let dtype = Options.dtype ()

        measurement "prefill" "Time the reading of a prompt as long as the context." [ runs; dtype ] (fun asked ->
            result {
                let! weights = Options.weights asked.Parsed dtype
                let! runs = Options.atLeastOne runs asked.Parsed
                return Benchmarks.prefill asked.Device weights asked.Config asked.Rng runs
            })

    let private tokenize () =
        let folder: Option<string> =
            Options.optional "--tokenizer" "folder with the files of a tokenizer; one trained on the text unless given"
            |> Options.notEmpty

        let data =
            Options.withDefault "--data" "the text: a data set or a file" "shakespeare" |> Options.notEmpty

        let json = Options.json ()

        let run (parsed: ParseResult) =
            result {
                let! data = Datasets.resolve (parsed.GetRequiredValue data) |> Problem.failed
                Screen.note $"data        {Datasets.describe data}"

                let! tokenizer =
                    match Options.given parsed folder with
                    | Some folder -> TokenizerFiles.read folder |> Problem.failed
                    | None -> Ok(Bpe(BpeTraining.train BpeTraining.defaults [ data.Text ]))

                let! facts = Benchmarks.tokenizing tokenizer data.Text |> Problem.failed
                show (parsed.GetRequiredValue json) facts
                return Problem.codes.Done
            }

        Options.command "tokenize" "Time encoding and decoding a text on one thread." [ folder; data; json ] run

    /// The sizes of one product, written 64x48x32 for m, n and k, or 64 for a cube.
    let private sizesOf (text: string) : Result<int * int * int, Problem> =
        match
            text.Split 'x'
            |> Array.map (fun part ->
                match Int32.TryParse part with
                | true, size when size >= 1 -> Some size
                | _ -> None)
        with
        | [| Some side |] -> Ok(side, side, side)
        | [| Some m; Some n; Some k |] -> Ok(m, n, k)
        | _ -> Error(Usage $"--sizes has '{text}'; a size is a number, as 512, or three, as 512x3072x768")

    let private gemm () =
        let sizes =
            Options.withDefault
                "--sizes"
                "products to time, m x n x k, with commas between: 512 or 512x3072x768"
                "256,512,768,1024,2048,4096,512x3072x768,512x768x3072"

        let runs = Options.withDefault "--runs" "how often to time each" 15

        let seed, device, threads, json =
            Options.seed (), Options.device (), Options.threads (), Options.json ()

        Options.command
            "gemm"
            "Time matrix products against the processor's peak."
            [ sizes; runs; seed; device; threads; json ]
            (fun parsed ->
                result {
                    do! Options.useThreads (Options.given parsed threads)
                    let! device = Options.deviceOf parsed device
                    let! runs = Options.atLeastOne runs parsed

                    let! sizes =
                        parsed.GetRequiredValue(sizes).Split ',' |> List.ofArray |> List.map sizesOf |> Result.all

                    let rng = Rng.ofSeed (uint64 (parsed.GetRequiredValue seed))
                    show (parsed.GetRequiredValue json) (Benchmarks.products device rng runs sizes)
                    return Problem.codes.Done
                })

    /// What an option's value makes, or what is wrong with the value.
    let private stepOf (option: Option<'a>) (make: 'a -> Tensor -> Tensor) (parsed: ParseResult) =
        try
            Ok(make (parsed.GetRequiredValue option))
        with :? ArgumentOutOfRangeException as e ->
            Error(Usage $"{option.Name}: {(Array.head (e.Message.Split '(')).Trim()}")

    let private sample () =
        let vocab = Options.withDefault "--vocab" "number of different tokens" 50257
        let temperature = Options.withDefault "--temperature" "what the logits are divided by" 0.8

        let topK =
            Options.withDefault "--top-k" "choose among the k most likely tokens; 0 leaves this step out" 50

        let topP =
            Options.withDefault "--top-p" "choose among the most likely tokens that make up this share" 0.9

        let seed, device, threads, json =
            Options.seed (), Options.device (), Options.threads (), Options.json ()

        Options.command
            "sample"
            "Time the choice of a token from one row of logits."
            [ vocab; temperature; topK; topP; seed; device; threads; json ]
            (fun parsed ->
                result {
                    do! Options.useThreads (Options.given parsed threads)
                    let! device = Options.deviceOf parsed device
                    let! vocab = Options.atLeastOne vocab parsed
                    let! temperature = stepOf temperature Warpers.temperature parsed
                    let! topK = stepOf topK (fun k -> if k = 0 then id else Warpers.topK k) parsed
                    let! topP = stepOf topP Warpers.topP parsed
                    let rng = Rng.ofSeed (uint64 (parsed.GetRequiredValue seed))

                    show
                        (parsed.GetRequiredValue json)
                        (Benchmarks.sampling device rng vocab (temperature >> topK >> topP))

                    return Problem.codes.Done
                })

    /// The command, for `Program`.
    let create () : Command =
        let command = Command("bench", "Measure speed and memory on this machine.")
        command.Subcommands.Add(train ())
        command.Subcommands.Add(memory ())
        command.Subcommands.Add(generate ())
        command.Subcommands.Add(prefill ())
        command.Subcommands.Add(gemm ())
        command.Subcommands.Add(tokenize ())
        command.Subcommands.Add(sample ())
        command
