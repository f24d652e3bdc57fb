/// Models from folders as others leave them: names, layouts, shards, masks, heads, and transformers' own numbers.
module Gpt.Tests.ImportTests

open System.IO
open System.Text.Json
open Expecto
open Gpt
open Gpt.Tests.Fixtures
open Gpt.Tests.NArray
open Gpt.Tests.Small

module Raw = Gpt.Tests.Tensors

let private cpu = Device.cpu ()
let private untied = { config with TiedHead = false }

/// A model's parameters as GPT-2's files have them, made by the tests' own hands.
let private tensorsOf (model: Model) : (string * NArray) list = [
    for name, parameter in model.Named do
        let isDense = name.EndsWith ".weight" && (name.Contains ".attn." || name.Contains ".mlp.")
        name, Raw.toNArray (if isDense then parameter.t().contiguous() else parameter)
]

/// A folder with the configuration of a model and these tensors.
let private withTensors (config: GptConfig) (tensors: (string * NArray) list) (test: string -> unit) =
    withFolder (fun folder ->
        Directory.CreateDirectory folder |> ignore
        File.WriteAllText(Path.Combine(folder, "config.json"), ConfigJson.write None config)
        SafetensorsFile.write (Path.Combine(folder, "model.safetensors")) tensors
        test folder)

let private flat (model: Model) = Gpt.Tensors.toFloats model.Flat

/// The tensors of a dense model, changed, must load as that model.
let private loads name (config: GptConfig) (change: (string * NArray) list -> (string * NArray) list) =
    testCase name (fun () ->
        use model = denseModel config

        withTensors config (change (tensorsOf model)) (fun folder ->
            use loaded = Checkpoint.loadModel cpu folder |> get
            Expect.equal loaded.Config config "configuration"
            Expect.equal (flat loaded) (flat model) "every parameter"))

let private refused
    name
    (config: GptConfig)
    (change: (string * NArray) list -> (string * NArray) list)
    (words: string list)
    =
    testCase name (fun () ->
        use model = denseModel config

        withTensors config (change (tensorsOf model)) (fun folder ->
            let sentence = Checkpoint.loadModel cpu folder |> error
            Expect.stringContains sentence folder "the folder or file is named"
            Expect.isFalse (sentence.Contains '\n') "one line"

            for word in words do
                Expect.stringContains sentence word "the error says it"))

let private named (name: string) (tensors: (string * NArray) list) = tensors |> List.find (fst >> (=) name) |> snd
let private without (name: string) = List.filter (fst >> (<>) name)
let private add name tensor tensors = tensors @ [ name, tensor ]
let private zeros shape = reals shape (Array.zeroCreate (size shape))

let private prefixed (tensors: (string * NArray) list) =
    tensors
    |> List.map (fun (name, a) ->
        (if name = "lm_head.weight" then
             name
         else
             "transformer." + name),
        a)

/// The tensors of a folder's file, spread over two files with an index.
let private shard (folder: string) =
    let whole = Path.Combine(folder, "model.safetensors")
    let tensors = SafetensorsFile.read whole |> Map.toList
    File.Delete whole

    let parts =
        tensors
        |> List.splitInto 2
        |> List.mapi (fun i part -> $"model-0000{i + 1}-of-00002.safetensors", part)

    for name, part in parts do
        SafetensorsFile.write (Path.Combine(folder, name)) part

    let map =
        dict [
            for file, part in parts do
                for name, _ in part -> name, file
        ]

    File.WriteAllText(
        Path.Combine(folder, "model.safetensors.index.json"),
        JsonSerializer.Serialize {| weight_map = map |}
    )

/// A folder of shards, changed, must be refused with the words.
let private brokenShards name (change: string -> unit) (words: string list) =
    testCase name (fun () ->
        use model = denseModel config

        withTensors config (tensorsOf model) (fun folder ->
            shard folder
            change folder
            let sentence = Checkpoint.loadModel cpu folder |> error

            for word in words do
                Expect.stringContains sentence word "the error says it"))

