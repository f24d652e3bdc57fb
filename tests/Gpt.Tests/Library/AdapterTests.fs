module Gpt.Tests.AdapterTests

open System.IO
open System.Text
open Expecto
open Gpt
open Gpt.Tests.LoraTests
open Gpt.Tests.Small

let private cpu = Device.cpu ()
let private tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")

let private saved (test: string -> Lora -> unit) =
    withFolder (fun folder ->
        use lora = denseLora everyLayer 4UL
        Adapter.save folder "some/base" tokenizer lora
        test folder lora)

/// What peft 0.19 writes for a GPT-2, with one field given otherwise.
let private peft (field: string) (value: string) =
    let fields = [
        "alora_invocation_tokens", "null"
        "alpha_pattern", "{}"
        "arrow_config", "null"
        "auto_mapping", "null"
        "base_model_name_or_path", "\"gpt2\""
        "bias", "\"none\""
        "corda_config", "null"
        "ensure_weight_tying", "false"
        "eva_config", "null"
        "exclude_modules", "null"
        "fan_in_fan_out", "true"
        "inference_mode", "true"
        "init_lora_weights", "true"
        "layer_replication", "null"
        "layers_pattern", "null"
        "layers_to_transform", "null"
        "loftq_config", "{}"
        "lora_alpha", "32"
        "lora_bias", "false"
        "lora_dropout", "0.05"
        "megatron_config", "null"
        "megatron_core", "\"megatron.core\""
        "modules_to_save", "null"
        "peft_type", "\"LORA\""
        "peft_version", "\"0.19.1\""
        "qalora_group_size", "16"
        "r", "16"
        "rank_pattern", "{}"
        "revision", "null"
        "target_modules", "[\"c_proj\", \"c_attn\"]"
        "target_parameters", "null"
        "task_type", "\"CAUSAL_LM\""
        "trainable_token_indices", "null"
        "use_dora", "false"
        "use_qalora", "false"
        "use_rslora", "false"
    ]

    (Map.ofList fields |> Map.add field value |> Map.toSeq)
    |> Seq.map (fun (name, value) -> $"\"{name}\": {value}")
    |> String.concat ","
    |> sprintf "{%s}"

let private misread field value (words: string list) =
    testCase $"refuses {field} {value}" (fun () ->
        let sentence = AdapterJson.read (peft field value) |> error

        for word in field :: words do
            Expect.stringContains sentence word "named")

/// Saved adapters with one file changed; the error must hold all the words.
let private broken name (file: string) (change: byte[] -> byte[]) (words: string list) =
    testCase name (fun () ->
        saved (fun folder _ ->
            let path = Path.Combine(folder, file)
            File.WriteAllBytes(path, change (File.ReadAllBytes path))
            let sentence = Adapter.load cpu config folder |> error

            for word in file :: words do
                Expect.stringContains sentence word "the error says it"

            Expect.isFalse (sentence.Contains '\n') "one line"))

let private replace (before: string) (after: string) (bytes: byte[]) =
    let text = Encoding.Latin1.GetString bytes
    Expect.stringContains text before "what is to be replaced is there"
    Encoding.Latin1.GetBytes(text.Replace(before, after))

let private weights = "adapter_model.safetensors"
let private json = "adapter_config.json"

