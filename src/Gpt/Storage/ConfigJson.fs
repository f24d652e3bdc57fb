namespace Gpt

open System
open System.Text.Json
open System.Text.Json.Nodes

/// `config.json` and `generation_config.json` as Hugging Face transformers writes them for GPT-2.
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

    let private id (token: int option) : JsonNode | null =
        match token with
        | Some id -> JsonValue.Create id
        | None -> null

    /// The text of `config.json`; `endOfText` is the token that begins and ends a document, if there is one.
    let write (endOfText: int option) (config: GptConfig) : string =
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
        json["scale_attn_weights"] <- config.ScaleAttention
        json["scale_attn_by_inverse_layer_idx"] <- config.ScaleByLayer
        json["attn_pdrop"] <- config.Dropout
        json["embd_pdrop"] <- config.Dropout
        json["resid_pdrop"] <- config.Dropout
        json["initializer_range"] <- 0.02
        json["tie_word_embeddings"] <- config.TiedHead
        json["bos_token_id"] <- id endOfText
        json["eos_token_id"] <- id endOfText
        json["dtype"] <- "float32"
        JsonFields.write json

    /// The text of `generation_config.json`, which says how a text begins and ends.
    let writeGeneration (endOfText: int option) : string =
        let json = JsonObject()
        json["_from_model_config"] <- true
        json["bos_token_id"] <- id endOfText
        json["eos_token_id"] <- id endOfText
        JsonFields.write json

    /// The value of a field that is there and not null.
    let private field (json: JsonElement) (name: string) : JsonElement option =
        match json.TryGetProperty name with
        | true, value when value.ValueKind <> JsonValueKind.Null -> Some value
        | _ -> None

    let private flag name (value: JsonElement) : bool =
        match value.ValueKind with
        | JsonValueKind.True -> true
        | JsonValueKind.False -> false
        | _ -> JsonFields.wrong name value "true or false"

    /// A size that must be there, under GPT-2's name for it or under transformers' general one.
    let private size (json: JsonElement) (name: string) (general: string) : int =
        let read name = field json name |> Option.map (JsonFields.whole name)

        match read name, read general with
        | Some one, Some other when one <> other ->
            raise (FormatException $"{name} is {one}, but {general}, which is the same, is {other}")
        | Some value, _
        | None, Some value -> value
        | None, None -> JsonFields.missing name

    let private ofObject (json: JsonElement) (activation: Activation) : GptConfig =
        let given name (read: string -> JsonElement -> 'a) fallback =
            field json name |> Option.map (read name) |> Option.defaultValue fallback

        let dim = size json "n_embd" "hidden_size"

        {
            VocabSize = size json "vocab_size" "vocab_size"
            Context = size json "n_positions" "max_position_embeddings"
            Dim = dim
            Layers = size json "n_layer" "num_hidden_layers"
            Heads = size json "n_head" "num_attention_heads"
            FeedForward = given "n_inner" JsonFields.whole (4 * dim)
            Dropout = given "resid_pdrop" JsonFields.real 0.1
            NormEpsilon = given "layer_norm_epsilon" JsonFields.real 1e-5
            Activation = activation
            TiedHead = given "tie_word_embeddings" flag true
            ScaleAttention = given "scale_attn_weights" flag true
            ScaleByLayer = given "scale_attn_by_inverse_layer_idx" flag false
        }

    let private ofRoot (json: JsonElement) : Result<GptConfig, string> =
        match field json "model_type" |> Option.map string with
        | Some other when other <> "gpt2" -> Error $"model_type is {other}; only gpt2 can be loaded"
        | _ ->
            field json "activation_function"
            |> Option.map string
            |> Option.defaultValue "gelu_new"
            |> activationOf
            |> Result.map (ofObject json)
            |> Result.bind GptConfig.validate
            |> Result.bind (fun config ->
                match ConfigKeys.firstProblem json with
                | Some sentence -> Error sentence
                | None -> Ok config)

    /// The configuration that the text of a `config.json` describes, or one sentence that says what is wrong with it: a field
    /// that is missing or of the wrong kind, another model than a GPT-2, or a field with a value that would change what the
    /// model computes in a way this library does not know. Of the three dropout rates the one of the residual stream is taken.
    let read (text: string) : Result<GptConfig, string> = JsonFields.read ofRoot text