let private replaceIn (name: string) (before: string) (after: string) (folder: string) =
    let path = Path.Combine(folder, name)
    let text = File.ReadAllText path
    Expect.stringContains text before "what is to be replaced is there"
    File.WriteAllText(path, text.Replace(before, after))

let private index = "model.safetensors.index.json"

let private shards =
    testList "shards" [
        testCase "two files with an index load as one" (fun () ->
            use model = denseModel config

            withTensors config (tensorsOf model) (fun folder ->
                shard folder
                use loaded = Checkpoint.loadModel cpu folder |> get
                Expect.equal (flat loaded) (flat model) "every parameter"))

        brokenShards "a shard above the folder" (replaceIn index "model-00001" "../model-00001") [
            index
            "../model-00001"
        ]
        brokenShards "a shard somewhere else" (replaceIn index "model-00001-of-00002.safetensors" "/etc/hosts") [
            "/etc/hosts"
        ]
        brokenShards "a shard that is not there" (replaceIn index "model-00001" "model-00007") [ "model-00007" ]
        brokenShards "a tensor that is not in its shard" (replaceIn index "\"wte.weight\"" "\"wte.wait\"") [
            "wte.wait"
            "model-00002"
        ]
        brokenShards "an index without a map" (replaceIn index "weight_map" "weight_nap") [ index; "weight_map" ]
        brokenShards "an index that is no JSON" (replaceIn index "{" "") [ index; "weight_map" ]
        brokenShards
            "a shard cut short"
            (fun folder ->
                let path = Path.Combine(folder, "model-00002-of-00002.safetensors")
                File.WriteAllBytes(path, File.ReadAllBytes(path)[..999]))
            [ "model-00002-of-00002.safetensors" ]
    ]

let private heads =
    testList "heads" [
        loads "a head of its own" untied id
        loads "a tied head that is stored too" config (fun all -> add "lm_head.weight" (named "wte.weight" all) all)

        loads "a tied head that is stored instead" config (fun all ->
            all |> without "wte.weight" |> add "lm_head.weight" (named "wte.weight" all))

        refused "a tied head that is another" config (add "lm_head.weight" (zeros [| 11L; 12L |])) [
            "lm_head.weight differs"
            "tie_word_embeddings"
        ]

        refused "a head of its own that is missing" untied (without "lm_head.weight") [ "lm_head.weight is missing" ]
    ]

let private asTheyAre =
    testList "names" [
        loads "as OpenAI's" config id
        loads "as transformers'" config prefixed
        loads "as transformers', a head of its own" untied prefixed

        loads "masks of old files are passed over" config (fun all ->
            all
            |> add "h.0.attn.bias" (zeros [| 1L; 1L; 8L; 8L |])
            |> add "h.1.attn.masked_bias" (zeros [||])
            |> fun all -> ("transformer.h.1.attn.bias", whole [| 1L |] [| 1L |]) :: all)

        refused "a missing tensor" config (without "h.1.mlp.c_fc.bias") [ "h.1.mlp.c_fc.bias is missing" ]
        refused "a tensor too many" config (add "score.weight" (zeros [| 2L; 12L |])) [ "score.weight"; "no part" ]
        refused "a layer too many" config (add "h.2.ln_1.weight" (zeros [| 12L |])) [ "h.2.ln_1.weight" ]
        refused "a tensor twice" config (add "transformer.ln_f.bias" (zeros [| 12L |])) [ "ln_f.bias is there twice" ]

        refused
            "a matrix that is not transposed"
            config
            (fun all -> all |> without "h.0.mlp.c_fc.weight" |> add "h.0.mlp.c_fc.weight" (zeros [| 20L; 12L |]))
            [ "h.0.mlp.c_fc.weight has shape [20; 12]"; "[12; 20]" ]

        refused
            "a matrix of whole numbers"
            config
            (fun all -> all |> without "ln_f.bias" |> add "ln_f.bias" (whole [| 12L |] (Array.zeroCreate 12)))
            [ "ln_f.bias"; "I64" ]

        testCase "more layers than there could be, before anything is made for them" (fun () ->
            use model = denseModel config

            withTensors { config with Layers = 2_000_000_000 } (tensorsOf model) (fun folder ->
                Expect.stringContains (Checkpoint.loadModel cpu folder |> error) "n_layer is 2000000000" "the number"))

        testCase "no weights at all" (fun () ->
            withTensors config [] (fun folder ->
                File.Delete(Path.Combine(folder, "model.safetensors"))
                let sentence = Checkpoint.loadModel cpu folder |> error
                Expect.stringContains sentence "pytorch_model.bin" "what was looked for"))
    ]

