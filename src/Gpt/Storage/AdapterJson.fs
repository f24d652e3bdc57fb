namespace Gpt

open System
open System.Text.Json
open System.Text.Json.Nodes

/// `adapter_config.json` as Hugging Face peft writes it for LoRA adapters of a GPT-2.
[<RequireQualifiedAccess>]
module AdapterJson =

    /// The text of `adapter_config.json`; `baseName` is the folder or the repository of the model that is adapted.
    let write (baseName: string) (options: LoraOptions) : string =
        let json = JsonObject()
        let targets = JsonArray()
        options.Targets |> List.iter (JsonValue.Create >> targets.Add)
        json["base_model_name_or_path"] <- baseName
        json["bias"] <- "none"
        // GPT-2's dense layers are Conv1D, whose weights lie (in, out).
        json["fan_in_fan_out"] <- true
        json["inference_mode"] <- true
        json["init_lora_weights"] <- true
        json["lora_alpha"] <- options.Alpha
        json["lora_dropout"] <- 0.0
        json["peft_type"] <- "LORA"
        json["r"] <- options.Rank
        json["target_modules"] <- targets
        json["task_type"] <- "CAUSAL_LM"
        json["use_dora"] <- false
        json["use_rslora"] <- false
        JsonFields.write json

    /// Fields that are read below, and fields that say nothing of what the adapters compute once they are trained: where they
    /// come from, how they were trained, which layers there are (the tensors show that).
    let private harmless =
        set [
            "r"
            "lora_alpha"
            "target_modules"
            "peft_type"
            "base_model_name_or_path"
            "auto_mapping"
            "exclude_modules"
            "fan_in_fan_out"
            "inference_mode"
            "layers_pattern"
            "layers_to_transform"
            "lora_dropout"
            "megatron_core"
            "parent_library"
            "peft_version"
            "qalora_group_size"
            "revision"
            "task_type"
        ]

    /// Ways to begin that leave the base as it was. (PiSSA, OLoRA and others change it.)
    let private plainStarts = set [ "true"; "false"; "\"gaussian\""; "\"eva\""; "\"orthogonal\"" ]

    /// Whether a field changes nothing, by its name or because it is switched off.
    let private changesNothing (field: JsonProperty) : bool =
        match field.Name, field.Value.GetRawText() with
        | name, _ when harmless.Contains name -> true
        | "bias", value -> value = "\"none\""
        | "init_lora_weights", value -> plainStarts.Contains value
        | _, value -> value = "null" || value = "false" || value = "{}" || value = "[]"

    let private ofObject (json: JsonElement) : LoraOptions =
        let field = JsonFields.required json
        let kind = field "peft_type"

        if kind.GetRawText() <> "\"LORA\"" then
            JsonFields.wrong "peft_type" kind "\"LORA\""

        for property in json.EnumerateObject() do
            if not (changesNothing property) then
                raise (
                    FormatException
                        $"{property.Name} is {JsonFields.show property.Value}; this changes what the adapters compute in a way that is not known"
                )

        {
            Rank = JsonFields.whole "r" (field "r")
            Alpha = JsonFields.real "lora_alpha" (field "lora_alpha")
            Targets =
                let targets = field "target_modules"
                let isText (item: JsonElement) = item.ValueKind = JsonValueKind.String

                if targets.ValueKind = JsonValueKind.Array && Seq.forall isText (targets.EnumerateArray()) then
                    [ for item in targets.EnumerateArray() -> string item ]
                else
                    JsonFields.wrong "target_modules" targets "a list of names"
        }

    /// The adapters that the text of an `adapter_config.json` describes, or one sentence that says what is wrong with it: a field
    /// that is missing or of the wrong kind, adapters other than LoRA's, or a field that would change what they compute in a
    /// way this library does not know, such as `use_dora`.
    let read (text: string) : Result<LoraOptions, string> = JsonFields.read (ofObject >> Ok) text
