namespace Gpt

open System.IO
open System.Text.RegularExpressions
open TorchSharp

/// A model's parameters as GPT-2's files have them. Names are those of `Params`, with or without `transformer.` before them;
/// the weights of dense layers lie (in, out) there, as GPT-2's Conv1D wants them, and (out, in) here.
[<RequireQualifiedAccess>]
module Gpt2Weights =

    let private prefix = "transformer."
    let private embedding = "wte.weight"
    let private head = "lm_head.weight"

    /// Whether a parameter lies transposed in files: the weights of dense layers, but not embeddings.
    let isTransposed (name: string) : bool =
        name.EndsWith(".weight", System.StringComparison.Ordinal)
        && (name.Contains ".attn." || name.Contains ".mlp.")

    /// A model's parameters as they go into a file: views, nothing is copied.
    /// Raises ArgumentException when the weights are not float32.
    let toStore (model: Model) : (string * Tensor) list =
        Model.requireFloat32 "saving" model

        model.Named
        |> List.map (fun (name, parameter) -> name, (if isTransposed name then parameter.t () else parameter))

    let private bad path sentence = raise (InvalidDataException $"{path}: {sentence}")

    /// The triangle that old files store beside each layer's attention, and its number for minus infinity.
    let private isMask (name: string) = Regex.IsMatch(name, @"^h\.\d+\.attn\.(masked_)?bias$")

    /// The stored tensors by this library's names; masks are left out.
    let private byName (files: TensorFiles) : Map<string, StoredTensor> =
        let add (known: Map<string, StoredTensor>) (stored: string) (tensor: StoredTensor) =
            let name =
                if stored.StartsWith(prefix, System.StringComparison.Ordinal) then
                    stored.Substring prefix.Length
                else
                    stored

            if isMask name then
                known
            elif known.ContainsKey name then
                bad files.Source $"tensor {name} is there twice, with and without {prefix} before it"
            else
                Map.add name tensor known

        Map.fold add Map.empty files.Tensors

    /// Where the head is tied, files may hold it all the same, or hold it alone; but it must be the embedding.
    let private untie
        (config: GptConfig)
        (where: string)
        (stored: Map<string, StoredTensor>)
        : Map<string, StoredTensor> =
        match Map.tryFind head stored, Map.tryFind embedding stored with
        | Some alone, None when config.TiedHead -> stored |> Map.remove head |> Map.add embedding alone
        | Some own, Some shared when config.TiedHead ->
            if not (StoredTensor.sameNumbers own shared) then
                bad
                    where
                    $"{head} differs from {embedding}, but config.json says that they are one: tie_word_embeddings should be false"

            Map.remove head stored
        | _ -> stored

    let private requireShape (stored: StoredTensor) (name: string) (shape: int64 list) : unit =
        let expected = if isTransposed name then List.rev shape else shape

        if stored.Shape <> expected then
            bad
                stored.Path
                $"tensor {name} has shape {StoredTensor.shapeText stored.Shape}; config.json asks for {StoredTensor.shapeText expected}"

        StoredTensor.requireReal stored

    /// The model of a configuration whose weights are in these files, on a device, kept in a type. Names, shapes and types are
    /// all checked before memory is taken for the model: every parameter must be there, and nothing else.
    /// Raises InvalidDataException with a sentence that begins with the file or the index.
    let loadAs (weights: WeightType) (device: torch.Device) (config: GptConfig) (files: TensorFiles) : Model =
        let where = files.Source
        // A configuration from a file may ask for any number of layers; each of them has a dozen tensors.
        if config.Layers > files.Tensors.Count then
            bad where $"tensor h.{config.Layers - 1}.ln_1.weight is missing: n_layer is {config.Layers}"

        let stored = byName files |> untie config where
        let shapes = Params.shapes config

        for name, shape in shapes do
            match Map.tryFind name stored with
            | Some tensor -> requireShape tensor name shape
            | None -> bad where $"tensor {name} is missing"

        let wanted = shapes |> List.map fst |> Set.ofList

        match stored.Keys |> Seq.tryFind (wanted.Contains >> not) with
        | Some name -> bad where $"tensor {name} is no part of the GPT-2 that config.json describes"
        | None when weights = WeightType.Float32 ->
            Model.buildWhole device config (fun name parameter ->
                StoredTensor.copyTo parameter (isTransposed name) stored[name])
        | None ->
            Quantize.build weights device config (fun name write ->
                StoredTensor.blocks device (isTransposed name) write stored[name])

    /// `loadAs` in float32.
    let load (device: torch.Device) (config: GptConfig) (files: TensorFiles) : Model =
        loadAs WeightType.Float32 device config files
