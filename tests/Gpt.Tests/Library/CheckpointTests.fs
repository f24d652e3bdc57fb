module Gpt.Tests.CheckpointTests

open System.IO
open System.Text
open Expecto
open Gpt
open Gpt.Tests.Small

let private tokenizer = Characters(CharTokenizer.ofText "\n abcdefghi")
let private cpu = Device.cpu ()

let private saved (test: string -> Model -> unit) =
    withFolder (fun folder ->
        use model = denseModel config
        Checkpoint.save folder tokenizer model
        test folder model)

/// A saved checkpoint with one file changed; the error must hold all the words.
let private broken name (file: string) (change: byte[] -> byte[]) (words: string list) =
    testCase name (fun () ->
        saved (fun folder _ ->
            let path = Path.Combine(folder, file)
            File.WriteAllBytes(path, change (File.ReadAllBytes path))
            let sentence = Checkpoint.load cpu folder |> error

            for word in file :: words do
                Expect.stringContains sentence word "the error says it"

            Expect.isFalse (sentence.Contains '\n') "one line"))

let private replace (before: string) (after: string) (bytes: byte[]) =
    let text = Encoding.Latin1.GetString bytes
    Expect.stringContains text before "what is to be replaced is there"
    Encoding.Latin1.GetBytes(text.Replace(before, after))

let private files (folder: string) = DirectoryInfo(folder).GetFileSystemInfos() |> Array.map _.Name |> Array.sort

