namespace Gpt.Cli

open System
open System.Diagnostics
open System.Text
open System.Text.Json.Nodes
open Gpt

/// Measurements of this machine, on random weights and made-up tokens: what `gpt bench` prints.
[<RequireQualifiedAccess>]
module Benchmarks =

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

    /// Adds where and how something was measured.
    let withCircumstances (facts: JsonObject) : JsonObject =
        facts["peakMemoryMB"] <- peakMemory ()
        facts["threads"] <- TorchSharp.torch.get_num_threads ()
        facts["engine"] <- Device.engine
        facts

    /// How many steps are timed together: a GPU is told several before it is waited for, as in training.
    let private group (device: TorchSharp.torch.Device) (steps: int) =
        if not (Device.isCpu device) then
            max 1 (min 10 (steps / 5))
        else
            1

    /// Times the steps of `Training.everyStep`, batches and reports included, evaluations left out. The resident memory at steps
    /// 100 and 1,000, where there are so many, shows leaks.
    let training device (config: GptConfig) (rng: Rng) (steps: int) (batch: int) (step: StepOptions) : JsonObject =
        use model = Init.model device config rng
        let tokens = Array.init 100_000 (fun i -> i * 7919 % config.VocabSize)
        let struct (seed, _) = Rng.next rng

        let options = {
            Training.defaults steps with
                BatchSize = batch
                WindowLength = config.Context
                Schedule = Constant 1e-3
                Step = step
                ReportEvery = 50
                EvaluateEvery = steps
                EvaluationBatches = 1
                Seed = uint64 seed
        }

        let corpus = {
            Training = tokens
            Validation = Array.truncate (config.Context + 1) tokens
        }

        let together = group device steps
        let facts, times = JsonObject(), ResizeArray<float>()
        let mutable allocated = 0L
        use moments = (Training.everyStep options corpus model).GetEnumerator()
        // The evaluation before the first step.
        moments.MoveNext() |> ignore
        let readBefore = Tensors.reads ()
        let mutable start = Stopwatch.GetTimestamp()

        for i in 1..steps do
            moments.MoveNext() |> ignore

            if i % together = 0 then
                Device.wait device
                times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds / float together)

            if i = steps / 2 then
                allocated <- GC.GetTotalAllocatedBytes true

            if i = 100 || i = 1000 then
                facts[$"residentMBAtStep{i}"] <- megabytes Environment.WorkingSet

            if i % together = 0 then
                start <- Stopwatch.GetTimestamp()

        let reads = Tensors.reads () - readBefore
        let perStep = (GC.GetTotalAllocatedBytes true - allocated) / int64 (steps - steps / 2)
        let times = times.ToArray() |> Array.skip (min 5 (times.Count / 2))
        facts["stepMsMedian"] <- Math.Round(median times, 2)
        facts["stepMsMin"] <- Math.Round(Array.min times, 2)
        facts["tokensPerSecond"] <- Math.Round(float (batch * config.Context) / median times * 1000.0)
        facts["managedBytesPerStep"] <- perStep
        facts["syncsPerStep"] <- Math.Round(float reads / float steps, 4)
        facts["dtype"] <- Precision.name step.Precision
        withCircumstances facts

    /// Times the tokens of one text, after two seconds in which the runtime compiles for speed.
    let generation device (weights: WeightType) (config: GptConfig) (rng: Rng) (count: int) : JsonObject =
        use model = Init.modelAs weights device config rng
        let sampling = Sampling.random (Warpers.temperature 0.8 >> Warpers.topK 40)
        use tokens = (Generate.tokens sampling rng model [| 0 |]).GetEnumerator()

        let advance count =
            for _ in 1..count do
                tokens.MoveNext() |> ignore

        let warming = Stopwatch.GetTimestamp()

        while Stopwatch.GetElapsedTime(warming).TotalSeconds < 2.0 do
            advance 1

        let readBefore, start = Tensors.reads (), Stopwatch.GetTimestamp()
        advance count
        let facts = JsonObject()
        facts["syncsPerToken"] <- Math.Round(float (Tensors.reads () - readBefore) / float count, 4)
        facts["tokensPerSecond"] <- Math.Round(float count / Stopwatch.GetElapsedTime(start).TotalSeconds, 1)
        withCircumstances facts

    /// Times the reading of a prompt as long as the context, up to the logits of the token that follows.
    let prefill device (weights: WeightType) (config: GptConfig) (rng: Rng) (runs: int) : JsonObject =
        use model = Init.modelAs weights device config rng
        use cache = KvCache.create 1 config.Context model
        let ids = Array.init config.Context (fun i -> int64 (i * 7919 % config.VocabSize))
        use ids = Tensors.ofIds device [ 1L; ids.LongLength ] ids

        let times =
            time runs (fun _ ->
                Tensors.freeing (fun () ->
                    let logits, _ = Transformer.extend model cache ids
                    // Reading a number waits for the device.
                    Tensors.itemId (logits.argmax -1L) |> ignore))

        let facts = JsonObject()
        facts["tokensPerSecond"] <- Math.Round(float config.Context / median times * 1000.0, 1)
        facts["promptTokens"] <- config.Context
        withCircumstances facts

    /// Times encoding and decoding on one thread, in millions of bytes of UTF-8 a second. A second of either goes before, in
    /// which the runtime compiles for speed and which says how often a short text has to be timed at once; words that come again are then found where the tokenizer keeps them, as in any
    /// long text.
    let tokenizing (tokenizer: Tokenizer) (text: string) : Result<JsonObject, string> =
        Tokenizer.encode tokenizer text
        |> Result.map (fun tokens ->
            let bytes = Encoding.UTF8.GetByteCount text

            let perSecond (work: unit -> unit) =
                let start = Stopwatch.GetTimestamp()
                let mutable count = 0

                while Stopwatch.GetElapsedTime(start).TotalSeconds < 1.0 do
                    work ()
                    count <- count + 1

                // About a millisecond, of which the clock sees enough.
                let row = max 1 (count / 1000)

                let several _ =
                    for _ in 1..row do
                        work ()

                Math.Round(float (row * bytes) / 1e3 / median (time 25 several), 1)

            let facts = JsonObject()
            facts["encodeMBPerSecond"] <- perSecond (fun () -> Tokenizer.encode tokenizer text |> ignore)
            facts["decodeMBPerSecond"] <- perSecond (fun () -> Tokenizer.decode tokenizer tokens |> ignore)
            facts["bytes"] <- bytes
            facts["tokens"] <- tokens.Length
            facts["vocab"] <- Tokenizer.vocabSize tokenizer
            facts)

    /// Times what comes after the logits of one row: the warpers, the draw, and reading the token back. The rows are normal
    /// numbers four wide, about as spread as a language model's logits, and several, so that no run is like the last.
    let sampling device (rng: Rng) (vocab: int) (warp: Tensor -> Tensor) : JsonObject =
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

    /// Times one product C = A B of (m, k) and (k, n), in turns with readings of what the processor can do at most. Small ones
    /// are timed several in a row, at most 5,000, as a training step has them: the threads have not parked yet when the next one
    /// comes.
    let private product device (rng: Rng) (runs: int) (m: int, n: int, k: int) : JsonObject =
        Tensors.freeing (fun () ->
            let normal (rows: int) (columns: int) =
                let struct (numbers, _) = Rng.normals (rows * columns) rng
                Tensors.ofFloats device [ int64 rows; int64 columns ] numbers

            let a, b = normal m k, normal k n
            let flops = 2.0 * float m * float n * float k
            let row = int (Math.Clamp(4e9 / flops, 1.0, 5e3))
            let peaks = ResizeArray<float>()

            let step _ =
                let start = Stopwatch.GetTimestamp()

                for _ in 1..row do
                    // Reading a number waits for the device.
                    Tensors.freeing (fun () ->
                        Tensors.item (a.matmul(b).narrow(0L, 0L, 1L).narrow(1L, 0L, 1L)) |> ignore)

                let seconds = Stopwatch.GetElapsedTime(start).TotalSeconds
                peaks.Add(Peak.gflops (TorchSharp.torch.get_num_threads ()))
                float row * flops / seconds / 1e9

            let reached = Array.init (runs + 3) step |> Array.skip 3 |> median
            let peak = median (peaks.ToArray())
            let facts = JsonObject()
            facts["m"] <- m
            facts["n"] <- n
            facts["k"] <- k
            facts["gflops"] <- Math.Round(reached, 1)
            facts["peakGflops"] <- Math.Round(peak, 1)
            facts["shareOfPeak"] <- Math.Round(reached / peak, 3)
            facts)

    /// Times matrix products of the sizes (m, n, k), each against the processor's peak in the same moments.
    let products device (rng: Rng) (runs: int) (sizes: (int * int * int) list) : JsonObject =
        let facts = JsonObject()
        facts["products"] <- JsonArray([| for size in sizes -> product device rng runs size :> JsonNode |])
        withCircumstances facts
