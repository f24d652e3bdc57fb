namespace Gpt

open System
open System.Text.Json
open System.Text.Json.Nodes

/// `config.json` as Hugging Face transformers writes it for GPT-2.
[<RequireQualifiedAccess>]
module ConfigJson =

    let private activationName activation =
        match activation with
        | Gelu -> "gelu"
        | GeluTanh -> "gelu_new"
        | Relu -> "relu"

    let private activationOf name =
        match name with
        | "gelu" -> Ok Gelu
        | "gelu_new"
        | "gelu_pytorch_tanh" -> Ok GeluTanh
        | "relu" -> Ok Relu
        | _ -> Error $"activation_function is {name}; gelu, gelu_new and relu are known"

    /// The text of `config.json`.
    let write (config: GptConfig) : string =
        let json = JsonObject()
        json["architectures"] <- JsonArray(JsonValue.Create "GPT2LMHeadModel")
        json["model_type"] <- "gpt2"
        json["vocab_size"] <- config.VocabSize
        json["n_positions"] <- config.Context
        json["n_embd"] <- config.Dim
        json["n_layer"] <- config.Layers
        json["n_head"] <- config.Heads
        json["n_inner"] <- config.FeedForward
        json["activation_function"] <- activationName config.Activation
        json["layer_norm_epsilon"] <- config.NormEpsilon
        json["attn_pdrop"] <- config.Dropout
        json["embd_pdrop"] <- config.Dropout
        json["resid_pdrop"] <- config.Dropout
        json["initializer_range"] <- 0.02
        json["tie_word_embeddings"] <- true
        json["bos_token_id"] <- null
        json["eos_token_id"] <- null
        json["dtype"] <- "float32"
        json.ToJsonString(JsonSerializerOptions(WriteIndented = true)) + "\n"

    /// The configuration that the text of a `config.json` describes, or one sentence that says what is wrong with it.
    let read (text: string) : Result<GptConfig, string> =
        let field (json: JsonElement) (name: string) (read: JsonElement -> 'a) : 'a option =
            match json.TryGetProperty name with
            | true, value when value.ValueKind <> JsonValueKind.Null -> Some(read value)
            | _ -> None

        try
            use document = JsonDocument.Parse text
            let json = document.RootElement

            let required name =
                match field json name _.GetInt32() with
                | Some value -> value
                | None -> raise (FormatException $"{name} is missing")

            let dim = required "n_embd"
            let activation = field json "activation_function" string |> Option.defaultValue "gelu_new"

            match field json "model_type" string with
            | Some other when other <> "gpt2" -> Error $"model_type is {other}; only gpt2 can be loaded"
            | _ ->
                activationOf activation
                |> Result.bind (fun activation ->
                    GptConfig.validate {
                        VocabSize = required "vocab_size"
                        Context = required "n_positions"
                        Dim = dim
                        Layers = required "n_layer"
                        Heads = required "n_head"
                        FeedForward = field json "n_inner" _.GetInt32() |> Option.defaultValue (4 * dim)
                        Dropout = field json "resid_pdrop" _.GetDouble() |> Option.defaultValue 0.1
                        NormEpsilon = field json "layer_norm_epsilon" _.GetDouble() |> Option.defaultValue 1e-5
                        Activation = activation
                    })
        with
        | :? JsonException -> Error "it is not valid JSON"
        | :? InvalidOperationException
        | :? FormatException as e -> Error e.Message