let tests =
    testList "checkpoint" [
        testCase "what was saved is loaded, bit for bit" (fun () ->
            saved (fun folder model ->
                let loaded, again = Checkpoint.load cpu folder |> get
                use loaded = loaded
                Expect.equal loaded.Config model.Config "configuration"
                Expect.equal (Gpt.Tensors.toFloats loaded.Flat) (Gpt.Tensors.toFloats model.Flat) "weights"
                Expect.equal (Tokenizer.decode again [ 1; 3; 0 ]) " b\n" "tokenizer"))

        testCase "the folder holds these files and no others" (fun () ->
            saved (fun folder _ ->
                Expect.equal
                    (files folder)
                    [|
                        "config.json"
                        "generation_config.json"
                        "model.safetensors"
                        "tokenizer.json"
                        "tokenizer_config.json"
                    |]
                    "files"))

        testCase "weights of dense layers lie (in, out), as GPT-2's do" (fun () ->
            saved (fun folder model ->
                let stored = SafetensorsFile.read (Path.Combine(folder, "model.safetensors"))
                Expect.equal stored["h.0.mlp.c_fc.weight"].Shape [| 12L; 20L |] "shape"
                use transposed = model.Params.Blocks[0].FeedForward.Up.Weight.t()
                Expect.equal (NArray.floats stored["h.0.mlp.c_fc.weight"]) (Gpt.Tensors.toFloats transposed) "values"
                Expect.equal stored["wte.weight"].Shape [| 11L; 12L |] "embeddings as they are"))

        testCase "saving again replaces the old one" (fun () ->
            saved (fun folder _ ->
                use other = model config
                Checkpoint.save folder tokenizer other
                use loaded = Checkpoint.loadModel cpu folder |> get
                Expect.equal (Gpt.Tensors.toFloats loaded.Flat) (Gpt.Tensors.toFloats other.Flat) "the new weights"))

        testCase "a model is saved over adapters that stood there, which are not its own" (fun () ->
            withFolder (fun folder ->
                let options = {
                    Rank = 1
                    Alpha = 1.0
                    Targets = Lora.attention
                }

                use lora = Lora.init cpu config options (Rng.ofSeed 1UL)
                use model = model config
                Adapter.save folder "base" tokenizer lora
                Checkpoint.save folder tokenizer model
                Expect.equal (files folder |> Array.filter _.Contains("adapter")) [||] "none left"))

        testList "broken files" [
            broken "weights cut short" "model.safetensors" (fun bytes -> bytes[.. bytes.Length / 2]) []
            broken "weights cut inside the header" "model.safetensors" (fun bytes -> bytes[..20]) [ "truncated" ]
            broken "weights empty" "model.safetensors" (fun _ -> [||]) [ "0 bytes" ]
            broken
                "weights that are something else"
                "model.safetensors"
                (fun _ -> Encoding.UTF8.GetBytes "<html>not found</html>")
                []
            broken
                "a header length beyond the file"
                "model.safetensors"
                (fun bytes -> Array.append [| 255uy; 255uy; 255uy; 127uy; 0uy; 0uy; 0uy; 0uy |] bytes[8..])
                [ "truncated" ]
            broken
                "overlapping tensors"
                "model.safetensors"
                (replace "\"data_offsets\":[528,912]" "\"data_offsets\":[520,904]")
                [ "overlap" ]
            broken
                "an unknown type"
                "model.safetensors"
                (replace "\"dtype\":\"F32\",\"shape\":[11,12]" "\"dtype\":\"F99\",\"shape\":[11,12]")
                [ "F99" ]
            broken "a missing tensor" "model.safetensors" (replace "ln_f.bias" "ln_x.bias") [ "ln_f.bias"; "missing" ]
            broken "a configuration that is not JSON" "config.json" (fun bytes -> bytes[..30]) [ "JSON" ]
            broken "a configuration without a size" "config.json" (replace "n_head" "n_hood") [ "n_head" ]
            broken "another kind of model" "config.json" (replace "\"gpt2\"" "\"bert\"") [ "bert" ]
            broken "an unknown activation" "config.json" (replace "\"gelu\"" "\"silu\"") [ "silu" ]
            broken "a tokenizer with a hole in its ids" "tokenizer.json" (replace "\"i\": 10" "\"i\": 12") [ "ids" ]
        ]

        testCase "shapes that do not fit the configuration are named" (fun () ->
            saved (fun folder _ ->
                let path = Path.Combine(folder, "config.json")
                File.WriteAllText(path, File.ReadAllText(path).Replace("\"n_positions\": 8", "\"n_positions\": 9"))
                let sentence = Checkpoint.load cpu folder |> error
                Expect.stringContains sentence "wpe.weight" "tensor"
                Expect.stringContains sentence "[8; 12]" "shape in the file"
                Expect.stringContains sentence "[9; 12]" "shape asked for"))

        testCase "a vocabulary that does not fit the model is refused" (fun () ->
            withFolder (fun folder ->
                use model = model config
                Checkpoint.save folder (Characters(CharTokenizer.ofText "abc")) model

                Expect.stringContains
                    (Checkpoint.load cpu folder |> error)
                    "3 tokens, config.json says 11"
                    "both sizes"))

        testCase "a folder that is not there is an error with its name" (fun () ->
            Expect.stringContains (Checkpoint.load cpu "/no/such/folder" |> error) "/no/such/folder" "name")

        testCase "a failed save leaves the old checkpoint whole and nothing half-written" (fun () ->
            saved (fun folder model ->
                let before =
                    files folder |> Array.map (fun name -> name, File.ReadAllBytes(Path.Combine(folder, name)))

                let fails (_: Stream) = raise (IOException "No space left on device")

                Expect.throwsT<IOException>
                    (fun () ->
                        SafeFiles.writeAll folder [
                            "config.json", (fun s -> s.WriteByte 1uy)
                            "model.safetensors", fails
                        ])
                    "the disk is full"

                let after =
                    files folder |> Array.map (fun name -> name, File.ReadAllBytes(Path.Combine(folder, name)))

                Expect.equal after before "every file as it was"
                use loaded = Checkpoint.loadModel cpu folder |> get
                Expect.equal loaded.Config model.Config "still loads"))

        testCase "a failed save of a new folder leaves no folder" (fun () ->
            withFolder (fun folder ->
                Expect.throwsT<IOException>
                    (fun () ->
                        SafeFiles.writeAll folder [
                            "a", (fun s -> s.WriteByte 1uy)
                            "b", (fun _ -> raise (IOException "full"))
                        ])
                    "the disk is full"

                Expect.isFalse (Directory.Exists folder) "no folder"))

        testCase "a folder under a file cannot be written, and that is said before the work" (fun () ->
            withFolder (fun folder ->
                Directory.CreateDirectory folder |> ignore
                let file = Path.Combine(folder, "file")
                File.WriteAllText(file, "")
                let sentence = Checkpoint.checkWritable (Path.Combine(file, "out")) |> error
                Expect.stringContains sentence file "the folder is named"
                Expect.isOk (Checkpoint.checkWritable (Path.Combine(folder, "new"))) "a new folder is fine"
                Expect.isFalse (Directory.Exists(Path.Combine(folder, "new"))) "and is not left behind"))
    ]