let private ofSafetensors (tensor: StoredTensor) = reals (Array.ofList tensor.Shape) (StoredTensor.floats tensor)

/// transformers' numbers for the tiny GPT-2.
let private tiny (folder: string) = [
    testCase "logits of two prompts and of a full context" (fun () ->
        let expected = SafetensorsFile.read (Path.Combine(folder, "expected.safetensors"))
        let model = TinyGpt2.model.Value

        let check (ids: int list) (want: NArray) =
            use logits = Gpt.Tensors.noGrad (fun () -> Transformer.forward Eval model (Small.ids [ ids ]))
            expectClose (tolerance 1e-4 0.0) "logits" (arrayOf (logits.squeeze 0L)) want

        for i in 0..1 do
            let prompt = TinyGpt2.expected.Value.GetProperty("prompts").[i].GetProperty "ids"
            check [ for id in prompt.EnumerateArray() -> id.GetInt32() ] expected[$"prompt{i}.logits"]

        let context =
            match expected["context.ids"].Values with
            | Whole ids -> ids |> Seq.map int |> List.ofSeq
            | Reals _ -> failtest "ids"

        check context expected["context.logits"])

    testCase "import, export, import: the same bits, and the same bytes when exported again" (fun () ->
        withFolder (fun out ->
            let first, second = Path.Combine(out, "1"), Path.Combine(out, "2")

            let save target source =
                let model, tokenizer = Checkpoint.load cpu source |> get
                use model = model
                Checkpoint.save target tokenizer model
                flat model

            let imported = save first folder
            Expect.isTrue (save second first = imported) "weights"

            for path in Directory.GetFiles first do
                let again = File.ReadAllBytes(path.Replace(first, second))
                Expect.isTrue (again = File.ReadAllBytes path) path

            let config = json (Path.Combine(first, "config.json"))
            Expect.equal (config.GetProperty("eos_token_id").GetInt32()) 512 "end of text"
            use files = Safetensors.openFile (Path.Combine(folder, "model.safetensors"))
            use exported = Safetensors.openFile (Path.Combine(first, "model.safetensors"))

            for KeyValue(name, tensor) in files.Tensors do
                let own = exported.Tensors[name.Substring "transformer.".Length]
                Expect.isTrue (ofSafetensors own = ofSafetensors tensor) name))
]

let tests =
    testList "import" [
        asTheyAre
        heads
        shards

        testCase "export and import again: the same bits and bytes, of an odd model too" (fun () ->
            for config in
                [
                    config
                    {
                        untied with
                            ScaleAttention = false
                            ScaleByLayer = true
                            Activation = Relu
                            NormEpsilon = 0.01
                    }
                ] do
                withFolder (fun folder ->
                    let first, second = Path.Combine(folder, "1"), Path.Combine(folder, "2")
                    use model = denseModel config
                    let tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
                    Checkpoint.save first tokenizer model
                    let loaded, tokenizer = Checkpoint.load cpu first |> get
                    use loaded = loaded
                    Expect.equal loaded.Config config "configuration"
                    Expect.equal (flat loaded) (flat model) "weights"
                    Checkpoint.save second tokenizer loaded

                    for path in Directory.GetFiles first do
                        let again = File.ReadAllBytes(path.Replace(first, second))
                        Expect.equal again (File.ReadAllBytes path) path))

        testList "against transformers" (testsOf (shared "gpt2-tiny") tiny)
    ]
