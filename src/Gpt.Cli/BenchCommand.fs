namespace Gpt.Cli

open System
open System.CommandLine
open System.Diagnostics
open System.Text
open System.Text.Json.Nodes
open Gpt

/// `gpt bench`: how fast this machine trains and generates, on random weights and made-up tokens, and encodes and decodes text.
[<RequireQualifiedAccess>]
module BenchCommand =

    let private megabytes (bytes: int64) = Math.Round(float bytes / 1048576.0, 1)

    let private peakMemory () =
        use self = Process.GetCurrentProcess()
        megabytes self.PeakWorkingSet64

    let private median (values: float[]) =
        let sorted = Array.sort values
        sorted[sorted.Length / 2]

    /// Runs `step` so often and gives the milliseconds of each run, the first few left out: they warm up.
    let private time (count: int) (step: int -> unit) : float[] =
        let run i =
            let start = Stopwatch.GetTimestamp()
            step i
            Stopwatch.GetElapsedTime(start).TotalMilliseconds

        Array.init count run |> Array.skip (min 5 (count / 2))

    let private withCircumstances (facts: JsonObject) : JsonObject =
        facts["peakMemoryMB"] <- peakMemory ()
        facts["threads"] <- TorchSharp.torch.get_num_threads ()
        facts["engine"] <- Device.engine
        facts

    /// Times optimizer steps. The resident memory at steps 100 and 1,000, where there are so many, shows leaks.
    let private timeTraining device (config: GptConfig) (rng: Rng) (steps: int) (batch: int) : JsonObject =
        use model = Init.model device config rng
        let mutable state = Step.start model
        let tokens = Array.init 100_000 (fun i -> i * 7919 % config.VocabSize)
        let facts = JsonObject()
        let mutable allocated = 0L

        let step i =
            if i = steps / 2 then
                allocated <- GC.GetTotalAllocatedBytes true

            Tensors.freeing (fun () ->
                let own = Rng.split (uint64 i) rng
                let windows = Batches.draw device batch config.Context tokens own
                let struct (next, loss, _) = Step.advance AdamW.defaults 1e-3 (Train own) windows state
                // Reading the loss waits for the device: the step is over when its time is taken.
                Tensors.item loss |> ignore
                state <- next)

            if i + 1 = 100 || i + 1 = 1000 then
                facts[$"residentMBAtStep{i + 1}"] <- megabytes Environment.WorkingSet

        let times = time steps step
        let perStep = (GC.GetTotalAllocatedBytes true - allocated) / int64 (steps - steps / 2)
        (state :> IDisposable).Dispose()
        facts["stepMsMedian"] <- Math.Round(median times, 2)
        facts["stepMsMin"] <- Math.Round(Array.min times, 2)
        facts["tokensPerSecond"] <- Math.Round(float (batch * config.Context) / median times * 1000.0)
        facts["managedBytesPerStep"] <- perStep
        withCircumstances facts

    /// Times the tokens of one text, after a first few.
    let private timeGeneration device (config: GptConfig) (rng: Rng) (count: int) : JsonObject =
        use model = Init.model device config rng
        let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
        use tokens = (Generate.tokens sampling rng model [| 0 |]).GetEnumerator()

        let advance count =
            for _ in 1..count do
                tokens.MoveNext() |> ignore

        advance (min 200 count)
        let start = Stopwatch.GetTimestamp()
        advance count
        let facts = JsonObject()
        facts["tokensPerSecond"] <- Math.Round(float count / Stopwatch.GetElapsedTime(start).TotalSeconds, 1)
        withCircumstances facts

    /// Times encoding and decoding on one thread, in millions of bytes of UTF-8 a second. A second of either goes before, in
    /// which the runtime compiles for speed; words that come again are then found where the tokenizer keeps them, as in any
    /// long text.
    let private timeTokenizing (tokenizer: Tokenizer) (text: string) : Result<JsonObject, string> =
        Tokenizer.encode tokenizer text
        |> Result.map (fun tokens ->
            let bytes = Encoding.UTF8.GetByteCount text

            let perSecond (work: unit -> unit) =
                let start = Stopwatch.GetTimestamp()

                while Stopwatch.GetElapsedTime(start).TotalSeconds < 1.0 do
                    work ()

                Math.Round(float bytes / 1e3 / median (time 25 (fun _ -> work ())), 1)

            let facts = JsonObject()
            facts["encodeMBPerSecond"] <- perSecond (fun () -> Tokenizer.encode tokenizer text |> ignore)
            facts["decodeMBPerSecond"] <- perSecond (fun () -> Tokenizer.decode tokenizer tokens |> ignore)
            facts["bytes"] <- bytes
            facts["tokens"] <- tokens.Length
            facts["vocab"] <- Tokenizer.vocabSize tokenizer
            facts)

    /// Times what comes after the logits of one row: the warpers, the draw, and reading the token back. The rows are normal
    /// numbers four wide, about as spread as a language model's logits, and several, so that no run is like the last.
    let private timeSampling device (rng: Rng) (vocab: int) (warp: Tensor -> Tensor) : JsonObject =
        Tensors.freeing (fun () ->
            let rows =
                Array.init 8 (fun i ->
                    let struct (numbers, _) = Rng.normals vocab (Rng.split (uint64 i) rng)
                    Tensors.ofFloats device [ 1L; int64 vocab ] (Array.map (fun x -> 4.0f * x) numbers))

            let mutable rng = rng

            let step i =
                Tensors.freeing (fun () ->
                    let struct (ids, after) = Choose.sample rng (warp rows[i % rows.Length])
                    Tensors.toIds ids |> ignore
                    rng <- after)

            // The first thousand let the runtime compile what it runs often.
            let times = Array.skip 1000 (time 3000 step) |> Array.map (fun milliseconds -> 1000.0 * milliseconds)
            let facts = JsonObject()
            facts["microsecondsPerRow"] <- Math.Round(median times, 2)
            facts["microsecondsPerRowMin"] <- Math.Round(Array.min times, 2)
            withCircumstances facts)

    let private show (asJson: bool) (facts: JsonObject) : unit =
        if asJson then
            printfn "%s" (facts.ToJsonString())
        else
            for KeyValue(name, value) in facts do
                printfn "%-24s %O" name value

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
                let! device = Device.parse (parsed.GetRequiredValue device) |> Problem.usage
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

        measurement "train" "Time optimizer steps: forward, backward, clipping, AdamW." [ steps; batch ] (fun asked ->
            result {
                let! steps = Options.atLeastOne steps asked.Parsed
                let! batch = Options.atLeastOne batch asked.Parsed
                return timeTraining asked.Device asked.Config asked.Rng steps batch
            })

    let private generate () =
        let count = Options.withDefault "--new-tokens" "tokens to generate" 1000

        measurement "generate" "Time the tokens of one text, temperature 0.8 and top-k 40." [ count ] (fun asked ->
            Options.atLeastOne count asked.Parsed
            |> Result.map (timeGeneration asked.Device asked.Config asked.Rng))

    let private tokenize () =
        let folder: Option<string> =
            Options.optional "--tokenizer" "folder with the files of a tokenizer; one trained on the text unless given"

        let data = Options.withDefault "--data" "the text: a data set or a file" "shakespeare"
        let json = Options.json ()

        let run (parsed: ParseResult) =
            result {
                let! data = Datasets.resolve (parsed.GetRequiredValue data) |> Problem.failed
                Screen.note $"data        {Datasets.describe data}"

                let! tokenizer =
                    match Options.given parsed folder with
                    | Some folder -> TokenizerFiles.read folder |> Problem.failed
                    | None -> Ok(Bpe(BpeTraining.train BpeTraining.defaults [ data.Text ]))

                let! facts = timeTokenizing tokenizer data.Text |> Problem.failed
                show (parsed.GetRequiredValue json) facts
                return Problem.codes.Done
            }

        Options.command "tokenize" "Time encoding and decoding a text on one thread." [ folder; data; json ] run

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
                    let! device = Device.parse (parsed.GetRequiredValue device) |> Problem.usage
                    let! vocab = Options.atLeastOne vocab parsed
                    let! temperature = stepOf temperature Warpers.temperature parsed
                    let! topK = stepOf topK (fun k -> if k = 0 then id else Warpers.topK k) parsed
                    let! topP = stepOf topP Warpers.topP parsed
                    let rng = Rng.ofSeed (uint64 (parsed.GetRequiredValue seed))
                    show (parsed.GetRequiredValue json) (timeSampling device rng vocab (temperature >> topK >> topP))
                    return Problem.codes.Done
                })

    /// The command, for `Program`.
    let create () : Command =
        let command = Command("bench", "Measure the speed of this machine.")
        command.Subcommands.Add(train ())
        command.Subcommands.Add(generate ())
        command.Subcommands.Add(tokenize ())
        command.Subcommands.Add(sample ())
        command