let tests =
    testList "adapters on disk" [
        testCase "what was saved is loaded, bit for bit" (fun () ->
            saved (fun folder lora ->
                use loaded = Adapter.load cpu config folder |> get
                Expect.equal loaded.Options lora.Options "options"
                Expect.equal (numbers loaded.Flat) (numbers lora.Flat) "numbers"
                Expect.equal (List.map fst loaded.Named) (List.map fst lora.Named) "names"
                let again = TokenizerFiles.read folder |> get
                Expect.equal (Tokenizer.decode again [ 1; 3; 0 ]) " b\n" "tokenizer"))

        testCase "names and shapes are peft's" (fun () ->
            saved (fun folder _ ->
                use files = Safetensors.openFile (Path.Combine(folder, weights))

                let want = [
                    for i in 0..1 do
                        for layer, inputs, outputs in
                            [
                                "attn.c_attn", 12L, 36L
                                "attn.c_proj", 12L, 12L
                                "mlp.c_fc", 12L, 20L
                                "mlp.c_proj", 20L, 12L
                            ] do
                            $"base_model.model.transformer.h.{i}.{layer}.lora_A.weight", [ 3L; inputs ]
                            $"base_model.model.transformer.h.{i}.{layer}.lora_B.weight", [ outputs; 3L ]
                ]

                let got = files.Tensors |> Map.map (fun _ tensor -> tensor.Dtype, tensor.Shape)
                Expect.equal got (Map.ofList [ for name, shape in want -> name, ("F32", shape) ]) "tensors"))

        testCase "the configuration says what peft needs" (fun () ->
            let text = AdapterJson.write "some/base" everyLayer
            use document = System.Text.Json.JsonDocument.Parse text
            let field (name: string) = document.RootElement.GetProperty(name).GetRawText()

            for name, value in
                [
                    "peft_type", "\"LORA\""
                    "task_type", "\"CAUSAL_LM\""
                    "base_model_name_or_path", "\"some/base\""
                    "r", "3"
                    "lora_alpha", "3"
                    "bias", "\"none\""
                    "fan_in_fan_out", "true"
                ] do
                Expect.equal (field name) value name

            Expect.equal (AdapterJson.read text) (Ok everyLayer) "read again")

        testCase "peft's own configuration is read" (fun () ->
            Expect.equal
                (AdapterJson.read (peft "lora_dropout" "0.1"))
                (Ok {
                    Rank = 16
                    Alpha = 32.0
                    Targets = [ "c_proj"; "c_attn" ]
                })
                "options")

        misread "use_dora" "true" []
        misread "use_rslora" "true" []
        misread "alpha_pattern" "{\"c_attn\": 3}" []
        misread "bias" "\"all\"" [ "\"all\"" ]
        misread "init_lora_weights" "\"pissa\"" [ "pissa" ]
        misread "modules_to_save" "[\"lm_head\"]" [ "lm_head" ]
        misread "never_heard_of" "7" [ "7" ]
        misread "peft_type" "\"IA3\"" [ "IA3"; "LORA" ]
        misread "r" "1.5" [ "1.5" ]
        misread "lora_alpha" "\"much\"" [ "much" ]
        misread "target_modules" "\".*attn\"" [ "a list of names" ]

        broken "a truncated file" weights (fun bytes -> bytes[..900]) []
        broken "a tensor of another name" weights (replace "h.1.mlp.c_fc.lora_A" "h.1.mlp.c_fc.lora_C") [
            "h.1.mlp.c_fc.lora_A.weight is missing"
        ]
        testCase "a tensor too many" (fun () ->
            saved (fun folder lora ->
                let fewer =
                    AdapterJson.write "x" {
                        lora.Options with
                            Targets = Lora.attention
                    }

                File.WriteAllText(Path.Combine(folder, json), fewer)
                let sentence = Adapter.load cpu config folder |> error
                Expect.stringContains sentence "is no part of the adapters" "what"
                Expect.stringContains sentence weights "where"))

        testCase "another rank" (fun () ->
            saved (fun folder lora ->
                File.WriteAllText(Path.Combine(folder, json), AdapterJson.write "x" { lora.Options with Rank = 2 })
                Expect.stringContains (Adapter.load cpu config folder |> error) "has shape [3; 12]" "shape"))

        broken "rank 0" json (replace "\"r\": 3" "\"r\": 0") [ "rank is 0" ]
        broken "no JSON" json (fun bytes -> bytes[..20]) [ "JSON" ]

        testCase "a base of other sizes" (fun () ->
            saved (fun folder _ ->
                let other = {
                    config with
                        Dim = 24
                        FeedForward = 20
                }

                let sentence = Adapter.load cpu other folder |> error
                Expect.stringContains sentence "has shape [3; 12]; the model asks for [3; 24]" "shapes"

                let sentence = Adapter.load cpu { config with Layers = 3 } folder |> error
                Expect.stringContains sentence "h.2.attn.c_attn.lora_A.weight is missing" "layers"))

        for file in [ weights; json ] do
            testCase $"without {file}" (fun () ->
                saved (fun folder _ ->
                    File.Delete(Path.Combine(folder, file))
                    Expect.stringContains (Adapter.load cpu config folder |> error) file "named"))

        testCase "a folder that cannot be written" (fun () ->
            saved (fun folder lora ->
                let inFile = Path.Combine(folder, json, "x")
                Expect.stringContains (Adapter.trySave inFile "x" tokenizer lora |> error) "cannot be written" "error"))
    ]
