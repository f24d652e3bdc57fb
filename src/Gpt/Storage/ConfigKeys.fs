namespace Gpt

open System.Text.Json

/// Which fields of a GPT-2's `config.json` matter. What this library reads is in `ConfigJson`; the rest either says nothing of
/// the numbers that the model computes, or would change them and is then refused by name.
[<RequireQualifiedAccess>]
module internal ConfigKeys =

    let private words (text: string) = text.Split([| ' '; '\n' |], System.StringSplitOptions.RemoveEmptyEntries) |> set

    /// The fields that `ConfigJson` reads, the names that transformers gives some of them included.
    let private read =
        words
            "model_type vocab_size n_positions max_position_embeddings n_embd hidden_size n_layer num_hidden_layers n_head
             num_attention_heads n_inner activation_function layer_norm_epsilon resid_pdrop tie_word_embeddings
             scale_attn_weights scale_attn_by_inverse_layer_idx"

    /// Dropout and initialization (for training), the ids of special tokens, heads of other tasks, habits of `generate`, how the
    /// numbers were stored, and what old versions left behind. With float32 numbers `reorder_and_upcast_attn` changes
    /// nothing; `n_ctx` says `n_positions` again.
    let private harmless =
        words
            "architectures attn_pdrop embd_pdrop initializer_range dtype torch_dtype transformers_version _name_or_path
             name_or_path use_cache bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id decoder_start_token_id
             summary_type summary_use_proj summary_activation summary_proj_to_labels summary_first_dropout
             reorder_and_upcast_attn n_ctx n_special predict_special_tokens task_specific_params gradient_checkpointing
             output_attentions output_hidden_states output_past output_scores return_dict use_return_dict
             return_dict_in_generate is_decoder id2label label2id num_labels problem_type finetuning_task prefix
             tokenizer_class torchscript use_bfloat16 tf_legacy_loss attn_implementation _attn_implementation
             _attn_implementation_autoset chunk_size_feed_forward max_length min_length max_new_tokens do_sample temperature
             top_k top_p typical_p epsilon_cutoff eta_cutoff repetition_penalty length_penalty no_repeat_ngram_size
             encoder_no_repeat_ngram_size bad_words_ids num_return_sequences num_beams num_beam_groups diversity_penalty
             early_stopping forced_bos_token_id forced_eos_token_id remove_invalid_values suppress_tokens
             begin_suppress_tokens exponential_decay_length_penalty"

    /// Fields that are there in ordinary files too, with the value that changes nothing.
    let private off =
        Map [
            "add_cross_attention", "false"
            "is_encoder_decoder", "false"
            "tie_encoder_decoder", "false"
            "pruned_heads", "{}"
        ]

    let private problem (property: JsonProperty) : string option =
        let name = property.Name

        if read.Contains name || harmless.Contains name || property.Value.ValueKind = JsonValueKind.Null then
            None
        else
            match Map.tryFind name off with
            | Some neutral when property.Value.GetRawText() = neutral -> None
            | Some neutral ->
                Some $"{name} is {JsonFields.show property.Value}; only models with {neutral} can be loaded"
            | None ->
                Some
                    $"{name} is {JsonFields.show property.Value}; this field is not known and may change what the model computes, so the model is not loaded"

    /// The first field that would change the numbers in a way this library does not know, as a sentence.
    let firstProblem (config: JsonElement) : string option = config.EnumerateObject() |> Seq.tryPick problem
