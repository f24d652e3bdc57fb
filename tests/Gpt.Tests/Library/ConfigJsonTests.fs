/// config.json: what is read, what is passed over, and what is refused by name.
module Gpt.Tests.ConfigJsonTests

open System.Text.Json.Nodes
open Expecto
open FsCheck.FSharp
open Gpt
open Gpt.Tests.Law
open Gpt.Tests.Small

let private configs =
    gen {
        let! heads = Gen.choose (1, 4)
        let! width = Gen.choose (1, 5)
        let! sizes = Gen.listOfLength 4 (Gen.choose (1, 9))
        let! tied = Gen.elements [ true; false ]
        let! scaled = Gen.elements [ true; false ]
        let! byLayer = Gen.elements [ true; false ]
        let! activation = Gen.elements [ Gelu; GeluTanh; Relu ]
        let! epsilon = Gen.elements [ 1e-5; 1e-3; 0.5 ]
        let! dropout = Gen.elements [ 0.0; 0.1; 0.37 ]

        return {
            VocabSize = sizes[0]
            Context = sizes[1]
            Dim = heads * width
            Layers = sizes[2]
            Heads = heads
            FeedForward = sizes[3]
            Dropout = dropout
            NormEpsilon = epsilon
            Activation = activation
            TiedHead = tied
            ScaleAttention = scaled
            ScaleByLayer = byLayer
        }
    }

let private identity =
    law
        200
        "what was written is read"
        (both (Arb.fromGen configs) (Arb.fromGen (Gen.elements [ None; Some 3 ])))
        (fun (config, endOfText) ->
            Expect.equal (ConfigJson.write endOfText config |> ConfigJson.read |> get) config "configuration")

/// The written configuration with one field set.
let private withField (name: string) (value: string) : string =
    match JsonNode.Parse(ConfigJson.write None config) with
    | null -> failtest "null"
    | json ->
        json[name] <- JsonNode.Parse value
        json.ToJsonString()

let private accepted (name: string) (value: string) =
    testCase $"{name} {value}" (fun () ->
        Expect.equal (withField name value |> ConfigJson.read |> get) config "as without it")

let private refused (name: string) (value: string) (words: string list) =
    testCase $"{name} {value}" (fun () ->
        let sentence = withField name value |> ConfigJson.read |> error

        for word in name :: words do
            Expect.stringContains sentence word "the error says it"

        Expect.isFalse (sentence.Contains '\n') "one line")

let private changed (name: string) (value: string) (change: GptConfig -> GptConfig) =
    testCase $"{name} {value}" (fun () ->
        Expect.equal (withField name value |> ConfigJson.read |> get) (change config) "changed")

let tests =
    testList "config.json" [
        identity

        testList "takes" [
            changed "n_inner" "null" (fun c -> { c with FeedForward = 48 })
            changed "activation_function" "\"gelu_new\"" (fun c -> { c with Activation = GeluTanh })
            changed "activation_function" "\"relu\"" (fun c -> { c with Activation = Relu })
            changed "tie_word_embeddings" "false" (fun c -> { c with TiedHead = false })
            changed "scale_attn_weights" "false" (fun c -> { c with ScaleAttention = false })
            changed "scale_attn_by_inverse_layer_idx" "true" (fun c -> { c with ScaleByLayer = true })
            changed "layer_norm_epsilon" "0.01" (fun c -> { c with NormEpsilon = 0.01 })

            testCase "sizes by transformers' general names" (fun () ->
                let text =
                    """{"vocab_size": 11, "max_position_embeddings": 8, "hidden_size": 12, "num_hidden_layers": 2,
                        "num_attention_heads": 3, "model_type": "gpt2"}"""

                let read = ConfigJson.read text |> get
                Expect.equal (read.Context, read.Dim, read.Layers, read.Heads) (8, 12, 2, 3) "sizes"
                Expect.equal (read.Activation, read.FeedForward) (GeluTanh, 48) "defaults")
        ]

        testList "passes over" [
            accepted "summary_type" "\"cls_index\""
            accepted "reorder_and_upcast_attn" "true"
            accepted "add_cross_attention" "false"
            accepted "pruned_heads" "{}"
            accepted "n_ctx" "1024"
            accepted "bos_token_id" "50256"
            accepted "torch_dtype" "\"float16\""
            accepted "task_specific_params" """{"text-generation": {"do_sample": true}}"""
            accepted "quantization_config" "null"
        ]

        testList "refuses" [
            refused "model_type" "\"gpt_neo\"" [ "gpt_neo" ]
            refused "add_cross_attention" "true" [ "true" ]
            refused "is_encoder_decoder" "true" [ "true" ]
            refused "pruned_heads" """{"0": [1]}""" [ "[1]" ]
            refused "quantization_config" """{"bits": 4}""" [ "bits" ]
            refused "rope_theta" "10000" [ "10000" ]
            refused "multi_query" "true" [ "true" ]
            refused "use_bias" "false" [ "false" ]
            refused "activation_function" "\"silu\"" [ "silu" ]
            refused "n_embd" "\"768\"" [ "\"768\""; "whole number" ]
            refused "n_layer" "2.5" [ "2.5"; "whole number" ]
            refused "n_head" "null" [ "missing" ]
            refused "hidden_size" "13" [ "n_embd"; "12"; "13" ]
            refused "scale_attn_weights" "1" [ "1"; "true or false" ]
            refused "layer_norm_epsilon" "\"small\"" [ "small"; "number" ]

            testCase "no object" (fun () ->
                Expect.stringContains (ConfigJson.read "[1]" |> error) "JSON object" "what would be right")
        ]

        testCase "the end of a text is written into both files" (fun () ->
            Expect.stringContains (ConfigJson.write (Some 7) config) "\"eos_token_id\": 7" "config.json"
            Expect.stringContains (ConfigJson.writeGeneration (Some 7)) "\"bos_token_id\": 7" "generation_config.json"
            Expect.stringContains (ConfigJson.writeGeneration None) "\"eos_token_id\": null" "none")
    ]
